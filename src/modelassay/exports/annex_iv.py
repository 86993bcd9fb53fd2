"""The evidence map: for each clause of the EU AI Act's Annex IV and its kin, the artefact that speaks to it.

It names file and digest, or says "not covered"; it never says that a duty is met.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from modelassay.exports.artefacts import ARTEFACTS
from modelassay.exports.compliance import (
    DISCLAIMER,
    Answered,
    ClauseEvidence,
    FrameworkEvidence,
    compliance_map,
    hold_against,
)
from modelassay.exports.document import Block, Heading, Paragraph, Table, to_html, to_markdown
from modelassay.exports.sealed import SealedAudit
from modelassay.report.text import OUTCOME_WORDS

SHORT = 12
"""Digits of a digest in the tables of clauses; the table of artefacts has all 64."""


def annex_iv_markdown(audit: SealedAudit, frameworks: tuple[str, ...] = ()) -> bytes:
    """The map as Markdown.

    Raises:
        UnknownNameError: no such framework.
    """
    return to_markdown(evidence_map(audit, frameworks))


def annex_iv_html(audit: SealedAudit, frameworks: tuple[str, ...] = ()) -> bytes:
    """The map as one HTML page.

    Raises:
        UnknownNameError: no such framework.
    """
    return to_html(f"Evidence map: {audit.record.name}", evidence_map(audit, frameworks))


def evidence_map(audit: SealedAudit, frameworks: tuple[str, ...] = ()) -> Iterator[Block]:
    """The map in order: what was audited, what the bundle holds, then framework by framework."""
    held = hold_against(audit, frameworks)
    yield from _head(audit)
    yield from _artefacts(audit)
    for framework in held:
        yield from _framework(framework)


def _head(audit: SealedAudit) -> Iterator[Block]:
    record = audit.record
    yield Heading(1, f"Evidence map: {record.name}")
    yield Paragraph(DISCLAIMER)
    for note in record.notes:
        yield Paragraph(note)
    yield Table(
        ("what", "value"),
        (
            ("audit", record.id),
            ("candidate", f"{record.candidate.reference}, {record.candidate.fingerprint}"),
            ("baseline", f"{record.baseline.reference}, {record.baseline.fingerprint}"),
            ("closed", record.closed),
            ("verdict", f"{OUTCOME_WORDS[record.verdict.outcome]}, until {record.verdict.expires}"),
            ("dates of laws last checked", compliance_map().checked),
        ),
    )


def _artefacts(audit: SealedAudit) -> Iterator[Block]:
    yield Heading(2, "What this bundle holds")
    rows = []
    for artefact in ARTEFACTS.values():
        files = artefact.found(audit)
        where = [f"{path} sha256:{digest}" for path, digest in files]
        rows.append((artefact.title, where or f"absent: {artefact.mend or 'not in this bundle'}"))
    yield Table(("artefact", "file and digest"), rows)


def _framework(held: FrameworkEvidence) -> Iterator[Block]:
    framework = held.framework
    yield Heading(2, framework.title)
    yield Paragraph(
        f"{framework.version}, {framework.owner}, {framework.source}. Paraphrased from: {framework.basis}."
    )
    if framework.dates:
        yield Table(("from", "what"), [(date.date, date.what) for date in framework.dates])
    counts = Counter(clause.status for clause in held.clauses)
    yield Paragraph(
        f"Of {len(held.clauses)} clauses this audit has all the evidence named here for "
        f"{counts['evidence']} and part of it for {counts['partial evidence']}; "
        f"{counts['not covered']} are not covered."
    )
    yield Table(
        ("clause", "asks", "status", "evidence", "what remains"), [_row(clause) for clause in held.clauses]
    )


def _row(held: ClauseEvidence) -> tuple[str | list[str], ...]:
    clause = held.clause
    evidence = [_evidence(answered) for answered in held.answered]
    return (clause.id, clause.asks, held.status, evidence or "none", clause.remains or "–")


def _evidence(answered: Answered) -> str:
    if not answered.files:
        return f"absent: {answered.artefact.title}"
    shown = [f"{path} (sha256:{digest[:SHORT]}…)" for path, digest in answered.files[:4]]
    more = len(answered.files) - len(shown)
    return f"{', '.join(shown)}{f' and {more} more' if more else ''}: {answered.how}"
