"""Whose figures decide: the judge's own, those that people's labels corrected, or both together."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from modelassay.drops.drop import Drop, drop_of, either
from modelassay.drops.resampled import held_by
from modelassay.records import Corrected, PairedCounts, PairedMoments, Policy


def deciding(
    paired: PairedCounts | PairedMoments, corrected: Corrected | None, policy: Policy
) -> PairedCounts | PairedMoments:
    """The paired figures to hold against thresholds: corrected ones where enough pairs are labelled.

    The corrected ones carry the error of both the judge and the labels. Below ``policy.judges.labels`` they
    are shown and free nothing, lest a handful of labels should free a candidate.
    """
    if corrected is None or not enough_labels(corrected, policy):
        return paired
    return corrected.counts or corrected.paired


def enough_labels(corrected: Corrected, policy: Policy) -> bool:
    """Whether so many pairs are labelled, or all that there are, that people decide instead of the judge."""
    whole = corrected.measure_labels > 0 and corrected.labels >= corrected.paired.pairs
    return whole or corrected.labels >= policy.judges.labels


def held_beside(corrected: Corrected, policy: Policy) -> bool:
    """Whether a slice has too few labels to decide while those of its measure do: then both count.

    The judge is known to need correction, and in the slice nothing but its own figures could be held. So
    what is fine must be so by both, and harm by either is harm.
    """
    return corrected.measure_labels >= policy.judges.labels and not enough_labels(corrected, policy)


def deciding_drop(
    own: PairedCounts | PairedMoments,
    corrected: Corrected | None,
    policy: Policy,
    resampled: Mapping[str, Decimal],
) -> Drop:
    """The drop to hold against thresholds.

    Args:
        own: the judge's figures.
        corrected: people's; None with too few labels.
        resampled: bounds by resampling, which are of the judge's figures (`held_by`).
    """
    paired = deciding(own, corrected, policy)
    if paired is not own:
        return drop_of(paired, policy)
    drop = held_by(drop_of(own, policy), resampled)
    if corrected is None or not held_beside(corrected, policy):
        return drop
    return either(drop, corrected.paired)
