"""The walk through a verdict: every rule in order, and the smallest change of counts that turns it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from modelassay.canonical import Digest
from modelassay.gate import decide, severity
from modelassay.gate.explaining import Explanation, _moved, explain
from modelassay.records import Finding, Ground, Outcome, PairedCounts, Policy, Verdict

GROUND = Ground(seed=7, questions=900, asked=900, order=Digest("sha256:" + "0" * 64))


def decided(evidence: Any, findings: list[Finding], policy: Policy) -> Verdict:
    return decide(policy, findings, evidence.coverage(findings), today=evidence.today, ground=GROUND)


def explained(evidence: Any, findings: list[Finding]) -> tuple[Verdict, Explanation]:
    verdict = decided(evidence, findings, Policy())
    return verdict, explain(Policy(), findings, verdict)


CASES = {
    "block": [(400, 380, 200)],
    "review": [(400, 380, 310)],
    "deploy": [(400, 380, 380)],
}


@pytest.mark.parametrize("outcome", CASES)
def test_a_turn_is_the_smallest_change_that_turns_its_rule(evidence: Any, outcome: str) -> None:
    ((n, before, after),) = CASES[outcome]
    whole = evidence.finding(evidence.counts(before, after, n))
    category = evidence.finding(evidence.counts(100, 100, 100), category="plain")
    verdict, found = explained(evidence, [whole, category])
    assert verdict.outcome == outcome
    (step,) = (s for s in found.steps if s.hit.rule == "bands" and s.hit.finding == whole.id)
    assert step.decides
    assert step.turns

    def again(moved: int) -> Outcome:
        assert isinstance(whole.paired, PairedCounts)
        changed = msgspec.structs.replace(whole, paired=_moved(whole.paired, moved))
        hits = decided(evidence, [changed, category], Policy()).rules
        return next(hit.outcome for hit in hits if (hit.rule, hit.finding) == ("bands", whole.id))

    for turn in step.turns:
        sign = 1 if turn.direction == "milder" else -1
        assert again(sign * turn.pairs) == turn.outcome
        assert again(sign * (turn.pairs - 1)) == step.hit.outcome
        assert (severity(turn.outcome) < severity(step.hit.outcome)) == (turn.direction == "milder")
        assert turn.pairs <= turn.of


def test_every_rule_is_walked_through_in_order(evidence: Any) -> None:
    findings = [
        evidence.finding(evidence.counts(380, 200, 400)),
        evidence.finding(evidence.counts(100, 20, 100), category="fraud"),
        evidence.finding(evidence.counts(8, 8, 8), language="de"),
    ]
    verdict, found = explained(evidence, findings)
    assert [step.hit for step in found.steps] == list(verdict.rules)
    assert [step.number for step in found.steps] == list(range(1, len(verdict.rules) + 1))
    assert found.deciding == sum(step.decides for step in found.steps) >= 2
    assert found.outcome == "block"
    assert found.otherwise == "review"
    (category,) = (step for step in found.steps if step.hit.rule == "any_category.block")
    assert category.keys == {"any_category.block": "50%", "any_category.concern": "20%"}
    assert {(test.claims, str(test.limit)) for test in category.tests} >= {
        ("within", "50%"),
        ("beyond", "20%"),
    }


def test_the_same_evidence_is_explained_the_same_way(evidence: Any) -> None:
    findings = [evidence.finding(evidence.counts(380, 200, 400))]
    assert explained(evidence, findings)[1] == explained(evidence, findings)[1]


def test_moving_answers_keeps_the_pairs_and_the_baseline(evidence: Any) -> None:
    counts = evidence.counts(70, 40, 100)
    for moved in range(-40, 61):
        after = _moved(counts, moved)
        assert after.n11 + after.n10 == counts.n11 + counts.n10
        assert after.n01 + after.n00 == counts.n01 + counts.n00
        assert after.n11 + after.n01 == counts.n11 + counts.n01 + moved
        assert min(after.n11, after.n10, after.n01, after.n00) >= 0
