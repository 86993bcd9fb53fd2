"""Whose figures decide: the judge's own, or those that people's labels corrected."""

from __future__ import annotations

from modelassay.records import Corrected, PairedCounts, PairedMoments, Policy


def deciding(
    paired: PairedCounts | PairedMoments, corrected: Corrected | None, policy: Policy
) -> PairedCounts | PairedMoments:
    """The paired figures to hold against thresholds: corrected ones where enough pairs are labelled.

    The corrected ones carry the error of both the judge and the labels. Below ``policy.judges.labels`` they
    are shown and decide nothing, lest a handful of labels should free a candidate.
    """
    return corrected.paired if corrected is not None and enough_labels(corrected, policy) else paired


def enough_labels(corrected: Corrected, policy: Policy) -> bool:
    """Whether so many pairs are labelled that their correction decides."""
    return corrected.labels >= policy.judges.labels
