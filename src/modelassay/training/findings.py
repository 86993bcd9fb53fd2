"""How analyses of a run say what they found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from modelassay.records import (
    Estimate,
    Measure,
    RolloutReference,
    RunFinding,
)
from modelassay.records.findings import AssuranceTier, FindingState, Severity

NOT_ASSESSABLE = "not assessable"


def estimate(value: float, low: float, high: float, places: int = 6) -> Estimate:
    """An `Estimate` of three finite numbers, rounded to `places` decimals."""
    return Estimate(value=decimal(value, places), low=decimal(low, places), high=decimal(high, places))


def decimal(value: float, places: int = 6) -> Decimal:
    """A finite number as a decimal with at most `places` digits after the point."""
    return Decimal(format(value, f".{places}f")).normalize() + Decimal(0)


def run_finding(
    check: str,
    outcome: str,
    statement: str,
    *,
    about: Mapping[str, str] | None = None,
    state: FindingState,
    severity: Severity = "none",
    assurance: AssuranceTier = "T1",
    effect: Estimate | None = None,
    p_value: Decimal | None = None,
    values: Mapping[str, Decimal] | None = None,
    evidence: Sequence[RolloutReference] = (),
    method: str = "",
    rests_on: Sequence[str] = (),
    why_not: str = "",
    question: str = "",
) -> RunFinding:
    """A `RunFinding` whose id is ``check/about…``.

    Args:
        check: name of the analysis, such as ``reinforcement``.
        about: what it is about, in order: environment, behaviour, reward function, …
        assurance: what the run's origin allows; the assessment raises it where commitments were checked.
    """
    subject = dict(about or {})
    return RunFinding(
        id="/".join([check, *(f"{k}={v}" for k, v in subject.items())]),
        check=check,
        measure=Measure(name=check, title=check.replace("_", " "), wanted="", role="descriptive", exact=True),
        slice=subject,
        state=state,
        severity=severity,
        assurance=assurance,
        statement=statement,
        outcome=outcome,
        effect=effect,
        p_value=p_value,
        values=dict(values or {}),
        evidence=tuple(evidence),
        method=method,
        rests_on=tuple(rests_on),
        why_not=why_not,
        question=question,
    )


def not_assessable(
    check: str, why: str, *, about: Mapping[str, str] | None = None, question: str = ""
) -> RunFinding:
    """The finding that a question cannot be answered from this record, and why."""
    return run_finding(
        check,
        NOT_ASSESSABLE,
        f"Cannot be assessed: {why}.",
        about=about,
        state="not_assessable",
        why_not=why,
        question=question,
    )


def called_fine_no_longer(finding: RunFinding, why: str) -> RunFinding:
    """`finding`, not assessable where it calls fine what `why` says was not looked at; harm stays."""
    if finding.state != "shown_fine":
        return finding
    return msgspec.structs.replace(
        finding,
        state="not_assessable",
        outcome=NOT_ASSESSABLE,
        severity="none",
        statement=f"Cannot be assessed: {why}.",
        why_not=why,
    )
