"""Whether rows hold items of the suites that the model is later audited with.

An item is found in a row when they share a run of 13 words (Brown et al. 2020, appendix C) or of 50 letters
(`letters`), compared without case, marks and spacing. Items of 8 to 12 words are looked for whole. What is
shorter than that is looked for as a whole prompt, message or text alone, and so is each thing that users ask
in an item, or its first line; what has next to no letters is not looked for, and is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from modelassay.training.data.hashing import Hashes, Places, hash_words, runs, words_of
from modelassay.training.data.letters import CHARACTERS, Letters, letters_of, size_of, windows

WORDS = 13
SHORTEST = 8
"""Words of the shortest item that is looked for within rows, unless it has `CHARACTERS` letters."""
FEWEST_LETTERS = 6
"""Letters of the shortest item that is looked for as a whole prompt."""
_FILTER_BITS = 24


@dataclass(frozen=True)
class SuiteItem:
    """One item of a suite."""

    text: str
    """All that it says, but for system messages, which many items share and training may use as well."""
    asked: tuple[str, ...] = ()
    """What users say in it; empty where that is not told."""

    @property
    def wholes(self) -> tuple[str, ...]:
        """What is looked for as a whole prompt or message: all of it, what is asked, or its first line."""
        return self.text, *(self.asked or (self.text.strip().partition("\n")[0],))


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
        suites: each suite's items, by name.
    """

    suites: Mapping[str, Sequence[str | SuiteItem]]
    most_kept: int = 1000
    rows: int = 0
    """Rows that hold an item; likewise the following."""
    by_suite: Counter[str] = field(default_factory=Counter)
    items: dict[str, set[int]] = field(default_factory=dict)
    shared: list[Shared] = field(default_factory=list)

    texts: int = 0
    """Rows without a prompt, in which an item that is only looked for as a whole prompt can stand unseen."""

    def __post_init__(self) -> None:
        self._owners = [(name, number) for name, items in self.suites.items() for number in range(len(items))]
        items = [
            item if isinstance(item, SuiteItem) else SuiteItem(item)
            for items in self.suites.values()
            for item in items
        ]
        every = [words_of(item.text) for item in items]
        said = list(map(letters_of, every))
        long = [at for at, words in enumerate(every) if len(words) >= SHORTEST]
        self._words = _index([every[at] for at in long], np.array(long, np.int64), WORDS)
        self._lengths: dict[int, tuple[Hashes, Places]] = {}
        for length in sorted({len(every[at]) for at in long if len(every[at]) < WORDS}):
            same = [at for at in long if len(every[at]) == length]
            self._lengths[length] = _index([every[at] for at in same], np.array(same), length)
        self._letters = _letter_index(said)
        self._whole: dict[str, int] = {}
        for at, item in enumerate(items):
            for words in map(words_of, item.wholes):
                if size_of(letters_of(words)) >= FEWEST_LETTERS:
                    self._whole.setdefault(" ".join(words), at)
        short = [at for at, item in enumerate(items) if not _sought_within(item)]
        self.never = sum(size_of(said[at]) < FEWEST_LETTERS for at in short)
        self.as_whole = len(short) - self.never

    never: int = field(init=False, default=0)
    """Items that are not looked for: they have next to no letters."""
    as_whole: int = field(init=False, default=0)
    """Items that are only looked for as a whole prompt, message or text."""

    def see(
        self,
        first: int,
        words: Sequence[Sequence[str]],
        wholes: Sequence[Sequence[Sequence[str]]] = (),
    ) -> NDArray[np.bool_]:
        """Which of these rows, cut into words, hold an item.

        Args:
            first: number of the first row.
            wholes: of each row, the words of its prompt, of each message of a user, and of its text.
        """
        found = np.zeros(len(words), np.bool_)
        if not self._owners:
            return found
        hits = self._runs(words)
        for row, each in enumerate(words):
            if row not in hits:
                match = _run_of_letters(letters_of(each), self._letters)
                if match is not None:
                    hits[row] = match
        for row, listed in enumerate(wholes):
            for whole in () if row in hits else listed:
                owner = self._whole.get(" ".join(whole))
                if owner is not None:
                    hits[row] = owner, " ".join(whole)
                    break
        for row, (owner, quote) in sorted(hits.items()):
            found[row] = True
            self._count(first + row, *self._owners[owner], quote)
        return found

    def _runs(self, words: Sequence[Sequence[str]]) -> dict[int, tuple[int, str]]:
        """By row, the item that it shares a run of words with, and the run."""
        batch = hash_words(words)
        hits: dict[int, tuple[int, str]] = {}
        for length, index in ((WORDS, self._words), *self._lengths.items()):
            hashes, of = runs(batch, length)
            for place in np.flatnonzero(_known(hashes, index)).tolist():
                row = int(of[place])
                if row not in hits:
                    inside = place - int(np.searchsorted(of, row))
                    hits[row] = (_owner(hashes[place], index), " ".join(words[row][inside : inside + length]))
        return hits

    def _count(self, row: int, suite: str, item: int, quote: str) -> None:
        self.rows += 1
        self.by_suite[suite] += 1
        self.items.setdefault(suite, set()).add(item)
        if len(self.shared) < self.most_kept:
            self.shared.append(Shared(row, suite, item, quote[:200]))


def _sought_within(item: SuiteItem) -> bool:
    """Whether an item is looked for within rows: it is long enough, and so is what is asked first in it."""
    parts = map(words_of, (item.text, *item.asked[:1]))
    return all(len(part) >= SHORTEST or size_of(letters_of(part)) >= CHARACTERS for part in parts)


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


# -- letters ------------------------------------------------------------------------------------


def _letter_index(texts: Sequence[str]) -> tuple[Hashes, Places, NDArray[np.bool_]]:
    found = [windows(text).hashes for text in texts]
    hashes = np.concatenate(found) if found else np.empty(0, np.uint64)
    owners = np.repeat(np.arange(len(found)), [len(each) for each in found])
    order = np.argsort(hashes, kind="stable")
    sieve = np.zeros(1 << _FILTER_BITS, np.bool_)
    sieve[(hashes >> np.uint64(64 - _FILTER_BITS)).astype(np.int64)] = True
    return hashes[order], owners[order], sieve


def _run_of_letters(text: str, index: tuple[Hashes, Places, NDArray[np.bool_]]) -> tuple[int, str] | None:
    hashes, owners, sieve = index
    seen: Letters = windows(text)
    if not len(seen.hashes) or not len(hashes):
        return None
    hit = sieve[(seen.hashes >> np.uint64(64 - _FILTER_BITS)).astype(np.int64)]
    for place in np.flatnonzero(hit).tolist():
        at = int(np.searchsorted(hashes, seen.hashes[place]))
        if at < len(hashes) and hashes[at] == seen.hashes[place]:
            return int(owners[at]), text[seen.first(place) : seen.first(place + CHARACTERS - 1) + 1]
    return None
