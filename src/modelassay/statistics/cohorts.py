"""Rates of several groups at once: simultaneous intervals, the gap between best and worst, who falls behind.

Everything is closed-form, so that it can be recomputed anywhere to the last place: Wilson or t intervals of
the single groups at Šidák's level (Šidák 1967, Journal of the American Statistical Association 62,
626-633), and for each pair of groups the interval for a difference recovered from them (MOVER: Newcombe
1998, Statistics in Medicine 17, 873-890, method 10; with the correlation of groups that share clusters: Zou
and Donner 2008, Statistics in Medicine 27, 1693-1702). When every pair's interval covers its difference,
the true gap, which is the largest difference of all pairs, lies between the largest lower and the largest
upper end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelassay.statistics.clusters import cluster_mean_interval, design_effect
from modelassay.statistics.distributions import check_confidence
from modelassay.statistics.intervals import Interval, clopper_pearson_interval, wilson_interval
from modelassay.statistics.paired import tango_interval

Array = NDArray[np.float64]


class Group(NamedTuple):
    """One group's scores."""

    values: Array
    """Scored observations in [0, 1], shape ``[n]``."""
    clusters: NDArray[np.int64]
    """Cluster codes, shape ``[n]``; groups may share clusters, such as a prompt and its twin."""
    unscored: int = 0
    """Observations without a value: each may have been anything in [0, 1]."""


class Gap(NamedTuple):
    """The difference between the best and the worst of several groups."""

    value: float
    """Of the observed means."""
    interval: Interval
    best: int
    worst: int
    """Positions of those two groups."""


class Widening(NamedTuple):
    """How the gap between groups changed from one set of observations to another."""

    before: Gap
    after: Gap
    value: float
    """Gap after minus gap before; positive is wider."""
    interval: Interval


class Behind(NamedTuple):
    """How one group changed, by itself and beside the others."""

    change: float
    """Mean after minus mean before; negative is worse."""
    change_interval: Interval
    behind: float
    """Change of all other groups together minus this one's; positive when it fell behind them."""
    behind_interval: Interval


def sidak_confidence(confidence: float, intervals: int) -> float:
    """The level of each of `intervals` intervals such that all hold together at `confidence`.

    Raises:
        ValueError: confidence is not in (0, 1), or there are no intervals.
    """
    check_confidence(confidence)
    if intervals < 1:
        raise ValueError("at least one interval is needed")
    return float(confidence ** (1.0 / intervals))


def simultaneous_intervals(groups: Sequence[Group], confidence: float = 0.95) -> list[Interval]:
    """Two-sided intervals of the means of all `groups`, which cover together at `confidence`.

    Yes/no scores: Clopper and Pearson's on effective counts, since at the level of many groups Wilson's
    covers rates near 1 too seldom (8 groups of 60 at .98: 78 % in place of 90). Graded scores:
    cluster-robust t. An unscored observation counts as 0 for the lower and as 1 for the upper end.

    Raises:
        ValueError: no groups, an empty one, or values outside [0, 1].
    """
    level = sidak_confidence(confidence, len(groups))
    return [_interval(group, level, clopper_pearson_interval) for group in groups]


