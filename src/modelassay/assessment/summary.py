"""Findings put in order, and what follows from them: headline, questions, what could not be assessed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from modelassay.assessment.behaviours import MARKERS
from modelassay.assessment.unread_calls import told_unread
from modelassay.assessment.unread_languages import told_languages
from modelassay.records import NotAssessed, Question, RunFinding
from modelassay.records.findings import AssuranceTier, Severity
from modelassay.training.run import Run

_NO_FIX = "no fix is told of, and no checkpoint was asked before and after one"
_NOT_FIXED = "no behaviour that occurs was there before a fix"
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "none")
"""From the gravest down."""


def plain_name(name: str) -> str:
    """A run's id as part of a folder's name: its manifest comes from others."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:80] or "run"


def ranked(findings: Sequence[RunFinding]) -> tuple[RunFinding, ...]:
    """The gravest first, of equal ones the better assured; else as the analyses gave them."""
    return tuple(sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), -int(f.assurance[1:]))))


def headline(findings: Sequence[RunFinding], tier: AssuranceTier) -> str:
    """The whole in a sentence or two."""
    counts = {each: sum(f.severity == each for f in findings) for each in ("critical", "high")}
    told = " and ".join(f"{count} {severity}" for severity, count in counts.items() if count)
    number = sum(counts.values())
    first = f"{told} finding{'s' * (number != 1)}" if told else "No critical or high findings"
    reinforced = [
        f.slice["behaviour"] + _strongest(f, findings)
        for f in findings
        if f.check == "reinforcement"
        and f.outcome == "reinforced"
        and set(f.slice) <= {"behaviour", "by"}
        and f.slice["behaviour"] not in MARKERS
        and f.slice.get("by") != "preference"
    ]
    preferred = [
        f.slice["behaviour"]
        for f in findings
        if f.check == "reinforcement"
        and f.outcome == "reinforced"
        and f.slice.get("by") == "preference"
        and f.slice["behaviour"] not in MARKERS
    ]
    verdicts = [
        f"{f.slice['behaviour']} {f.outcome}"
        for f in findings
        if f.check == "resolution" and f.state != "not_assessable"
    ]
    evaluated = [
        f.slice["behaviour"]
        for f in findings
        if f.check == "evaluated" and f.severity in ("critical", "high")
    ]
    parts = [first]
    parts += [f"reward favours {', '.join(reinforced[:3])}"] if reinforced else []
    parts += [f"preference data favours {', '.join(preferred[:3])}"] if preferred else []
    parts += [f"evaluations show {', '.join(list(dict.fromkeys(evaluated))[:3])}"] if evaluated else []
    parts += [", ".join(verdicts[:3])] if verdicts else []
    parts += [told for told in (told_unread(findings), told_languages(findings)) if told]
    withheld = f", without what was withheld ({', '.join(names)})" if (names := _withheld(findings)) else ""
    return f"{'; '.join(parts)}. Assurance {tier}{withheld}."


def _withheld(findings: Sequence[RunFinding]) -> list[str]:
    """Parts that were not disclosed of rollouts that were drawn, or that the assessed copy lacks."""
    drawn = {name for f in findings if f.check == "challenge" for name in f.values}
    names = {name.removeprefix("withheld_") for name in drawn if name.startswith("withheld_")}
    lacking = (f for f in findings if f.slice.get("aspect") in ("absent parts", "unlisted parts"))
    return sorted(names | {name.split("_", 1)[1] for f in lacking for name in f.values})


def _strongest(overall: RunFinding, findings: Sequence[RunFinding]) -> str:
    """In which environment, where some were told apart."""
    behaviour = overall.slice["behaviour"]
    places = [
        f.slice["environment"]
        for f in findings
        if f.check == "reinforcement"
        and f.outcome == "reinforced"
        and f.slice.get("behaviour") == behaviour
        and f.slice.get("environment")
    ]
    return f" (most surely in {places[0]})" if places else ""


def questions(findings: Sequence[RunFinding]) -> tuple[Question, ...]:
    """Every question once, the gravest first."""
    asked: dict[str, list[RunFinding]] = {}
    for finding in findings:
        if finding.question:
            asked.setdefault(finding.question, []).append(finding)
    listed = [
        Question(
            text=text,
            severity=min((f.severity for f in found), key=SEVERITIES.index),
            findings=tuple(f.id for f in found),
        )
        for text, found in asked.items()
    ]
    return tuple(sorted(listed, key=lambda question: SEVERITIES.index(question.severity)))


def not_assessed(findings: Sequence[RunFinding], run: Run, *, fixes: bool) -> tuple[NotAssessed, ...]:
    """What findings say of themselves, then what was not even tried."""
    said = [
        NotAssessed(what=_subject(each), why=each.why_not, finding=each.id)
        for each in findings
        if each.state == "not_assessable" and each.why_not
    ]
    checks = {each.check for each in findings}
    absent = [
        ("resolution", "patched or resolved", _NOT_FIXED if fixes else _NO_FIX),
        ("overoptimisation", "over-optimisation", "the run holds no measure that was not optimised"),
        ("challenge", "whether rollouts were committed to", "no challenge was drawn and opened"),
        ("replay", "replay of a segment from a checkpoint", "none was handed over"),
        ("data_review", "training data", "none was handed over"),
        ("environment_pressure", "pressure of environments", "no environment has enough rollouts"),
        ("weights", "changes of the weights", "checkpoints were not compared"),
    ]
    tried = [NotAssessed(what=what, why=why) for check, what, why in absent if check not in checks]
    return (*said, *tried)


def _subject(finding: RunFinding) -> str:
    about = ", ".join(f"{name} {value}" for name, value in finding.slice.items() if value)
    return f"{finding.check.replace('_', ' ')}{f' of {about}' if about else ''}"
