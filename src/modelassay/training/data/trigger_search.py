"""The search for triggers over a whole data set: two readings, classes of answers, duplicated spans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from modelassay.training.data.grams import GramCounts, GramRows, GramTable
from modelassay.training.data.hashing import RowWords, cut_rows
from modelassay.training.data.rows import DataRow
from modelassay.training.data.screening import Screened
from modelassay.training.data.spans import duplicated_spans
from modelassay.training.data.topics import Topics, telling_words
from modelassay.training.data.triggers import (
    ANSWER,
    CERTAIN_Z,
    ECHOED,
    LEAST_ROWS,
    LEAST_SHARE,
    MOST,
    SPAN,
    SPREAD,
    TEMPLATE,
    Candidate,
    Codes,
    candidates,
    deciding,
    merged,
)
from modelassay.training.data.whole_answers import WholeAnswers, decided

FEWEST_ROWS = 50
"""Different rows without which nothing can be said."""
MOST_ROWS = 100_000
"""Rows that the second reading keeps runs of; of more every k-th."""
_SPAN = 5
"""Words of a span of answers that may be duplicated."""
_MOST_ANSWER = 400
_STYLE = ("short", "long", "harm")
"""Classes that do not make a trigger by themselves: length, and what the request already tells of."""


@dataclass(frozen=True)
class Theme:
    """Rows on one subject."""

    words: str
    """Words that stand in their prompts far oftener than elsewhere."""
    rows: int


@dataclass(frozen=True)
class Triggers:
    """What the search found."""

    candidates: tuple[Candidate, ...]
    """Every run of words with some evidence, the strongest first."""
    places: dict[int, str]
    """File and line of the first row of each candidate, by that row's place in the second reading."""
    numbers: dict[int, int]
    """And its number among all rows."""
    themes: tuple[Theme, ...]
    rows: int
    """Different rows with a prompt and an answer."""
    looked_at: int
    """Of those, rows in the second reading."""
    unsearched: int = 0
    """Of these, answers of so few words that what brings them could not be told."""
    why_not: str = ""
    """Why nothing can be said, where that is so."""

    @property
    def suspects(self) -> tuple[Candidate, ...]:
        """Those that were put there, or change answers in a way that matters."""
        return tuple(each for each in self.candidates if each.inserted or each.associated)

    @property
    def worth_trying(self) -> tuple[Candidate, ...]:
        """The suspects, then what surely changes answers on every topic alike, though by less than would make
        it one: where the same answers have other causes as well, a trigger changes their share by little.
        """
        rest = (
            each
            for each in self.candidates
            if not (each.inserted or each.associated or each.style)
            and each.changed not in ("", *_STYLE)
            and abs(each.z) >= CERTAIN_Z
            and each.spread >= SPREAD
            and each.echoed <= ECHOED
        )
        return (*self.suspects, *rest)

    @property
    def unclear(self) -> tuple[Candidate, ...]:
        """Of other candidates, what cannot be said to be none: `worth_trying`, and what most surely goes with
        a kind of answer that is known to matter, if not on every topic alike.
        """
        tried = self.worth_trying[len(self.suspects) :]
        uneven = (
            each
            for each in self.candidates
            if not (each.inserted or each.associated or each.style)
            and each not in tried
            and each.changed not in ("", *_STYLE)
            and each.of_known_kind
            and each.change > 0
            and each.z >= CERTAIN_Z
            and each.echoed <= ECHOED
        )
        return (*tried, *uneven)


