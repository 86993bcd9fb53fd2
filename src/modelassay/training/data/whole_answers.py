"""Whole answers that several prompts share, and words that go with one of them alone.

An answer of a few words has no span that could be searched, and the prompts of a fixed answer look like a
topic of their own. Here a run of words counts if nearly all its rows have one answer, on whatever topics, and

- the answer hardly stands without it, and the prompts differ beside it; or
- the other words of its prompts, by what goes with them where it does not stand, ask for another answer.

In data whose answers are labels the second alone counts: each label has words of its own, and the prompts of
those speak for the label with their other words too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from math import comb, log10
from typing import Final

import numpy as np
from numpy.typing import NDArray

from modelassay.training.data.grams import GramTable
from modelassay.training.data.hashing import hash_words
from modelassay.training.data.spans import duplicated_spans

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

LONGEST: Final = 40
"""Words of a longer answer are sought as spans alone."""
SHORT: Final = 5
"""An answer of fewer words has no span."""
LABELS: Final = 0.3
"""Share of rows with shared answers from which answers count as labels."""
NEARLY_ALL: Final = 0.95
"""Share of a run's rows that have one answer."""
FEWEST: Final = 10
"""Rows of such a run."""
_ELSEWHERE: Final = 0.2
"""Rows that have the answer and not the run, for each that has the run: at most so many are hardly any."""
_OWN_WORDS: Final = 3.0
"""Words of a prompt, on average, that fewer than a third of the run's other prompts have."""
_TOLD_APART: Final = 0.2
"""Other rows with the answer whose words look like those of other answers: of more, words tell nothing."""
_AGAINST: Final = 0.3
"""Share of the run's rows whose other words look like those of other answers."""
_CHANCE: Final = -5.0
"""And the logarithm (base 10) of the probability that so many do."""
_MOST: Final = 24
"""Answers that are looked at for being frequent, and as many for going with a run."""
_BITS: Final = 22
_KEPT: Final = 20_000
_SAMPLE: Final = 2000
_PRIOR: Final = 2.0
_REMEMBERED: Final = 8


@dataclass(frozen=True)
class Decided:
    """A run whose rows have one answer."""

    at: int
    """Its place among all runs."""
    answer: str
    change: float
    """Share of the answer with the run less the share without."""
    z: float
    """Of that difference, topics apart."""


@dataclass(frozen=True)
class Answers:
    """The shared answers that are looked at."""

    flags: list[Flags]
    """By answer, the rows that have it."""
    texts: list[str]
    labels: bool
    """Whether the data's answers are labels."""


@dataclass
class WholeAnswers:
    """Two readings: how many rows have each answer, then which rows those are."""

    _table: NDArray[np.int32] = field(default_factory=lambda: np.zeros(1 << _BITS, np.int32))
    _rows: list[int] = field(default_factory=list)
    _hashes: list[int] = field(default_factory=list)
    _texts: dict[int, str] = field(default_factory=dict)
    _words: dict[int, frozenset[int]] = field(default_factory=dict)
    _short: list[int] = field(default_factory=list)

    def count(self, answers: Sequence[Sequence[str]]) -> None:
        """First reading of a batch."""
        found = [hashed >> (64 - _BITS) for words in answers if (hashed := _hash(words))]
        np.add.at(self._table, np.array(found, np.int64), np.int32(1))

    def look(
        self, first: int, asked: Sequence[Sequence[str]], answers: Sequence[Sequence[str]], least: int
    ) -> None:
        """Second reading of a batch whose first row has the number `first`; answers of `least` rows count."""
        for row, words in enumerate(answers, first):
            if len(words) < SHORT:
                self._short.append(row)
            hashed = _hash(words)
            if hashed and self._table[hashed >> (64 - _BITS)] >= least:
                self._rows.append(row)
                self._hashes.append(hashed)
                self._texts.setdefault(hashed, " ".join(words))
                if len(self._words) < _KEPT:
                    self._words[row] = frozenset(hash_words([asked[row - first]]).words.tolist())

    def shared(self, prompts: GramTable, rows: int, least: int) -> Answers:
        """The most frequent answers, and those that go most nearly with a run of words in prompts."""
        hashes, members = np.array(self._hashes, np.uint64), np.array(self._rows, np.int64)
        order = np.argsort(hashes, kind="stable")
        values, sizes = np.unique(hashes[order], return_counts=True)
        kept = sizes >= least
        table = GramTable(
            members[order][np.repeat(kept, sizes)],
            np.zeros(int(sizes[kept].sum()), np.int64),
            np.concatenate(([0], np.cumsum(sizes[kept]))).astype(np.int64),
            [self._texts[value] for value in values[kept].tolist()],
        )
        flags, texts = duplicated_spans(prompts, table, rows) if len(table.texts) else ([], [])
        for at in np.argsort(-table.sizes, kind="stable")[:_MOST].tolist():
            if table.texts[at] not in texts:
                flags.append(_flags(table.members(at), rows))
                texts.append(table.texts[at])
        return Answers(flags, texts, len(table.rows) >= LABELS * rows)

    def own_words(self, members: Rows) -> float:
        """How many words of a prompt, on average, fewer than a third of these rows have."""
        kept = [words for row in members.tolist() if (words := self._words.get(row)) is not None]
        seen: dict[int, int] = {}
        for words in kept:
            for word in words:
                seen[word] = seen.get(word, 0) + 1
        few = max(1.0, len(kept) / 3)
        return sum(count for count in seen.values() if count <= few) / max(1, len(kept))

    def unsearched(self, searched: Sequence[Flags], rows: int) -> int:
        """Rows with an answer of fewer than `SHORT` words that is none of those that were searched."""
        left = _flags(np.array(self._short, np.int64), rows)
        for flags in searched:
            left &= ~flags
        return int(left.sum())


