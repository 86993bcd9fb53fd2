"""People's labels on a sample of pairs, against the judge's reading of all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from modelassay.comparison.pairing import Booleans, Floats, Integers, PairTable, SampleIndex
from modelassay.drops import figure, filled, unscored_pairs
from modelassay.records import (
    Corrected,
    Estimate,
    PairedCounts,
    PairedMoments,
    PairKey,
    Policy,
    ReviewedPair,
)
from modelassay.statistics import (
    CorrectedPairs,
    Interval,
    Moments,
    corrected_moments,
    corrected_pairs,
    graded_absolute_drop_bounds,
    graded_relative_drop_bounds,
    rogan_gladen,
    student_quantile,
)

FEWEST_LABELS = 30
"""Pairs labelled for both models below which nothing is corrected."""
COVERED = 0.98
"""Share of the pairs that must lie in strata of which something is labelled."""
_VARIANCE_PLACES = 12
_HALF = 0.5
SIDES = ("baseline", "candidate")


@dataclass(frozen=True, kw_only=True)
class Correction:
    """The corrected pairs of one measure; see `correction_of`."""

    pairs: CorrectedPairs
    judged: tuple[Floats, Floats]
    people: tuple[Floats, Floats]
    chance: Floats
    """Labelled share of each pair's stratum."""
    clusters: Integers
    place: Integers
    """Where each row of the table stands in the columns above; -1 where a side is unscored."""
    by_slice: bool = True
    """Whether a slice may be decided by labels on all of it, or beside the judge; see `Corrected`."""

    def at(self, rows: Integers, paired: PairedCounts | PairedMoments, policy: Policy) -> Corrected | None:
        """The corrected figures of the pairs at `rows` of the table; None with too few labels.

        Args:
            rows: of one slice.
            paired: their uncorrected figures, for the pairs that are unscored.
            policy: whose confidence each end of an interval has.
        """
        at = self.place[rows]
        at = at[at >= 0]
        labelled = self.pairs.labelled[at]
        labels = int(labelled.sum())
        if labels < FEWEST_LABELS:
            return None
        confidence = policy.confidence.basis_points / 10_000
        table = recorded_moments(corrected_moments(self.pairs, self.clusters, at), paired)
        moments = filled(table, "none")
        drop = graded_absolute_drop_bounds(moments, confidence)
        relative = graded_relative_drop_bounds(moments, confidence)
        before, after = float(table.baseline_mean), float(table.candidate_mean)
        known = math.isfinite(relative.low) and before > 0.0
        return Corrected(
            labels=labels,
            tuning=figure(self.pairs.tuning),
            paired=table,
            baseline=_rate(before, float(table.baseline_variance), moments.clusters, confidence),
            candidate=_rate(after, float(table.candidate_variance), moments.clusters, confidence),
            difference=_estimate(after - before, Interval(-drop.high, -drop.low)),
            relative_drop=_estimate(1.0 - after / before, relative) if known else None,
            judge=self.judge_beside(at[labelled], at),
            method=f"prediction-powered inference (PPI++), λ {self.pairs.tuning:.2f}; {labels} labelled "
            f"pairs; cluster-robust t; each end of an interval at {policy.confidence} one-sided",
        )

    def judge_beside(self, labelled: Integers, rows: Integers) -> dict[str, Decimal]:
        """How the judge did where people looked, and what that alone would make of its rates."""
        found: dict[str, Decimal] = {}
        for side, judged, people in zip(SIDES, self.judged, self.people, strict=True):
            wanted, read = people[labelled] > _HALF, judged[labelled] > _HALF
            weights = 1.0 / self.chance[labelled]
            shares = {
                "sensitivity": _share(read, wanted, weights),
                "specificity": _share(~read, ~wanted, weights),
            }
            found |= {f"{name}_{side}": figure(value) for name, (value, _) in shares.items() if value >= 0}
            if min(value for value, _ in shares.values()) >= 0.0:
                positive = float((judged[rows] > _HALF).sum())
                true = rogan_gladen(positive, rows.size, shares["sensitivity"], shares["specificity"])
                if math.isfinite(true.interval.low):
                    found[f"rogan_gladen_{side}"] = figure(true.value)
        return found


def correction_of(
    table: PairTable,
    index: SampleIndex,
    reviewed: Mapping[PairKey, ReviewedPair],
    *,
    by_slice: bool = True,
) -> Correction | None:
    """The correction of one measure by the labels in `reviewed` (`statistics.prediction_powered`).

    None with too few labels, or where strata without any make up more than a fiftieth of the pairs.
    """
    scored = np.flatnonzero(table.baseline.scored & table.candidate.scored)
    known = [reviewed.get(table.keys[row]) for row in scored.tolist()]
    people = (
        np.array([_value(pair.baseline if pair else None) for pair in known], np.float64),
        np.array([_value(pair.candidate if pair else None) for pair in known], np.float64),
    )
    labelled = np.isfinite(people[0]) & np.isfinite(people[1])
    if int(labelled.sum()) < FEWEST_LABELS:
        return None
    names = {name: code for code, name in enumerate(sorted({pair.stratum for pair in known if pair}), 1)}
    strata = np.array([names[pair.stratum] if pair else 0 for pair in known], np.int64)
    sizes = np.bincount(strata)
    chance = np.asarray((np.bincount(strata, weights=labelled) / np.maximum(sizes, 1))[strata], np.float64)
    if float((chance > 0.0).mean()) < COVERED:
        return None
    clusters = index.clusters[table.sample[scored]]
    judged = (table.baseline.values[scored], table.candidate.values[scored])
    place = np.full(table.pairs, -1, np.int64)
    place[scored] = np.arange(scored.size)
    return Correction(
        pairs=corrected_pairs(judged, people, strata, clusters),
        judged=judged,
        people=people,
        chance=chance,
        clusters=clusters,
        place=place,
        by_slice=by_slice,
    )


def _value(value: Decimal | None) -> float:
    return math.nan if value is None else float(value)


def recorded_moments(moments: Moments, paired: PairedCounts | PairedMoments) -> PairedMoments:
    """As they are recorded; unscored pairs are those of `paired`."""
    if isinstance(paired, PairedCounts):
        candidate = paired.n1u + paired.n0u
        baseline = unscored_pairs(paired) - candidate
    else:
        baseline, candidate = paired.unscored_baseline, paired.unscored_candidate
    return PairedMoments(
        pairs=moments.n,
        baseline_mean=figure(moments.baseline_mean),
        candidate_mean=figure(moments.candidate_mean),
        baseline_variance=figure(moments.baseline_variance, places=_VARIANCE_PLACES),
        candidate_variance=figure(moments.candidate_variance, places=_VARIANCE_PLACES),
        covariance=figure(moments.covariance, places=_VARIANCE_PLACES),
        clusters=moments.clusters,
        unscored_baseline=baseline,
        unscored_candidate=candidate,
    )


def _rate(mean: float, variance: float, clusters: int, confidence: float) -> Estimate:
    if clusters < 2:
        return _estimate(mean, Interval(0.0, 1.0))
    half = student_quantile(confidence, clusters - 1) * math.sqrt(variance)
    return _estimate(mean, Interval(mean - half, mean + half))


def _estimate(value: float, interval: Interval) -> Estimate:
    return Estimate(value=figure(value), low=figure(interval.low), high=figure(interval.high))


def _share(part: Booleans, whole: Booleans, weights: Floats) -> tuple[float, float]:
    """Weighted share of `whole` that is also in `part`, and of how many; -1 of none."""
    total = float(weights[whole].sum())
    return (float(weights[whole & part].sum()) / total if total else -1.0), float(whole.sum())
