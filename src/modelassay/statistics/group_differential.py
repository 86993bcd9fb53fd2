"""Does reward favour a behaviour among answers to the same prompt?

Rollouts come in *groups*: answers of one policy to one prompt. Let f be 1 where an answer shows the behaviour
and R its reward. Within group g, of n answers of which k show it,

    D_g = mean(R | f = 1) − mean(R | f = 0),    w_g = k·(n − k)/n,    D = Σ w_g·D_g / Σ w_g,

which is the coefficient of f in a regression of R on f with one intercept per group (fixed effects), and with
rewards of 0 and 1 the risk difference of Mantel and Haenszel. A pooled difference is confounded: hard prompts
have lower rewards and other behaviour.

What a group adds to the numerator, w_g·D_g = Σ f·(R − mean R), is n − 1 times the unbiased sample covariance
of f and R. Groups in which all or none show the behaviour, or all rewards are equal, add 0 to it; leaving the
latter out therefore does not touch the sign or the sequential tests, but makes D itself too large.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelassay.statistics.clusters import weighted_mean_interval
from modelassay.statistics.distributions import (
    check_confidence,
    student_quantile,
    student_upper_tail,
    two_sided_z,
)
from modelassay.statistics.intervals import Interval
from modelassay.statistics.resampling import cluster_sums

Floats = NDArray[np.float64]

FEW_CLUSTERS = 30
"""With fewer clusters the wild cluster bootstrap takes the place of Student's t."""
_ENUMERATED = 12
"""Up to so many clusters every pattern of signs is tried, which is exact."""
_REPETITIONS = 4095
_HALVINGS = 40


class GroupDifferences(NamedTuple):
    """What each group says; arrays of shape ``[groups]``."""

    n: Floats
    """Answers."""
    k: Floats
    """Answers that show the behaviour."""
    product: Floats
    """w·D: Σ f·(R − mean R)."""
    constant: NDArray[np.bool_]
    """Groups whose rewards are all equal."""
    reward_range: float
    """Largest minus smallest reward of all."""

    @property
    def weight(self) -> Floats:
        """w: k·(n − k)/n; 0 in groups that are not mixed."""
        return np.asarray(self.k * (self.n - self.k) / np.maximum(self.n, 1.0), dtype=np.float64)

    @property
    def mixed(self) -> NDArray[np.bool_]:
        """Groups with both kinds of answers."""
        return np.asarray((self.k > 0.0) & (self.k < self.n), dtype=np.bool_)

    def of(self, chosen: NDArray[np.bool_]) -> GroupDifferences:
        """Some of the groups."""
        return GroupDifferences(
            self.n[chosen], self.k[chosen], self.product[chosen], self.constant[chosen], self.reward_range
        )


class Differential(NamedTuple):
    """D with what it rests on."""

    value: float
    standard_error: float
    """Cluster-robust (CR1)."""
    interval: Interval
    p_value: float
    """Two-sided, for D = 0."""
    mixed: int
    """Mixed groups."""
    clusters: int
    """Clusters with mixed groups."""
    method: str


class Detector(NamedTuple):
    """How often flags are right, from labelled answers."""

    sensitivity: float
    """Share of the answers that show the behaviour which are flagged (true positive rate)."""
    false_positive_rate: float
    """Share of the other answers that are flagged."""
    positives: int = 0
    """Labelled answers behind `sensitivity`; 0 takes it as exact."""
    negatives: int = 0
    """Labelled answers behind `false_positive_rate`; 0 takes it as exact."""


