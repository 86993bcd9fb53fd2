"""An audit in a few lines: for the terminal, and as one JSON object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelassay.cli.deciding import Today
from modelassay.drops import deciding_figures
from modelassay.evidence.clearance import Clearance
from modelassay.evidence.lapse import Lapse
from modelassay.gate import CLEARABLE
from modelassay.gate.investigation import investigate
from modelassay.records import AuditRecord, Coverage, Finding
from modelassay.report.corrected import corrected_mark
from modelassay.report.imported import imported_mark
from modelassay.report.investigation import TITLE, investigation_lines
from modelassay.report.judges import judge_sentences
from modelassay.report.lineage import lineage_in_words
from modelassay.report.text import OUTCOME_WORDS, STATE_WORDS, percent, visible

COLOURS = {
    "deploy": "green",
    "deploy-monitored": "yellow",
    "review": "yellow",
    "block": "red",
    "inconclusive": "yellow",
}


def summary(record: AuditRecord, folder: Path, today: Today) -> dict[str, Any]:
    """One JSON-ready object: what `audit`, `show` and `demo` print under ``--json``."""
    verdict = record.verdict
    return {
        "format": "modelassay.summary/1",
        "audit": record.id,
        "name": record.name,
        "outcome": verdict.outcome,
        "literal": verdict.literal,
        "exit_code": int(today.code),
        "headline": headline(record, today.lapse),
        "withdrawn": today.lapse.reason if today.lapse and today.lapse.kind == "withdrawn" else "",
        "revoked": today.lapse.reason if today.lapse and today.lapse.kind == "revoked" else "",
        "decided_by": [
            {"rule": h.rule, "finding": h.finding, "outcome": h.outcome, "statement": h.statement}
            for h in verdict.decided_by
        ],
        "review_items": [{"concern": i.concern, "statement": i.statement} for i in verdict.review_items],
        "inconclusive": list(verdict.inconclusive),
        "unscored": [
            {"side": c.side, "measure": c.measure, "planned": c.planned, "reasons": c.unscored}
            for c in record.coverage
            if c.unscored
        ],
        "imported": imported_mark(record),
        "expires": verdict.expires,
        "investigation": investigate(record),
        "clearance": clearance_in_json(today.clearance),
        "baseline": {"reference": record.baseline.reference, "fingerprint": record.baseline.fingerprint},
        "candidate": {"reference": record.candidate.reference, "fingerprint": record.candidate.fingerprint},
        "folder": str(folder),
        "report": str(folder / "report.html"),
    }


def headline(record: AuditRecord, lapse: Lapse | None) -> str:
    """The verdict's own sentence, after why it holds no longer."""
    verdict = record.verdict
    if lapse is None:
        return verdict.headline
    return f"{lapse.sentence[0].upper()}{lapse.sentence[1:]}. It said {verdict.outcome}: {verdict.headline}"


def clearance_in_json(clearance: Clearance) -> dict[str, Any]:
    """What people decided, and what is still missing."""
    return {
        "cleared": clearance.cleared,
        "missing": clearance.missing,
        "until": clearance.until,
        "words": clearance.words,
        "not_counted": clearance.not_counted,
    }


def print_summary(record: AuditRecord, folder: Path, written: list[Path], today: Today) -> None:
    """The verdict first, then why, the measures, and where everything is."""
    verdict = record.verdict
    word, colour = OUTCOME_WORDS[verdict.outcome].upper(), COLOURS[verdict.outcome]
    if today.lapse is not None:
        word, colour = today.lapse.kind.upper(), "red"
    mark = f"  [{visible(imported_mark(record))}]" if record.imported else ""
    click.echo(click.style(word, fg=colour, bold=True) + f"  {record.name}{mark}")
    click.echo(visible(headline(record, today.lapse)))
    for note in record.notes:
        click.echo(f"note: {visible(note)}")
    said = verdict.headline.lower()
    _list("why", [h.statement for h in verdict.decided_by if h.statement.lower() not in said][:8])
    _list(TITLE.lower(), list(investigation_lines(record)))
    _list("what would settle it", list(verdict.inconclusive)[:6])
    _list("for a person to look at", [i.statement for i in verdict.review_items][:8])
    click.echo("\nshare of answers that …")
    for finding in record.findings:
        if finding.check == "comparison" and not finding.slice and finding.measure.role != "descriptive":
            click.echo("  " + _line(record, finding))
            for sentence in judge_sentences(record, finding.measure.name, brief=True):
                click.echo(f"    {visible(sentence)}")
    _list("\nanswers without a score", [_unscored(c) for c in record.coverage if c.unscored])
    if words := lineage_in_words(record):
        click.echo(f"\nwhere the candidate came from: {visible(words)}")
    if verdict.outcome in CLEARABLE:
        click.echo(f"\npeople's decision: {visible(today.clearance.sentence)}")
    click.echo()
    until = f"holds until {verdict.expires}" if today.lapse is None else "holds no longer"
    click.echo(f"audit   {record.id}  {until}")
    click.echo(f"folder  {folder}")
    for path in (folder / "report.html", *written):
        click.echo(f"report  {path}")


def _unscored(coverage: Coverage) -> str:
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(coverage.unscored.items()))
    missing = coverage.planned - coverage.scored
    return f"{coverage.side}, {coverage.measure}: {missing:,} of {coverage.planned:,} ({reasons})"


def _list(title: str, items: list[str]) -> None:
    if items:
        click.echo(f"{title}:")
        for item in items:
            click.echo(f"  - {visible(item)}")


def _line(record: AuditRecord, finding: Finding) -> str:
    figures = deciding_figures(finding, record.policy)
    rates = " → ".join(
        percent(estimate.value) if estimate else "–" for estimate in (figures.baseline, figures.candidate)
    )
    mark = corrected_mark(finding, figures)
    return f"{finding.measure.wanted:40} {rates:20} {STATE_WORDS[finding.state]}{mark}"
