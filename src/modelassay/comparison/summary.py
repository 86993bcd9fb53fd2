"""Pairs into the few figures that everything else is computed from."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from modelassay.comparison.pairing import Booleans, Column, Floats, Integers, PairTable, SampleIndex
from modelassay.comparison.resampled import resampled_bounds
from modelassay.drops import figure
from modelassay.records import Corrected, PairedCounts, PairedMoments, Policy
from modelassay.statistics import cluster_moments, design_effect

_VARIANCE_PLACES = 12
"""A variance of a mean is small: six places would keep two digits of it."""

_HALF = 0.5
"""The largest drop that any threshold asks about, roughly: see `effect_of`."""


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """The scored pairs of one slice as columns, and their sufficient statistics."""

    baseline: Floats
    candidate: Floats
    clusters: Integers
    paired: PairedCounts | PairedMoments
    raw: tuple[Floats, Floats] | None = None
    """Both sides on the evaluator's own scale, where that is a number."""
    corrected: Corrected | None = None
    """The same by people's labels."""
    resampled: dict[str, Decimal] = field(default_factory=dict)
    """Bounds by resampling, by the names of `drops.resampled_name`; empty unless the policy asks for them."""


def summarise(
    table: PairTable,
    index: SampleIndex,
    rows: Integers,
    policy: Policy,
) -> Pairs:
    """The pairs at `rows` of `table`; unscored ones are counted, not kept."""
    left, right = _part(table.baseline, rows), _part(table.candidate, rows)
    both = left.scored & right.scored
    baseline, candidate = left.values[both], right.values[both]
    clusters = index.clusters[table.sample[rows]][both]
    if table.binary:
        paired: PairedCounts | PairedMoments = _counts(left, right, baseline, candidate, clusters)
    else:
        paired = _moments(left.scored, right.scored, baseline, candidate, clusters)
    raw = None if left.raw is None or right.raw is None else (left.raw[both], right.raw[both])
    return Pairs(
        baseline=baseline,
        candidate=candidate,
        clusters=clusters,
        paired=paired,
        raw=raw,
        resampled=resampled_bounds(table, index, rows, policy),
    )


def _part(column: Column, rows: Integers) -> Column:
    raw = None if column.raw is None else column.raw[rows]
    return Column(values=column.values[rows], scored=column.scored[rows], reasons={}, raw=raw)


def _counts(
    left: Column, right: Column, baseline: Floats, candidate: Floats, clusters: Integers
) -> PairedCounts:
    unscored = 2
    before = np.where(left.scored, left.values, unscored).astype(np.int64)
    after = np.where(right.scored, right.values, unscored).astype(np.int64)
    cell = np.bincount(3 * before + after, minlength=9).tolist()
    return PairedCounts(
        n00=cell[0],
        n01=cell[1],
        n0u=cell[2],
        n10=cell[3],
        n11=cell[4],
        n1u=cell[5],
        nu0=cell[6],
        nu1=cell[7],
        nuu=cell[8],
        design_effect=effect_of(baseline, candidate, clusters),
        clusters=len(np.unique(clusters)),
    )


def effect_of(baseline: Floats, candidate: Floats, clusters: Integers) -> Decimal:
    """The larger of the design effects at a hypothesis of no drop and at one of a drop by half.

    A drop of δ is tested on the mean of candidate − (1 − δ)·baseline. The more of the baseline stays in
    it, the more it varies between clusters, so the difference alone would understate the effect.
    """
    if len(np.unique(clusters)) == len(clusters):
        return Decimal(1)
    differences = (candidate - baseline, candidate - _HALF * baseline)
    return figure(max(design_effect(z, clusters).effect for z in differences))


def _moments(
    left: Booleans, right: Booleans, baseline: Floats, candidate: Floats, clusters: Integers
) -> PairedMoments:
    moments = cluster_moments(baseline, candidate, clusters)
    return PairedMoments(
        pairs=moments.n,
        baseline_mean=figure(moments.baseline_mean),
        candidate_mean=figure(moments.candidate_mean),
        baseline_variance=figure(moments.baseline_variance, places=_VARIANCE_PLACES),
        candidate_variance=figure(moments.candidate_variance, places=_VARIANCE_PLACES),
        covariance=figure(moments.covariance, places=_VARIANCE_PLACES),
        clusters=moments.clusters,
        unscored_baseline=int((~left).sum()),
        unscored_candidate=int((left & ~right).sum()),
    )
