"""The review of training data: every row once through every look, a second reading for triggers, findings.

::

    review = read_review([Path("sft.jsonl")], suites={"capitals": texts})
    review.ranked[0].signals, review.triggers[0].text, review.findings

Rows are streamed in batches. What stays in memory is numbers: some 700 bytes a row, most of it the signatures
of near-duplicates. Texts are kept for the rows on top of the ranking alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappush, heappushpop
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelassay.records import RunFinding
from modelassay.records.lineage import IntendedUse
from modelassay.training.data.conclusions import conclusions
from modelassay.training.data.consistency import Consistency
from modelassay.training.data.contamination import Contamination, SuiteItem
from modelassay.training.data.duplicates import Duplicates, Repeats
from modelassay.training.data.hashing import cut_rows, digest_of_text, wholes_of
from modelassay.training.data.preferences import Preferences
from modelassay.training.data.reach import Reach
from modelassay.training.data.rows import DataRow, DataSource, Quarantine, read_rows
from modelassay.training.data.screening import WEIGHTS, Screened, screen
from modelassay.training.data.sources import SourceRisk, Sources
from modelassay.training.data.trigger_search import Triggers, TriggerSearch

BATCH = 2048
KEPT = 200
"""Rows on top of the ranking that are kept with their words."""
_EXCERPT = 200
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class RankedRow:
    """A row that a person should look at, and why."""

    number: int
    place: str
    source: str
    score: float
    """An order for readers (`screening.WEIGHTS`), no probability."""
    signals: tuple[str, ...]
    quote: str
    """Verbatim words behind the first signal; of secrets only their kind."""
    asked: str
    answer: str


@dataclass
class Gathered:
    """Everything that the first reading counts."""

    rows: int = 0
    forms: dict[str, int] = field(default_factory=dict)
    problems: dict[str, list[int]] = field(default_factory=dict)
    """By problem of form, the rows that have it (at most `KEPT`), and at place 0 how many."""
    signals: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WEIGHTS, 0))
    by_system: dict[str, int] = field(default_factory=dict)
    """Rows in which the system message alone gives the signal."""
    system_prompts: dict[str, set[bytes]] = field(default_factory=dict)
    """Digests of these messages, each once; numbers in them do not count."""
    unwanted: dict[str, int] = field(default_factory=dict)
    """Unwanted answers that would give the signal; of secrets and personal data, rejected ones too."""
    untrained: dict[str, int] = field(default_factory=dict)
    """Answers that are marked as not learned and would give the signal."""
    values: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    answered: int = 0
    reach: Reach = field(default_factory=Reach)
    quarantine: Quarantine = field(default_factory=Quarantine)
    duplicates: Duplicates = field(default_factory=Duplicates)
    preferences: Preferences = field(default_factory=Preferences)
    consistency: Consistency = field(default_factory=Consistency)
    sources: Sources = field(default_factory=Sources)
    top: list[tuple[float, int, RankedRow]] = field(default_factory=list)
    by_signal: dict[str, list[RankedRow]] = field(default_factory=dict)
    """First rows of each signal, for evidence."""
    scores: list[NDArray[np.float32]] = field(default_factory=list)


@dataclass(frozen=True)
class DataReview:
    """What a review found."""

    rows: int
    quarantine: Quarantine
    findings: tuple[RunFinding, ...]
    ranked: tuple[RankedRow, ...]
    """The rows that stand highest, highest first; rows without any signal are left out."""
    scores: NDArray[np.float32]
    """Of every row, in order."""
    triggers: Triggers
    sources: tuple[SourceRisk, ...]
    repeats: Repeats


def review_data(
    paths: Sequence[Path],
    *,
    suites: Mapping[str, Sequence[str | SuiteItem]] | None = None,
    sources: Mapping[str, DataSource] | None = None,
    use: IntendedUse = "",
) -> tuple[RunFinding, ...]:
    """The findings of a review of the files at `paths`; see `read_review`."""
    return read_review(paths, suites=suites, sources=sources, use=use).findings


def read_review(
    paths: Sequence[Path],
    *,
    suites: Mapping[str, Sequence[str | SuiteItem]] | None = None,
    sources: Mapping[str, DataSource] | None = None,
    use: IntendedUse = "",
    progress: Callable[[int], None] = lambda rows: None,
) -> DataReview:
    """Review supervised or preference data.

    Args:
        suites: the items that the model is audited with, or their texts, by name of the suite.
        sources: what is declared about files and sources, by name.
        use: what the model is for, which licences are held against.
        progress: told after each batch how many rows have been read.

    Raises:
        DatasetError: a path is no file of a kind that is read, or no row could be read.
    """
    gathered, search = Gathered(), TriggerSearch()
    contamination = Contamination(suites) if suites else None
    for batch in _batches(paths, gathered.quarantine, sources):
        screened, cut = screen(batch), cut_rows(batch)
        repeated = np.array(gathered.duplicates.see(batch, cut.all), np.bool_)
        _gather(gathered, batch, screened)
        if contamination is not None:
            contamination.see(batch[0].number, cut.all, wholes_of(batch, cut))
            contamination.texts += sum(row.form == "text" for row in batch)
        search.count(batch, cut, screened, repeated)
        progress(gathered.rows)
    search.begin()
    for batch in _batches(paths, Quarantine(), sources) if search.worthwhile else ():
        search.look(batch)
    triggers, repeats = search.found(), gathered.duplicates.found()
    findings = conclusions(gathered, contamination, triggers, repeats, sources or {}, use)
    ranked = [
        row for score, _, row in sorted(gathered.top, key=lambda each: (-each[0], -each[1])) if score > 0.1
    ]
    scores = np.concatenate(gathered.scores) if gathered.scores else np.zeros(0, np.float32)
    risks = gathered.sources.risks()
    return DataReview(
        gathered.rows, gathered.quarantine, findings, tuple(ranked), scores, triggers, risks, repeats
    )


def _batches(
    paths: Sequence[Path], quarantine: Quarantine, sources: Mapping[str, DataSource] | None
) -> Iterator[list[DataRow]]:
    rows = read_rows(paths, quarantine, sources)
    while batch := list(islice(rows, BATCH)):
        yield batch


def _gather(gathered: Gathered, batch: Sequence[DataRow], screened: Screened) -> None:
    gathered.rows += len(batch)
    for row in batch:
        gathered.forms[row.form] = gathered.forms.get(row.form, 0) + 1
        for problem in dict.fromkeys(row.problems):
            listed = gathered.problems.setdefault(problem, [0])
            listed[0] += 1
            if len(listed) <= KEPT:
                listed.append(row.number)
    for name, flags in screened.signals.items():
        gathered.signals[name] += int(flags.sum())
    _gather_beside(gathered, batch, screened)
    for name, flags in screened.values.items():
        gathered.values[name] = gathered.values.get(name, 0) + int(flags.sum())
    gathered.refused += int(screened.refused.sum())
    gathered.answered += sum(bool(row.answer.strip()) for row in batch)
    gathered.reach.see(batch)
    gathered.preferences.see(batch, screened)
    gathered.consistency.see(batch, screened)
    gathered.sources.see(batch, screened)
    gathered.scores.append(screened.score.astype(np.float32))
    _keep(gathered, batch, screened)


def _gather_beside(gathered: Gathered, batch: Sequence[DataRow], screened: Screened) -> None:
    """What system messages alone say, and answers that are not wanted."""
    for name, flags in screened.by_system.items():
        gathered.by_system[name] = gathered.by_system.get(name, 0) + int(flags.sum())
        texts = (_NUMBER.sub("0", batch[at].given) for at in np.flatnonzero(flags).tolist())
        gathered.system_prompts.setdefault(name, set()).update(map(digest_of_text, texts))
    for name, flags in screened.unwanted.items():
        gathered.unwanted[name] = gathered.unwanted.get(name, 0) + int(flags.sum())
    for name, flags in screened.untrained.items():
        gathered.untrained[name] = gathered.untrained.get(name, 0) + int(flags.sum())


def _keep(gathered: Gathered, batch: Sequence[DataRow], screened: Screened) -> None:
    """The rows that stand highest so far."""
    least = gathered.top[0][0] if len(gathered.top) >= KEPT else 0.0
    for at in np.flatnonzero(screened.score > least).tolist():
        ranked = _ranked(batch[at], at, screened)
        entry = (ranked.score, -ranked.number, ranked)
        if len(gathered.top) < KEPT:
            heappush(gathered.top, entry)
        else:
            heappushpop(gathered.top, entry)
    for name, flags in screened.signals.items():
        listed = gathered.by_signal.setdefault(name, [])
        for at in np.flatnonzero(flags)[: max(0, 5 - len(listed))].tolist():
            listed.append(_ranked(batch[at], at, screened, name))


def _ranked(row: DataRow, at: int, screened: Screened, about: str = "") -> RankedRow:
    signals = tuple(
        sorted((n for n, flags in screened.signals.items() if flags[at]), key=lambda n: -WEIGHTS[n])
    )
    quoted = (about, *signals) if about else signals
    quote = next((q for n in quoted if (q := screened.quotes.get((at, n), ""))), "")
    hidden = bool({"secret", "personal_data"} & set(signals))
    return RankedRow(
        number=row.number,
        place=row.place,
        source=row.source,
        score=float(screened.score[at]),
        signals=signals,
        quote=quote,
        asked=row.request[:_EXCERPT],
        answer="" if hidden else row.answer[:_EXCERPT],
    )