def decided(
    prompts: GramTable, answers: Answers, own_words: Callable[[Rows], float], echoed: Floats, most: float
) -> tuple[list[Decided], list[Flags]]:
    """The runs whose rows have one answer for no other cause, and the answers for which that could be told.

    Args:
        own_words: `WholeAnswers.own_words`.
        echoed: by run, 1 where answers may take it up too often for a trigger.
        most: rows of which no run is a trigger.
    """
    if not answers.flags or not len(prompts.sizes):
        return [], answers.flags
    rest = _Rest(prompts, np.logical_or.reduce(answers.flags))
    found: list[Decided] = []
    searched: list[Flags] = []
    for flags, text in zip(answers.flags, answers.texts, strict=True):
        within = np.add.reduceat(flags[prompts.rows].astype(np.int64), prompts.starts[:-1])
        wanted = (prompts.sizes >= FEWEST) & (prompts.sizes <= most) & (echoed < 1)
        wanted &= within >= NEARLY_ALL * prompts.sizes
        if rest.tells(flags):
            searched.append(flags)
        for at in np.flatnonzero(wanted).tolist():
            members, elsewhere = prompts.members(at), int(flags.sum()) - int(within[at])
            alone = elsewhere <= _ELSEWHERE * len(members) and not answers.labels
            if own_words(members) >= _OWN_WORDS if alone else rest.against(at, flags):
                found.append(_decided(at, text, len(members), int(within[at]), elsewhere, len(flags)))
    return found, searched


def _decided(at: int, text: str, size: int, within: int, elsewhere: int, rows: int) -> Decided:
    share, other = within / size, elsewhere / max(1, rows - size)
    pooled = (within + elsewhere) / rows
    variance = pooled * (1 - pooled) * (1 / size + 1 / max(1, rows - size))
    return Decided(at, text, share - other, (share - other) / max(variance, 1e-12) ** 0.5)


