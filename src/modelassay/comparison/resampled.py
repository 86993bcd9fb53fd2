"""Bounds by resampling whole clusters: of each slice, and of the worst slice of a tag.

Unscored pairs are at their worst for the candidate in upper bounds, at their best in lower ones. Everything
follows from the scores, the policy's seed and its repetitions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from modelassay.comparison.pairing import Floats, Integers, PairTable, SampleIndex
from modelassay.comparison.slices import Dimension
from modelassay.drops import LEAST, Scale, enough_pairs, figure, percent_text, place_phrase, resampled_name
from modelassay.records import Finding, FindingState, Percent, Policy, Severity
from modelassay.statistics import (
    FEW_CLUSTERS,
    SimultaneousBounds,
    cluster_sums,
    resampled_ratio_bounds,
    simultaneous_ratio_bounds,
)

WORST = "worst_slice"
_LEVELS = (9_750, 9_900)
"""Basis points of the confidences that a risk context can ask for, beside the policy's own."""


class _Filled(NamedTuple):
    """Both models' values of the same pairs, none unscored."""

    baseline: Floats
    candidate: Floats


def resampled_bounds(
    table: PairTable, index: SampleIndex, rows: Integers, policy: Policy
) -> dict[str, Decimal]:
    """Bounds of the drop of the pairs at `rows`, by name; none unless the policy asks for them.

    Upper bounds also at the confidences that a risk context may tighten the policy's to.
    """
    if policy.intervals.method != "resampled" or not len(rows) or table.measure.role == "descriptive":
        return {}
    clusters = index.clusters[table.sample[rows]]
    worst, best = _filled(table, rows, worst=True), _filled(table, rows, worst=False)
    found: dict[str, Decimal] = {}
    for scale in _scales():
        levels = (policy.confidence, *(Percent(basis_points=level) for level in _LEVELS))
        for level in (each for each in levels if each >= policy.confidence):
            high = _bound(worst, clusters, scale, level, policy, high=True)
            if high is not None:
                found[resampled_name(scale, "high", level)] = figure(min(high, 1.0))
        low = _bound(best, clusters, scale, policy.confidence, policy, high=False)
        if low is not None:
            found[resampled_name(scale, "low", policy.confidence)] = figure(max(low, float(LEAST)))
    return found


def resampled_method(clusters: int) -> str:
    """How so many clusters are resampled."""
    return "exact sign flips over clusters" if clusters < FEW_CLUSTERS else "BCa bootstrap over clusters"


def worst_slice_findings(
    table: PairTable, index: SampleIndex, dimensions: Sequence[Dimension], policy: Policy
) -> list[Finding]:
    """For each single tag with two slices or more that can be judged: the worst, with bounds for all."""
    if not policy.intervals.worst_slice or table.measure.role == "descriptive":
        return []
    found = []
    for each in dimensions:
        if len(each.tags) != 1:
            continue
        slices = [(tags, rows) for tags, rows in each.groups(table) if _enough(table, index, rows, policy)]
        if len(slices) > 1:
            found.append(_worst(each.tags[0], table, index, slices, policy))
    return found


