"""Runs of letters as 64-bit numbers: what two texts share whatever their spaces and marks.

A character of Chinese or Japanese says as much as three letters of an alphabet, and a syllable of Korean as
two: they count for as many, so that a run of 50 is some ten words in each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from modelassay.training.data.hashing import Hashes, Places, mixed

CHARACTERS: Final = 50
"""Letters of a run."""
_BASE: Final = 0x5851F42D4C957F2D
_WEIGHTS: Final = ((0x3040, 0x30FF, 3), (0x3400, 0x9FFF, 3), (0xAC00, 0xD7A3, 2), (0x20000, 0x3FFFF, 3))
"""First and last character of scripts, and for how many letters each of theirs counts."""
_UNSPACED: Final = r"\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff"
_UNIT: Final = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
UNSPACED_RUN: Final = re.compile(rf"[{_UNSPACED}]+")
"""Characters of Chinese and Japanese."""


@dataclass(frozen=True)
class Letters:
    """The runs of a text."""

    hashes: Hashes
    owners: Places | None
    """Which character each letter belongs to; None where they are the same."""

    def first(self, place: int) -> int:
        """The character at which the letter at `place` stands."""
        return place if self.owners is None else int(self.owners[place])


def letters_of(words: Iterable[str]) -> str:
    """A text without spaces and marks."""
    return "".join(word for word in words if word[:1].isalnum())


def size_of(text: str) -> int:
    """How many letters `text` counts for."""
    return len(text) if text.isascii() else int(_counts(_codes(text)).sum())


def beginning(text: str, size: int) -> str:
    """The beginning of `text` that counts for at least `size` letters, blanks and marks too; all of it where
    it is shorter."""
    start = text[:size]
    if start.isascii():
        return start
    return start[: int(np.searchsorted(np.cumsum(_counts(_codes(start))), size)) + 1]


def units_of(text: str) -> list[str]:
    """`text` cut at blanks, and in Chinese and Japanese at every character: no blanks part their words."""
    return text.split() if text.isascii() else _UNIT.findall(text)


def _codes(text: str) -> NDArray[np.uint64]:
    if text.isascii():
        return np.frombuffer(text.encode(), np.uint8).astype(np.uint64)
    return np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32).astype(np.uint64)


def _counts(codes: NDArray[np.uint64]) -> Places:
    found = np.ones(len(codes), np.int64)
    for first, last, count in _WEIGHTS:
        found[(codes >= first) & (codes <= last)] = count
    return found


def windows(text: str) -> Letters:
    """A number for each run of `CHARACTERS` letters: a polynomial modulo 2**64, all by prefix sums."""
    codes, owners = _codes(text), None
    if not text.isascii():
        owners = np.repeat(np.arange(len(codes)), _counts(codes))
        codes = codes[owners]
    if len(codes) < CHARACTERS:
        return Letters(np.empty(0, np.uint64), owners)
    powers, inverses = _powers(len(codes) + 1)
    values = (codes + np.uint64(1)) * powers[: len(codes)]
    sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(values, dtype=np.uint64)))
    ends = sums[CHARACTERS:] - sums[:-CHARACTERS]
    return Letters(mixed(ends * inverses[: len(codes) - CHARACTERS + 1]), owners)


_tables: list[tuple[Hashes, Hashes]] = []


def _powers(length: int) -> tuple[Hashes, Hashes]:
    """Powers of the base and of its inverse modulo 2**64 (the base is odd, so it has one)."""
    if not _tables or len(_tables[0][0]) < length:
        size = max(4096, 1 << (length - 1).bit_length())
        inverse = pow(_BASE, -1, 1 << 64)
        both = []
        for base in (_BASE, inverse):
            steps = np.full(size, np.uint64(base))
            steps[0] = np.uint64(1)
            both.append(np.multiply.accumulate(steps))
        _tables[:] = [(both[0], both[1])]
    return _tables[0]
