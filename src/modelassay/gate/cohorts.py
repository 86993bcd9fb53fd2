"""Groups of people: a gap that widened, or a cohort that fell behind, is looked at by people."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from modelassay.gate.case import Case, Held, times_over
from modelassay.records import Finding, FindingState, ReviewItem, RuleHit

CHECKS = ("cohort_gap", "cohort_loss")


def hold_cohorts(case: Case) -> Iterator[Held]:
    """Every such finding that has figures, on banded and concern measures.

    Only what is shown counts, at the confidence that shows harm: of many small cohorts some are over any
    threshold by chance.
    """
    for finding in case.findings:
        if finding.check in CHECKS and "shift" in finding.values and case.role(finding) != "descriptive":
            yield _held(case, finding)


def _held(case: Case, finding: Finding) -> Held:
    edge, values = case.policy.cohorts.widening, finding.values
    limit = Decimal(edge.basis_points) / 10_000
    fell = finding.check != "cohort_loss" or values["change_high"] < 0
    shown = values["shift"] > limit and values["shift_low"] > 0 and fell
    fine = finding.state == "shown_fine" and values["shift_high"] <= limit
    state: FindingState = "shown_harmful" if shown else "shown_fine" if fine else "not_shown"
    points = str(edge).removesuffix("%")
    tail = f"; over the {points} points for concern." if shown else "."
    statement = finding.statement.removesuffix(".") + tail
    return Held(
        hit=RuleHit(
            rule=f"cohorts.{finding.check}",
            finding=finding.id,
            literal="deploy",  # the deployment table does not speak of cohorts
            state=state,
            outcome=case.policy.concerns.shown if shown else "deploy",
            statement=statement,
        ),
        exceedance=times_over(Fraction(values["shift"]), edge),
        review=ReviewItem(concern=finding.check, finding=finding.id, state=state, statement=statement)
        if shown
        else None,
    )
