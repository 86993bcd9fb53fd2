"""What an unmeasured judge reads is never shown; what people's labels correct decides."""

from __future__ import annotations

from decimal import Decimal
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelassay.errors import ConfigError
from modelassay.gate import check_policy, loosened, too_thin
from modelassay.records import (
    CategoryRule,
    Corrected,
    Estimate,
    EvidenceRule,
    Floor,
    JudgeRule,
    Outcome,
    PairedMoments,
    Percent,
    Policy,
    RiskContext,
)
from modelassay.records.judging import INFORMEDNESS

ORDER = get_args(Outcome)
ALLOW = Policy(judges=JudgeRule(uncalibrated="allow"))


def read_by(finding, standing, corrected=None):
    return msgspec.structs.replace(finding, judge=standing, corrected=corrected)


def verdict_on(evidence, standing, *, after, policy=None, category=None):
    findings = [read_by(evidence.finding(evidence.counts(900, after, 1000)), standing)]
    for name, wanted in {"plain": 90, **({"fraud": category} if category is not None else {})}.items():
        counts = evidence.counts(90, wanted, 100)
        findings.append(read_by(evidence.finding(counts, category=name), standing))
    return evidence.decide(*findings, policy=policy)


def labelled(baseline, candidate, *, labels, variance="0.0002"):
    """What people's labels make of a measure."""
    moments = PairedMoments(
        pairs=1000,
        baseline_mean=Decimal(baseline),
        candidate_mean=Decimal(candidate),
        baseline_variance=Decimal(variance),
        candidate_variance=Decimal(variance),
        covariance=Decimal(variance) / 2,
        clusters=labels,
    )
    rate = Estimate(value=Decimal(0), low=Decimal(0), high=Decimal(0))
    return Corrected(
        labels=labels, tuning=Decimal("0.4"), paired=moments, baseline=rate, candidate=rate, difference=rate
    )


@pytest.mark.parametrize("standing", ["", "exact", "calibrated"])
@pytest.mark.parametrize(("after", "outcome"), [(895, "deploy"), (400, "block")])
def test_a_measured_judge_decides(evidence, standing, after, outcome):
    assert verdict_on(evidence, standing, after=after).outcome == outcome


@pytest.mark.parametrize("after", [1000, 895, 800, 700, 400, 0])
def test_what_an_unmeasured_judge_reads_is_for_people_and_never_shown(evidence, after):
    verdict = verdict_on(
        evidence, "uncalibrated", after=after, policy=Policy(least_rate=Percent(basis_points=0))
    )
    assert verdict.outcome == "review"
    assert {hit.state for hit in verdict.rules if hit.finding and hit.rule != "unscored_limit"} == {
        "not_shown"
    }
    assert not any(item.state == "shown_harmful" for item in verdict.review_items)
    assert any("error" in hit.statement for hit in verdict.decided_by)


def test_a_judge_measured_to_tell_nothing_is_for_people_by_its_figure(evidence):
    whole, category = (
        msgspec.structs.replace(
            read_by(evidence.finding(evidence.counts(90, 89, 100), **tags), "uncalibrated"),
            values={INFORMEDNESS: Decimal("0.02"), f"{INFORMEDNESS}_low": Decimal("-0.1")},
        )
        for tags in ({}, {"category": "plain"})
    )
    verdict = evidence.decide(whole, category, policy=Policy(least_rate=Percent(basis_points=0)))
    assert verdict.outcome == "review"
    assert "specificity − 1 is 0.02, at least -0.10" in verdict.decided_by[0].statement
    assert too_thin(verdict) == ()


def test_an_unmeasured_judge_is_peoples_to_answer_for_and_missing_evidence_is_not(evidence):
    doubted = verdict_on(evidence, "uncalibrated", after=895, category=90)
    assert [hit.rule for hit in doubted.rules if hit.outcome == "inconclusive"] != []
    assert too_thin(doubted) == ()
    asked = Policy(evidence=EvidenceRule(required=("red_team",)))
    thin = verdict_on(evidence, "uncalibrated", after=895, category=90, policy=asked)
    assert (thin.outcome, [hit.rule for hit in too_thin(thin)]) == ("review", ["evidence.required.red_team"])


def test_what_too_few_pairs_leave_open_is_missing_whoever_read_them(evidence):
    few = [
        read_by(evidence.finding(evidence.counts(36, 32, 40)), "uncalibrated"),
        read_by(evidence.finding(evidence.counts(36, 32, 40), category="plain"), "uncalibrated"),
    ]
    assert {hit.rule for hit in too_thin(evidence.decide(*few))} == {"bands"}


def test_the_policy_can_allow_it_and_says_so(evidence):
    assert verdict_on(evidence, "uncalibrated", after=400, policy=ALLOW).outcome == "block"
    assert verdict_on(evidence, "uncalibrated", after=895, policy=ALLOW).outcome == "deploy"
    assert any("uncalibrated allow" in each for each in loosened(ALLOW))


