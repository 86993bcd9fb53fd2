"""What people's labels make of a slice: a correction where they are on a sample, else their counts."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import msgspec
import numpy as np

from modelassay.comparison import estimates
from modelassay.comparison.correction import Correction, recorded_moments
from modelassay.comparison.pairing import Integers
from modelassay.comparison.summary import Pairs, effect_of
from modelassay.records import Corrected, Estimate, PairedCounts, Policy
from modelassay.statistics import cluster_moments


def by_people(pairs: Pairs, correction: Correction | None, rows: Integers, policy: Policy) -> Pairs:
    """`pairs` with what people's labels make of them, where there are enough.

    Args:
        pairs: at `rows` of the table that `correction` is of.
        correction: of the measure; None without labels.
    """
    if correction is None:
        return pairs
    people = _read_by_people(pairs, correction, rows) if correction.by_slice else None
    if people is None:
        corrected = correction.at(rows, pairs.paired, policy)
    else:
        at = correction.place[rows]
        corrected = _whole(people, correction.judge_beside(at[at >= 0], at[at >= 0]), policy)
    if corrected is not None and correction.by_slice:
        labels = int(correction.pairs.labelled.sum())
        corrected = msgspec.structs.replace(corrected, measure_labels=labels)
    return replace(pairs, corrected=corrected)


def _read_by_people(pairs: Pairs, correction: Correction, rows: Integers) -> Pairs | None:
    """The same pairs as people read them; None where one was not put to them, or they differ on one.

    Answers on which annotators differ are neither wanted nor not: those slices are corrected like others.
    """
    at = correction.place[rows]
    at = at[at >= 0]
    before, after = (side[at] for side in correction.people)
    labels = np.concatenate([before, after])
    own = pairs.paired
    if not at.size or not isinstance(own, PairedCounts) or not np.isin(labels, (0.0, 1.0)).all():
        return None
    cell = np.bincount((2 * before + after).astype(np.int64), minlength=4).tolist()
    paired = msgspec.structs.replace(
        own,
        n00=cell[0],
        n01=cell[1],
        n10=cell[2],
        n11=cell[3],
        design_effect=effect_of(before, after, pairs.clusters),
    )
    return Pairs(baseline=before, candidate=after, clusters=pairs.clusters, paired=paired)


def _whole(people: Pairs, judge: dict[str, Decimal], policy: Policy) -> Corrected:
    """The figures of pairs that people read all of; there is nothing to be inferred."""
    confidence = policy.confidence.basis_points / 10_000
    assert isinstance(people.paired, PairedCounts)
    return Corrected(
        labels=len(people.baseline),
        tuning=Decimal(0),
        paired=recorded_moments(
            cluster_moments(people.baseline, people.candidate, people.clusters), people.paired
        ),
        counts=people.paired,
        baseline=_known(estimates.rate(people.baseline, people.clusters, binary=True, confidence=confidence)),
        candidate=_known(
            estimates.rate(people.candidate, people.clusters, binary=True, confidence=confidence)
        ),
        difference=_known(estimates.difference(people, confidence)),
        relative_drop=estimates.relative_drop(people, confidence),
        judge=judge,
        method=f"people read both answers of all {len(people.baseline):,} scored pairs; rates: Wilson, "
        f"difference: Tango, relative drop: Tang; each end of an interval at {policy.confidence} one-sided",
    )


def _known(estimate: Estimate | None) -> Estimate:
    assert estimate is not None  # there are pairs
    return estimate
