"""Means corrected by people's labels on a part of the items: prediction-powered inference (PPI++).

A judge reads every item, people read some. The judge's mean is corrected by how far it was off where people
looked, and the judge is trusted only as far as it helps (the power tuning λ): with λ = 0 nothing but people's
labels count. So the interval holds whatever the judge does, also if it errs more on one model than on the
other. Angelopoulos, Duchi and Zrnic (2023), "PPI++: efficient prediction-powered inference",
arXiv:2311.01453; for labelled items drawn from the judged ones themselves, as here, it is the difference
estimator of two-phase sampling (Särndal, Swensson and Wretman 1992, ch. 9).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelassay.statistics.clusters import Moments, cluster_moments
from modelassay.statistics.distributions import check_confidence, student_quantile
from modelassay.statistics.intervals import Interval

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
Flags = NDArray[np.bool_]


class CorrectedMean(NamedTuple):
    """A mean with its interval."""

    mean: float
    interval: Interval
    variance: float
    """Of the mean."""
    tuning: float
    """λ in [0, 1]: how far the judge is trusted; 0 is people's labels alone."""


class CorrectedPairs(NamedTuple):
    """Values per pair of answers: their plain means are the corrected rates, their spread is the error."""

    baseline: Array
    candidate: Array
    labelled: Flags
    """Pairs of which people read both answers."""
    tuning: float
    """λ in [0, 1], tuned for the difference of the two."""


def ppi_mean(
    people: ArrayLike,
    judged: ArrayLike,
    judged_only: ArrayLike,
    confidence: float = 0.95,
    *,
    weights: ArrayLike | None = None,
    tuning: float | None = None,
) -> CorrectedMean:
    """The mean of people's labels over all items, from labels on some and a judge's reading of all.

    θ = λ·mean(F′) + Σw(Y − λF)/Σw with variance λ²·Var(F′)/N + Σw²(r − r̄)²/(Σw)², r = Y − λF; the default λ
    is Cov(Y, F) / ((1 + n/N)·Var(F)), kept within 0 and 1. Both moments are those of the labelled items: with
    the variance over all items λ would follow the labels' own mean, and with few labels and a good judge the
    interval would hold 92 % in place of 95 %.

    Args:
        people: labels Y of the labelled items, shape ``[n]``.
        judged: the judge's readings F of the same items.
        judged_only: its readings F′ of the items that nobody labelled, shape ``[N]``.
        confidence: two-sided level; the interval is Student's with n − 1 degrees of freedom.
        weights: inverse inclusion probabilities of the labelled items, where they were not drawn alike.
        tuning: λ, in place of the tuned one.

    Raises:
        ValueError: shapes differ, a value is not finite, a weight is not positive, or a bad confidence.
    """
    check_confidence(confidence)
    y, f, rest = (np.asarray(each, np.float64) for each in (people, judged, judged_only))
    w = np.ones_like(y) if weights is None else np.asarray(weights, np.float64)
    if y.ndim != 1 or f.shape != y.shape or w.shape != y.shape or rest.ndim != 1:
        raise ValueError("need one reading and one weight for each label")
    if not all(np.isfinite(each).all() for each in (y, f, rest, w)) or (w <= 0.0).any():
        raise ValueError("labels and readings must be finite, weights positive")
    if y.size < 2:
        return CorrectedMean(float(y.mean()) if y.size else 0.0, Interval(-math.inf, math.inf), math.inf, 0.0)
    share = w / w.sum()
    if tuning is None:
        tuning = _tuned_mean(y, f, rest, share)
    residual = y - tuning * f
    off = float(share @ residual)
    n = y.size
    variance = float(np.square(share) @ np.square(residual - off)) * n / (n - 1)
    mean = off
    if rest.size:
        mean += tuning * float(rest.mean())
        variance += tuning**2 * float(rest.var()) / rest.size
    half = student_quantile(0.5 + 0.5 * confidence, n - 1) * math.sqrt(variance)
    return CorrectedMean(mean, Interval(mean - half, mean + half), variance, tuning)


def _tuned_mean(y: Array, f: Array, rest: Array, share: Array) -> float:
    if rest.size == 0:
        return 0.0
    from_mean = f - share @ f
    together, spread = float(share @ ((y - share @ y) * from_mean)), float(share @ from_mean**2)
    return _within_one(together, (1.0 + y.size / rest.size) * spread)


