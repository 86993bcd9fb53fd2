"""Converters of PyRIT as frozen attacks: ``pyrit:NAME``, such as ``pyrit:ROT13Converter``.

PyRIT is not a dependency: it is imported when such an attack is opened. Only converters that give the same
text for the same request are attacks that both models can be shown alike, so each request is converted twice
and one that differs is refused; those that ask a model or draw at random are thereby left out.

The interface that is used: a class in ``pyrit.converter`` (PyRIT 1.0 and later), or else in
``pyrit.prompt_converter`` (earlier), with the coroutine ``convert_async(prompt=…, input_type="text")``, which
returns an object with ``output_text`` and ``output_type``.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from modelassay.errors import UnknownNameError, UsageError
from modelassay.event_loop import run
from modelassay.records import Decoding
from modelassay.redteam.frozen import Rewriting

SCHEME = "pyrit"
_HOMES = ("pyrit.converter", "pyrit.prompt_converter")
"""Where converters live, the newest layout first."""
_BASES = frozenset({"Converter", "PromptConverter"})
"""What they inherit from; not to be used by itself."""


class PyritConverter(Rewriting):
    """A request rewritten by a converter of PyRIT.

    Args:
        converter: name of the class.
        settings: what its constructor takes; plain values.
        decoding: how `run` generates answers.

    Raises:
        UsageError: PyRIT is not installed, or has another layout, or the converter cannot be made.
        UnknownNameError: PyRIT has no converter of this name.
    """

    name = SCHEME
    family = "pyrit"
    source = "github.com/Azure/PyRIT"

    def __init__(
        self, converter: str, *, settings: Mapping[str, Any] | None = None, decoding: Decoding | None = None
    ) -> None:
        self.name = f"{SCHEME}:{converter}"  # type: ignore[misc]
        home = _imported()
        known = [each for each in dir(home) if each.endswith("Converter") and each not in _BASES]
        if converter not in known:
            raise UnknownNameError("converter", converter, known, where="attack pyrit")
        try:
            kind = getattr(home, converter)  # newer versions import it only now, with what it needs
            if not hasattr(kind, "convert_async"):
                raise TypeError("it has no convert_async")
            self._converter = kind(**(settings or {}))
        except Exception as error:  # another package's constructor may raise anything
            raise UsageError(
                f"cannot be made: {type(error).__name__}: {error}",
                where=f"attack {self.name}",
                mend="give it its settings; converters that need a model cannot be frozen",
            ) from error
        super().__init__(
            {"converter": converter, "settings": dict(settings or {}), "pyrit": _version()}, decoding
        )
        self._converted: dict[str, str] = {}

    def rewrite(self, request: str, start: int, seed: int) -> str:
        """What the converter makes of the request.

        Raises:
            UsageError: it fails, gives something other than text, or differs from time to time.
        """
        if request not in self._converted:
            first, second = (run(self._convert(request)) for _ in range(2))
            if first != second:
                raise UsageError(
                    "gives another text each time, so it cannot be frozen",
                    where=f"attack {self.name}",
                    mend="choose a converter that does not draw at random",
                )
            self._converted[request] = first
        return self._converted[request]

    async def _convert(self, request: str) -> str:
        try:
            result = await self._converter.convert_async(prompt=request, input_type="text")
        except Exception as error:  # likewise
            raise UsageError(
                f"cannot convert: {type(error).__name__}: {error}", where=f"attack {self.name}"
            ) from error
        if getattr(result, "output_type", "text") != "text" or not isinstance(result.output_text, str):
            raise UsageError("gives no text", where=f"attack {self.name}", mend="choose one that does")
        text: str = result.output_text
        return text


def _imported() -> Any:
    """The module of the converters.

    Raises:
        UsageError: none, told apart: not installed, broken, or of a layout that is not known.
    """
    for home in _HOMES:
        try:
            return importlib.import_module(home)
        except ModuleNotFoundError as error:
            if error.name != home and error.name != SCHEME:
                raise _broken(error) from error
        except ImportError as error:
            raise _broken(error) from error
    try:
        importlib.import_module(SCHEME)
    except ImportError as error:
        raise UsageError(
            f"PyRIT is not installed: {error}", where="attack pyrit", mend="pip install pyrit"
        ) from error
    raise UsageError(
        f"PyRIT {_version()} is installed, but has its converters neither in {' nor in '.join(_HOMES)}",
        where="attack pyrit",
        mend="install a version that has them there, such as 1.1.0",
    )


def _broken(error: ImportError) -> UsageError:
    return UsageError(
        f"PyRIT is installed and cannot be imported: {error}",
        where="attack pyrit",
        mend="install what it needs: pip install pyrit",
    )


def _version() -> str:
    return str(getattr(importlib.import_module(SCHEME), "__version__", "unknown"))
