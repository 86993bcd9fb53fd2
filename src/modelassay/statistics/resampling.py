"""Bounds from resampling whole clusters: bootstrap, sign flips, and all slices at once.

Everything is about a ratio of two sums over clusters, θ = Σ numerator_g / Σ denominator_g: with denominators
the sizes a mean, with denominators the baseline's sums a relative drop.

Draws come from the raw 64-bit stream of PCG64, which numpy keeps the same over its versions, so a third party
who has the seed repeats every figure.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelassay.statistics.distributions import check_confidence, normal_quantile
from modelassay.statistics.intervals import Interval

Floats = NDArray[np.float64]

FEW_CLUSTERS = 20
"""With fewer clusters the bootstrap is too narrow, and sign flips, which are exact, take its place."""
_AT_ONCE = 2_000_000
_TINY = 1e-12


class SimultaneousBounds(NamedTuple):
    """One-sided bounds of several ratios that hold together, each side for itself."""

    values: Floats
    """Estimates, shape ``[slices]``."""
    low: Floats
    high: Floats
    worst: int
    """Slice with the largest estimate."""
    low_critical: float
    """Multiple of the standard error below an estimate."""
    high_critical: float


def cluster_sums(values: ArrayLike, clusters: ArrayLike) -> Floats:
    """Sums of `values` within clusters, in the order of the clusters' codes; shape ``[clusters]``.

    Raises:
        ValueError: shapes differ.
    """
    x, codes = np.asarray(values, dtype=np.float64), np.asarray(clusters)
    if x.ndim != 1 or x.shape != codes.shape:
        raise ValueError(f"need one cluster code per value: {x.shape} and {codes.shape}")
    places = np.unique(codes, return_inverse=True)[1]
    return np.bincount(places, weights=x).astype(np.float64)


def resampled_ratio_bounds(
    numerator: ArrayLike,
    denominator: ArrayLike,
    confidence: float,
    *,
    repetitions: int = 2000,
    seed: int = 1,
) -> Interval:
    """One-sided bounds, each at `confidence`, of Σ numerator / Σ denominator from sums of clusters.

    From `FEW_CLUSTERS` clusters on the BCa bootstrap over clusters, with fewer exact sign flips
    (`sign_flip_ratio_bounds`).

    Args:
        numerator: sum of each cluster, shape ``[clusters]``.
        denominator: likewise, not negative.
        confidence: of each bound.
        repetitions: of the bootstrap, at least 100.
        seed: of the bootstrap.

    Raises:
        ValueError: shapes differ, a negative denominator, or too few repetitions.
    """
    over, under = _checked(numerator, denominator, confidence)
    if over.size < FEW_CLUSTERS:
        return sign_flip_ratio_bounds(over, under, confidence)
    return bootstrap_ratio_bounds(over, under, confidence, repetitions=repetitions, seed=seed)


def bootstrap_ratio_bounds(
    numerator: ArrayLike,
    denominator: ArrayLike,
    confidence: float,
    *,
    repetitions: int = 2000,
    seed: int = 1,
) -> Interval:
    """BCa bootstrap over clusters (Efron 1987, Journal of the American Statistical Association 82, 171–185).

    Clusters are drawn with replacement by multinomial weights, both models' answers together. Where no
    cluster differs from another both bounds are the estimate, which says nothing of what was not seen.
    Arguments and errors are those of `resampled_ratio_bounds`; without a denominator it is the whole line.
    """
    over, under = _checked(numerator, denominator, confidence)
    if repetitions < 100:
        raise ValueError(f"at least 100 repetitions are needed, not {repetitions}")
    if over.size < 2 or under.sum() <= 0.0:
        return Interval(-math.inf, math.inf)
    estimate = over.sum() / under.sum()
    drawn = resampled_totals(over.size, repetitions, seed, np.stack([over, under], axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(drawn[:, 1] > 0.0, drawn[:, 0] / drawn[:, 1], estimate)
    bias = _bias(ratios, float(estimate))
    skew = _acceleration(over, under)
    ordered = np.sort(ratios)
    ends = [_bca_rank(p, bias, skew) for p in (1.0 - confidence, confidence)]
    places = [min(max(math.floor(end * repetitions), 0), repetitions - 1) for end in ends]
    places[1] = min(max(math.ceil(ends[1] * repetitions) - 1, 0), repetitions - 1)
    return Interval(float(ordered[places[0]]), float(ordered[places[1]]))


def sign_flip_ratio_bounds(numerator: ArrayLike, denominator: ArrayLike, confidence: float) -> Interval:
    """Bounds that an exact sign-flip test over clusters does not reject, for at most 20 clusters.

    Residuals numerator − θ·denominator of clusters are taken as symmetric about 0, so that every pattern of
    signs is equally likely; θ is then equally likely in each of the gaps between the ratios of all subsets of
    clusters (Hartigan 1969, Journal of the American Statistical Association 64, 1303–1317). All 2^G − 1 of
    them are computed. Infinite where so few clusters can show nothing at this confidence.

    Raises:
        ValueError: more than 20 clusters; otherwise as `resampled_ratio_bounds`.
    """
    over, under = _checked(numerator, denominator, confidence)
    groups = over.size
    if groups > FEW_CLUSTERS:
        raise ValueError(f"sign flips are counted for at most {FEW_CLUSTERS} clusters, not {groups}")
    sums = np.zeros((1, 2))
    for each in np.stack([over, under], axis=1):
        sums = np.concatenate([sums, sums + each])
    subsets = sums[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        # Of clusters without a denominator the sign of the numerator alone counts, at every θ.
        alone = np.where(subsets[:, 0] > 0.0, np.inf, -np.inf)
        ratios = np.sort(np.where(subsets[:, 1] > 0.0, subsets[:, 0] / subsets[:, 1], alone))
    gaps = 2.0**groups
    last = math.ceil(confidence * gaps - _TINY * gaps)
    first = math.floor((1.0 - confidence) * gaps + _TINY * gaps)
    high = float(ratios[last - 1]) if last <= ratios.size else math.inf
    low = float(ratios[first - 1]) if first >= 1 else -math.inf
    return Interval(low, high)


def simultaneous_ratio_bounds(
    numerators: ArrayLike,
    denominators: ArrayLike,
    confidence: float,
    *,
    repetitions: int = 2000,
    seed: int = 1,
) -> SimultaneousBounds:
    """Bounds of the ratios of several slices that all hold together: studentised bootstrap, max-t.

    All slices are resampled by the same draws of clusters, so clusters that reach over several slices tie
    them together as they do in truth (Romano and Wolf 2005, Econometrica 73, 1237–1282). The largest true
    ratio is then at least ``low.max()`` and at most ``high.max()``, each with `confidence`. One differing
    pair more than was seen is counted into every standard error, lest a slice without change be certain.

    Args:
        numerators: sums by cluster and slice, shape ``[clusters, slices]``, 0 where a cluster has no part.
        denominators: likewise, none negative.
        confidence: of each side.
        repetitions: at least 100.
        seed: of the draws.

    Raises:
        ValueError: shapes differ, a negative denominator, a slice without denominator, too few repetitions.
    """
    check_confidence(confidence)
    over, under = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    if over.ndim != 2 or over.shape != under.shape or not over.size:
        raise ValueError(f"need sums by cluster and slice, not {over.shape} and {under.shape}")
    if repetitions < 100 or (under < 0.0).any() or not (under.sum(axis=0) > 0.0).all():
        raise ValueError("every slice needs a denominator, none negative, and 100 repetitions at least")
    slices = over.shape[1]
    values = over.sum(axis=0) / under.sum(axis=0)
    columns = np.hstack([over, under, over**2, over * under, under**2])
    drawn = resampled_totals(over.shape[0], repetitions, seed, columns)
    unseen = _unseen(under)
    errors = _standard_errors(columns.sum(axis=0)[np.newaxis], slices, unseen)[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = _standard_errors(drawn, slices, unseen)
        again = drawn[:, :slices] / drawn[:, slices : 2 * slices]
        t = np.where(drawn[:, slices : 2 * slices] > 0.0, (again - values) / spread, 0.0)
    low_critical, high_critical = (
        float(np.quantile(each, confidence, method="higher")) for each in (t.max(axis=1), (-t).max(axis=1))
    )
    return SimultaneousBounds(
        values,
        values - low_critical * errors,
        values + high_critical * errors,
        int(values.argmax()),
        low_critical,
        high_critical,
    )


def _checked(numerator: ArrayLike, denominator: ArrayLike, confidence: float) -> tuple[Floats, Floats]:
    check_confidence(confidence)
    over, under = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    if over.ndim != 1 or over.shape != under.shape:
        raise ValueError(f"need one denominator per numerator: {over.shape} and {under.shape}")
    if not (np.isfinite(over).all() and np.isfinite(under).all() and (under >= 0.0).all()):
        raise ValueError("sums must be finite, and denominators not negative")
    return over, under


def resampled_totals(groups: int, repetitions: int, seed: int, columns: Floats) -> Floats:
    """Totals of `columns` [groups, k] over clusters drawn with replacement, shape ``[repetitions, k]``."""
    bits = np.random.PCG64(seed)
    found = np.empty((repetitions, columns.shape[1]))
    step = max(1, _AT_ONCE // groups)
    for start in range(0, repetitions, step):
        rows = min(step, repetitions - start)
        raw = np.asarray(bits.random_raw(rows * groups), dtype=np.uint64) >> np.uint64(11)
        chosen = np.minimum((raw * (groups * 2.0**-53)).astype(np.int64), groups - 1)
        chosen += np.repeat(np.arange(rows) * groups, groups)
        weights = np.bincount(chosen, minlength=rows * groups).reshape(rows, groups)
        found[start : start + rows] = weights.astype(np.float64) @ columns
    return found


def _bias(ratios: Floats, estimate: float) -> float:
    """The normal quantile of the share of draws under the estimate, ties halved."""
    slack = _TINY * max(1.0, abs(estimate))
    below = float(np.mean(ratios < estimate - slack) + 0.5 * np.mean(np.abs(ratios - estimate) <= slack))
    edge = 0.5 / ratios.size
    return normal_quantile(min(max(below, edge), 1.0 - edge))


def _acceleration(over: Floats, under: Floats) -> float:
    """Skewness of the estimate by leaving one cluster out."""
    left = under.sum() - under
    if (left <= 0.0).any():
        return 0.0
    ratios = (over.sum() - over) / left
    from_mean = ratios.mean() - ratios
    scale = float((from_mean**2).sum()) ** 1.5
    return float((from_mean**3).sum()) / (6.0 * scale) if scale > 0.0 else 0.0


def _bca_rank(probability: float, bias: float, skew: float) -> float:
    shifted = bias + normal_quantile(probability)
    inner = 1.0 - skew * shifted
    # Beyond its pole the correction would turn back on itself; the extreme draw is the answer there.
    z = bias + shifted / inner if inner > 0.0 else math.copysign(math.inf, shifted)
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def _unseen(under: Floats) -> Floats:
    """Square of what one more differing pair would add to a slice: the sum over clusters has it once.

    A pair adds 1; in clusters it adds what a whole cluster would, of the size that a pair is in on average
    (measured in the denominator, where at most one counts a pair).
    """
    sizes = (under**2).sum(axis=0) / under.sum(axis=0)
    return np.asarray(np.maximum(sizes, 1.0) ** 2, dtype=np.float64)


def _standard_errors(sums: Floats, slices: int, unseen: Floats) -> Floats:
    """Cluster-robust standard errors of the ratios from sums of x, y, x², xy, y² by slice."""
    x, y, xx, xy, yy = (sums[:, i * slices : (i + 1) * slices] for i in range(5))
    ratio = x / y
    squares = np.maximum(xx - 2.0 * ratio * xy + ratio**2 * yy, 0.0)
    return np.asarray(np.sqrt(squares + unseen) / y, dtype=np.float64)
