"""How many pairs settle a question, and how small a drop a number of pairs can show.

Normal approximation to the power of the score tests of `paired` and `paired_ratio`: n pairs suffice when
√n · |E Z| ≥ z_{1−α}·σ₀ + z_power·σ₁, with σ₀ the standard deviation under the hypothesis nearest to the
expected table (so it is not 0 at a rate of 1) and σ₁ that under the assumed truth. With few expected losses
the true power differs by what one prompt more or less decides; where every differing pair is a loss it is
higher than asked for.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from modelassay.statistics.distributions import normal_quantile
from modelassay.statistics.paired import difference_score
from modelassay.statistics.paired_ratio import ratio_score
from modelassay.statistics.roots import last_accepted

Scale = Literal["relative", "absolute"]


class PairedCells(NamedTuple):
    """Probabilities of a paired table; first digit baseline, second candidate, 1 wanted."""

    p11: float
    p10: float
    p01: float


def required_pairs(
    baseline_rate: float,
    drop: float,
    edge: float,
    *,
    discordance: float | None = None,
    correlation: float | None = None,
    alpha: float = 0.05,
    power: float = 0.8,
    design_effect: float = 1.0,
    scale: Scale = "relative",
) -> float:
    """Pairs after which the one-sided score test places a true `drop` on its side of `edge`.

    If `drop` is smaller than `edge` that is showing the candidate fine, else showing the harm. The table is
    fixed by `discordance` (share of pairs that differ) or `correlation` (phi coefficient of the two
    outcomes), moved to the nearest possible value; with neither, the outcomes are taken as independent,
    which asks for the most pairs.

    Args:
        baseline_rate: wanted rate of the baseline, in (0, 1] on the relative scale, [0, 1] on the absolute.
        drop: assumed true drop; negative is a gain.
        edge: the drop to be told apart from it.
        discordance: in [0, 1].
        correlation: in [−1, 1].
        alpha: one-sided level of the test.
        power: wanted probability of the verdict.
        design_effect: factor on the pairs for clustering.
        scale: whether `drop` and `edge` are shares of the baseline rate or differences of rates.

    Returns:
        A whole number of pairs, or infinity when `drop` equals `edge`.

    Raises:
        ValueError: an argument outside its range, a candidate rate outside [0, 1], or both `discordance` and
            `correlation`.
    """
    _check(baseline_rate, alpha, power, design_effect)
    candidate_rate = baseline_rate * (1.0 - drop) if scale == "relative" else baseline_rate - drop
    if scale == "relative" and (baseline_rate == 0.0 or not edge <= 1.0):
        raise ValueError("a relative drop needs a baseline rate above 0 and an edge of at most 1")
    if not -1e-12 <= candidate_rate <= 1.0 + 1e-12:
        raise ValueError(f"the candidate's rate would be {candidate_rate:.6g}, outside [0, 1]")
    cells = paired_cells(baseline_rate, min(max(candidate_rate, 0.0), 1.0), discordance, correlation)
    ratio, shift = (1.0 - edge, 0.0) if scale == "relative" else (1.0, -edge)
    mean = cells.p11 * (1.0 - ratio) + cells.p01 - ratio * cells.p10 - shift
    if abs(mean) <= 1e-12:
        return math.inf
    second = cells.p11 * (1.0 - ratio) ** 2 + cells.p01 + ratio * ratio * cells.p10
    spread = math.sqrt(max(second - (mean + shift) ** 2, 0.0))
    score = abs(_expected_score(cells, edge, scale))
    null_spread = abs(mean) / score if score > 0.0 else math.inf
    return required_observations(
        mean, spread, null_spread=null_spread, alpha=alpha, power=power, design_effect=design_effect
    )


def required_observations(
    mean: float,
    spread: float,
    *,
    null_spread: float | None = None,
    alpha: float = 0.05,
    power: float = 0.8,
    design_effect: float = 1.0,
) -> float:
    """Independent observations after which a one-sided test shows that their mean is not 0.

    n = ((z_{1−α}·σ₀ + z_power·σ₁) / E)²; with σ₀ = σ₁ the textbook's (z_{1−α} + z_power)²·Var / E² (Chow,
    Shao and Wang 2008; Miller 2024, Var being ω² + σ²/K for K repeats). For a two-sided test halve `alpha`.

    Args:
        mean: assumed true mean.
        spread: standard deviation of one observation, σ₁.
        null_spread: the same under the hypothesis, σ₀, if the test uses it; `spread` if absent.
        alpha: one-sided level.
        power: wanted probability.
        design_effect: factor for clustering.

    Returns:
        A whole number, or infinity for a mean of 0.

    Raises:
        ValueError: a negative spread, or as `required_pairs`.
    """
    _check(0.5, alpha, power, design_effect)
    null = spread if null_spread is None else null_spread
    if not (spread >= 0.0 and null >= 0.0):
        raise ValueError(f"a spread must not be negative: {spread!r}, {null_spread!r}")
    if mean == 0.0:
        return math.inf
    root = _total_quantile(alpha, power, null, spread) / abs(mean)
    return float(max(1, math.ceil(root * root * design_effect * (1.0 - 1e-12))))


def smallest_detectable_drop(
    n: float,
    baseline_rate: float,
    *,
    discordance: float | None = None,
    correlation: float | None = None,
    alpha: float = 0.05,
    power: float = 0.8,
    design_effect: float = 1.0,
) -> float:
    """The smallest true absolute drop that a one-sided score test of "no drop" shows with this power.

    Falls as `n` grows. `discordance` is the share of pairs that differ, at least the drop itself; assumptions
    are as in `required_pairs`. If even the loss of the whole baseline rate would not be shown, the answer is
    1, which means "none".

    Args:
        n: pairs; 0 is allowed.
        baseline_rate: wanted rate of the baseline, in [0, 1].
        discordance: in [0, 1].
        correlation: in [−1, 1].
        alpha: one-sided level of the test.
        power: wanted probability of showing the drop.
        design_effect: factor on the pairs for clustering.

    Returns:
        A drop of the rate, in (0, 1].

    Raises:
        ValueError: an argument outside its range, or both `discordance` and `correlation`.
    """
    _check(baseline_rate, alpha, power, design_effect)
    if not n >= 0.0:
        raise ValueError(f"the number of pairs must not be negative, not {n!r}")
    effective = n / design_effect

    def unseen(drop: float) -> bool:
        cells = paired_cells(baseline_rate, baseline_rate - drop, discordance, correlation)
        differing = cells.p10 + cells.p01
        needed = _total_quantile(
            alpha, power, math.sqrt(differing), math.sqrt(max(differing - drop * drop, 0.0))
        )
        return drop * math.sqrt(effective) < needed

    if baseline_rate == 0.0 or unseen(baseline_rate):
        return 1.0
    return last_accepted(unseen, 0.0, baseline_rate)


def _check(baseline_rate: float, alpha: float, power: float, design_effect: float) -> None:
    if not 0.0 <= baseline_rate <= 1.0:
        raise ValueError(f"the baseline rate must lie in [0, 1], not {baseline_rate!r}")
    if not (0.0 < alpha <= 0.5 <= power < 1.0):
        raise ValueError(f"need 0 < alpha ≤ 0.5 ≤ power < 1, not alpha {alpha!r} and power {power!r}")
    if not 1.0 <= design_effect < math.inf:
        raise ValueError(f"the design effect must be at least 1, not {design_effect!r}")


def paired_cells(
    baseline_rate: float, candidate_rate: float, discordance: float | None, correlation: float | None
) -> PairedCells:
    """The paired table with these rates, at the possible discordance or correlation nearest to the given.

    With neither, the outcomes are independent.

    Raises:
        ValueError: both are given, or one outside its range.
    """
    if discordance is not None and correlation is not None:
        raise ValueError("give discordance or correlation, not both")
    total = baseline_rate + candidate_rate
    if discordance is not None:
        if not 0.0 <= discordance <= 1.0:
            raise ValueError(f"the discordance must lie in [0, 1], not {discordance!r}")
        both = 0.5 * (total - discordance)
    else:
        phi = 0.0 if correlation is None else correlation
        if not -1.0 <= phi <= 1.0:
            raise ValueError(f"the correlation must lie in [-1, 1], not {phi!r}")
        variances = baseline_rate * (1.0 - baseline_rate) * candidate_rate * (1.0 - candidate_rate)
        both = baseline_rate * candidate_rate + phi * math.sqrt(max(variances, 0.0))
    both = min(max(both, 0.0, total - 1.0), baseline_rate, candidate_rate)
    return PairedCells(both, baseline_rate - both, candidate_rate - both)


def _expected_score(cells: PairedCells, edge: float, scale: Scale) -> float:
    """The score statistic of the hypothesis "drop = edge" at the expected table of one pair."""
    if scale == "absolute":
        return difference_score(cells.p10, cells.p01, 1.0, -edge)
    return ratio_score(cells.p11, cells.p10, cells.p01, 1.0, 1.0 - edge)


def _total_quantile(alpha: float, power: float, null_spread: float, spread: float) -> float:
    return normal_quantile(1.0 - alpha) * null_spread + normal_quantile(power) * spread