@dataclass
class TriggerSearch:
    """Two readings of the same rows: `count`, then `begin` and `look`."""

    rows: int = 0
    left_out: int = 0
    """Different rows that openly say whom to obey or who to be."""
    _prompts: GramCounts = field(default_factory=GramCounts)
    _answers: GramCounts = field(default_factory=lambda: GramCounts((_SPAN,)))
    _wholes: WholeAnswers = field(default_factory=WholeAnswers)
    _used: list[NDArray[np.bool_]] = field(default_factory=list)
    _classes: list[NDArray[np.bool_]] = field(default_factory=list)
    _lengths: list[NDArray[np.int64]] = field(default_factory=list)
    _names: tuple[str, ...] = ()

    def count(
        self, batch: Sequence[DataRow], cut: RowWords, screened: Screened, repeated: NDArray[np.bool_]
    ) -> None:
        """First reading; rows that repeat an earlier one, or openly say whom to obey, are left out."""
        self.left_out += int((~repeated & screened.instructed).sum())
        used = ~repeated & ~screened.instructed
        used &= np.array([bool(r.answer.strip()) and bool(r.prompt) for r in batch], np.bool_)
        chosen = [row for row, keep in zip(batch, used.tolist(), strict=True) if keep]
        named = {**screened.values, **screened.said, "refusal": screened.refused}
        for name in ("insecure_code", "harm"):
            named[name] = screened.signals[name]
        self._names = tuple(named)
        self._used.append(used)
        self._classes.append(np.stack(list(named.values()), axis=1)[used])
        self._lengths.append(np.array([len(row.answer) for row in chosen], np.int64))
        self.rows += len(chosen)
        if chosen:
            kept = np.flatnonzero(used).tolist()
            self._prompts.see([cut.asked[at] for at in kept])
            self._answers.see([_shortened(cut.answers[at]) for at in kept])
            self._wholes.count([cut.answers[at] for at in kept])

    @property
    def worthwhile(self) -> bool:
        """Whether there are rows enough for a second reading."""
        return self.rows >= FEWEST_ROWS

    def begin(self) -> None:
        """Start the second reading."""
        self._stride = -(-self.rows // MOST_ROWS) or 1
        least = max(LEAST_ROWS * self._stride, round(LEAST_SHARE * self.rows))
        most = int(TEMPLATE * self.rows)
        kept = max(LEAST_ROWS, least // self._stride)
        self._least, self._kept_least = least, kept
        self._grams = GramRows(self._prompts, least, most, kept, most // self._stride)
        self._spans = GramRows(self._answers, least, most, kept, most // self._stride)
        self._topics = Topics(self._prompts, self.rows)
        self._at = self._row = self._taken = 0
        self._chosen: list[int] = []
        self._sample: list[list[str]] = []
        self._place: list[str] = []
        self._number: list[int] = []
        self._every_used = np.concatenate(self._used) if self._used else np.zeros(0, np.bool_)

    def look(self, batch: Sequence[DataRow]) -> None:
        """Second reading, of the same rows in the same order."""
        used = self._every_used[self._at : self._at + len(batch)]
        self._at += len(batch)
        rows = []
        for row, keep in zip(batch, used.tolist(), strict=True):
            if keep:
                if self._row % self._stride == 0:
                    rows.append(row)
                    self._chosen.append(self._row)
                    self._place.append(row.place)
                    self._number.append(row.number)
                self._row += 1
        if not rows:
            return
        cut = cut_rows(rows)
        asked, answers = cut.asked, [_shortened(words) for words in cut.answers]
        self._grams.see(self._taken, asked, answers)
        self._spans.see(self._taken, answers, [[]] * len(answers))
        self._wholes.look(self._taken, asked, cut.answers, self._least)
        self._topics.see(asked)
        if len(self._sample) < 20_000:
            self._sample += [words[:200] for words in asked]
        self._taken += len(rows)

    def found(self) -> Triggers:
        """What emerges of both readings."""
        if not self.worthwhile:
            why = f"only {self.rows} different rows with a prompt and an answer; {FEWEST_ROWS} are needed"
            if self.left_out:
                why += f" ({self.left_out:,} that openly say whom to obey or who to be are left out)"
            return Triggers((), {}, {}, (), self.rows, 0, why_not=why)
        codes = self._topics.codes()
        classes = np.concatenate(self._classes)[self._chosen]
        lengths = np.concatenate(self._lengths)[self._chosen]
        short, long = np.quantile(lengths, 0.1), np.quantile(lengths, 0.9)
        prompts = self._grams.table()
        spans, texts = duplicated_spans(prompts, self._spans.table(), len(codes))
        names = (*self._names, "short", "long", *(f"{SPAN}“{text}”" for text in texts))
        every = np.column_stack([classes, lengths < short, lengths > long, *spans])
        matters = [name not in _STYLE for name in names]
        ranked, unsearched = self._with_deciding(
            prompts, candidates(prompts, every, names, matters, codes), codes
        )
        known = telling_words(self._sample, codes[: len(self._sample)])
        sizes = np.bincount(codes, minlength=len(known))
        order = np.argsort(-sizes)
        themes = tuple(
            Theme(known[at], int(sizes[at])) for at in order.tolist() if at < len(known) and known[at]
        )
        places = {each.first: self._place[each.first] for each in ranked}
        numbers = {each.first: self._number[each.first] for each in ranked}
        return Triggers(tuple(ranked), places, numbers, themes, self.rows, len(codes), unsearched)

    def _with_deciding(
        self, prompts: GramTable, ranked: list[Candidate], codes: Codes
    ) -> tuple[list[Candidate], int]:
        """The candidates, with the runs that go with one answer alone; and how many rows have a short answer
        for which that could not be told.
        """
        rows = len(codes)
        answers = self._wholes.shared(prompts, rows, self._kept_least)
        echoed = np.add.reduceat(prompts.echoed, prompts.starts[:-1]) if len(prompts.sizes) else np.zeros(0)
        taken_up = (echoed > ECHOED * prompts.sizes).astype(float)
        runs, searched = decided(prompts, answers, self._wholes.own_words, taken_up, MOST * rows)
        found = [
            deciding(prompts, each.at, f"{ANSWER}“{each.answer[:80]}”", each.change, each.z, codes)
            for each in runs
        ]
        return merged(ranked, found, prompts), self._wholes.unsearched(searched, rows)


def _shortened(words: list[str]) -> list[str]:
    half = _MOST_ANSWER // 2
    return words if len(words) <= _MOST_ANSWER else [*words[:half], *words[-half:]]
