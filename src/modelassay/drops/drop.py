"""One drop, held against edges: exactly for the point estimate, by score tests for the evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from modelassay.drops.filled import Cells, at_worst, filled, scored_pairs, total_pairs, unscored_pairs
from modelassay.records import PairedCounts, PairedMoments, Percent, Policy
from modelassay.statistics import (
    Interval,
    Moments,
    absolute_drop_bounds,
    graded_absolute_drop_bounds,
    graded_inferiority_difference_test,
    graded_inferiority_ratio_test,
    graded_relative_drop_bounds,
    inferiority_difference_test,
    inferiority_ratio_test,
    relative_drop_bounds,
    required_pairs,
)

Scale = Literal["relative", "absolute"]


@dataclass(frozen=True)
class Ceilings:
    """Upper bounds of one drop, each at a confidence of its own."""

    bounds: tuple[tuple[int, Decimal], ...]
    """Basis points of the one-sided confidence with the bound, ascending."""

    def at(self, confidence: float) -> Decimal:
        """The bound at the least known confidence that is not under `confidence`; 1 where none is known."""
        wanted = round(confidence * 10_000)
        return next((bound for known, bound in self.bounds if known >= wanted), Decimal(1))


def figure(value: float | Fraction, *, places: int = 6) -> Decimal:
    """`value` as it is recorded and compared: rounded once, to six decimal places unless told."""
    return round(Decimal(repr(float(value))), places) + 0  # adding 0 turns -0 into 0


@dataclass(frozen=True)
class Drop:
    """Baseline minus candidate on one scale; positive is worse."""

    paired: PairedCounts | PairedMoments
    scale: Scale
    value: Fraction
    """Of the pairs with both sides scored, exact; 0 when there is none."""
    ceilings: Ceilings | None = None
    """Upper bounds by resampling that must hold as well; None when the policy asks for none."""
    beside: Drop | None = None
    """Another reading of the same pairs, by which they lost no more: what is fine must be so by both, and
    harm by either is harm."""

    def exceeds(self, edge: Percent) -> bool:
        """Whether the point estimate is more than `edge`, in whole numbers; on the edge it is not."""
        return self.value > Fraction(edge.basis_points, 10_000)

    def upper(self, confidence: float) -> Decimal:
        """One-sided upper bound, were every unscored pair the worst for the candidate."""
        if total_pairs(self.paired) == 0:
            return Decimal(1)
        score = figure(_bounds(filled(self.paired, "worst"), self.scale, confidence).high)
        bounds = [score] if self.ceilings is None else [score, self.ceilings.at(confidence)]
        return max(bounds if self.beside is None else [*bounds, self.beside.upper(confidence)])

    def lower(self, confidence: float) -> Decimal:
        """One-sided lower bound, were every unscored pair the best for the candidate; at least -1000."""
        if total_pairs(self.paired) == 0:
            return Decimal(-1)
        bound = _bounds(filled(self.paired, "best"), self.scale, confidence).low
        return figure(max(bound, -1000.0))

    def p_value(self, edge: Percent) -> float:
        """One-sided, of "the drop is at most `edge`", unscored pairs at their best for the candidate."""
        own = _p_value(filled(self.paired, "best"), self.scale, edge.basis_points / 10_000)
        return own if self.beside is None else min(own, self.beside.p_value(edge))

    def within(self, edge: Percent, confidence: float) -> bool:
        """Whether the drop is shown to be at most `edge`."""
        return self.upper(confidence) <= Decimal(edge.basis_points) / 10_000

    def beyond(self, edge: Percent, confidence: float) -> bool:
        """Whether the drop is shown to be more than `edge`."""
        return self.p_value(edge) <= 1.0 - confidence

    def worst(self) -> Drop:
        """The drop, on the same scale, were every unscored pair scored the worst for the candidate."""
        worst = _drop_on(self.scale, at_worst(self.paired))
        return worst if self.beside is None else replace(worst, beside=self.beside.worst())

    def settled_by(self, edge: Percent, confidence: float) -> str:
        """What would show on which side of `edge` the drop is, as a phrase; empty when nothing can.

        Pairs are planned from the observed table (`statistics.required_pairs`, power 80 %).
        """
        limit = edge.basis_points / 10_000
        if unscored_pairs(self.paired):
            scored = _bounds(filled(self.paired, "none"), self.scale, confidence)
            if scored.high <= limit or scored.low > limit:
                return f"scoring the {unscored_pairs(self.paired)} unscored pairs"
        pairs = self._pairs_needed(limit, confidence)
        if not math.isfinite(pairs):
            return ""
        needed = max(int(pairs), total_pairs(self.paired) + 1)
        return (
            f"about {needed:,} pairs in place of {total_pairs(self.paired):,}, if this drop is the true one"
        )

    def _pairs_needed(self, limit: float, confidence: float) -> float:
        n = scored_pairs(self.paired)
        if n == 0 or not -1.0 <= limit <= 1.0:
            return math.inf
        if isinstance(self.paired, PairedMoments):
            return self._graded_pairs_needed(limit, confidence)
        p = self.paired
        base = (p.n11 + p.n10) / n
        if self.scale == "relative" and base == 0.0:
            return math.inf
        return required_pairs(
            base,
            float(self.value),
            limit,
            discordance=(p.n10 + p.n01) / n,
            alpha=1.0 - confidence,
            design_effect=float(p.design_effect),
            scale=self.scale,
        )

    def _graded_pairs_needed(self, limit: float, confidence: float) -> float:
        """Pairs at which the half-width of the bound, shrinking as 1/√n, is the distance to `limit`."""
        bounds = _bounds(filled(self.paired, "none"), self.scale, confidence)
        distance = abs(limit - float(self.value))
        half = max(bounds.high - float(self.value), float(self.value) - bounds.low)
        if distance == 0.0 or not math.isfinite(half):
            return math.inf
        return math.ceil(scored_pairs(self.paired) * (1.5 * half / distance) ** 2)


def drop_of(paired: PairedCounts | PairedMoments, policy: Policy) -> Drop:
    """The drop of `paired` on the scale that `policy` asks for.

    Relative to the baseline's rate, unless the policy says absolute or the rate is under its
    `absolute_below`; unscored answers of the baseline count as wanted here, so that they cannot move a
    measure to the milder scale.
    """
    before = _wanted(paired)[0]
    most = before + _unscored_baseline(paired)
    low_rate = most * 10_000 < policy.absolute_below.basis_points * total_pairs(paired)
    return _drop_on("absolute" if policy.scale == "absolute" or low_rate or most == 0 else "relative", paired)


def either(drop: Drop, paired: PairedCounts | PairedMoments) -> Drop:
    """The larger of `drop` and that of another reading of the same pairs, the milder beside it."""
    other = _drop_on(drop.scale, paired)
    return replace(other, beside=drop) if other.value > drop.value else replace(drop, beside=other)


def _drop_on(scale: Scale, paired: PairedCounts | PairedMoments) -> Drop:
    before, after, n = _wanted(paired)
    whole = before if scale == "relative" else n
    return Drop(paired, scale, (before - after) / whole if whole else Fraction(0))


def _wanted(paired: PairedCounts | PairedMoments) -> tuple[Fraction, Fraction, int]:
    """Wanted answers of baseline and candidate among the scored pairs, and how many those are."""
    n = scored_pairs(paired)
    if isinstance(paired, PairedCounts):
        return Fraction(paired.n11 + paired.n10), Fraction(paired.n11 + paired.n01), n
    return Fraction(paired.baseline_mean) * n, Fraction(paired.candidate_mean) * n, n


def _unscored_baseline(paired: PairedCounts | PairedMoments) -> int:
    if isinstance(paired, PairedCounts):
        # The scored baseline of a half-scored pair counts as what it is.
        return paired.nu1 + paired.nu0 + paired.nuu + paired.n1u
    return unscored_pairs(paired)


def _bounds(table: Cells | Moments, scale: Scale, confidence: float) -> Interval:
    if isinstance(table, Moments):
        graded = graded_relative_drop_bounds if scale == "relative" else graded_absolute_drop_bounds
        return graded(table, confidence)
    bounds = relative_drop_bounds if scale == "relative" else absolute_drop_bounds
    return bounds(*table, confidence)


def _p_value(table: Cells | Moments, scale: Scale, edge: float) -> float:
    if isinstance(table, Moments):
        if scale == "relative":
            return graded_inferiority_ratio_test(table, 1.0 - edge)
        return graded_inferiority_difference_test(table, edge)
    if scale == "relative":
        return inferiority_ratio_test(*table, 1.0 - edge)
    return inferiority_difference_test(*table, edge)