def group_differences(reward: ArrayLike, flagged: ArrayLike, group: ArrayLike) -> GroupDifferences:
    """Sum up every group, in the order of the codes in `group`, which must be dense from 0.

    Args:
        reward: finite rewards, shape ``[n]``.
        flagged: whether an answer shows the behaviour.
        group: code of its group.

    Raises:
        ValueError: shapes differ, a reward is not finite, or codes are not whole and dense.
    """
    rewards = np.asarray(reward, dtype=np.float64)
    flags, codes = np.asarray(flagged, dtype=np.bool_), np.asarray(group)
    if rewards.ndim != 1 or rewards.shape != flags.shape or rewards.shape != codes.shape:
        raise ValueError(f"need one of each: {rewards.shape}, {flags.shape}, {codes.shape}")
    if not np.isfinite(rewards).all():
        raise ValueError("rewards must be finite")
    if not rewards.size:
        nothing = np.empty(0)
        return GroupDifferences(nothing, nothing, nothing, np.empty(0, np.bool_), 0.0)
    if codes.dtype.kind not in "iu" or codes.min() < 0:
        raise ValueError("codes of groups must be whole numbers from 0")
    n = np.bincount(codes).astype(np.float64)
    if not n.all():
        raise ValueError("codes of groups must be dense")
    first = np.empty(n.size)
    first[codes[::-1]] = rewards[::-1]
    constant = np.bincount(codes, weights=rewards != first[codes]) == 0
    # Measured from a reward of its own group, equal rewards give exactly 0 and large ones lose no digits.
    shifted = rewards - first[codes]
    mean = np.bincount(codes, weights=shifted) / n
    product = np.bincount(codes[flags], weights=(shifted - mean[codes])[flags], minlength=n.size)
    k = np.bincount(codes[flags], minlength=n.size).astype(np.float64)
    product[(k == 0) | (k == n)] = 0.0
    return GroupDifferences(
        n, k, product.astype(np.float64), np.asarray(constant), float(rewards.max() - rewards.min())
    )


def differences_of_counts(
    flagged_rewarded: ArrayLike, flagged: ArrayLike, rewarded: ArrayLike, n: ArrayLike
) -> GroupDifferences:
    """Groups given as 2×2 tables: how many of `n` answers are flagged, how many rewarded (1, else 0).

    For logs that keep counts by stratum only, such as by epoch; D is then the risk difference of Mantel and
    Haenszel (1959), adjusted for strata and for nothing else.

    Raises:
        ValueError: shapes differ or counts contradict each other.
    """
    both, k, r, size = (
        np.asarray(each, dtype=np.float64) for each in (flagged_rewarded, flagged, rewarded, n)
    )
    if both.ndim != 1 or not both.shape == k.shape == r.shape == size.shape:
        raise ValueError("need one table per stratum")
    if not ((both >= 0) & (both <= np.minimum(k, r)) & (k + r - both <= size) & (size > 0)).all():
        raise ValueError("counts contradict each other")
    product = both - k * r / size
    constant = (r == 0) | (r == size)
    product[constant | (k == 0) | (k == size)] = 0.0
    return GroupDifferences(size, k, product, constant, 0.0 if constant.all() else 1.0)


def reward_differential(
    groups: GroupDifferences, clusters: ArrayLike, confidence: float = 0.95, *, seed: int = 1
) -> Differential:
    """D with a cluster-robust interval, which never reaches beyond the range of the rewards.

    With `FEW_CLUSTERS` clusters or more the linearised (CR1) variance and Student's t with clusters − 1
    degrees (Cameron and Miller 2015, Journal of Human Resources 50, 317–372). With fewer the studentised wild
    cluster bootstrap with the null imposed (Cameron, Gelbach and Miller 2008, Review of Economics and
    Statistics 90, 414–427), Rademacher signs, all patterns up to 12 clusters; its interval is what its test
    does not reject. Fewer than 6 clusters can reject nothing at 5 %.

    Args:
        groups: sums of each group.
        clusters: a whole-number code per group; groups of one task, or of one step, depend on each other.
        confidence: two-sided level.
        seed: of the bootstrap's signs.

    Returns:
        0 with the widest interval and p-value 1 where no group is mixed.

    Raises:
        ValueError: shapes differ, or a bad confidence.
    """
    check_confidence(confidence)
    codes = np.asarray(clusters)
    if codes.shape != groups.n.shape:
        raise ValueError(f"need one cluster per group: {codes.shape} and {groups.n.shape}")
    mixed, widest = groups.mixed, Interval(-groups.reward_range, groups.reward_range)
    if not mixed.any():
        return Differential(0.0, math.inf, widest, 1.0, 0, 0, "no group is mixed")
    products, weights = groups.product[mixed], groups.weight[mixed]
    sums = cluster_sums(products, codes[mixed]), cluster_sums(weights, codes[mixed])
    count = sums[0].size
    value = float(sums[0].sum() / sums[1].sum())
    error = _standard_error(sums[0], sums[1], value)
    number = int(mixed.sum())
    if count < 2:
        return Differential(value, math.inf, widest, 1.0, number, count, "a single cluster")
    if count < FEW_CLUSTERS:
        interval, p = _wild(sums[0], sums[1], confidence, widest, seed)
        return Differential(value, error, interval, p, number, count, "wild cluster bootstrap")
    interval = weighted_mean_interval(
        products, weights, codes[mixed], confidence, (widest.low, widest.high)
    ).interval
    if error > 1e-12 * groups.reward_range:
        p = min(1.0, 2.0 * student_upper_tail(abs(value) / error, count - 1.0))
    else:
        p = 1.0 if value == 0.0 else 2.0**-count
    return Differential(value, error, interval, p, number, count, "cluster-robust (CR1) and Student's t")


