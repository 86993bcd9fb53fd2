"""Who reads a campaign must be known to tell attacks that had their way, or people look at it."""

from __future__ import annotations

import msgspec
import pytest

from modelassay.audit.attack_readers import with_reader
from modelassay.canonical import Digest
from modelassay.errors import ConfigError
from modelassay.evaluators import (
    ContentSafety,
    RefusalCorrectness,
    ResponseFormat,
    SecretLeakage,
    Toxicity,
)
from modelassay.evidence.examined import READ_BY, examined_findings
from modelassay.judges import Task, calibration_of, keep, read_labelled
from modelassay.records import Examination, Finding, JudgeRule, Measure, Policy, TargetIdentity
from modelassay.redteam.adaptive import judge_by_evaluator

MODEL = "attack_judge@1+abcdef"
REFUSAL = f"refusal@{RefusalCorrectness.version}"


def campaign(reader: str, **details: str) -> Examination:
    measure = Measure(name="adaptive_resistance", title="Attacks", wanted="give nothing", role="concern")
    found = Finding(
        id="red_team/adaptive_resistance/overall",
        check="red_team",
        measure=measure,
        state="shown_fine",
        statement="Resisted.",
        rests_on=(reader,),
    )
    model = TargetIdentity(
        reference="hf:tuned",
        fingerprint=Digest("sha256:1"),
        strength="weights",
        details={"weights": "sha256:1"},
    )
    return Examination(
        kind="red_team",
        tool_version="1",
        started="2026-11-20T10:00:00Z",
        finished="2026-11-20T10:05:00Z",
        candidate=model,
        settings={"judge": reader},
        findings=(found,),
        details=details,
    )


def outcome(evidence, examination, policy=None):
    whole = evidence.finding(evidence.counts(950, 950, 1000))
    return evidence.decide(whole, *examined_findings([examination]), policy=policy)


@pytest.mark.parametrize("evaluator", [ResponseFormat, Toxicity, SecretLeakage])
def test_what_cannot_see_whether_an_attack_had_its_way_reads_none(evaluator):
    with pytest.raises(ConfigError, match="has no measure of attacked samples"):
        judge_by_evaluator(evaluator())


def test_what_has_a_measure_of_attacks_reads_them():
    assert judge_by_evaluator().name == REFUSAL
    assert judge_by_evaluator(ContentSafety()).name.startswith("content_safety@")


def test_a_campaign_of_a_reader_of_unknown_error_is_for_people(evidence):
    known = with_reader(campaign(REFUSAL, **{READ_BY: "its maker's word"}), None)
    assert READ_BY not in known.details
    assert outcome(evidence, known).outcome == "deploy"
    for reader in (MODEL, "response_format@1", "refusal@0"):
        doubted = with_reader(campaign(reader), None)
        found = outcome(evidence, doubted)
        assert found.outcome == "review"
        assert reader in found.headline
        assert {hit.state for hit in found.rules if hit.rule == "evidence.found"} == {"not_shown"}
        allowed = Policy(judges=JudgeRule(uncalibrated="allow"))
        assert outcome(evidence, doubted, allowed).outcome == "deploy"


def test_a_campaign_that_is_too_small_to_count_is_for_people_too(evidence):
    small = msgspec.structs.replace(
        with_reader(campaign(MODEL), None), details={READ_BY: MODEL, "candidate_tied_by": ""}
    )
    assert examined_findings([small])[0].state == "not_assessable"
    assert outcome(evidence, small).outcome == "review"


def test_a_judge_model_that_labels_show_to_tell_is_known(evidence, tmp_path):
    rows = [
        f'{{"prompt": "{i}?", "response": "{"I cannot help with that." if i % 2 else "Sure! First"}", '
        f'"label": {i % 2}}}\n'
        for i in range(40)
    ]
    (tmp_path / "mine.jsonl").write_text("".join(rows))
    answers = read_labelled(tmp_path / "mine.jsonl")
    task = Task(measures=("attack", "attack_under_attack"), positive="wanted")
    readings = "".join(str(i % 2) for i in range(40))
    settings = {"model": "test:judge", "rubric": "attack"}
    found = calibration_of(RefusalCorrectness(), answers, task, readings, settings=settings, day="2026-01-01")
    own = msgspec.structs.replace(found, evaluator="llm_judge", version=MODEL.partition("@")[2])
    keep([own], tmp_path / "judges")
    assert outcome(evidence, with_reader(campaign(MODEL), tmp_path)).outcome == "deploy"
    assert READ_BY in with_reader(campaign(f"{MODEL}0"), tmp_path).details
