"""An index of declared training data: hashed shingles of its words, in bounded memory.

Every run of `length` words of the files is one 64-bit number (`overlaps.shingle_hashes`). Past
`MOST_SHINGLES` only numbers divisible by 2, then 4, and so on are kept (sampling by value, Broder 1997):
a run of text is then followed by the shingles of it that are kept. No word of the data stays in memory.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelassay.errors import ConfigError
from modelassay.evaluators.overlaps import shingle_hashes, tokens

MOST_SHINGLES = 4_000_000
"""Shingles kept: 32 MB, and as much again while the index is built."""
_BATCH = 200_000
MEND = "name UTF-8 text files, or JSON lines (.jsonl), also compressed (.gz)"


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What of a text stands in the data."""

    words: int
    """Words of the longest run; 0 when no shingle is shared."""
    start: int
    """Number of the run's first word."""
    share: float
    """Share of the text's shingles that the data has."""


class DeclaredData:
    """The shingles of files of training data.

    Args:
        files: text, or JSON lines, whose strings are read, at whatever depth.
        length: words of a shingle.

    Raises:
        ConfigError: a file cannot be read or is not of its form.
    """

    def __init__(self, files: Sequence[Path], length: int, most: int = MOST_SHINGLES) -> None:
        self.length = length
        self._mask = 0
        self._most = most
        self._kept: NDArray[np.uint64] = np.zeros(0, np.uint64)
        digest = hashlib.sha256(str(length).encode())
        batch: list[int] = []
        for file in files:
            for words in _documents(file, length):
                batch += shingle_hashes(words, length)
                if len(batch) >= _BATCH:
                    self._keep(batch)
                    batch = []
        self._keep(batch)
        digest.update(self._kept.tobytes())
        self.digest: str = digest.hexdigest()
        """Of the index, in hexadecimal: the same data gives the same."""

    def __len__(self) -> int:
        return int(self._kept.size)

    def _keep(self, shingles: list[int]) -> None:
        new = np.array(shingles, np.uint64)
        kept = np.union1d(self._kept, new[new & np.uint64(self._mask) == 0])
        while kept.size > self._most:
            self._mask = 2 * self._mask + 1
            kept = kept[kept & np.uint64(self._mask) == 0]
        self._kept = kept

    def longest_run(self, words: Sequence[str], given: Sequence[str] = ()) -> Run:
        """The longest run of `words` that stands in the data and not already in `given`."""
        shingles = np.array(shingle_hashes(words, self.length), np.uint64)
        asked = np.array(shingle_hashes(given, self.length), np.uint64)
        told = (shingles & np.uint64(self._mask)) == 0
        hit = told & np.isin(shingles, self._kept) & ~np.isin(shingles, asked)
        best = start = 0
        first = -1
        for at in np.flatnonzero(told).tolist():
            if not hit[at]:
                first = -1
                continue
            first = at if first < 0 else first
            if at - first + self.length > best:
                best, start = at - first + self.length, first
        return Run(words=best, start=start, share=float(hit.sum() / told.sum()) if told.any() else 0.0)


def _documents(file: Path, length: int) -> Iterator[list[str]]:
    """Runs of words of `file` that together hold each of its shingles."""
    where = str(file)
    try:
        with _opened(file) as lines:
            if ".jsonl" in file.suffixes:
                for number, line in enumerate(lines, 1):
                    where = f"{file}:{number}"
                    for text in _strings(json.loads(line)) if line.strip() else ():
                        yield list(tokens(text).words)
                return
            carried: list[str] = []
            for line in lines:
                carried += tokens(line).words
                if len(carried) >= 4096:
                    yield carried
                    carried = carried[1 - length :] if length > 1 else []
            yield carried
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"training data cannot be read: {error}", where=where, mend=MEND) from error


def _opened(file: Path) -> IO[str]:
    if file.suffix == ".gz":
        return gzip.open(file, "rt", encoding="utf-8")
    return file.open(encoding="utf-8")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)