def corrected_differential(
    groups: GroupDifferences, clusters: ArrayLike, detector: Detector, confidence: float = 0.95
) -> Differential | None:
    """D as it would be without the detector's errors; None where these tell nothing of it.

    Where flags err with rates that depend on the true f alone (non-differential misclassification), a
    group's covariance of flag and reward is J = sensitivity − false positive rate times the true one, and its
    true variance of f is (q − F)(T − q)/J² with q the flagged share. Both are estimated without bias from
    each group, mixed or not:

        D = Σ (w·D)_g / J  /  Σ (n − 1)·[(T + F)·k/n − k(k − 1)/(n(n − 1)) − T·F] / J²

    Interval by the delta method over clusters and over the labels behind both rates. Flags whose errors go
    with the reward (a detector that misses the clever exploits) are not corrected by this.

    Raises:
        ValueError: rates outside [0, 1], shapes differ, or a bad confidence.
    """
    true, false = detector.sensitivity, detector.false_positive_rate
    if not (0.0 <= true <= 1.0 and 0.0 <= false <= 1.0):
        raise ValueError("error rates must lie in [0, 1]")
    z = two_sided_z(confidence)
    codes = np.asarray(clusters)
    if codes.shape != groups.n.shape:
        raise ValueError(f"need one cluster per group: {codes.shape} and {groups.n.shape}")
    if true <= false or not groups.n.size:
        return None
    kept = groups.n >= 2
    products, spread = groups.product[kept], _true_spread(groups.of(kept), true, false)
    if spread.sum() <= 0.0:
        return None
    value = _corrected(groups.of(kept), true, false)
    sums = cluster_sums(products / (true - false), codes[kept]), cluster_sums(spread, codes[kept])
    variance = _standard_error(sums[0], sums[1], value) ** 2
    for rate, labelled, steps in (
        (true, detector.positives, (1e-4, 0.0)),
        (false, detector.negatives, (0.0, 1e-4)),
    ):
        if labelled:
            # Agresti and Coull's rate, so that a perfect score on few labels is not taken as certain.
            eased = (rate * labelled + 2.0) / (labelled + 4.0)
            ends = [_corrected(groups.of(kept), true + s * steps[0], false + s * steps[1]) for s in (-1, 1)]
            variance += ((ends[1] - ends[0]) / 2e-4) ** 2 * eased * (1.0 - eased) / labelled
    half, widest = z * math.sqrt(variance), groups.reward_range
    p = math.erfc(abs(value) / math.sqrt(2.0 * variance)) if variance > 0.0 else 1.0
    interval = Interval(max(value - half, -widest), min(value + half, widest))
    mixed = int(groups.mixed.sum())
    return Differential(value, math.sqrt(variance), interval, p, mixed, sums[0].size, "corrected for errors")


def adjusted_differential(
    reward: ArrayLike,
    flagged: ArrayLike,
    covariate: ArrayLike,
    group: ArrayLike,
    clusters: ArrayLike,
    confidence: float = 0.95,
) -> Differential | None:
    """D at equal values of a covariate, such as length; None where that cannot be told apart from the flag.

    The coefficient of f in a regression of R on f and the covariate with one intercept per group, by
    partialling out (Frisch and Waugh 1933, Lovell 1963), cluster-robust (CR1). What a behaviour earns *by*
    the covariate (an exploit that is long) is taken away too: this explains D and does not replace it.

    Args:
        reward: finite rewards, shape ``[n]``.
        flagged: whether an answer shows the behaviour.
        covariate: finite values.
        group: code of its group, dense from 0.
        clusters: code of each group's cluster, shape ``[groups]``.
        confidence: two-sided level.
    """
    codes = np.asarray(group)
    n = np.bincount(codes)
    r, f, x = (_within(np.asarray(v, dtype=np.float64), codes, n) for v in (reward, flagged, covariate))
    spread, told = float(x @ x), float(f @ f)
    if spread <= 0.0 or told <= 0.0:
        return None
    own = f - float(f @ x) / spread * x
    weight = float(own @ own)
    # A flag that is nearly a straight line of the covariate leaves rounding only.
    if weight <= 1e-6 * told:
        return None
    value = float(own @ r) / weight
    residual = own * (r - value * f - float((r - value * f) @ x) / spread * x)
    scores = cluster_sums(residual, np.asarray(clusters)[codes])
    count = scores.size
    if count < 2:
        return None
    error = math.sqrt(count / (count - 1.0) * float(scores @ scores)) / weight
    half = student_quantile(0.5 + 0.5 * confidence, count - 1) * error
    p = 2.0 * student_upper_tail(abs(value) / error, count - 1.0) if error > 0.0 else 1.0
    mixed = int((np.bincount(codes, weights=np.abs(f)) > 0.0).sum())
    return Differential(value, error, Interval(value - half, value + half), p, mixed, count, "adjusted")