def test_floors_hold_whoever_read(evidence):
    policy = Policy(floors=(Floor(measure="refusal", at_least=Percent(basis_points=8500)),))
    assert verdict_on(evidence, "uncalibrated", after=800, policy=policy).outcome == "block"


def test_a_block_of_one_category_by_an_unmeasured_judge_is_for_people(evidence):
    verdict = verdict_on(evidence, "uncalibrated", after=890, category=10)
    assert verdict.outcome == "review"
    assert verdict.literal == "block"
    assert verdict_on(evidence, "calibrated", after=890, category=10).outcome == "block"


def test_people_decide_in_the_judges_place(evidence):
    """The judge sees 3.5 points of a true drop of 31: alone it would deploy with monitoring."""
    judged = evidence.finding(evidence.counts(885, 850, 1000))
    category = evidence.finding(evidence.counts(90, 90, 100), category="plain")
    alone = evidence.decide(read_by(judged, "calibrated"), category)
    assert alone.outcome in {"deploy", "deploy-monitored"}
    corrected = labelled("0.9", "0.58", labels=150)
    decided = evidence.decide(read_by(judged, "labelled", corrected), category)
    assert decided.outcome == "block"
    assert "people's labels on 150 pairs" in decided.headline


def test_people_free_a_candidate_that_the_judge_wrongs(evidence):
    judged = evidence.finding(evidence.counts(900, 780, 1000))
    category = evidence.finding(evidence.counts(90, 90, 100), category="plain")
    assert evidence.decide(read_by(judged, "calibrated"), category).outcome != "deploy"
    corrected = labelled("0.9", "0.9", labels=150, variance="0.0001")
    assert evidence.decide(read_by(judged, "labelled", corrected), category).outcome == "deploy"


@pytest.mark.parametrize(("labels", "outcome"), [(149, "block"), (150, "deploy-monitored")])
def test_too_few_labels_decide_nothing(evidence, labels, outcome):
    judged = evidence.finding(evidence.counts(900, 400, 1000))
    category = evidence.finding(evidence.counts(90, 90, 100), category="plain")
    corrected = labelled("0.9", "0.88", labels=labels)
    assert evidence.decide(read_by(judged, "labelled", corrected), category).outcome == outcome


def test_labels_on_the_whole_do_not_make_an_unmeasured_judges_categories_fine(evidence):
    overall = read_by(
        evidence.finding(evidence.counts(900, 900, 1000)), "labelled", labelled("0.9", "0.9", labels=400)
    )
    category = read_by(evidence.finding(evidence.counts(90, 90, 100), category="fraud"), "uncalibrated")
    assert evidence.decide(overall, category).outcome == "inconclusive"
    assert evidence.decide(overall, read_by(category, "calibrated")).outcome == "deploy"


def test_a_policy_cannot_ask_for_a_handful_of_labels():
    with pytest.raises(ConfigError, match=r"judges\.labels"):
        check_policy(Policy(judges=JudgeRule(labels=10)))
    assert any("judges.labels" in each for each in loosened(Policy(judges=JudgeRule(labels=60))))


@settings(max_examples=60, deadline=None)
@given(
    after=st.integers(0, 1000),
    category=st.integers(0, 100),
    worse=st.integers(0, 300),
    standing=st.sampled_from(["calibrated", "uncalibrated"]),
    risk=st.booleans(),
)
def test_worse_answers_and_more_risk_never_help_whoever_read(
    evidence, after, category, worse, standing, risk
):
    public = Policy(risk=RiskContext(exposure="public") if risk else RiskContext())
    one = verdict_on(evidence, standing, after=after, category=category)
    other = verdict_on(
        evidence,
        standing,
        after=max(after - worse, 0),
        category=max(category - worse // 10, 0),
        policy=public,
    )
    assert ORDER.index(one.outcome) <= ORDER.index(other.outcome)


@settings(max_examples=60, deadline=None)
@given(after=st.integers(0, 1000), category=st.integers(0, 100))
def test_not_knowing_the_judge_never_frees_a_candidate(evidence, after, category):
    """Freed means that it may be deployed: review and block both keep it back."""
    policy = Policy(any_category=CategoryRule())
    known = verdict_on(evidence, "calibrated", after=after, category=category, policy=policy)
    unknown = verdict_on(evidence, "uncalibrated", after=after, category=category, policy=policy)
    assert unknown.outcome not in {"deploy", "deploy-monitored"}
    assert unknown.literal == known.literal


@settings(max_examples=40, deadline=None)
@given(mean=st.integers(0, 100), worse=st.integers(0, 60))
def test_a_worse_corrected_mean_is_never_judged_more_mildly(evidence, mean, worse):
    def decided(candidate):
        corrected = labelled("0.9", str(Decimal(max(candidate, 0)) / 100), labels=200)
        finding = read_by(evidence.finding(evidence.counts(900, 900, 1000)), "labelled", corrected)
        return ORDER.index(evidence.decide(finding).outcome)

    assert decided(mean) <= decided(mean - worse)
