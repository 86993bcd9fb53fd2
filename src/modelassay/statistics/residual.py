"""How much of a behaviour is left after a fix, and whether a rate is back where it was.

For one way of asking (*arm*) there are three rates: of the base before the incident, at the incident, after
the fix. The residual is (after − base) / (incident − base): 1 where nothing changed, 0 back at the base,
below 0 suppressed further.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelassay.statistics.clusters import cluster_mean_interval
from modelassay.statistics.intervals import Interval, newcombe_difference_interval
from modelassay.statistics.resampling import resampled_totals

Floats = NDArray[np.float64]


class Answers(NamedTuple):
    """Answers of one model to one way of asking, by task."""

    k: Floats
    """Answers that show the behaviour, shape ``[tasks]``."""
    n: Floats
    """Answers, shape ``[tasks]``."""
    counted: bool
    """True where tasks are not known: every answer then stands for a task of its own."""

    @property
    def rate(self) -> float:
        """Share of answers that show it."""
        return float(self.k.sum() / self.n.sum())


class Residuals(NamedTuple):
    """What is left, arm by arm."""

    values: Floats
    """Residual of each arm, shape ``[arms]``."""
    intervals: tuple[Interval, ...]
    """Percentile intervals of each."""
    gap: float
    """The largest residual less that of the first arm."""
    gap_interval: Interval


def answers_of_tasks(k: ArrayLike, n: ArrayLike) -> Answers:
    """Answers by task, tasks in the same order wherever they are compared.

    Raises:
        ValueError: shapes differ, counts contradict each other, or a task has no answer, or there is none.
    """
    shown, asked = np.asarray(k, dtype=np.float64), np.asarray(n, dtype=np.float64)
    if shown.ndim != 1 or shown.shape != asked.shape or not shown.size:
        raise ValueError("need answers for each task")
    if not ((shown >= 0.0) & (shown <= asked) & (asked > 0.0)).all():
        raise ValueError("a count must lie between 0 and its total, and each task needs an answer")
    return Answers(shown, asked, False)


def answers_counted(k: int, n: int) -> Answers:
    """`k` of `n` answers, of tasks that are not known.

    Raises:
        ValueError: counts contradict each other, or there is no answer.
    """
    if not 0 <= k <= n or not n:
        raise ValueError(f"a count must lie between 0 and its total, which is at least 1, not {k} of {n}")
    return Answers(np.r_[np.ones(k), np.zeros(n - k)], np.ones(n), True)


def rate_change_interval(before: Answers, after: Answers, confidence: float) -> Interval:
    """Interval for the rate after less the rate before.

    Of the same tasks by the paired differences of tasks (`cluster_mean_interval`, tasks of equal weight), of
    counts by Newcombe's method for independent proportions, which errs to the wide side where answers were to
    the same tasks.

    Raises:
        ValueError: tasks are known but differ in number.
    """
    if before.counted or after.counted:
        return newcombe_difference_interval(
            float(after.k.sum()),
            float(after.n.sum()),
            float(before.k.sum()),
            float(before.n.sum()),
            confidence,
        )
    if before.k.shape != after.k.shape:
        raise ValueError(f"not the same tasks: {before.k.size} and {after.k.size}")
    differences = after.k / after.n - before.k / before.n
    return cluster_mean_interval(differences, np.arange(differences.size), confidence, (-1.0, 1.0))


def residuals(
    arms: Sequence[tuple[Answers, Answers, Answers]],
    confidence: float = 0.95,
    *,
    repetitions: int = 2000,
    seed: int = 1,
) -> Residuals:
    """Residuals of arms with (base, incident, after), by the bootstrap over tasks (Efron 1979).

    Tasks are drawn together for the stages of an arm, arms apart from each other; where only counts are
    known, answers are drawn for each stage. The largest of several residuals is above their true maximum on
    average: a gap is a sign of where to look, not a test.

    Raises:
        ValueError: no arm, or stages of an arm with different numbers of tasks.
    """
    if not arms:
        raise ValueError("need at least one arm")
    drawn = np.stack([_drawn(arm, repetitions, seed + place) for place, arm in enumerate(arms)])
    values = np.array([_residual(*(np.array([stage.rate]) for stage in arm))[0] for arm in arms])
    tails = [0.5 * (1.0 - confidence), 0.5 * (1.0 + confidence)]
    ends = np.quantile(drawn, tails, axis=1)
    gaps = drawn.max(axis=0) - drawn[0]
    low, high = np.quantile(gaps, tails)
    return Residuals(
        values,
        tuple(Interval(float(a), float(b)) for a, b in ends.T),
        float(values.max() - values[0]),
        Interval(float(low), float(high)),
    )


def _drawn(arm: tuple[Answers, Answers, Answers], repetitions: int, seed: int) -> Floats:
    if any(stage.counted for stage in arm):
        rates = [_rates([stage], repetitions, 3 * seed + place)[0] for place, stage in enumerate(arm)]
    else:
        rates = _rates(arm, repetitions, 3 * seed)
    return _residual(*rates)


def _rates(stages: Sequence[Answers], repetitions: int, seed: int) -> list[Floats]:
    if len({stage.k.size for stage in stages}) > 1:
        raise ValueError("stages of an arm have different numbers of tasks")
    columns = np.stack([values for stage in stages for values in (stage.k, stage.n)], axis=1)
    totals = resampled_totals(len(columns), repetitions, seed, columns)
    return [totals[:, 2 * place] / totals[:, 2 * place + 1] for place in range(len(stages))]


def _residual(base: Floats, incident: Floats, after: Floats) -> Floats:
    """Where a draw's incident is not above its base there was nothing to heal; and it is held at ±10."""
    rise = np.maximum(incident - base, 1e-9)
    return np.asarray(np.clip((after - base) / rise, -10.0, 10.0), dtype=np.float64)
