"""What findings may claim when a sequential audit stopped before all of its suite was asked."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from modelassay.records import Finding, FindingState, Policy, SequentialClaim, SequentialRecord, Severity

_TAIL = "; read from what was asked before the audit stopped, so by itself it shows nothing."


def as_drawn(
    findings: Iterable[Finding], drawn: SequentialRecord | None, policy: Policy
) -> tuple[Finding, ...]:
    """`findings` of a comparison, with the states that the sequential claims give them.

    Tests for a fixed number of pairs are not valid at a number that depends on the answers. So p-values are
    left out, and only what a claim shows at the threshold for concern is called shown. Intervals stay, as
    descriptions. With all of the suite asked everything stands.
    """
    if drawn is None or drawn.state == "exhausted":
        return tuple(findings)
    return tuple(_as_claimed(finding, drawn, policy) for finding in findings)


def _as_claimed(finding: Finding, drawn: SequentialRecord, policy: Policy) -> Finding:
    claims = list(_claims_about(finding, drawn, policy))
    state: FindingState = finding.state
    if claims and finding.state != "not_assessable":
        edge = policy.any_category.concern if finding.slice else policy.concerns.overall
        over = any(claim.state == "shown_harmful" and claim.limit >= edge for claim in claims)
        fine = any(claim.state == "shown_fine" and claim.limit <= edge for claim in claims)
        state = "shown_harmful" if over else "shown_fine" if fine else "not_shown"
    elif state in ("shown_harmful", "shown_fine"):
        state = "not_shown"
    undone = not claims and state != finding.state
    milder = finding.severity == "high" and state != "shown_harmful"
    severity: Severity = "medium" if milder else finding.severity
    return msgspec.structs.replace(
        finding,
        state=state,
        severity=severity,
        p_value=None,
        adjusted_p=None,
        statement=finding.statement.removesuffix(".") + _TAIL if undone else finding.statement,
    )


def _claims_about(finding: Finding, drawn: SequentialRecord, policy: Policy) -> Iterable[SequentialClaim]:
    """The claims of the stream that `finding` is about; none where it is of another slice or check."""
    dimensions = policy.any_category.dimensions
    if finding.check != "comparison" or any(tag not in dimensions for tag in finding.slice):
        return []
    category = next(iter(finding.slice.values()), "")
    return [
        claim
        for decision in drawn.decisions
        if decision.measure == finding.measure.name
        for claim in decision.claims
        if claim.category == category
    ]
