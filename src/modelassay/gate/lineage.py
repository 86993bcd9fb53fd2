"""What is declared of where the candidate came from: conflicts and required parts go to people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import msgspec

from modelassay.artifacts import CHECKS
from modelassay.gate.case import Case, Held, strictest
from modelassay.records import Finding, Outcome, ReviewItem, RuleHit, Severity

CONFLICT, REQUIRED, DECLARED = "lineage.conflict", "lineage.required", "lineage.declared"
UNDECLARED = "lineage"
"""Measure of the one finding that says that nothing is declared."""
_WEIGHTS: tuple[Severity, ...] = ("none", "low", "medium", "high", "critical")
_NOTE = 1
"""A severity up to ``low`` is a note: it asks nothing of anybody."""


def hold_lineage(case: Case) -> Iterator[Held]:
    """Every finding about the declaration, and every part that the policy requires."""
    findings = [finding for finding in case.findings if finding.check in CHECKS]
    yield from _gathered([(finding, _held(case, finding)) for finding in findings])
    spoken = {finding.measure.name for finding in findings}
    for part in case.policy.lineage.required:
        if part not in spoken and UNDECLARED not in spoken:
            name = part.replace("_", " ")
            statement = f"The policy requires that {name} be declared; nothing was found on it."
            yield Held(
                hit=RuleHit(
                    rule=REQUIRED,
                    finding="",
                    literal="deploy",
                    state="not_assessable",
                    outcome="review",
                    statement=statement,
                )
            )


def _gathered(held: Sequence[tuple[Finding, Held]]) -> Iterator[Held]:
    """Unknowns that nobody requires make one item a measure, lest they drown what people must decide."""
    unknown = Counter(f.measure.name for f, each in held if each.review and each.hit.rule == DECLARED)
    spoken: set[str] = set()
    for finding, each in held:
        name, review = finding.measure.name, each.review
        if review is None or each.hit.rule != DECLARED:
            yield each
        elif name in spoken:
            yield replace(each, review=None)
        else:
            spoken.add(name)
            more = unknown[name] - 1
            tail = f" And {more} more on {finding.measure.title.lower()}." if more else ""
            yield replace(each, review=msgspec.structs.replace(review, statement=f"{review.statement}{tail}"))


def _held(case: Case, finding: Finding) -> Held:
    policy = case.policy.lineage
    weight = _WEIGHTS.index(finding.severity)
    required = finding.measure.name in policy.required or (
        finding.measure.name == UNDECLARED and bool(policy.required)
    )
    judged = required or case.role(finding) != "descriptive"
    wanting = judged and weight > _NOTE and finding.state != "shown_fine"
    rule = REQUIRED if wanting and required else DECLARED
    outcome: Outcome = "review" if rule == REQUIRED else "deploy"
    if judged and finding.state == "shown_harmful":
        # A part that is required is for people at least, however mild the policy is on conflicts.
        outcome = strictest(policy.conflict, outcome)
        rule = CONFLICT
    review = ReviewItem(
        concern=finding.check, finding=finding.id, state=finding.state, statement=finding.statement
    )
    return Held(
        hit=RuleHit(
            rule=rule,
            finding=finding.id,
            literal="deploy",  # the deployment table speaks of drops alone
            state=finding.state,
            outcome=outcome,
            statement=finding.statement,
        ),
        exceedance=Fraction(weight),
        review=review if wanting or rule == CONFLICT else None,
    )
