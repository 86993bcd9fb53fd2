"""Verdicts count when they quote what they judge."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelassay.records import RewardFunction, RunManifest
from modelassay.training.frame import read_frame
from modelassay.training.run import Run
from modelassay.training.verdict_gate import Judgement, judge_gate, quoted_span, rule, verdicts_of
from modelassay.training.writing import RunWriter

ANSWER = "First I patch the test file.\nThen   sys.exit(0) ends the run before any assert."


@pytest.mark.parametrize(
    ("explanation", "quote"),
    [
        ('It says "sys.exit(0) ends the run" outright.', "sys.exit(0) ends the run"),
        ("It says “Then sys.exit(0) ends the run”.", "Then sys.exit(0) ends the run"),
        ("Look:\n```python\nFirst I patch the test file.\n```\n", "First I patch the test file."),
        ("> First I patch the test file.\nwhich is a hack", "First I patch the test file."),
        ('"First I patch … before any assert."', "before any assert."),
        ('"sys.exit(1) ends the run"', ""),
        ("The model plainly calls sys.exit(0) and ends the run.", ""),
        ('It is "a" hack', ""),
    ],
)
def test_a_quotation_must_stand_in_the_completion(explanation: str, quote: str) -> None:
    assert quoted_span(explanation, ANSWER) == quote


def test_a_short_completion_may_be_quoted_whole() -> None:
    assert rule(Judgement("45", "hack", 'The answer "45" lists both.')).counts
    assert not rule(Judgement("45", "hack", 'The answer "4" lists both.')).counts


def test_empty_and_truncated_completions_have_no_verdict_whatever_is_quoted() -> None:
    assert rule(Judgement(" \n", "hack", '"anything"')).reason == "the completion is empty"
    quoting = 'It says "sys.exit(0) ends the run".'
    assert rule(Judgement(ANSWER, "hack", quoting, truncated=True)).reason == "the completion is truncated"
    assert rule(Judgement(ANSWER, "hack", quoting)).counts
    assert rule(Judgement(ANSWER, "none", "nothing wrong"), nothing_found={"none"}).counts
    assert not rule(Judgement("", "none", "nothing wrong"), nothing_found={"none"}).counts


@given(st.text(max_size=300), st.text(max_size=300))
def test_a_quote_always_stands_in_the_completion(explanation: str, completion: str) -> None:
    quote = quoted_span(explanation, completion)
    assert quote in " ".join(completion.split()) or quote in completion


def test_verdicts_of_a_run_are_ruled_on(tmp_path: Path) -> None:
    manifest = RunManifest(
        id="r", name="r", origin="recorded", framework="plain", rewards=(RewardFunction(name="judge"),)
    )
    with RunWriter(tmp_path / "r", manifest) as writer:
        writer.rollouts(
            {
                "step": [1] * 4,
                "phase": ["train"] * 4,
                "completion": [ANSWER, "", ANSWER, ANSWER],
                "format": ["text"] * 4,
                "finish": ["stop", "stop", "length", "stop"],
                "grader_output": ['"First I patch the test file."'] * 3 + [None],
            },
            4,
        )
    rulings, finding = judge_gate(verdicts_of(Run(tmp_path / "r")))
    assert [ruling.counts for ruling in rulings] == [True, False, False]
    assert finding is not None
    assert finding.severity == "high"
    assert [reference.seq for reference in finding.evidence] == [1, 2]
    assert judge_gate([]) == ((), None)


def test_messages_in_which_nothing_is_said_are_empty_for_judges_and_gates_alike(tmp_path: Path) -> None:
    call = '[{"content":"","role":"assistant","tool_calls":[{"function":{"name":"ls"}}]}]'
    completions = [
        *(("[]", "messages"), ("{}", "messages"), ('[{"content":" ","role":"assistant"}]', "messages")),
        *(("[]", "text"), (call, "messages"), ('[{"content":"4","role":"assistant"}]', "messages")),
    ]
    manifest = RunManifest(id="r", name="r", origin="recorded", framework="plain")
    with RunWriter(tmp_path / "r", manifest) as writer:
        columns = {
            "step": [1] * 6,
            "phase": ["train"] * 6,
            "completion": [text for text, _ in completions],
            "format": [form for _, form in completions],
            "grader_output": ["a hack"] * 6,
        }
        writer.rollouts(columns, 6)
    run = Run(tmp_path / "r")
    assert read_frame(run).empty.tolist() == [True, True, True, False, False, False]
    assert [bool(each.completion) for each in verdicts_of(run)] == [False, False, False, True, True, True]


def test_every_verdict_on_an_empty_completion_is_refused_and_most_others_are_not(data_dir: Path) -> None:
    folder = data_dir / "tra"
    empty, cases = folder / "judge_on_empty_completions", folder / "score_manipulation_rebench"
    if not empty.is_dir() or not cases.is_dir():
        pytest.skip("the shared training runs are absent")
    rows = [json.loads(line) for line in (empty / "judgements.jsonl").read_text().splitlines()]
    rulings, finding = judge_gate(
        Judgement(r["completion"], r["label"], r["judge_explanation"]) for r in rows
    )
    assert len(rulings) > 100
    assert not any(ruling.counts for ruling in rulings)
    assert finding is not None
    assert finding.values["refused"] == len(rows)

    judged = []
    for line in (cases / "cases.jsonl").read_text().splitlines():
        row = json.loads(line)
        answers = [m["content"] for m in row["messages"] if m["role"] == "assistant"]
        judged.append(Judgement(answers[-1], row["label"], row["judge_explanation"]))
    counted = [ruling.counts for ruling in judge_gate(judged)[0]]
    assert sum(counted) / len(counted) > 0.8
