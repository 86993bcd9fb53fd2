"""stdout and stderr as they are: one whose encoding lacks a letter, or that takes nothing more.

What is printed holds arrows, dashes and whatever models answered. A stream that cannot encode a letter gets
its plain form, or its escape: no command ends another way because of where its words go.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Mapping
from typing import Any, Final

_HANDLER: Final = "modelassay.plain"
_PLAIN: Final[Mapping[str, str]] = {
    "→": "->",
    "←": "<-",
    "–": "-",
    "—": "-",
    "−": "-",
    "…": "...",
    "·": "*",
    "×": "x",
    "≥": ">=",
    "≤": "<=",
    "±": "+/-",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
}


def take_any_text() -> None:
    """Have stdout and stderr take every text, whatever their encoding is."""
    codecs.register_error(_HANDLER, _plain)
    for stream in (sys.stdout, sys.stderr):
        # `surrogateescape` gives back the bytes of file names under UTF-8; elsewhere it stops at an arrow.
        as_it_is = isinstance(stream, io.TextIOWrapper) and stream.errors != "strict" and _is_utf8(stream)
        if isinstance(stream, io.TextIOWrapper) and not as_it_is:
            stream.reconfigure(errors=_HANDLER)


class _ReaderMayLeave(io.RawIOBase):
    """What `raw` writes to; once its reader has left (``head -1``), nowhere.

    A command that only shows has shown what was wanted, and one that does more goes on: neither ends another
    way because somebody stopped reading.
    """

    def __init__(self, raw: io.FileIO) -> None:
        super().__init__()
        self._raw = raw

    def write(self, data: Any, /) -> int | None:
        try:
            return self._raw.write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._raw.fileno())
            os.close(nowhere)
            return self._raw.write(data)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()


def let_reader_leave() -> None:
    """Have stdout outlive its reader."""
    stream = sys.stdout
    if not isinstance(stream, io.TextIOWrapper):
        return
    raw = getattr(stream.buffer, "raw", stream.buffer)
    if isinstance(raw, io.FileIO):
        stream.flush()
        # The stream before stays open as `sys.__stdout__`, whose file this is.
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_ReaderMayLeave(raw)),
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )


def stdout_is_closed() -> bool:
    """Whether stdout takes nothing more (a full disk); then what it still holds is let go."""
    try:
        sys.stdout.flush()
    except OSError:
        let_stdout_go()
        return True
    return False


def let_stdout_go() -> None:
    """Send what is still to come, and what was not taken, nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_utf8(stream: io.TextIOWrapper) -> bool:
    return codecs.lookup(stream.encoding).name == "utf-8"


def _plain(error: UnicodeError) -> tuple[str, int]:
    """The error handler: the plain form of what cannot be encoded, else its escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    refused = error.object[error.start : error.end]
    return "".join(_PLAIN.get(letter) or _escaped(letter) for letter in refused), error.end


def _escaped(letter: str) -> str:
    return letter.encode("ascii", "backslashreplace").decode()
