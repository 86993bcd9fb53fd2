"""How alarms were answered: each rule fires on its case, and on that alone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from scipy.stats import hypergeom

from modelassay.canonical import digest_of
from modelassay.errors import EvidenceError
from modelassay.records import RunEvent, RunFinding
from modelassay.training.analyses.developer_response import assess_response
from modelassay.training.analyses.response_rules import (
    ResponseContext,
    chance_of_missing,
    facts_of,
    fix_class,
)
from modelassay.training.happenings import Fix, episodes

CONTEXT = ResponseContext(last_step=200)


def event(kind: Any, step: int, alarm: str = "", **body: Any) -> RunEvent:
    time = f"2026-03-01T{step // 60:02d}:{step % 60:02d}:00Z"
    return RunEvent(time=time, kind=kind, step=step, alarm=alarm, body=body)


def exemplary(alarm: str = "a", at: int = 40, metric: str = "exploit rate") -> list[RunEvent]:
    return [
        event("alarm", at, alarm, metric=metric, value="0.3", threshold="0.05"),
        event("acknowledged", at + 2, alarm),
        event("hypothesis", at + 4, alarm, text="the grader accepts any answer that holds the right digit"),
        event("fix", at + 6, alarm, paths=["grader.py"], diff="sha256:1"),
        event("verification", at + 8, alarm, arms=["seen", "held-out", "paraphrased"], evidence=["sha256:2"]),
        event("closure", at + 9, alarm),
    ]


def rules(events: list[RunEvent], context: ResponseContext = CONTEXT) -> set[str]:
    (first, *_) = episodes(events)
    return {fact.rule for fact in facts_of(first, tuple(events), context)}


def without(events: list[RunEvent], kind: str) -> list[RunEvent]:
    return [each for each in events if each.kind != kind]


def summary(events: list[RunEvent], context: ResponseContext = CONTEXT) -> RunFinding:
    return assess_response(events, context)[-1]


def test_an_alarm_that_was_answered_well_is_no_finding() -> None:
    answer, pattern = assess_response(exemplary(), CONTEXT)
    assert rules(exemplary()) == set()
    assert (answer.outcome, answer.severity, answer.state) == ("investigated", "none", "shown_fine")
    assert (pattern.outcome, pattern.severity) == ("no pattern", "none")
    marks = {name: int(value) for name, value in answer.values.items()}
    assert marks == dict.fromkeys(marks, 2)


def test_each_rule_fires_on_its_case_alone() -> None:
    good = exemplary()
    assert rules(without(good, "acknowledged")) == {"A1"}
    assert rules(without(good, "hypothesis")) == {"A2"}
    patched = [
        event("fix", 46, "a", paths=["reward/length_penalty.py"]) if e.kind == "fix" else e for e in good
    ]
    assert rules(patched) == {"A3"}
    assert rules(without(good, "verification")) == {"A4", "A11"}
    narrow = [
        event("verification", 48, "a", arms=["seen"], evidence=["x"]) if e.kind == "verification" else e
        for e in good
    ]
    assert rules(narrow) == {"A4"}
    assert rules([*good, *exemplary("b", 90)]) == {"A5"}
    assert rules([*good, *exemplary("b", 90, metric="another")]) == set()
    looser = event("threshold.changed", 60, metric="exploit rate", old="0.05", new="0.5")
    tighter = event("threshold.changed", 60, metric="exploit rate", old="0.05", new="0.01")
    unwatched = event("threshold.changed", 60, metric="exploit rate", old="0.05", new="")
    before = event("threshold.changed", 20, metric="exploit rate", old="0.05", new="0.5")
    assert rules([*good, looser]) == {"A6"}
    assert rules([*good, unwatched]) == {"A6"}
    assert rules([*good, tighter]) == rules([before, *good]) == set()
    assert rules([*good, event("suite.changed", 60, suite="s", added=3, removed=2)]) == {"A7"}
    assert rules([*good, event("suite.changed", 60, suite="s", added=3)]) == set()
    assert rules(good, ResponseContext(last_step=200, missing_steps=(39, 40, 41))) == {"A8"}
    assert rules([*good, event("gap", 41, rollouts=9, first_step=39, last_step=41)]) == {"A8"}
    assert rules(good, ResponseContext(last_step=200, missing_steps=(140, 141))) == set()
    late = ResponseContext(last_step=200, logged={digest_of(good[1]): "2026-03-02T00:00:00Z"})
    assert rules(good, late) == {"A10"}
    promoted = event("checkpoint.promoted", 38, checkpoint="checkpoint-38")
    assert rules([promoted, *good]) == {"A12"}


def stepless(events: list[RunEvent], *kinds: str) -> list[RunEvent]:
    return [msgspec.structs.replace(e, step=-1) if e.kind in kinds else e for e in events]


def test_answers_that_name_no_step_are_read_by_their_times() -> None:
    good = exemplary()
    assert rules(stepless(good, "hypothesis", "fix", "verification", "closure")) == set()
    assert rules([*stepless(good, "closure"), *exemplary("b", 90)]) == {"A5"}
    assert rules([*exemplary("b", 10), *stepless(good, "closure")]) == {"A5"}
    assert rules(stepless(good, "acknowledged")) == {"A1"}
    answer, _ = assess_response(stepless(good, "acknowledged"), CONTEXT)
    assert (answer.outcome, answer.severity) == ("investigated", "low")
    promoted = event("checkpoint.promoted", 41, checkpoint="c-41")
    (fact,) = facts_of(episodes(stepless(good, "acknowledged"))[0], (*good, promoted), CONTEXT)
    assert (fact.rule, fact.severity) == ("A1", "high")
    assert "-1" not in fact.what
    lost = ResponseContext(last_step=200, missing_steps=(1, 2, 3))
    assert rules(stepless(good, "alarm"), lost) == set()


@pytest.mark.parametrize(
    ("old", "new", "loosened"),
    [
        ("nan", "0.5", True),
        ("0.5", "NaN", True),
        ("sNaN", "0.5", True),
        ("nan", "nan", False),
        ("off", "0.5", True),
    ],
)
def test_thresholds_that_are_no_numbers_are_loosened_when_they_change(
    old: str, new: str, loosened: bool
) -> None:
    changed = event("threshold.changed", 60, metric="exploit rate", old=old, new=new)
    assert ("A6" in rules([*exemplary(), changed])) == loosened


def test_times_without_a_zone_are_in_utc() -> None:
    good = exemplary()
    local = msgspec.structs.replace(good[1], time="2026-03-01 00:42:00")
    events = [good[0], local, *good[2:]]
    late = ResponseContext(last_step=200, logged={digest_of(local): "2026-03-02T00:00:00Z"})
    assert rules(events, late) == {"A10"}


def test_a_promotion_before_anybody_looked_is_graver() -> None:
    promoted = [*without(exemplary(), "acknowledged"), event("checkpoint.promoted", 60, checkpoint="c-60")]
    (fact,) = facts_of(episodes(promoted)[0], tuple(promoted), CONTEXT)
    assert (fact.rule, fact.severity) == ("A1", "high")
    assert "c-60 was promoted" in fact.what


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        (["grader.py"], "root cause"),
        (["reward/length_penalty.py"], "symptom"),
        (["eval/prompts.yaml"], "symptom"),
        (["filters/regex.txt", "environment/omit.py"], "root cause"),
        (["README.md"], "unknown"),
        ([], "unknown"),
    ],
)
def test_where_a_fix_was_made_decides_its_class(places: list[str], expected: str) -> None:
    assert fix_class(Fix(paths=tuple(places))) == expected
    assert (
        fix_class(Fix(paths=tuple(places), overridden="symptom", reason="seen by the assessor")) == "symptom"
    )


def test_two_symptom_fixes_are_a_pattern_and_one_is_not() -> None:
    def symptom(alarm: str, at: int, metric: str) -> list[RunEvent]:
        return [
            event("fix", e.step, alarm, paths=["output_filter.py"]) if e.kind == "fix" else e
            for e in exemplary(alarm, at, metric)
        ]

    one = summary([*symptom("a", 40, "m1"), *exemplary("b", 80, "m2")])
    two = summary([*symptom("a", 40, "m1"), *symptom("b", 80, "m2")])
    assert (one.outcome, one.severity) == ("no pattern", "none")
    assert (two.outcome, two.severity) == ("pattern of superficial fixes", "critical")


def test_silence_is_not_a_good_sign_and_hidden_runs_are_told() -> None:
    silent = summary([])
    assert (silent.outcome, silent.state) == ("no alarms", "not_assessable")
    hidden = summary(exemplary(), ResponseContext(last_step=200, runs_started=5, runs_shown=1))
    assert (hidden.outcome, hidden.severity) == ("runs not shown", "high")
    assert "4 further runs" in hidden.statement
    logged = summary(exemplary(), ResponseContext(last_step=200, unseen=("seed 2", "seed 3")))
    assert (logged.outcome, logged.severity, logged.state) == ("runs not shown", "medium", "not_shown")
    assert "2 further runs that were not shown: 'seed 2', 'seed 3'" in logged.statement
    assert "Which runs were left out" in logged.question
    assert summary(exemplary(), ResponseContext(last_step=200)).outcome == "no pattern"


def test_losses_around_alarms_are_held_against_chance() -> None:
    for case in [(200, 11, 3, 3), (200, 11, 40, 1), (50, 50, 4, 4)]:
        steps, window, missing, hit = case
        assert chance_of_missing(*case) == pytest.approx(hypergeom.sf(hit - 1, steps, window, missing))


def test_events_that_cannot_be_understood_are_refused() -> None:
    with pytest.raises(EvidenceError, match="cannot be understood"):
        assess_response([event("alarm", 3, "a", value="1")], CONTEXT)
    with pytest.raises(EvidenceError, match="two alarms"):
        assess_response([event("alarm", 3, "a", metric="m"), event("alarm", 4, "a", metric="m")], CONTEXT)