def _within(values: Floats, codes: NDArray[np.int64], n: NDArray[np.int64]) -> Floats:
    """Values less the mean of their group."""
    return np.asarray(values - (np.bincount(codes, weights=values) / n)[codes], dtype=np.float64)


def _true_spread(groups: GroupDifferences, true: float, false: float) -> Floats:
    """Unbiased estimate of (n − 1) times the variance of the true f in each group of two or more."""
    n, k = groups.n, groups.k
    spread = (true + false) * k / n - k * (k - 1.0) / (n * (n - 1.0)) - true * false
    return np.asarray((n - 1.0) * spread / (true - false) ** 2, dtype=np.float64)


def _corrected(groups: GroupDifferences, true: float, false: float) -> float:
    return float(groups.product.sum() / (true - false) / _true_spread(groups, true, false).sum())


def _standard_error(products: Floats, weights: Floats, value: float) -> float:
    """CR1 standard error of Σ products / Σ weights from sums by cluster; infinite for one cluster."""
    count = products.size
    if count < 2:
        return math.inf
    scores = products - value * weights
    return math.sqrt(count / (count - 1.0) * float(scores @ scores)) / abs(float(weights.sum()))


def _wild(
    products: Floats, weights: Floats, confidence: float, widest: Interval, seed: int
) -> tuple[Interval, float]:
    """Interval and two-sided p-value for 0, both equal-tailed."""
    signs, value = _signs(products.size, seed), float(products.sum() / weights.sum())
    tail = 0.5 * (1.0 - confidence)

    def above(null: float) -> float:
        return _one_sided(products, weights, signs, null)

    def below(null: float) -> float:
        return _one_sided(-products, weights, signs, -null)

    low = _end(lambda null: above(null) > tail, value, widest.low)
    high = _end(lambda null: below(null) > tail, value, widest.high)
    return Interval(low, high), min(1.0, 2.0 * min(above(0.0), below(0.0)))


def _one_sided(products: Floats, weights: Floats, signs: Floats, null: float) -> float:
    """p-value of "D is at most `null`": the share of draws whose statistic is at least that of the data."""
    total = float(weights.sum())
    scores = products - null * weights
    sums, crossed = (signs @ np.stack([scores, scores * weights], axis=1)).T
    shift = sums / total
    spread = float(scores @ scores) - 2.0 * shift * crossed + shift**2 * float(weights @ weights)
    statistic = sums / np.sqrt(np.maximum(spread, 1e-24 * total**2))
    # The first row of signs is all +1, which is the data itself; ties count as at least.
    return float(np.mean(statistic >= statistic[0] - 1e-9 * abs(float(statistic[0]))))


def _signs(count: int, seed: int) -> Floats:
    """Patterns of +1 and −1, shape ``[patterns, count]``, the first of them all +1."""
    if count <= _ENUMERATED:
        bits = np.arange(2**count)[:, None] >> np.arange(count) & 1
    else:
        raw = np.asarray(np.random.PCG64(seed).random_raw(_REPETITIONS), dtype=np.uint64)
        drawn = (raw[:, None] >> np.arange(count, dtype=np.uint64) + np.uint64(11)) & np.uint64(1)
        bits = np.concatenate([np.zeros((1, count)), drawn])
    return 1.0 - 2.0 * bits.astype(np.float64)


def _end(kept: Callable[[float], bool], inside: float, outside: float) -> float:
    """The end towards `outside` of the values that are kept, the estimate `inside` being one."""
    if kept(outside):
        return outside
    for _ in range(_HALVINGS):
        middle = 0.5 * (inside + outside)
        inside, outside = (middle, outside) if kept(middle) else (inside, middle)
    return outside