def _worst(
    tag: str,
    table: PairTable,
    index: SampleIndex,
    slices: Sequence[tuple[dict[str, str], Integers]],
    policy: Policy,
) -> Finding:
    rows = [rows for _, rows in slices]
    scale = _common_scale(table, rows, policy)
    upper = _simultaneous(table, index, rows, scale, policy, worst=True)
    lower = _simultaneous(table, index, rows, scale, policy, worst=False)
    place = slices[upper.worst][0]
    limit = Decimal(policy.any_category.concern.basis_points) / 10_000
    value = figure(float(upper.values[upper.worst]))
    low, high = figure(float(lower.low[upper.worst])), figure(min(float(upper.high[upper.worst]), 1.0))
    least, most = figure(float(lower.low.max())), figure(min(float(upper.high.max()), 1.0))
    state: FindingState = "shown_harmful" if least > limit else "shown_fine" if most <= limit else "not_shown"
    severity: Severity = "high" if state == "shown_harmful" else "medium" if value > limit else "none"
    rule, unit = policy.intervals, "" if scale == "relative" else " points"

    def amount(share: Decimal) -> str:
        text = percent_text(share)
        return text if scale == "relative" else text.removesuffix("%")

    return Finding(
        id=f"{WORST}/{table.measure.name}/{tag}",
        check=WORST,
        measure=table.measure,
        slice=place,
        state=state,
        severity=severity,
        statement=f"{table.measure.title}{place_phrase(place)} is the worst of {len(slices)} slices by "
        f"{tag}: a drop of {amount(value)}{unit}, between {amount(low)} and {amount(high)}{unit}; with all "
        f"slices looked at together, the largest true drop is between {amount(least)} and "
        f"{amount(most)}{unit}.",
        values={
            "drop": value,
            "drop_low": low,
            "drop_high": high,
            "largest_low": least,
            "largest_high": most,
            "slices": Decimal(len(slices)),
            "relative": Decimal(int(scale == "relative")),
        },
        method=f"studentised bootstrap over clusters, max-t over the slices, {rule.repetitions:,} "
        f"repetitions, seed {rule.seed}; each end at {policy.confidence} for all slices at once",
        rests_on=(table.evaluator,),
    )


def _simultaneous(
    table: PairTable,
    index: SampleIndex,
    rows: Sequence[Integers],
    scale: Scale,
    policy: Policy,
    *,
    worst: bool,
) -> SimultaneousBounds:
    every = np.concatenate(rows)
    codes = np.unique(index.clusters[table.sample[every]], return_inverse=True)[1]
    groups = int(codes.max()) + 1
    over, under = np.zeros((groups, len(rows))), np.zeros((groups, len(rows)))
    start = 0
    for place, own in enumerate(rows):
        members = codes[start : start + len(own)]
        pairs = _filled(table, own, worst=worst)
        drops = pairs.baseline - pairs.candidate
        whole = pairs.baseline if scale == "relative" else np.ones(len(own))
        over[:, place] = np.bincount(members, weights=drops, minlength=groups)
        under[:, place] = np.bincount(members, weights=whole, minlength=groups)
        start += len(own)
    rule = policy.intervals
    return simultaneous_ratio_bounds(
        over, under, _share(policy.confidence), repetitions=rule.repetitions, seed=rule.seed
    )


def _common_scale(table: PairTable, rows: Sequence[Integers], policy: Policy) -> Scale:
    """Relative, unless the policy compares in points or would do so in one of the slices."""
    if policy.scale == "absolute":
        return "absolute"
    least = policy.absolute_below.basis_points / 10_000
    rates = [float(_filled(table, own, worst=False).baseline.mean()) for own in rows]
    return "absolute" if min(rates) < least or min(rates) == 0.0 else "relative"


def _bound(
    pairs: _Filled, clusters: Integers, scale: Scale, level: Percent, policy: Policy, *, high: bool
) -> float | None:
    whole = pairs.baseline if scale == "relative" else np.ones(len(pairs.baseline))
    if not whole.any():
        return None
    bounds = resampled_ratio_bounds(
        cluster_sums(pairs.baseline - pairs.candidate, clusters),
        cluster_sums(whole, clusters),
        _share(level),
        repetitions=policy.intervals.repetitions,
        seed=policy.intervals.seed,
    )
    bound = bounds.high if high else bounds.low
    return bound if math.isfinite(bound) else math.copysign(-float(LEAST), bound)


def _filled(table: PairTable, rows: Integers, *, worst: bool) -> _Filled:
    """The pairs at `rows`, unscored sides at their worst, or best, for the candidate."""
    before, after = table.baseline, table.candidate
    return _Filled(
        np.where(before.scored[rows], before.values[rows], 1.0 if worst else 0.0),
        np.where(after.scored[rows], after.values[rows], 0.0 if worst else 1.0),
    )


def _enough(table: PairTable, index: SampleIndex, rows: Integers, policy: Policy) -> bool:
    return enough_pairs(len(rows), len(np.unique(index.clusters[table.sample[rows]])), policy)


def _share(level: Percent) -> float:
    return level.basis_points / 10_000


def _scales() -> tuple[Scale, ...]:
    return ("relative", "absolute")
