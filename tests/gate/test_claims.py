"""Each claim of a verdict comes out of the cells that stand in it, and agrees with the rules."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from modelassay.canonical import Digest
from modelassay.drops import drop_of, figure, harm_p_value
from modelassay.gate import decide, tighten
from modelassay.records import Claim, ClaimTest, Finding, Ground, Percent, Policy, RiskContext, Verdict
from modelassay.statistics import holm

GROUND = Ground(seed=7, questions=900, asked=900, order=Digest("sha256:" + "0" * 64))


def drawn_findings(evidence: Any, seed: int) -> list[Finding]:
    """All pairs, five categories and three languages, some of them with losses."""
    draw = random.Random(seed)

    def some(n: int, **tags: str) -> Finding:
        before = draw.randint(n // 2, n)
        after = max(0, before - draw.choice((0, 0, 1, n // 10, n // 3)))
        return evidence.finding(evidence.counts(before, after, n, nuu=draw.randint(0, 2)), **tags)

    return [
        some(400),
        *(some(draw.choice((8, 60)), category=f"c{number}") for number in range(5)),
        *(some(80, language=code) for code in ("de", "en", "es")),
    ]


def decided(evidence: Any, findings: list[Finding], policy: Policy) -> Verdict:
    return decide(policy, findings, evidence.coverage(findings), today=evidence.today, ground=GROUND)


def again(claim: Claim, test: ClaimTest, policy: Policy, family: list[Claim]) -> tuple[str, bool]:
    """Figure and answer of one test, from cells and level alone."""
    level = 1.0 - float(test.alpha)
    drop = drop_of(claim.cells, policy)
    if test.claims == "within":
        return str(drop.upper(level)), drop.within(test.limit, level)
    p_values = [drop_of(each.cells, policy).p_value(test.limit) for each in family]
    own = figure(float(holm(p_values)[[each.finding for each in family].index(claim.finding)]))
    return str(own), float(own) <= float(test.alpha)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("risk", [RiskContext(), RiskContext(exposure="public", users="general")])
def test_every_test_of_a_claim_can_be_computed_again(evidence: Any, seed: int, risk: RiskContext) -> None:
    policy = Policy(risk=risk)
    verdict = decided(evidence, drawn_findings(evidence, seed), policy)
    strict = tighten(policy)[0]
    assert verdict.claims
    for claim in verdict.claims:
        dimension = claim.finding.split("/")[2].partition("=")[0]
        family = [c for c in verdict.claims if c.finding.split("/")[2].partition("=")[0] == dimension]
        for test in claim.tests:
            assert (str(test.figure), test.shown) == again(claim, test, strict, family)
            assert test.family == (1 if test.claims == "within" else len(family))


@pytest.mark.parametrize("seed", range(6))
def test_what_the_rules_call_shown_is_shown_by_a_claim(evidence: Any, seed: int) -> None:
    policy = Policy()
    verdict = decided(evidence, drawn_findings(evidence, seed), policy)
    claims = {claim.finding: claim for claim in verdict.claims}
    for hit in verdict.rules:
        if hit.rule not in ("bands", "any_category.block") or hit.finding not in claims:
            continue
        tests = claims[hit.finding].tests
        if hit.outcome == "deploy":
            assert any(test.claims == "within" and test.shown and test.rule == hit.rule for test in tests)
        if hit.outcome == "block":
            concern = policy.concerns.overall if hit.rule == "bands" else policy.any_category.concern
            assert any(test.claims == "beyond" and test.limit == concern and test.shown for test in tests)


def test_what_a_judge_of_unknown_error_reads_is_claimed_by_nobody(evidence: Any) -> None:
    findings = [msgspec.structs.replace(f, judge="uncalibrated") for f in drawn_findings(evidence, 1)]
    verdict = decided(evidence, findings, Policy())
    assert not any(test.shown for claim in verdict.claims for test in claim.tests)
    assert {claim.judge for claim in verdict.claims} == {"uncalibrated"}


def test_a_measure_of_harm_is_asked_for_its_ratio(evidence: Any) -> None:
    measure = msgspec.structs.replace(evidence.refusal, harm=True)
    findings = [evidence.finding(evidence.counts(396, 380, 400), measure=measure)]
    (claim,) = decided(evidence, findings, Policy()).claims
    (test,) = (each for each in claim.tests if each.scale == "harm_ratio")
    limit = Percent(basis_points=20_000)
    assert test.limit == limit
    assert test.figure == figure(harm_p_value(claim.cells, limit))
    assert test.shown


def test_without_its_ground_a_verdict_claims_nothing(evidence: Any) -> None:
    verdict = evidence.decide(evidence.finding(evidence.counts(96, 90, 100)))
    assert (verdict.ground, verdict.claims) == (None, ())
    assert decided(evidence, drawn_findings(evidence, 1), Policy()).ground == GROUND
