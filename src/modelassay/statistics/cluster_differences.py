"""The difference of two means over observations that come in clusters, such as rollouts of one task.

Clusters may hold both kinds of observations, and observations of one cluster may depend on each other.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from modelassay.statistics.distributions import check_confidence, student_quantile
from modelassay.statistics.intervals import Interval


class MeanDifference(NamedTuple):
    """Mean of those of a kind less the mean of the others."""

    value: float
    interval: Interval
    with_it: float
    """Mean of those of the kind."""
    without: float
    clusters: int
    """Clusters of the kind, or of the others, whichever are fewer."""


def cluster_mean_difference(
    x: ArrayLike, kind: ArrayLike, clusters: ArrayLike, confidence: float = 0.95
) -> MeanDifference:
    """Mean of `x` where `kind` less the mean elsewhere, with a cluster-robust interval.

    The variance is CR1 of the regression of `x` on `kind` (Liang and Zeger 1986), t has one degree of freedom
    less than there are clusters of the rarer kind. With fewer than two of those, or none of a kind, the
    interval has no ends.

    Args:
        x: observations, finite, shape ``[n]``.
        kind: whether each is of the kind.
        clusters: whole-number codes; only equality matters.

    Raises:
        ValueError: shapes differ, values are not finite, or a bad confidence.
    """
    check_confidence(confidence)
    values, chosen = np.asarray(x, np.float64), np.asarray(kind, np.bool_)
    codes = np.asarray(clusters)
    if values.ndim != 1 or not values.shape == chosen.shape == codes.shape:
        raise ValueError("need one kind and one cluster code per observation")
    if not np.isfinite(values).all():
        raise ValueError("observations must be finite")
    if chosen.all() or not chosen.any():
        return MeanDifference(0.0, Interval(-math.inf, math.inf), 0.0, 0.0, 0)
    first, second = float(values[chosen].mean()), float(values[~chosen].mean())
    place = np.unique(codes, return_inverse=True)[1]
    fewer = min(len(np.unique(place[chosen])), len(np.unique(place[~chosen])))
    if fewer < 2:
        return MeanDifference(first - second, Interval(-math.inf, math.inf), first, second, fewer)
    scores = np.where(chosen, (values - first) / chosen.sum(), -(values - second) / (~chosen).sum())
    sums = np.bincount(place, weights=scores)
    error = math.sqrt(float(sums @ sums) * len(sums) / (len(sums) - 1.0))
    half = student_quantile(0.5 + 0.5 * confidence, fewer - 1) * error
    value = first - second
    return MeanDifference(value, Interval(value - half, value + half), first, second, fewer)