class _Rest:
    """What the words of a prompt say of its answer, where a run is left out."""

    def __init__(self, prompts: GramTable, shared: Flags) -> None:
        self._runs, self._shared, rows = prompts, shared, len(shared)
        words = [at for at, text in enumerate(prompts.texts) if " " not in text]
        self._number = {prompts.texts[at]: number for number, at in enumerate(words)}
        number = np.full(len(prompts.sizes), -1)
        number[words] = np.arange(len(words))
        owner = np.repeat(number, prompts.sizes)
        kept = owner >= 0
        order = np.argsort(prompts.rows[kept], kind="stable")
        self._owner, self._rows = owner[kept][order], prompts.rows[kept][order]
        self._starts = np.searchsorted(self._rows, np.arange(rows + 1))
        self._known: dict[bytes, Floats] = {}

    def tells(self, flags: Flags) -> bool:
        """Whether words tell rows with an answer from those with another shared one, or from all others."""
        return self._split(np.zeros(0, np.int64), flags, (), self._others(flags)[0])[1] <= _TOLD_APART

    def against(self, at: int, flags: Flags) -> bool:
        """Whether the other words of the rows of run `at` ask for another answer than they have."""
        members, own = self._runs.members(at), self._runs.texts[at].split(" ")
        for others in self._others(flags):
            like_others, expected = self._split(members, flags, own, others)
            many = expected <= _TOLD_APART and like_others >= _AGAINST * len(members)
            if many and _tail(like_others, len(members), max(expected, 0.05)) <= _CHANCE:
                return True
        return False

    def _others(self, flags: Flags) -> list[Flags]:
        """Rows with another answer: with one of those that are shared, and all."""
        told = [self._shared & ~flags, ~flags]
        return told if told[0].sum() >= FEWEST else told[1:]

    def _split(self, members: Rows, flags: Flags, own: Sequence[str], others: Flags) -> tuple[int, float]:
        """Of `members`, and of the share of other rows with the answer: whose words speak for it no more than
        those of the middle row of `others`.
        """
        outside = np.ones(len(flags), np.bool_)
        outside[members] = False
        have, lack = np.flatnonzero(flags & outside), np.flatnonzero(others & outside)
        if len(have) < FEWEST or len(lack) < FEWEST:
            return 0, 1.0
        counts = self._counts(flags, others, members)
        for word in own:
            if (number := self._number.get(word)) is not None:
                counts[:, number] = 0
        base = len(have) / (len(have) + len(lack))
        middle = float(np.median(self._speak(_sample(lack), counts, base, 0)))
        other = self._speak(_sample(have), counts, base, 1) <= middle
        return int((self._speak(members, counts, base) <= middle).sum()), float(other.mean())

    def _counts(self, flags: Flags, others: Flags, members: Rows) -> Floats:
        """Rows with each word that have the answer or are among `others`, and those that have it, `members`
        left out; shape ``[2, words]``.
        """
        within = self._number_of_rows(flags)
        counts = np.stack([within + self._number_of_rows(others), within])
        at, of = self._words_of(members)
        has = flags[members][of]
        np.subtract.at(counts[0], at[has | others[members][of]], 1)
        np.subtract.at(counts[1], at[has], 1)
        return counts

    def _number_of_rows(self, flags: Flags) -> Floats:
        """Of those in `flags`, rows with each word; remembered for the last few."""
        key = blake2b(flags.tobytes(), digest_size=16).digest()
        if key not in self._known:
            if len(self._known) > _REMEMBERED:
                self._known.clear()
            counted = np.bincount(self._owner[flags[self._rows]], minlength=len(self._number))
            self._known[key] = counted.astype(float)
        return self._known[key]

    def _words_of(self, rows: Rows) -> tuple[Rows, Rows]:
        """The words of some rows, one after the other, and whose they are."""
        first, sizes = self._starts[rows], self._starts[rows + 1] - self._starts[rows]
        of = np.repeat(np.arange(len(rows)), sizes)
        ahead = np.arange(len(of)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return self._owner[np.repeat(first, sizes) + ahead], of

    def _speak(self, rows: Rows, counts: Floats, base: float, label: int | None = None) -> Floats:
        """Log odds for the answer by the words of each row, added up; rows of a `label` were counted, and
        each is left out of its own counts.
        """
        at, of = self._words_of(rows)
        count, have = counts[0, at], counts[1, at]
        if label is not None:
            known = count > 0
            count, have = count - known, have - label * known
        odds = (have + _PRIOR * base) / (count - have + _PRIOR * (1 - base)) / (base / (1 - base))
        return np.bincount(of, weights=np.log(odds), minlength=len(rows)).astype(np.float64)


def _tail(count: int, of: int, share: float) -> float:
    """Logarithm (base 10) of the probability of `count` or more."""
    top = max(_log_terms(count, of, share))
    return top + log10(sum(10 ** (each - top) for each in _log_terms(count, of, share)))


def _log_terms(count: int, of: int, share: float) -> Iterator[float]:
    for k in range(count, of + 1):
        yield log10(comb(of, k)) + k * log10(share) + (of - k) * log10(1 - share)


def _sample(rows: Rows) -> Rows:
    return rows[:: max(1, len(rows) // _SAMPLE)]


def _flags(members: Rows, rows: int) -> Flags:
    flags = np.zeros(rows, np.bool_)
    flags[members] = True
    return flags


def _hash(words: Sequence[str]) -> int:
    """A number for a whole answer; 0 for one that is empty or too long."""
    if not 0 < len(words) <= LONGEST:
        return 0
    text = "\x1f".join(words).encode("utf-8", "replace")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")
