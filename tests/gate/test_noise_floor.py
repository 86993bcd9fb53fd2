"""A model held against itself: whatever the other rules come to, nothing is cleared, nothing blocked."""

from __future__ import annotations

import pytest

from modelassay.errors import ExitCode
from modelassay.gate import CLEARABLE, decide, exit_code
from modelassay.records import Policy


@pytest.mark.parametrize(
    ("candidate", "usual"), [(990, "deploy"), (880, "deploy-monitored"), (780, "review"), (300, "block")]
)
def test_it_is_inconclusive_and_the_other_rules_stand_beside(evidence, candidate, usual):
    findings = [
        evidence.finding(evidence.counts(990, candidate, 1000)),
        evidence.finding(evidence.counts(990, candidate, 1000), category="fraud"),
    ]
    given = (Policy(), findings, evidence.coverage(findings))
    plain = decide(*given, today=evidence.today)
    found = decide(*given, today=evidence.today, noise_floor=True)
    assert (plain.outcome, found.outcome) == (usual, "inconclusive")
    assert [hit.rule for hit in found.decided_by] == ["noise_floor"]
    assert found.rules[1:] == plain.rules
    assert found.review_items == plain.review_items
    assert "lets nothing be deployed" in found.headline
    assert found.outcome not in CLEARABLE
    assert exit_code(found, evidence.today, cleared=True) == ExitCode.INCONCLUSIVE