def gap_interval(groups: Sequence[Group], confidence: float = 0.95) -> Gap:
    """The gap between the best and the worst of `groups`, with its interval.

    In simulations of 2 to 8 groups of 30 to 200, alone, in clusters and as twins, it covers in 90 to 100 %
    at a nominal 90 %: the more groups are alike, the more it is on the safe side.

    Raises:
        ValueError: fewer than two groups, an empty one, or values outside [0, 1].
    """
    count = len(groups)
    if count < 2:
        raise ValueError("a gap needs at least two groups")
    level = sidak_confidence(confidence, count * (count - 1) // 2)
    intervals = [_interval(group, level, wilson_interval) for group in groups]
    means = np.array([float(np.mean(group.values)) for group in groups])
    correlation = _correlations(groups)
    low = high = 0.0
    for i in range(count):
        for j in range(i):
            first, second = (i, j) if means[i] >= means[j] else (j, i)
            ends = _difference(means, intervals, first, second, correlation[i, j])
            low, high = max(low, ends.low, -ends.high), max(high, ends.high, -ends.low)
    best, worst = int(means.argmax()), int(means.argmin())
    return Gap(float(means[best] - means[worst]), Interval(low, min(high, 1.0)), best, worst)


def widening(before: Sequence[Group], after: Sequence[Group], confidence: float = 0.95) -> Widening:
    """How much wider the gap between the same groups became.

    The lower end is from the two gaps' intervals by MOVER, as if they were independent: observations that go
    together before and after put it lower than need be. The upper end is the largest upper end of all pairs'
    differences of paired changes, since no gap can widen by more than two groups moved apart. In simulations
    the interval covers in at least its nominal share, of identical models nearly always.

    Raises:
        ValueError: as `gap_interval`, or unequal lengths before and after.
    """
    first, second = gap_interval(before, confidence), gap_interval(after, confidence)
    value = second.value - first.value
    low = math.hypot(second.value - second.interval.low, first.interval.high - first.value)
    level = sidak_confidence(confidence, len(before) * (len(before) - 1) // 2)
    changes = [_change(*pair, level) for pair in zip(before, after, strict=True)]
    high = max(_apart(x, y).high for x in changes for y in changes if x is not y)
    return Widening(first, second, value, Interval(max(value - low, -1.0), min(max(high, value), 1.0)))


def falling_behind(before: Sequence[Group], after: Sequence[Group], confidence: float = 0.95) -> list[Behind]:
    """How each group changed beside all others together; all intervals hold together at `confidence`.

    Every change is of pairs: ``before[k].values[i]`` and ``after[k].values[i]`` are of one question. Tango's
    interval for yes/no scores, on effective counts, and cluster-robust t for graded ones, at Šidák's level
    for twice as many intervals as groups; the difference of two changes by MOVER.

    Raises:
        ValueError: fewer than two groups, an empty one, unequal lengths, or values outside [0, 1].
    """
    if len(before) < 2:
        raise ValueError("nobody is behind anybody with fewer than two groups")
    level = sidak_confidence(confidence, 2 * len(before))
    found = []
    for k in range(len(before)):
        others = [i for i in range(len(before)) if i != k]
        own = _change(before[k], after[k], level)
        rest = _change(_pooled(before, others), _pooled(after, others), level)
        found.append(Behind(*own, rest[0] - own[0], _apart(rest, own)))
    return found


def _apart(one: tuple[float, Interval], other: tuple[float, Interval]) -> Interval:
    """Interval for one figure minus another, from their own intervals (MOVER, as if independent)."""
    (first, ends), (second, other_ends) = one, other
    low = math.hypot(first - ends.low, other_ends.high - second)
    high = math.hypot(ends.high - first, second - other_ends.low)
    return Interval(max(first - second - low, -2.0), min(first - second + high, 2.0))


def _pooled(groups: Sequence[Group], chosen: Sequence[int]) -> Group:
    """Some groups as one."""
    return Group(
        np.concatenate([groups[i].values for i in chosen]),
        np.concatenate([groups[i].clusters for i in chosen]),
        sum(groups[i].unscored for i in chosen),
    )


def _change(before: Group, after: Group, level: float) -> tuple[float, Interval]:
    """Mean paired change and its interval; the change of an unscored pair may be anything in [-1, 1]."""
    first, second = (np.asarray(group.values, dtype=np.float64) for group in (before, after))
    n = first.size
    if n == 0 or second.size != n:
        raise ValueError("a group needs scored pairs, as many after as before")
    if min(first.min(), second.min()) < 0.0 or max(first.max(), second.max()) > 1.0:
        raise ValueError("scores must lie in [0, 1]")
    changes = second - first
    if np.isin(first, (0.0, 1.0)).all() and np.isin(second, (0.0, 1.0)).all():
        effect = design_effect(changes, before.clusters, confidence=level).effect
        n11, n10, n01, n00 = (int(((first == a) & (second == b)).sum()) / effect for a, b in _CELLS)
        found = tango_interval(n11, n10, n01, n00, level)
    else:
        found = cluster_mean_interval(changes, before.clusters, level, bounds=(-1.0, 1.0))
    kept = n / (n + after.unscored)
    open_share = 1.0 - kept
    return float(changes.mean()), Interval(found.low * kept - open_share, found.high * kept + open_share)


_CELLS = ((1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0))


def _interval(group: Group, level: float, of_counts: Callable[[float, float, float], Interval]) -> Interval:
    values = np.asarray(group.values, dtype=np.float64)
    n = values.size
    if n == 0:
        raise ValueError("a group has no scored observations")
    if values.min() < 0.0 or values.max() > 1.0:
        raise ValueError("scores must lie in [0, 1]")
    if np.isin(values, (0.0, 1.0)).all():
        effective = design_effect(values, group.clusters, confidence=level).effective_n
        found = of_counts(float(values.mean()) * effective, effective, level)
    else:
        found = cluster_mean_interval(values, group.clusters, level, bounds=(0.0, 1.0))
    kept = n / (n + group.unscored)
    return Interval(found.low * kept, found.high * kept + 1.0 - kept)


def _difference(means: Array, intervals: Sequence[Interval], i: int, j: int, correlation: float) -> Interval:
    """Interval for mean i minus mean j (Zou and Donner 2008, equation 9)."""
    down_i, up_i = means[i] - intervals[i].low, intervals[i].high - means[i]
    down_j, up_j = means[j] - intervals[j].low, intervals[j].high - means[j]
    low = down_i**2 + up_j**2 - 2.0 * correlation * down_i * up_j
    high = up_i**2 + down_j**2 - 2.0 * correlation * up_i * down_j
    difference = float(means[i] - means[j])
    return Interval(
        max(difference - math.sqrt(max(low, 0.0)), -1.0), min(difference + math.sqrt(max(high, 0.0)), 1.0)
    )


def _correlations(groups: Sequence[Group]) -> Array:
    """Correlations of the groups' means through the clusters that they share; 0 where those are few.

    From the sums of residuals of each cluster, as cluster-robust covariances are. Fewer than `_FEWEST_SHARED`
    shared clusters tell no correlation: 0 is then on the safe side of what twins have.
    """
    codes = np.unique(np.concatenate([group.clusters for group in groups]))
    sums = np.zeros((len(groups), codes.size))
    present = np.zeros((len(groups), codes.size), dtype=bool)
    for row, group in enumerate(groups):
        values = np.asarray(group.values, dtype=np.float64)
        place = np.searchsorted(codes, group.clusters)
        sums[row] = np.bincount(place, weights=values - values.mean(), minlength=codes.size)
        present[row, place] = True
    covariance = sums @ sums.T
    spread = np.sqrt(np.diag(covariance))
    scale = np.outer(spread, spread)
    correlation = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0.0)
    shared = present.astype(np.int64) @ present.T.astype(np.int64)
    return np.where(shared >= _FEWEST_SHARED, np.clip(correlation, 0.0, 1.0), 0.0)


_FEWEST_SHARED = 20


def as_group(values: ArrayLike, clusters: ArrayLike, unscored: int = 0) -> Group:
    """A group of array-likes."""
    return Group(np.asarray(values, dtype=np.float64), np.asarray(clusters, dtype=np.int64), unscored)
