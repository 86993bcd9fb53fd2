"""What was found other than by the suite, arranged for reading.

Pure functions of `AuditRecord`.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelassay.evidence.examined import EXAMINED, KINDS, TITLES
from modelassay.records import AuditRecord, Examination, Finding, FindingState, Statistic

MOST_FINDINGS = 12
"""Findings of one examination that are shown; the rest is counted."""
DISCLAIMER = (
    "Looked at outside the suite: by attackers that react, by people, or inside the weights. A statistic is "
    "held against harmless fine-tunes where there are any; what has none to be held against is called "
    "uncalibrated and goes to people."
)
_ORDER: tuple[FindingState, ...] = ("shown_harmful", "not_shown", "not_assessable", "shown_fine")
_NULL = {"": "uncalibrated", "base": "of this base", "architecture": "of other bases of its architecture"}


@dataclass(frozen=True)
class Examined:
    """One examination with its findings as they stand in the record."""

    title: str
    day: str
    examination: Examination
    findings: tuple[Finding, ...]
    more: int
    """Findings that are not shown."""


def examined(audit: AuditRecord) -> tuple[Examined, ...]:
    """Each examination, in the order of the record, with what is shown to be harmful first."""
    found = [f for f in audit.findings if f.check in KINDS and f.measure.name != EXAMINED]
    rows = []
    for each in audit.examinations:
        rows.append(_one(each, found[: len(each.findings)]))
        found = found[len(each.findings) :]
    return tuple(rows)


def null_in_words(statistic: Statistic) -> str:
    """``200 harmless fine-tunes of this base, at most 0.33``, or ``uncalibrated``."""
    if not statistic.null_size:
        return _NULL[""]
    greatest = f", at most {statistic.null_greatest}" if statistic.null_greatest is not None else ""
    if statistic.null_of == "examination":
        return f"{statistic.null_size:,} others of the same examination{greatest}"
    return f"{statistic.null_size:,} harmless fine-tunes {_NULL[statistic.null_of]}{greatest}"


def _one(examination: Examination, findings: list[Finding]) -> Examined:
    ordered = sorted(findings, key=lambda finding: _ORDER.index(finding.state))
    return Examined(
        title=TITLES[examination.kind],
        day=examination.finished[:10],
        examination=examination,
        findings=tuple(ordered[:MOST_FINDINGS]),
        more=max(0, len(ordered) - MOST_FINDINGS),
    )
