"""What others say went wrong, as text fit for one line of a message."""

from __future__ import annotations

from typing import Final

_LONGEST: Final = 300
"""Characters."""


def one_line(text: str) -> str:
    """`text` on one line without control characters, cut to a few hundred characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * _LONGEST]).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def named(error: BaseException) -> str:
    """The kind of `error` and what it says, on one line."""
    return one_line(f"{type(error).__name__}: {getattr(error, 'message', None) or error}")


def first_line(error: BaseException) -> str:
    """The first line of an error's text that says something."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
