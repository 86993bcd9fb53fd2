"""Whether rows hold items of the suites that the model is later audited with.

An item is found in a row when they share a run of 13 words (Brown et al. 2020, appendix C) or of 50
characters, compared without case, marks and spacing. Items shorter than both are looked for whole, when they
have at least eight words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from modelassay.training.data.hashing import Hashes, Places, hash_words, mixed, runs, words_of

WORDS = 13
CHARACTERS = 50
SHORTEST = 8
"""Words of the shortest item that is looked for."""
_BASE = 0x5851F42D4C957F2D
_FILTER_BITS = 24


@dataclass(frozen=True)
class Shared:
    """One row that holds an item."""

    row: int
    suite: str
    item: int
    """Number of the item in its suite, from 0."""
    quote: str
    """Words that both have."""


@dataclass
class Contamination:
    """Looks for the items of suites in rows.

    Args:
        suites: texts of each suite's items, by name.
    """

    suites: Mapping[str, Sequence[str]]
    most_kept: int = 1000
    rows: int = 0
    """Rows that hold an item; likewise the following."""
    by_suite: Counter[str] = field(default_factory=Counter)
    items: dict[str, set[int]] = field(default_factory=dict)
    shared: list[Shared] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._owners: list[tuple[str, int]] = []
        self._lengths: dict[int, tuple[Hashes, Places]] = {}
        texts: list[list[str]] = []
        for name, items in self.suites.items():
            for number, item in enumerate(items):
                words = words_of(item)
                if len(words) >= SHORTEST:
                    self._owners.append((name, number))
                    texts.append(words)
        self._words = _index(texts, np.arange(len(texts)), WORDS)
        short = [at for at, words in enumerate(texts) if len(words) < WORDS]
        for length in sorted({len(texts[at]) for at in short}):
            same = [at for at in short if len(texts[at]) == length]
            self._lengths[length] = _index([texts[at] for at in same], np.array(same), length)
        self._letters = _letter_index([_letters(words) for words in texts])

    def see(self, first: int, words: Sequence[Sequence[str]]) -> NDArray[np.bool_]:
        """Which of these rows, cut into words, hold an item.

        Args:
            first: number of the first row.
        """
        found = np.zeros(len(words), np.bool_)
        if not self._owners:
            return found
        batch = hash_words(words)
        hits: dict[int, tuple[int, str]] = {}
        for length, index in ((WORDS, self._words), *self._lengths.items()):
            hashes, of = runs(batch, length)
            for place in np.flatnonzero(_known(hashes, index)).tolist():
                row = int(of[place])
                if row not in hits:
                    inside = place - int(np.searchsorted(of, row))
                    hits[row] = (_owner(hashes[place], index), " ".join(words[row][inside : inside + length]))
        for row, each in enumerate(words):
            if row not in hits:
                letters = _letters(each)
                match = _run_of_letters(letters, self._letters)
                if match is not None:
                    hits[row] = match
        for row, (owner, quote) in sorted(hits.items()):
            found[row] = True
            self._count(first + row, *self._owners[owner], quote)
        return found

    def _count(self, row: int, suite: str, item: int, quote: str) -> None:
        self.rows += 1
        self.by_suite[suite] += 1
        self.items.setdefault(suite, set()).add(item)
        if len(self.shared) < self.most_kept:
            self.shared.append(Shared(row, suite, item, quote[:200]))


def _index(texts: Sequence[Sequence[str]], owners: NDArray[np.int64], length: int) -> tuple[Hashes, Places]:
    """Runs of words, sorted, and whose item each is."""
    hashes, of = runs(hash_words(texts), length)
    order = np.argsort(hashes, kind="stable")
    return hashes[order], owners[of[order]] if len(order) else np.empty(0, np.int64)


def _known(hashes: Hashes, index: tuple[Hashes, Places]) -> NDArray[np.bool_]:
    table = index[0]
    if not len(table) or not len(hashes):
        return np.zeros(len(hashes), np.bool_)
    at = np.searchsorted(table, hashes).clip(max=len(table) - 1)
    return np.asarray(table[at] == hashes)


def _owner(value: np.uint64, index: tuple[Hashes, Places]) -> int:
    return int(index[1][np.searchsorted(index[0], value)])


# -- characters ---------------------------------------------------------------------------------


def _letters(words: Iterable[str]) -> bytes:
    """A text without spaces and marks."""
    return "".join(word for word in words if word[:1].isalnum()).encode("utf-8", "replace")


def _letter_index(texts: Sequence[bytes]) -> tuple[Hashes, Places, NDArray[np.bool_]]:
    found = [_windows(text) for text in texts]
    hashes = np.concatenate(found) if found else np.empty(0, np.uint64)
    owners = np.repeat(np.arange(len(found)), [len(each) for each in found])
    order = np.argsort(hashes, kind="stable")
    sieve = np.zeros(1 << _FILTER_BITS, np.bool_)
    sieve[(hashes >> np.uint64(64 - _FILTER_BITS)).astype(np.int64)] = True
    return hashes[order], owners[order], sieve


def _run_of_letters(
    letters: bytes, index: tuple[Hashes, Places, NDArray[np.bool_]]
) -> tuple[int, str] | None:
    hashes, owners, sieve = index
    windows = _windows(letters)
    if not len(windows) or not len(hashes):
        return None
    for place in np.flatnonzero(sieve[(windows >> np.uint64(64 - _FILTER_BITS)).astype(np.int64)]).tolist():
        at = int(np.searchsorted(hashes, windows[place]))
        if at < len(hashes) and hashes[at] == windows[place]:
            return int(owners[at]), letters[place : place + CHARACTERS].decode("utf-8", "replace")
    return None


def _windows(text: bytes) -> Hashes:
    """A number for each run of `CHARACTERS` bytes: a polynomial modulo 2**64, all at once by prefix sums."""
    if len(text) < CHARACTERS:
        return np.empty(0, np.uint64)
    powers, inverses = _powers(len(text) + 1)
    codes = np.frombuffer(text, np.uint8).astype(np.uint64) + np.uint64(1)
    sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(codes * powers[: len(text)], dtype=np.uint64)))
    return mixed((sums[CHARACTERS:] - sums[:-CHARACTERS]) * inverses[: len(text) - CHARACTERS + 1])


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
