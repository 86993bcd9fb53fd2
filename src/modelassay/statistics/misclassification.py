"""How often a judge errs, and what its errors do to a rate that it reads."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelassay.statistics.agreement import cohen_kappa_of_tables
from modelassay.statistics.distributions import check_confidence, two_sided_z
from modelassay.statistics.intervals import Interval, clopper_pearson_interval

Array = NDArray[np.float64]
_BATCH_CELLS = 2_000_000


class Share(NamedTuple):
    """A figure with its interval."""

    value: float
    interval: Interval


class JudgeAgreement(NamedTuple):
    """How a judge's yes/no readings agree with people's."""

    n: int
    positives: int
    """Items that people call positive."""
    kappa: Share
    """Cohen's kappa; 0 is chance."""
    f1: Share
    """2·TP / (2·TP + FP + FN); misleading where most items are positive."""
    sensitivity: Share
    """Share of the positive items that the judge calls so."""
    specificity: Share
    """Share of the other items that the judge calls other."""


def judge_agreement(
    people: ArrayLike,
    judge: ArrayLike,
    clusters: ArrayLike | None = None,
    confidence: float = 0.95,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> JudgeAgreement:
    """Kappa, F1, sensitivity and specificity, with percentile intervals from resampling whole clusters.

    Efron (1979); one set of resamples serves all four. A figure that is not defined (no positive item) is 0
    with the widest interval; so is every interval with fewer than two clusters.

    Args:
        people: 0 or 1, shape ``[items]``.
        judge: 0 or 1, the same items.
        clusters: codes or names of items that belong together, such as prompts.
        confidence: two-sided level.
        resamples: bootstrap resamples.
        seed: of the resampling.

    Raises:
        ValueError: shapes differ, labels other than 0 and 1, or a bad confidence.
    """
    check_confidence(confidence)
    theirs, ours = np.asarray(people), np.asarray(judge)
    if theirs.ndim != 1 or theirs.shape != ours.shape or not np.isin([*theirs, *ours], (0, 1)).all():
        raise ValueError("need the same items from both, each 0 or 1")
    codes = np.arange(theirs.size) if clusters is None else np.asarray(clusters)
    if codes.shape != theirs.shape:
        raise ValueError(f"need one cluster per item: {theirs.shape} and {codes.shape}")
    groups, codes = np.unique(codes, return_inverse=True)
    tables = np.zeros((groups.size, 4))
    np.add.at(tables, (codes, 2 * theirs.astype(np.intp) + ours.astype(np.intp)), 1.0)
    values = _figures(tables.sum(axis=0)[np.newaxis])[0]
    lows, highs = _bounds(tables, confidence, resamples, seed)
    shares = (
        Share(float(v), Interval(float(a), float(b))) for v, a, b in zip(values, lows, highs, strict=True)
    )
    return JudgeAgreement(int(theirs.size), int(theirs.sum()), *shares)


def informedness(
    sensitivity: Share, specificity: Share, positives: int, negatives: int, confidence: float = 0.95
) -> Share:
    """Sensitivity + specificity - 1 (Youden, 1950) with its interval: 0 is a judge that tells nothing.

    The two are of different items, so their intervals combine by the square-and-add rule (Newcombe, 1998).
    Each is taken at least as wide as Clopper and Pearson's of its items: resampling a handful of items that
    all agree gives an interval without width.

    Args:
        sensitivity: with its interval at `confidence`; likewise `specificity`.
        specificity: see there.
        positives: items that people call positive; likewise `negatives`.
        negatives: see there.
        confidence: two-sided level.
    """
    below = above = 0.0
    for share, items in ((sensitivity, positives), (specificity, negatives)):
        exact = clopper_pearson_interval(share.value * items, items, confidence)
        below += (share.value - min(share.interval.low, exact.low)) ** 2
        above += (max(share.interval.high, exact.high) - share.value) ** 2
    value = sensitivity.value + specificity.value - 1.0
    ends = Interval(max(-1.0, value - math.sqrt(below)), min(1.0, value + math.sqrt(above)))
    return Share(value, ends)


_WIDEST = np.array([[-1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])


def _bounds(tables: Array, confidence: float, resamples: int, seed: int) -> tuple[Array, Array]:
    """Ends of the intervals, shape ``[2, figures]``."""
    groups = tables.shape[0]
    if groups < 2:
        return _WIDEST[0], _WIDEST[1]
    generator = np.random.default_rng(seed)
    batch = max(1, _BATCH_CELLS // groups)
    estimates = [
        _figures(generator.multinomial(groups, np.full(groups, 1.0 / groups), size=size) @ tables)
        for start in range(0, resamples, batch)
        for size in (min(batch, resamples - start),)
    ]
    tail = 0.5 * (1.0 - confidence)
    low, high = np.quantile(np.concatenate(estimates), [tail, 1.0 - tail], axis=0)
    negatives, positives = tables[:, :2].sum(), tables[:, 2:].sum()
    defined = np.array([min(negatives, positives) > 0, positives > 0, positives > 0, negatives > 0])
    return np.where(defined, low, _WIDEST[0]), np.where(defined, high, _WIDEST[1])


def _figures(counts: Array) -> Array:
    """Kappa, F1, sensitivity, specificity of tables [tables, (TN, FP, FN, TP)]; 0 where not defined."""
    tn, fp, fn, tp = counts.T

    def share(part: Array, whole: Array) -> Array:
        return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0.0)

    kappa = cohen_kappa_of_tables(counts.reshape(-1, 2, 2))
    return np.stack([kappa, share(2 * tp, 2 * tp + fp + fn), share(tp, tp + fn), share(tn, tn + fp)], axis=1)


class TrueRate(NamedTuple):
    """A rate corrected for a judge's errors."""

    value: float
    """As it comes out: outside [0, 1] it says that the assumed errors do not fit these items."""
    interval: Interval


def rogan_gladen(
    positive: float,
    n: float,
    sensitivity: tuple[float, float],
    specificity: tuple[float, float],
    confidence: float = 0.95,
) -> TrueRate:
    """The true rate behind an apparent one: (p + Sp − 1) / (Se + Sp − 1), never clamped.

    Rogan and Gladen (1978), American Journal of Epidemiology 107, 71–76; interval by the delta method with
    the errors of sensitivity and specificity. A diagnostic, not a correction: it assumes that the judge errs
    here as where it was measured.

    Args:
        positive: items that the judge calls positive.
        n: items.
        sensitivity: its value and the number of positive items it was measured on.
        specificity: its value and the number of other items it was measured on.
        confidence: two-sided level.

    Returns:
        The rate; 0 with the whole line as interval when the judge tells nothing (Se + Sp ≤ 1) or n is 0.

    Raises:
        ValueError: shares outside [0, 1], negative counts, or a bad confidence.
    """
    check_confidence(confidence)
    (se, of_positive), (sp, of_other) = sensitivity, specificity
    if not (0 <= se <= 1 and 0 <= sp <= 1 and 0 <= positive <= n and min(of_positive, of_other) >= 0):
        raise ValueError("shares must lie in [0, 1], counts must not be negative")
    information = se + sp - 1.0
    if information <= 0.0 or min(n, of_positive, of_other) <= 0.0:
        return TrueRate(0.0, Interval(-math.inf, math.inf))
    apparent = positive / n
    rate = (apparent + sp - 1.0) / information
    variance = (
        apparent * (1.0 - apparent) / n
        + rate**2 * se * (1.0 - se) / of_positive
        + (1.0 - rate) ** 2 * sp * (1.0 - sp) / of_other
    ) / information**2
    half = two_sided_z(confidence) * math.sqrt(variance)
    return TrueRate(rate, Interval(rate - half, rate + half))
