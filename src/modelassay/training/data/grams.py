"""Runs of one to three words in prompts: how many rows have each, and which rows those are.

Counting is done twice over. The first reading counts all runs in a table by hash, which no number of rows
makes larger; the second keeps, of the runs that are frequent enough, the rows that have them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from modelassay.training.data.hashing import Hashes, Places, distinct_pairs, hash_words, mixed, runs

_BITS = 22
_MOST_WORDS = 600
"""Words of a prompt that are counted; of longer ones the first and last halves."""


@dataclass
class GramCounts:
    """The first reading: in how many rows each run stands, by hash."""

    lengths: tuple[int, ...] = (1, 2, 3)
    table: NDArray[np.int32] = field(default_factory=lambda: np.zeros(1 << _BITS, np.int32))

    def see(self, texts: Sequence[Sequence[str]]) -> None:
        """Count the runs of a batch of texts, each once a text."""
        _, hashes = grams_of(texts, self.lengths)
        np.add.at(self.table, _bucket(hashes), np.int32(1))

    def count(self, hashes: Hashes) -> NDArray[np.int32]:
        """At most so many rows too many have each run, since several may share a place in the table."""
        return self.table[_bucket(hashes)]


@dataclass(frozen=True)
class GramTable:
    """Runs of words and their rows, one run after the other."""

    rows: Places
    echoed: Places
    """1 where the answer of that row takes the run up."""
    starts: Places
    """Where the rows of each run begin, and at the end how many there are."""
    texts: list[str]

    @property
    def sizes(self) -> Places:
        """Rows of each run."""
        return np.diff(self.starts)

    def members(self, at: int) -> Places:
        """The rows of run number `at`."""
        return self.rows[self.starts[at] : self.starts[at + 1]]


@dataclass
class GramRows:
    """The second reading: which rows have the runs that are frequent enough."""

    counts: GramCounts
    least: int
    """Rows of the first reading that a run needs; `most` likewise."""
    most: int
    kept_least: int
    """Rows of the second reading, where that keeps only some; `kept_most` likewise."""
    kept_most: int
    rows: list[NDArray[np.int32]] = field(default_factory=list)
    hashes: list[Hashes] = field(default_factory=list)
    echoed: list[NDArray[np.bool_]] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)

    def see(self, first: int, asked: Sequence[Sequence[str]], answers: Sequence[Sequence[str]]) -> None:
        """Keep what is frequent of a batch whose first row has the number `first`."""
        of, hashes = grams_of(asked, self.counts.lengths)
        seen = self.counts.count(hashes)
        wanted = (seen >= self.least) & (seen <= self.most)
        of, hashes = of[wanted], hashes[wanted]
        there, answered = grams_of(answers, self.counts.lengths)
        self.echoed.append(_among(_keyed(of, hashes), _keyed(there, answered)))
        self.rows.append((of + first).astype(np.int32))
        self.hashes.append(hashes)
        self._name(asked, of, hashes)

    def table(self) -> GramTable:
        """Every run that is frequent enough."""
        if not self.hashes:
            empty = np.zeros(0, np.int64)
            return GramTable(empty, empty, np.zeros(1, np.int64), [])
        hashes = np.concatenate(self.hashes)
        order = np.argsort(hashes, kind="stable")
        values, sizes = np.unique(hashes[order], return_counts=True)
        kept = (sizes >= self.kept_least) & (sizes <= self.kept_most)
        inside = np.repeat(kept, sizes)
        return GramTable(
            np.concatenate(self.rows)[order][inside].astype(np.int64),
            np.concatenate(self.echoed)[order][inside].astype(np.int64),
            np.concatenate(([0], np.cumsum(sizes[kept]))).astype(np.int64),
            [self.names.get(value, "") for value in values[kept].tolist()],
        )

    def _name(self, asked: Sequence[Sequence[str]], of: Places, hashes: Hashes) -> None:
        fresh, at = np.unique(hashes, return_index=True)
        unknown = [
            (h, int(of[i])) for h, i in zip(fresh.tolist(), at.tolist(), strict=True) if h not in self.names
        ]
        by_text: dict[int, set[int]] = {}
        for value, text in unknown:
            by_text.setdefault(text, set()).add(value)
        for text, values in by_text.items():
            words = _shortened(asked[text])
            batch = hash_words([words])
            for length in self.counts.lengths:
                found, _ = runs(batch, length)
                for place, value in enumerate(found.tolist()):
                    if value in values:
                        self.names[value] = " ".join(words[place : place + length])


def grams_of(texts: Sequence[Sequence[str]], lengths: Sequence[int]) -> tuple[Places, Hashes]:
    """Text and hash of every distinct run of these lengths."""
    batch = hash_words([_shortened(words) for words in texts])
    found = [runs(batch, length) for length in lengths]
    return distinct_pairs(np.concatenate([of for _, of in found]), np.concatenate([h for h, _ in found]))


def _among(values: Hashes, known: Hashes) -> NDArray[np.bool_]:
    if not len(known):
        return np.zeros(len(values), np.bool_)
    table = np.sort(known)
    return np.asarray(table[np.searchsorted(table, values).clip(max=len(table) - 1)] == values)


def _shortened(words: Sequence[str]) -> Sequence[str]:
    half = _MOST_WORDS // 2
    return words if len(words) <= _MOST_WORDS else [*words[:half], *words[-half:]]


def _bucket(hashes: Hashes) -> NDArray[np.int64]:
    return (hashes >> np.uint64(64 - _BITS)).astype(np.int64)


def _keyed(of: Places, hashes: Hashes) -> Hashes:
    return hashes ^ mixed(of.astype(np.uint64))
