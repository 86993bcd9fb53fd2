"""Which figures of a finding decide, to be shown wherever it is shown: one reading for gate and views."""

from __future__ import annotations

from dataclasses import dataclass

from modelassay.drops.deciding import deciding, deciding_drop
from modelassay.records import Estimate, Finding, Policy


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The estimates by which a slice is held against limits."""

    baseline: Estimate | None
    candidate: Estimate | None
    difference: Estimate | None
    relative_drop: Estimate | None
    labels: int = 0
    """Pairs that people labelled, where these are the figures that they corrected; the judge's own are those
    of the finding itself."""


def deciding_figures(finding: Finding, policy: Policy) -> Figures:
    """The judge's figures, or those corrected by people's labels where they decide or tell of more loss."""
    corrected, own = finding.corrected, finding.paired
    if corrected is not None and own is not None:
        by_people = deciding(own, corrected, policy) is not own
        if by_people or deciding_drop(own, corrected, policy, finding.values).paired is not own:
            return Figures(
                baseline=corrected.baseline,
                candidate=corrected.candidate,
                difference=corrected.difference,
                relative_drop=corrected.relative_drop,
                labels=corrected.labels,
            )
    return Figures(
        baseline=finding.baseline,
        candidate=finding.candidate,
        difference=finding.difference,
        relative_drop=finding.relative_drop,
    )
