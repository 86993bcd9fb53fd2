"""What an independent assessor says of a training run: the sealed record behind a report."""

from __future__ import annotations

from decimal import Decimal
from html import escape
from typing import Literal

import msgspec

from modelassay.canonical import Digest
from modelassay.records.findings import AssuranceTier, Severity
from modelassay.records.training import RunCoverage, RunFinding, RunManifest

AssessmentProfile = Literal["default", "annex-xi", "code-of-practice"]
AccessLevel = Literal["unstated", "AL1", "AL2", "AL3"]
"""What the assessor could see (arXiv:2601.11916): AL1 outputs and documents, AL2 also logs and internals on
request, AL3 everything that the developer's own staff sees."""
TimelineMarkKind = Literal[
    "checkpoint", "alarm", "statistical alarm", "response", "fix", "gap", "configuration", "other"
]
ClauseState = Literal["evidence", "in part", "not covered"]


class AssessorDeclaration(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Who assessed, and what could sway them; their own word, sealed with the rest."""

    assessor: str
    organisation: str = ""
    independent: bool = False
    """Whether they say that they are no part of the developer, and not paid by the result."""
    interests: tuple[str, ...] = ()
    """Conflicts of interest, a sentence each; empty when they declare to have none."""
    paid_by: str = ""
    access: AccessLevel = "unstated"
    access_details: str = ""
    limits: tuple[str, ...] = ()
    """What the developer did not allow: embargo, redaction, time."""
    date: str = ""
    """UTC date of the declaration."""


class AssuranceStep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tier, and whether this run has reached it."""

    tier: AssuranceTier
    reached: bool
    statement: str
    """What was verified, or what is missing."""


class TimelineSeries(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A quantity over training; one value per position of the timeline."""

    name: str
    kind: Literal["reward", "behaviour", "length", "loss"]
    """A loss is as the trainer logged it, of a run without rollouts."""
    environment: str = ""
    values: tuple[Decimal | None, ...]
    """None where nothing was measured, or the position is invalid."""


class TimelineMark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something at one step."""

    step: int
    kind: TimelineMarkKind
    label: str
    """Few words."""
    detail: str = ""
    time: str = ""
    """UTC, by whoever wrote it down."""


class Timeline(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The run on one page."""

    positions: tuple[int, ...]
    """Training steps; of long runs the first step of each stretch."""
    stretch: int = 1
    """Steps per position."""
    series: tuple[TimelineSeries, ...] = ()
    marks: tuple[TimelineMark, ...] = ()
    invalid: tuple[int, ...] = ()
    """Steps that gates found invalid."""


class Question(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What to ask the developer."""

    text: str
    severity: Severity
    """Of the gravest finding that it comes from."""
    findings: tuple[str, ...]
    """Ids of the findings."""


class NotAssessed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What could not be assessed, and why."""

    what: str
    why: str
    finding: str = ""
    """Id of the finding that says so; empty where nothing was even tried."""


class Clause(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A clause of a law or code, and what this assessment has to say to it."""

    clause: str
    title: str
    state: ClauseState
    findings: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    """Facts of the run's own records that belong to it."""
    missing: str = ""
    """What the clause asks for and is not here."""


class AssessedInput(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that was read."""

    name: str
    """``run``, or the role of a file: ``evaluations``, ``opening``, …"""
    digest: Digest


class Assessment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A training run, assessed; `assessment.json`."""

    type: Literal["modelassay.assessment/1"] = "modelassay.assessment/1"
    id: str
    run: RunManifest
    coverage: RunCoverage | None = None
    profile: AssessmentProfile
    declaration: AssessorDeclaration
    headline: str
    assurance: tuple[AssuranceStep, ...]
    """T0 to T4, in order."""
    tier: AssuranceTier
    """The highest that was reached."""
    findings: tuple[RunFinding, ...]
    """The gravest first; of equal ones the better assured first."""
    questions: tuple[Question, ...] = ()
    not_assessed: tuple[NotAssessed, ...] = ()
    clauses: tuple[Clause, ...] = ()
    """Of the profile; empty for ``default``."""
    timeline: Timeline
    rollouts: int
    scanners: dict[str, str] = {}
    """Version of each scanner that read the rollouts, by name."""
    settings: dict[str, str] = {}
    """What else the findings depend on: chosen stages, options."""
    inputs: tuple[AssessedInput, ...]
    limits: tuple[str, ...] = ()
    """What an assessment like this cannot tell."""
    tool_version: str

    @property
    def critical(self) -> tuple[RunFinding, ...]:
        """Findings for which nobody should go on without an answer."""
        return tuple(finding for finding in self.findings if finding.severity == "critical")

    def to_columns(self) -> dict[str, list[str]]:
        """Findings as columns, for data frames."""
        return finding_columns(self.findings)

    def _repr_html_(self) -> str:
        """Findings as a table for notebooks; everything in it is escaped."""
        columns = self.to_columns()
        shown = ("severity", "assurance", "check", "about", "outcome", "statement")
        head = "".join(f"<th>{name}</th>" for name in shown)
        rows = "".join(
            f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>"
            for row in zip(*(columns[name] for name in shown), strict=True)
        )
        return f"<table><caption>{escape(self.headline)}</caption><tr>{head}</tr>{rows}</table>"


def finding_columns(findings: tuple[RunFinding, ...]) -> dict[str, list[str]]:
    """Findings as equally long columns of text."""
    columns: dict[str, list[str]] = {
        name: []
        for name in (
            "severity", "assurance", "check", "about", "outcome", "statement", "value", "low", "high",
            "question",
        )
    }  # fmt: skip
    for each in findings:
        effect = each.effect
        row = {
            "severity": each.severity,
            "assurance": each.assurance,
            "check": each.check,
            "about": ", ".join(f"{name} {value}" for name, value in each.slice.items() if value),
            "outcome": each.outcome,
            "statement": each.statement,
            "value": "" if effect is None else str(effect.value),
            "low": "" if effect is None else str(effect.low),
            "high": "" if effect is None else str(effect.high),
            "question": each.question,
        }
        for name, value in row.items():
            columns[name].append(value)
    return columns