def corrected_pairs(
    judged: tuple[ArrayLike, ArrayLike],
    people: tuple[ArrayLike, ArrayLike],
    strata: ArrayLike,
    clusters: ArrayLike,
) -> CorrectedPairs:
    """Correct a judge's readings of pairs by people's labels on some of them.

    Within a stratum every pair had the same chance to be labelled; strata may differ, and the inverse of that
    chance weighs what people found. A pair's value is λF + r̄ₛ + (I/πₛ)(r − r̄ₛ) with r = Y − λF, πₛ the
    labelled share of its stratum and I whether it is labelled: their mean over all pairs is the stratified
    difference estimator, and over a slice is unbiased too. One λ serves both models; it minimises the
    variance of the difference.

    Args:
        judged: the judge's readings of baseline and candidate, each of shape ``[pairs]``, none missing.
        people: labels of the same answers, NaN where nobody read them.
        strata: whole-number codes, fixed before anything was labelled.
        clusters: whole-number codes of pairs that are not independent.

    Raises:
        ValueError: shapes differ.
    """
    readings = np.stack([np.asarray(each, np.float64) for each in judged])
    labels = np.stack([np.asarray(each, np.float64) for each in people])
    stratum = np.unique(np.asarray(strata), return_inverse=True)[1]
    if readings.shape != labels.shape or stratum.shape != readings.shape[1:]:
        raise ValueError("need two readings, two labels and a stratum for each pair")
    labelled: Flags = np.asarray(np.isfinite(labels).all(axis=0), np.bool_)
    labels = np.where(labelled, labels, 0.0)
    chance = _chance(stratum, labelled)
    own = np.stack([_spread_out(each, stratum, labelled, chance) for each in labels])
    help_ = readings - np.stack([_spread_out(each, stratum, labelled, chance) for each in readings])
    tuning = _tuned(own[1] - own[0], help_[1] - help_[0], np.asarray(clusters))
    baseline, candidate = own + tuning * help_
    return CorrectedPairs(baseline, candidate, labelled, tuning)


def corrected_moments(pairs: CorrectedPairs, clusters: ArrayLike, rows: ArrayLike | None = None) -> Moments:
    """The corrected means of both models over `rows` (all if absent), with their covariance.

    The clusters that count are those with a label: the error is that of the labels, not of the judged pairs.

    Raises:
        ValueError: shapes differ, or codes are not whole.
    """
    codes = np.asarray(clusters)
    at = np.arange(codes.size) if rows is None else np.asarray(rows)
    moments = cluster_moments(pairs.baseline[at], pairs.candidate[at], codes[at])
    return moments._replace(clusters=int(np.unique(codes[at][pairs.labelled[at]]).size))


def _chance(stratum: Codes, labelled: Flags) -> Array:
    """The labelled share of each pair's stratum."""
    sizes = np.bincount(stratum).astype(np.float64)
    return np.asarray((np.bincount(stratum, weights=labelled) / sizes)[stratum], np.float64)


def _spread_out(values: Array, stratum: Codes, labelled: Flags, chance: Array) -> Array:
    """v̄ₛ + (I/πₛ)(v − v̄ₛ): each pair's part in the stratified mean of the labelled `values`.

    A stratum without a label takes the weighted mean of the others.
    """
    counts = np.bincount(stratum, weights=labelled)
    sums = np.bincount(stratum, weights=np.where(labelled, values, 0.0))
    inverse = np.divide(1.0, chance, out=np.zeros_like(chance), where=labelled & (chance > 0.0))
    overall = float(inverse @ values) / max(float(inverse.sum()), 1.0)
    means = np.where(counts > 0.0, sums / np.maximum(counts, 1.0), overall)[stratum]
    return np.asarray(means + inverse * (values - means), np.float64)


def _tuned(own: Array, help_: Array, clusters: NDArray[np.generic]) -> float:
    """λ of least variance for the mean of own + λ·help, clusters taken as wholes."""
    codes = np.unique(clusters, return_inverse=True)[1]
    first, second = (np.bincount(codes, weights=each - each.mean()) for each in (own, help_))
    return _within_one(-float(first @ second), float(second @ second))


def _within_one(part: float, whole: float) -> float:
    return min(max(part / whole, 0.0), 1.0) if whole > 1e-12 else 0.0
