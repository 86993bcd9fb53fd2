"""How far the hashing of large folders is, on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

_WORTH_TELLING = 1_000_000_000
"""Bytes below which hashing is over before anyone wonders."""


@contextmanager
def hash_progress(
    folders: Sequence[Path], *, exclude: Sequence[str], quiet: bool
) -> Iterator[Callable[[int], None] | None]:
    """Gives what to tell of bytes read; None when there is little to read or `quiet`.

    Raises:
        UsageError: a folder cannot be listed.
    """
    from modelassay.artifacts.listing import list_folder

    sizes = (
        (folder / name).stat().st_size
        for folder in folders
        for name in list_folder(folder, exclude=exclude).files
    )
    total = 0 if quiet else sum(sizes)
    if total < _WORTH_TELLING:
        yield None
        return
    told = _Told(total)
    try:
        yield told.advance
    finally:
        told.end()


class _Told:
    """On a terminal one line that moves every second, elsewhere a line every ten seconds."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._read = 0
        self._moving = sys.stderr.isatty()
        self._next = time.monotonic() + self._pause

    @property
    def _pause(self) -> float:
        return 1.0 if self._moving else 10.0

    def advance(self, size: int) -> None:
        self._read += size
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._pause
            line = f"hashing: {self._read / 1e9:.1f} of {self._total / 1e9:.1f} GB"
            click.echo(f"\r{line}" if self._moving else line, err=True, nl=not self._moving)

    def end(self) -> None:
        if self._moving:
            click.echo("\r" + " " * 40 + "\r", err=True, nl=False)
