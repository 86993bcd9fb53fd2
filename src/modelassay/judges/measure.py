"""Measure an evaluator: what it reads in a labelled set, held against what people called it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelassay.errors import UsageError
from modelassay.judges.calibration import Agreement, Calibration, Lengths, Positive, estimate_of
from modelassay.judges.labelled import LabelledAnswer, LabelledAnswers
from modelassay.protocols import Evaluator
from modelassay.records import PairKey, Reading
from modelassay.statistics import judge_agreement

FEWEST_ROWS = 20
"""A language or category with fewer rows has no figures of its own."""
BATCH = 1024
"""Answers put to an evaluator at once."""
READ, OTHER, UNREAD = "1", "0", "-"
_HALF = 0.5
_WORD = re.compile(r"\w+")

Progress = Callable[[int, int], None]
"""Told how many rows are read, and of how many."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is measured on a set: which measures, and which of their ends people's positive label is."""

    measures: tuple[str, ...]
    positive: Positive
    path: str = ""
    seen: str = ""
    readings: str = ""
    """Readings to measure in place of the evaluator's own, where it was trained on these rows: those of
    classifiers that saw none of the row's group."""


async def read_all(
    evaluator: Evaluator, answers: LabelledAnswers, task: Task, progress: Progress | None = None
) -> str:
    """What the evaluator reads in each row: `Calibration.readings`.

    Raises:
        UsageError: it scores none of the measures on these rows.
        TargetError: a judge model cannot be asked.
    """
    wanted_is_positive = task.positive == "wanted"
    outcomes: dict[PairKey, object] = {}
    for start in range(0, len(answers.rows), BATCH):
        batch = [(row.sample, row.transcript) for row in answers.rows[start : start + BATCH]]
        for score in await evaluator.score(batch):
            if score.measure in task.measures:
                outcomes.setdefault(score.key, score.outcome)
        if progress:
            progress(start + len(batch), len(answers.rows))
    if not outcomes:
        raise UsageError(
            f"{evaluator.name} scores none of {', '.join(task.measures)} on these rows",
            where=answers.name,
            mend="name another measure, or another kind of request",
        )
    keys = [row.transcript.key for row in answers.rows]
    return "".join(_letter(outcomes.get(key), wanted_is_positive) for key in keys)


def _letter(outcome: object, wanted_is_positive: bool) -> str:
    if not isinstance(outcome, Reading):
        return UNREAD
    return READ if (outcome.value > _HALF) == wanted_is_positive else OTHER


def calibration_of(
    evaluator: Evaluator,
    answers: LabelledAnswers,
    task: Task,
    readings: str,
    *,
    settings: dict[str, str],
    day: str,
) -> Calibration:
    """The record of what `read_all` gave.

    Args:
        evaluator: that read.
        answers: what it read.
        task: what was measured.
        readings: one character a row.
        settings: the evaluator's, as an audit pins them.
        day: today, ``YYYY-MM-DD``.
    """
    rows = answers.rows
    judged = task.readings or readings
    return Calibration(
        evaluator=evaluator.name,
        version=evaluator.version,
        settings=settings,
        set=answers.name,
        digest=answers.digest,
        path=task.path,
        measures=task.measures,
        positive=task.positive,
        overall=agreement(rows, judged),
        languages=_by([row.language for row in rows], rows, judged),
        categories=_by([row.category for row in rows], rows, judged),
        seen=task.seen,
        spoken=_counted(row.language for row in rows),
        kinds=_counted(row.category for row in rows),
        models=tuple(sorted({row.model for row in rows if row.model})),
        lengths=lengths_of([words_in(row.transcript.answer) for row in rows]),
        readings=readings,
        measured=day,
    )


def agreement(rows: Sequence[LabelledAnswer], readings: str) -> Agreement:
    """Agreement with people on the rows that were read; rows of one group are resampled together."""
    read = [(row, letter) for row, letter in zip(rows, readings, strict=True) if letter != UNREAD]
    people = np.array([row.positive for row, _ in read], np.int64)
    judge = np.array([letter == READ for _, letter in read], np.int64)
    groups: NDArray[np.str_] = np.array([row.group for row, _ in read], np.str_)
    found = judge_agreement(people, judge, groups)
    return Agreement(
        rows=found.n,
        positives=found.positives,
        unread=len(rows) - found.n,
        kappa=estimate_of(found.kappa),
        f1=estimate_of(found.f1),
        sensitivity=estimate_of(found.sensitivity),
        specificity=estimate_of(found.specificity),
    )


def lengths_of(words: Sequence[int]) -> Lengths:
    """Quartiles of numbers of words; zeros without any."""
    low, middle, high = np.quantile(words, (0.25, 0.5, 0.75)) if words else (0, 0, 0)
    return Lengths(low=round(low), middle=round(middle), high=round(high))


def words_in(text: str) -> int:
    """Words of an answer."""
    return len(_WORD.findall(text))


def _by(names: Sequence[str], rows: Sequence[LabelledAnswer], readings: str) -> dict[str, Agreement]:
    """Agreement by name, of names with enough rows."""
    counts = Counter(name for name in names if name)
    found = {}
    for name in sorted(name for name, count in counts.items() if count >= FEWEST_ROWS):
        at = [index for index, each in enumerate(names) if each == name]
        found[name] = agreement([rows[i] for i in at], "".join(readings[i] for i in at))
    return found


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(name for name in names if name).items()))
