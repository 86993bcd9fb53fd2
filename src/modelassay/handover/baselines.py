"""The rates of the candidate as it is deployed: what monitoring is held against."""

from __future__ import annotations

from modelassay.drops import deciding_figures, scored_pairs, unscored_pairs
from modelassay.handover.document import Baseline
from modelassay.records import AuditRecord, Finding


def baselines_of(record: AuditRecord) -> tuple[Baseline, ...]:
    """One for each measure and slice that was compared and scored, in the order of the findings."""
    found = (_baseline(record, finding) for finding in record.findings if finding.check == "comparison")
    return tuple(baseline for baseline in found if baseline is not None)


def findings_by_id(record: AuditRecord) -> dict[str, Finding]:
    """Findings of comparisons by id."""
    return {finding.id: finding for finding in record.findings if finding.check == "comparison"}


def _baseline(record: AuditRecord, finding: Finding) -> Baseline | None:
    figures = deciding_figures(finding, record.policy)
    rate = figures.candidate
    if finding.paired is None or rate is None:
        return None
    measure = finding.measure
    return Baseline(
        finding=finding.id,
        measure=measure.name,
        wanted=measure.wanted,
        role=measure.role,
        slice=finding.slice,
        n=scored_pairs(finding.paired),
        unscored=unscored_pairs(finding.paired),
        rate=rate,
        before=figures.baseline,
        evaluator=evaluator_of(record, measure.name),
        judge=finding.judge,
        corrected=figures.labels > 0,
        state=finding.state,
    )


def evaluator_of(record: AuditRecord, measure: str) -> str:
    """`NAME@VERSION` of what scored a measure."""
    return next(
        (f"{p.name}@{p.version}" for p in record.evaluators if any(m.name == measure for m in p.measures)),
        "",
    )
