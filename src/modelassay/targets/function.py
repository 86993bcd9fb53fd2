"""A Python callable as a model: ``python:MODULE:CALLABLE``, or `FunctionTarget` in a program.

The callable gets the messages as a list of plain objects, and by name whatever else it can take of
``temperature``, ``top_p``, ``max_tokens``, ``stop``, ``seed``, ``tools`` and the reference's options. It
returns the answer's text, or an object with ``content`` and, if it likes, ``tool_calls`` (objects with
``id``, ``name``, ``arguments``), ``finish``, ``input_tokens``, ``output_tokens``.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import msgspec

from modelassay.artifacts.subjects import served_artifacts
from modelassay.canonical import digest_bytes, digest_of
from modelassay.config import ModelReference
from modelassay.errors import UnknownNameError, UsageError
from modelassay.records import Failure, FinishReason, Message, Reply, Request, TargetIdentity, ToolCall
from modelassay.targets.answering import answer_each
from modelassay.targets.prompt import chat_messages, chat_tools, with_system_prompt
from modelassay.targets.reference import function_address, refuse_secrets, system_prompt_of
from modelassay.weights.error_text import named

_OFFERED: Final = ("temperature", "top_p", "max_tokens", "stop", "seed", "tools")


class _Answer(msgspec.Struct, kw_only=True):
    content: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish: FinishReason = "stop"
    input_tokens: int = 0
    output_tokens: int = 0


def open_target(reference: ModelReference, *, folder: Path) -> FunctionTarget:
    """The callable that `reference` names, imported now; modules beside the plan are found too.

    Raises:
        UsageError: it cannot be imported or called.
    """
    address = function_address(reference)
    refuse_secrets(reference)
    if str(folder.resolve()) not in sys.path:
        sys.path.append(str(folder.resolve()))
    try:
        module = importlib.import_module(address.module)
    except Exception as error:  # the user's module may raise anything while it is imported
        raise UsageError(
            f"the module {address.module!r} cannot be imported: {type(error).__name__}: {error}",
            where=reference.model,
            mend="modules are looked for beside the plan and among the installed packages",
        ) from error
    found: Any = module
    for name in address.name.split("."):
        if not hasattr(found, name):
            raise UnknownNameError("callable", name, _public(found), where=reference.model)
        found = getattr(found, name)
    return FunctionTarget(
        found,
        name=reference.model,
        system_prompt=system_prompt_of(reference, folder=folder),
        options=reference.options,
        concurrency=reference.concurrency,
        timeout_s=reference.timeout_s,
    )


class FunctionTarget:
    """A callable, plain or async, that answers; a `protocols.Target`.

    Args:
        function: called with the messages; see the module.
        name: how reports name it.
        system_prompt: text put before every conversation.
        options: further keyword arguments.
        fingerprint: what decides its answers, in the caller's own words; the source code otherwise.
        concurrency: most calls under way at once; plain functions run in as many threads.
        timeout_s: seconds for one call.

    Raises:
        UsageError: `function` cannot be called so, or has no source code and no `fingerprint`.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str = "",
        system_prompt: str = "",
        options: Mapping[str, Any] | None = None,
        fingerprint: str = "",
        concurrency: int = 8,
        timeout_s: float = 120.0,
    ) -> None:
        self.batch_size = 1
        self.concurrency = max(1, concurrency)
        self._name = name or _qualified_name(function)
        if not callable(function):
            raise UsageError("cannot be called", where=self._name)
        self._function = function
        self._system_prompt = system_prompt
        self._options = dict(options or {})
        self._timeout_s = timeout_s
        self._offered = self._accepted_names()
        self._source = fingerprint or _source_digest(function, self._name)
        self._declared = bool(fingerprint)
        self._threads: ThreadPoolExecutor | None = None

    async def identify(self) -> TargetIdentity:
        """Who answers, by the source code of the callable's module."""
        details = {
            "kind": "python",
            "callable": _qualified_name(self._function),
            "declared" if self._declared else "source": self._source,
        }
        if self._system_prompt:
            details["system_prompt"] = digest_bytes(self._system_prompt.encode())
        for option, value in sorted(self._options.items()):
            details[f"option.{option}"] = repr(value)
        identity = digest_of(details)
        strength = "declared" if self._declared else "source code"
        return TargetIdentity(
            reference=self._name,
            fingerprint=identity,
            strength=strength,
            details=details,
            artifacts=served_artifacts(
                kind="code",
                name=details["callable"],
                identity=identity,
                strength=strength,
                system_prompt=self._system_prompt,
            ),
        )

    async def generate(self, requests: Sequence[Request]) -> Sequence[Reply | Failure]:
        """One reply for each request in order; whatever the callable raises is a failure of that one."""
        return await answer_each(self._answer, requests)

    async def close(self) -> None:
        """Let go of the threads; calls under way finish by themselves."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None

    async def _answer(self, request: Request) -> Reply | Failure:
        try:
            async with asyncio.timeout(self._timeout_s) as limit:
                value = await self._call(request)
        except TimeoutError as error:
            if limit.expired():
                return Failure(kind="timeout", message=f"no answer within {self._timeout_s:g} seconds")
            return _failure(error)
        except Exception as error:  # what a user's function raises is data about that one sample
            return _failure(error)
        return _reply(value)

    async def _call(self, request: Request) -> Any:
        messages = chat_messages(with_system_prompt(request.messages, self._system_prompt))
        call = functools.partial(self._function, messages, **self._arguments(request))
        if _is_async(self._function):
            return await call()
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self.concurrency, thread_name_prefix="modelassay-function")
        value = await asyncio.get_running_loop().run_in_executor(self._threads, call)
        return await value if inspect.isawaitable(value) else value

    def _arguments(self, request: Request) -> dict[str, Any]:
        decoding = request.decoding
        every: dict[str, Any] = {
            "temperature": float(decoding.temperature),
            "top_p": float(decoding.top_p),
            "max_tokens": decoding.max_tokens,
            "stop": list(decoding.stop),
            "seed": request.seed,
            "tools": chat_tools(request.tools),
        }
        return {name: every[name] for name in self._offered} | self._options

    def _accepted_names(self) -> tuple[str, ...]:
        """Which of the offered arguments the callable takes by name; its options it must take all."""
        try:
            parameters = inspect.signature(self._function).parameters.values()
        except (TypeError, ValueError):
            return ()  # a builtin without a signature: only the messages and the options
        named = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        anything = any(p.kind is p.VAR_KEYWORD for p in parameters)
        for option in self._options:
            if not anything and option not in named:
                raise UnknownNameError("option of this callable", option, named, where=self._name)
        return tuple(name for name in _OFFERED if name not in self._options and (anything or name in named))


def _reply(value: Any) -> Reply | Failure:
    plain = {"content": value} if isinstance(value, str) else value
    try:
        answer = msgspec.convert(plain, _Answer)
    except msgspec.ValidationError as error:
        return Failure(kind="bad_response", message=f"the callable's answer cannot be used: {error}")
    return Reply(
        message=Message(role="assistant", content=answer.content or "", tool_calls=answer.tool_calls),
        finish="tool_calls" if answer.tool_calls and answer.finish == "stop" else answer.finish,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
    )


def _failure(error: Exception) -> Failure:
    return Failure(kind="server_error", message=named(error))


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an object whose __call__ is async
    )


def _qualified_name(function: Any) -> str:
    owner = function if hasattr(function, "__qualname__") else type(function)
    return f"{owner.__module__}.{owner.__qualname__}"


def _source_digest(function: Any, name: str) -> str:
    """The digest of the whole file that defines the callable, so that its neighbours count as well."""
    owner = inspect.unwrap(function)
    while isinstance(owner, functools.partial):
        owner = owner.func
    if not (inspect.isroutine(owner) or inspect.isclass(owner)):
        owner = type(owner)
    try:
        file = inspect.getsourcefile(owner)
        if file is not None and Path(file).is_file():
            return digest_bytes(Path(file).read_bytes())
        return digest_bytes(inspect.getsource(owner).encode())
    except (OSError, TypeError) as error:
        raise UsageError(
            "its source code cannot be found, so nothing tells one version of it from the next",
            where=name,
            mend="give FunctionTarget a fingerprint",
        ) from error


def _public(found: Any) -> list[str]:
    return [name for name in dir(found) if not name.startswith("_")]
