"""What is known of those who read the answers: their measured error, and people's labels beside theirs."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from modelassay.drops import figure
from modelassay.records import (
    Estimate,
    EvaluatorPin,
    JudgeError,
    JudgeStanding,
    PairKey,
    Policy,
    ReviewedPair,
)
from modelassay.records.judging import INFORMEDNESS
from modelassay.statistics import normal_quantile


@dataclass(frozen=True, kw_only=True)
class Judges:
    """By name of the measure."""

    standing: Mapping[str, JudgeStanding] = field(default_factory=dict)
    errors: Mapping[str, tuple[JudgeError, ...]] = field(default_factory=dict)
    reviewed: Mapping[str, Mapping[PairKey, ReviewedPair]] = field(default_factory=dict)
    by_slice: bool = True
    """Whether labels on all of a slice decide there, and fewer are held beside the judge; versions before
    0.4 let them decide by their number alone."""


def judges_of(
    evaluators: Iterable[EvaluatorPin], reviewed: Iterable[ReviewedPair] = (), *, by_slice: bool = True
) -> Judges:
    """What an audit's own record says of its judges.

    Args:
        evaluators: as the audit pins them.
        reviewed: every pair that a sample was drawn from, with people's labels where there are some.
        by_slice: see `Judges`.
    """
    standing: dict[str, JudgeStanding] = {}
    errors: dict[str, tuple[JudgeError, ...]] = {}
    for pin in evaluators:
        for measure in pin.measures:
            own = tuple(error for error in pin.errors if measure.name in error.measures)
            if measure.exact:
                standing[measure.name] = "exact"
            elif measure.name in pin.uncalibrated:
                standing[measure.name] = "uncalibrated"
            elif own:
                standing[measure.name] = "calibrated"
            errors[measure.name] = own
    pairs: dict[str, dict[PairKey, ReviewedPair]] = defaultdict(dict)
    for pair in reviewed:
        pairs[pair.measure][pair.key] = pair
    return Judges(standing=standing, errors=errors, reviewed=pairs, by_slice=by_slice)


def adjusted_difference(
    difference: Estimate | None, errors: Iterable[JudgeError], policy: Policy
) -> dict[str, Decimal]:
    """The difference that a judge with these errors would have shrunk to the one it read, with its interval.

    It is d / (Se + Sp − 1), for the set on which the judge tells least, by the delta method with the error of
    Se and Sp: right if the judge errs alike on both models, which only labels on these answers can show.
    """
    known = [(_information(error), error) for error in errors]
    if difference is None or not known:
        return {}
    (information, variance), _ = min(known, key=lambda each: each[0][0])
    if information <= 0.0:
        return {}
    z = normal_quantile(policy.confidence.basis_points / 10_000)
    value, spread = float(difference.value), float(difference.high - difference.low) / (2.0 * z)
    adjusted = value / information
    half = z * math.sqrt(spread**2 + adjusted**2 * variance) / information
    ends = {"": adjusted, "_low": adjusted - half, "_high": adjusted + half}
    return {f"adjusted_difference{end}": figure(number) for end, number in ends.items()}


def told_by_chance(standing: JudgeStanding, errors: Iterable[JudgeError]) -> dict[str, Decimal]:
    """Sensitivity + specificity - 1 of an uncalibrated judge on the set that it does best on, with its lower
    end; empty where nothing of it was measured.
    """
    known = [error.informedness for error in errors if error.informedness is not None]
    if standing != "uncalibrated" or not known:
        return {}
    best = max(known, key=lambda each: (each.low, each.value))
    return {INFORMEDNESS: best.value, f"{INFORMEDNESS}_low": best.low}


def _information(error: JudgeError) -> tuple[float, float]:
    """Se + Sp − 1 and its variance, from the two-sided intervals at 95 %."""
    z = normal_quantile(0.975)
    shares = (error.sensitivity, error.specificity)
    variance = sum((float(share.high - share.low) / (2.0 * z)) ** 2 for share in shares)
    return float(sum((share.value for share in shares), Decimal(-1))), variance
