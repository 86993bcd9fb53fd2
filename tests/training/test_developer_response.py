"""How alarms were answered: each rule fires on its case, and on that alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from scipy.stats import hypergeom

from modelassay.canonical import digest_of
from modelassay.records import RunEvent, RunFinding
from modelassay.training.analyses.developer_response import assess_response
from modelassay.training.analyses.fix_class import FixClassed, fix_class
from modelassay.training.analyses.fix_in_record import recorded_of
from modelassay.training.analyses.response_context import ResponseContext
from modelassay.training.analyses.response_record import chance_of_missing
from modelassay.training.analyses.response_rules import facts_of
from modelassay.training.event_times import in_order
from modelassay.training.happenings import Fix, episodes, said

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


def changed_code(at: int, name: str = "grader check", file: str = "grader.py") -> list[RunEvent]:
    """What a recorder tells of code: at the start, and as it changes at a step."""
    names = (name, f"{name} in {file}")
    return [
        event("code", 0, digests={**dict.fromkeys(names, "sha256:1"), "data_collator": "sha256:5"}),
        event("code", at, changed=dict.fromkeys(names, "sha256:2")),
    ]


def knowing(*events: RunEvent, settings: Any = (), **more: Any) -> ResponseContext:
    return ResponseContext(last_step=200, recorded=recorded_of(events, settings), **more)


BORNE_OUT = knowing(*changed_code(46))
"""Of a record in which the grader changed as the alarm of `exemplary` was answered."""


def summary(events: list[RunEvent], context: ResponseContext = CONTEXT) -> RunFinding:
    return assess_response(events, context)[-1]


def test_an_alarm_that_was_answered_well_is_no_finding() -> None:
    answer, pattern = assess_response(exemplary(), BORNE_OUT)
    assert rules(exemplary()) == rules(exemplary(), BORNE_OUT) == set()
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


def test_what_an_alarm_fired_on_tells_which_way_its_threshold_was_moved() -> None:
    def moved(old: str, new: str, **more: str) -> RunEvent:
        return event("threshold.changed", 60, metric=" Exploit rate", old=old, new=new, **more)

    above, below = exemplary(), exemplary()
    below[0] = event("alarm", 40, "a", metric="exploit rate", value="0.01", threshold="0.05")
    mute = [event("alarm", 40, "a", metric="exploit rate", value="nan", threshold="?"), *above[1:]]
    for events, looser, tighter in ((above, "0.5", "0.01"), (below, "0.01", "0.5"), (mute, "0.5", "0.01")):
        assert rules([*events, moved("0.05", looser)]) == {"A6"}
        assert rules([*events, moved("0.05", tighter)]) == set()
    assert rules([*above, moved("0.05", "0.5", alarm_when="below")]) == {"A6"}
    assert rules([*mute, moved("0.05", "0.5", alarm_when="below")]) == set()


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
        (["math_eval/grader.py"], "root cause"),
        (["evaluation/grader.py"], "root cause"),
        (["src/evaluators/reward_model.py"], "root cause"),
        (["src\\evaluators\\RewardModel.py"], "root cause"),
        (["verifiers/evaluate_answer.py"], "unknown"),
        (["data/prompts/train.jsonl"], "unknown"),
        (["rewards/format_reward.py"], "unknown"),
        (["rewards/FormatReward.py"], "unknown"),
        (["filters/grader.py"], "unknown"),
        (["grader/output_filter.py"], "symptom"),
        (["reward_penalty.py"], "symptom"),
        (["evaluation/run.py"], "symptom"),
        (["verifiers/evaluate_answer.py", "grader.py"], "root cause"),
    ],
)
def test_where_a_fix_was_made_decides_its_class(places: list[str], expected: str) -> None:
    assert fix_class(Fix(paths=tuple(places))) == expected
    claimed = event("fix", 1, paths=places, overridden="root cause")  # a developer's own word
    assert fix_class(said(claimed, Fix)) == expected
    assert fix_class(Fix(paths=tuple(places)), "symptom") == "symptom"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("grader.version", "root cause"),
        ("reward.length_penalty", "symptom"),
        ("reward.format", "unknown"),
        ("eval.every", "symptom"),
        ("trainer.beta", "unknown"),
    ],
)
def test_the_last_part_of_a_setting_is_its_own_name(setting: str, expected: str) -> None:
    assert fix_class(Fix(settings=(setting,))) == expected


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


def first(events: list[RunEvent], context: ResponseContext = CONTEXT) -> RunFinding:
    return assess_response(events, context)[0]


def test_an_alarm_that_was_only_acknowledged_is_left_open() -> None:
    only = exemplary()[:2]
    found = first(only)
    assert (found.outcome, found.severity, found.state) == ("left open", "medium", "not_shown")
    assert "acknowledged and left open" in found.statement
    assert not {word for word in ("explained", "verified", "cause") if word in found.statement}
    assert rules(exemplary()[:3]) == {"A13"}  # a hypothesis is no answer
    assert rules([*only, event("closure", 49, "a")]) == {"A11", "A13"}
    assert rules([*only, event("closure", 49, "a", evidence=["sha256:2"])]) == set()
    assert rules([*only, event("decision", 45, "a", choice="go")]) == {"A13"}
    held = [*only, event("decision", 45, "a", choice="hold")]
    assert rules([*held, event("decision", 50, "a", choice="go")]) == {"A13"}
    soon = first(only, ResponseContext(last_step=60))
    assert (soon.outcome, soon.severity) == ("left open", "low")
    for graver in (
        event("checkpoint.promoted", 90, checkpoint="c-90"),
        event("alarm", 90, "a", metric="exploit rate"),
    ):
        assert (first([*only, graver]).outcome, first([*only, graver]).severity) == ("left open", "high")


@pytest.mark.parametrize(("choice", "outcome"), [("hold", "held"), ("rollback", "rolled back")])
def test_a_decision_to_stop_is_told_as_that_and_as_nothing_more(choice: str, outcome: str) -> None:
    stopped = [*exemplary()[:2], event("decision", 45, "a", choice=choice)]
    found = first(stopped, ResponseContext(last_step=45, repeated_steps=(44,)))
    assert (found.outcome, found.severity, found.state) == (outcome, "none", "not_shown")
    assert found.statement.endswith(f"was acknowledged and {outcome}.")
    again = first([*stopped, event("alarm", 90, "a", metric="exploit rate")])
    assert (again.outcome, again.severity) == ("left open", "high")


def test_a_good_answer_is_told_by_the_events_that_there_are() -> None:
    arms = "(held-out, paraphrased, seen)"
    told = f"was acknowledged, explained, fixed at its cause, said to be verified {arms} and closed."
    assert first(exemplary(), BORNE_OUT).statement.endswith(told)
    handed = replace(BORNE_OUT, handed=("sha256:2",))
    assert f"fixed at its cause, verified {arms}" in first(exemplary(), handed).statement
    unknown = first(exemplary())
    assert (unknown.state, unknown.outcome) == ("not_shown", "investigated")
    assert "said to be fixed at its cause" in unknown.statement
    assert "can tell whether the fix was made" in unknown.statement
    assert "closed" not in first(without(exemplary(), "closure")).statement
    false = [*exemplary()[:2], event("closure", 49, "a", evidence=["a broken meter"])]
    assert first(false).statement.endswith("step 40 was acknowledged and closed.")


def test_only_what_was_measured_after_the_last_fix_verifies_it() -> None:
    good = exemplary()
    acknowledged, hypothesis, fix, verified, closed = good[1:]
    assert rules([good[0], acknowledged, hypothesis, verified, fix, closed]) == {"A4"}
    assert rules([*good, event("fix", 60, "a", paths=["grader.py"])]) == {"A4"}
    assert "after its last fix" in first([*good, event("fix", 60, "a", paths=["grader.py"])]).statement


def test_a_failed_verification_counts_until_its_arms_pass_after_a_further_fix() -> None:
    good = exemplary()
    failed = event("verification", 60, "a", arms=["paraphrased"], passed=False)
    passed = event("verification", 80, "a", arms=["paraphrased", "seen"], evidence=["sha256:3"])
    fix = event("fix", 70, "a", paths=["grader.py"])
    assert rules([*good, failed]) == {"A14"}
    assert first([*good, failed]).severity == "high"
    assert "failed at step 60 (paraphrased)" in first([*good, failed]).statement
    assert rules([*good, failed, passed]) == {"A14"}  # asked again until it passed
    assert rules([*good, failed, fix, passed]) == set()
    other = event("verification", 80, "a", arms=["seen", "held-out"], evidence=["sha256:3"])
    assert rules([*good, failed, fix, other]) == {"A14"}
    only_failed = [*without(good, "verification")[:4], failed]
    assert rules(only_failed) == {"A14"}


def test_a_class_of_a_fix_counts_when_the_assessor_gives_it_and_not_when_the_developer_does() -> None:
    def fixed(path: str, **more: str) -> list[RunEvent]:
        fix = event("fix", 46, "a", paths=[path], **more)
        return [fix if e.kind == "fix" else e for e in exemplary()]

    claimed = fixed("filter.py", overridden="root cause")
    assert rules(claimed) == {"A3"}
    answer, ignored, _ = assess_response(claimed, CONTEXT)
    assert answer.outcome == "symptom treated"
    assert (
        "a fix that classes itself (2026-03-01T00:46:00Z, step 46): that word of it is ignored"
        in ignored.why_not
    )

    def given(word: Any, step: int | None = 46) -> ResponseContext:
        told = FixClassed(fix="a", kind=word, why="read the diff", step=step)
        return ResponseContext(last_step=200, classes=(told,))

    for path, word, found in (("filter.py", "root cause", set()), ("grader.py", "symptom", {"A3"})):
        for step in (46, None):
            assert rules(fixed(path), given(word, step)) == found
            statement = first(fixed(path), given(word, step)).statement
            assert f"the assessor's own: {word} (read the diff)" in statement
    assert rules(fixed("filter.py"), given("root cause", 47)) == {"A3"}
    both = given("symptom", None).classes, given("root cause").classes
    twice = ResponseContext(last_step=200, classes=(*both[0], *both[1]))
    assert rules(fixed("filter.py"), twice) == set()  # of its very step first
    hidden = [event("fix", 46, "a", paths={"x": "y"}) if e.kind == "fix" else e for e in exemplary()]
    assert first(hidden, given("root cause")).severity == "none"


def patched(alarm: str, at: int) -> list[RunEvent]:
    return [
        event("alarm", at, alarm, metric="exploit rate"),
        event("fix", at + 2, alarm, paths=["filter.py"]),
    ]


@pytest.mark.parametrize(
    "odd",
    [
        event("verification", 90, "b", arms={"held": "out"}),
        event("verification", 90, "b", passed="perhaps"),
        event("closure", 90, "b", evidence=[{"a": "b"}]),
        event("gap", 90, rollouts="many"),
    ],
)
def test_one_event_that_cannot_be_understood_takes_nothing_from_the_others(odd: RunEvent) -> None:
    events = [*patched("a", 40), *patched("b", 80), odd]
    *answers, unread, pattern = assess_response(events, CONTEXT)
    assert [f.outcome for f in answers] == ["symptom treated", "symptom treated"]
    assert (pattern.outcome, pattern.severity) == ("pattern of superficial fixes", "critical")
    assert (unread.state, unread.severity) == ("not_assessable", "medium")
    assert f"an event {odd.kind!r} cannot be understood" in unread.why_not
    assert f"({odd.time}, step 90): it is left out" in unread.why_not


def test_an_alarm_or_a_fix_that_cannot_be_understood_still_happened() -> None:
    mute = event("alarm", 40, "a", value="1")
    answer, unread, pattern = assess_response([mute, *exemplary()[1:]], CONTEXT)
    assert answer.slice == {"alarm": "a"}
    assert answer.statement.startswith("The alarm at step 40 was acknowledged")
    assert (unread.slice, unread.severity) == ({"alarm": "a", "event": "alarm"}, "medium")
    assert pattern.values["alarms"] == 1
    odd = [event("fix", 46, "a", paths={"x": "y"}) if e.kind == "fix" else e for e in exemplary()]
    answer, unread, _ = assess_response(odd, CONTEXT)
    assert "answered by a change of which it cannot be read what it touches" in answer.statement
    assert unread.slice == {"alarm": "a", "event": "fix"}


def test_numbers_and_single_texts_are_taken_for_what_they_say() -> None:
    good = exemplary()
    good[0] = event("alarm", 40, "a", metric="exploit rate", value=1, threshold=0.5, reason=None)
    good[4] = event("verification", 48, "a", arms="held-out", passed="true", evidence="sha256:2")
    found = assess_response(without(good, "closure"), CONTEXT)
    assert (found[0].outcome, found[0].severity) == ("investigated", "none")
    assert "verified (held-out)" in found[0].statement
    good[4] = event("verification", 48, "a", arms="held-out", passed="false", evidence="sha256:2")
    assert rules(good) == {"A14"}


def test_an_alarm_that_fires_again_under_its_id_is_the_same_until_it_was_answered() -> None:
    ringing = [
        event("alarm", 38, "a", metric="exploit rate"),
        event("alarm", 39, "a", metric="exploit rate"),
        *exemplary(),
    ]
    assert [f.outcome for f in assess_response(ringing, CONTEXT)] == ["investigated", "no pattern"]
    back = event("alarm", 180, "a", metric="another name of it")
    before, after, _ = assess_response([*exemplary(), back, event("acknowledged", 181, "a")], CONTEXT)
    assert (before.slice, before.outcome, before.severity) == ({"alarm": "a"}, "questionable", "high")
    assert "came back at step 180, after it was closed at step 49" in before.statement
    assert (after.slice, after.outcome) == ({"alarm": "a (2)"}, "left open")


def test_alarms_get_names_that_nothing_else_has() -> None:
    listed = [
        event("alarm", 1, metric="m"),
        event("alarm", 2, "alarm 2", metric="m"),
        event("alarm", 3, metric="m"),
        event("alarm", 4, metric="m"),
        event("fix", 5, "alarm 2", paths=["grader.py"]),
        event("alarm", 6, "alarm 2 (2)", metric="m"),
        event("alarm", 7, "alarm 2", metric="m"),
        event("alarm", 8, "alarm 1", metric="m"),
        event("fix", 9, "alarm 3", paths=["grader.py"]),
    ]
    found = episodes(listed)
    names = ["alarm 3", "alarm 2", "alarm 4", "alarm 5", "alarm 2 (2)", "alarm 2 (3)", "alarm 1"]
    assert [episode.id for episode in found] == names
    assert [event.step for event in found[0].events] == [1, 9]


def test_an_event_that_no_log_can_keep_is_named_and_judged() -> None:
    events = exemplary()
    events[1] = event("acknowledged", 42, "a", level=0.5)
    late = ResponseContext(last_step=200, logged={digest_of(events[2]): events[2].time})
    answer, unread, _ = assess_response(events, late)
    assert answer.outcome == "investigated"
    assert "float" in unread.why_not
    assert "when it was written down is not known" in unread.why_not


def test_what_was_written_before_an_alarm_fired_is_no_answer_to_it() -> None:
    ready = [
        event("acknowledged", 1, "a"),
        event("hypothesis", 2, "a", text="x"),
        event("fix", 3, "a", paths=["grader.py"]),
        event("verification", 4, "a", arms=["held-out"], evidence=["sha256:2"]),
        event("closure", 5, "a", evidence=["sha256:2"]),
    ]
    alarm = event("alarm", 80, "a", metric="exploit rate")
    found = first([*ready, alarm, event("checkpoint.promoted", 190, checkpoint="c-190")])
    assert (found.outcome, found.severity) == ("unanswered", "high")
    assert "was never acknowledged, and c-190 was promoted meanwhile" in found.statement
    assert "was answered before it fired (acknowledged at step 1, " in found.statement
    assert "fixed at its cause" not in found.statement
    assert rules([ready[0], ready[4], alarm, event("acknowledged", 81, "a")]) == {"A13", "A15"}
    both = [ready[0], *exemplary(at=80)]
    assert (first(both).outcome, first(both).severity) == ("investigated", "low")
    ahead = msgspec.structs.replace(exemplary()[1], time="2026-03-01T00:39:00Z")  # clocks differ by a minute
    good = exemplary()
    assert rules([good[0], ahead, *good[2:]]) == rules([ahead, good[0], *good[2:]]) == set()
    lower = msgspec.structs.replace(ahead, step=38)
    assert rules([lower, good[0], *good[2:]]) == {"A1", "A15"}
    suspected = event("hypothesis", 20, "a", text="the grader may accept anything")
    found = [suspected, *without(good, "hypothesis")]
    assert rules(found) == {"A15"}  # it is named, and yet it was written down before the fix
    assert first(found).severity == "low"
    day = [msgspec.structs.replace(each, time="2026-03-01") for each in good]
    day[3] = msgspec.structs.replace(day[3], step=30)  # the last step that is kept
    assert rules(day) == set()
    assert rules([day[3], *without(day, "fix")]) == {"A15"}
    fix = event("fix", 3, "a", paths=["grader.py"])
    (only,) = episodes([fix, alarm, event("alarm", 90, "a", metric="exploit rate")])
    assert only.all_events[0] == fix
    assert len(only.events) == 2  # what was there before is no answer after which an alarm comes back


def decided(choice: str, *further: RunEvent) -> list[RunEvent]:
    return [*exemplary()[:2], event("decision", 45, "a", choice=choice), *further]


def test_a_hold_counts_while_nothing_is_trained_or_promoted() -> None:
    quiet = ResponseContext(last_step=45)
    assert first(decided("hold"), quiet).outcome == "held"
    went_on = first(decided("hold"), ResponseContext(last_step=120))
    assert (went_on.outcome, went_on.severity) == ("left open", "high")
    assert "to be held at step 45, yet training went on to step 120" in went_on.statement
    under_way = first(decided("hold"), ResponseContext(last_step=46))
    assert (under_way.outcome, under_way.severity) == ("held", "low")
    promoted = event("checkpoint.promoted", 45, checkpoint="c-45")
    promoted = msgspec.structs.replace(promoted, time="2026-03-01T01:00:00Z")
    assert first(decided("hold", promoted), quiet).severity == "high"
    assert "c-45 was promoted" in first(decided("hold", promoted), quiet).statement
    stepless_hold = stepless(decided("hold"), "decision")
    assert "A16" in rules(stepless_hold, ResponseContext(last_step=120))
    good = exemplary()
    assert rules([*good[:2], event("decision", 42, "a", choice="hold"), *good[2:]]) == {
        "A16"
    }  # 46: fixed late
    assert rules([*good[:2], event("decision", 46, "a", choice="hold"), *good[2:]]) == set()
    resumed = event("resumed", 60)
    assert "A16" in rules(decided("hold", resumed), ResponseContext(last_step=45, repeated_steps=(44,)))
    assert "A16" not in rules(decided("hold", resumed), quiet)  # only something was noted


def test_a_hold_that_ends_without_a_step_says_nothing_of_what_was_trained_meanwhile() -> None:
    closed = stepless(decided("hold", event("closure", 120, "a", evidence=["report"])), "closure")
    assert first(closed, ResponseContext(last_step=45)).severity == "none"
    on = first(closed, ResponseContext(last_step=120))
    assert on.severity == "medium"
    assert "training went on to step 120, and what ended the hold names no step" in on.statement


def test_a_threshold_counts_where_the_alarm_fired_on_it() -> None:
    def loosened(alarm: dict[str, str], change: dict[str, str]) -> bool:
        (raised, *rest) = exemplary()
        raised = msgspec.structs.replace(raised, body={**raised.body, **alarm})
        changed = event("threshold.changed", 90, metric="exploit rate", **change)
        return "A6" in rules([raised, *rest, changed])

    above = {"value": "0.4", "threshold": "", "alarm_when": "below"}  # what it says itself is not so
    assert loosened(above, {"old": "0.05", "new": "0.5"})
    assert not loosened(above, {"old": "0.05", "new": "0.01"})
    band = {"value": "900", "threshold": "800"}  # of a metric that has a lower bound as well
    assert not loosened(band, {"old": "100", "new": "200", "alarm_when": "below"})
    assert loosened(band, {"old": "200", "new": "20", "alarm_when": "below"})
    assert loosened(band, {"old": "800", "new": "900"})


def test_a_rollback_counts_where_the_record_shows_that_training_went_back() -> None:
    on = first(decided("rollback"))
    assert (on.outcome, on.severity) == ("left open", "medium")
    assert (
        "nothing in the record shows that training went back, but training went on to step 200"
        in on.statement
    )
    back = ResponseContext(last_step=200, repeated_steps=(44, 45))
    assert first(decided("rollback", event("resumed", 50)), back).outcome == "rolled back"
    assert first(decided("rollback", event("rolled_back", 50))).outcome == "rolled back"
    assert first(decided("rollback"), back).severity == "none"
    assert "A16" in rules(decided("rollback"), ResponseContext(last_step=200, repeated_steps=(90,)))
    noted = first(decided("rollback", event("resumed", 50)))  # opened again, only to write that down
    assert (noted.outcome, noted.severity) == ("left open", "medium")
    crashed = ResponseContext(last_step=200, repeated_steps=(11, 12))  # long before the alarm
    assert first(decided("rollback"), crashed).outcome == "left open"
    before = [event("resumed", 20), *decided("rollback")]
    assert "A16" in {fact.rule for fact in facts_of(episodes(before)[0], tuple(before), CONTEXT)}
    ended = first(decided("rollback"), ResponseContext(last_step=45))
    assert (ended.outcome, ended.severity) == ("rolled back", "low")
    good = exemplary()
    assert first([*good[:3], event("decision", 45, "a", choice="rollback"), *good[3:]]).severity == "low"


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        (event("threshold.changed", 90, metric="exploit rate", old="0.05", new="0.5"), "A6"),
        (event("suite.changed", 90, suite="s", removed=40), "A7"),
    ],
)
def test_a_change_is_after_an_alarm_by_its_step_or_by_the_log_too(changed: RunEvent, rule: str) -> None:
    def at(step: int, time: str) -> list[RunEvent]:
        return [*exemplary(), msgspec.structs.replace(changed, step=step, time=time)]

    before = "2026-03-01T00:01:00Z"
    assert rules(at(90, before)) == {rule}
    assert rules(at(1, before)) == rules(at(-1, before)) == set()
    events = at(-1, before)
    logged = {digest_of(each): each.time for each in events}
    assert rules(events, ResponseContext(last_step=200, logged=logged)) == set()
    logged[digest_of(events[-1])] = "2026-03-01T06:00:00Z"
    late = ResponseContext(last_step=200, logged=logged)
    assert rules(events, late) == {rule, "A10"}
    facts = facts_of(episodes(events)[0], tuple(events), late)
    assert any(f"the time that they give ({changed.kind})" in fact.what for fact in facts)
    again = [event("resumed", 60), *exemplary(at=80), *at(90, before)[-1:]]  # step 90 had been before, too
    assert rules(again) == set()


def test_every_promotion_that_is_logged_late_is_told() -> None:
    promoted = event("checkpoint.promoted", 20, checkpoint="c-20")
    late = ResponseContext(last_step=200, logged={digest_of(promoted): "2026-03-02T00:00:00Z"})
    assert "A10" in rules([promoted, *exemplary()], late)


def test_promotions_without_a_step_are_read_by_their_times() -> None:
    late = [exemplary()[0], *exemplary(at=108)[1:]]  # acknowledged 70 steps later
    promoted = stepless([event("checkpoint.promoted", 90, checkpoint="c-90")], "checkpoint.promoted")
    (fact,) = facts_of(episodes(late)[0], (*late, *promoted), CONTEXT)
    assert (fact.rule, fact.severity) == ("A1", "high")
    assert "70 steps later, and c-90 was promoted meanwhile" in fact.what
    soon = stepless([event("checkpoint.promoted", 130, checkpoint="c-130")], "checkpoint.promoted")
    (fact,) = facts_of(episodes(late)[0], (*late, *soon), CONTEXT)
    assert fact.severity == "medium"


def test_a_promotion_in_the_second_of_the_answer_but_at_a_later_step_is_after_it() -> None:
    promoted = msgspec.structs.replace(
        event("checkpoint.promoted", 90, checkpoint="c-90"), time=exemplary()[1].time
    )
    assert rules([*exemplary(), promoted]) == set()


def test_alarms_without_a_step_are_read_by_their_times() -> None:
    events = stepless(exemplary(at=80), "alarm")
    early = event("checkpoint.promoted", 40, checkpoint="c-40")
    found = first([early, *events])
    assert (found.outcome, found.severity) == ("investigated", "low")
    assert "fired at a step that is not told and was acknowledged 2 minutes later" in found.statement
    assert "-1" not in found.statement
    assert "c-40" not in found.statement
    between = stepless([event("checkpoint.promoted", 81, checkpoint="c-81")], "checkpoint.promoted")
    assert first([*events, *between]).severity == "high"


def test_times_are_held_against_each_other_as_moments() -> None:
    good = exemplary()
    for place, time in (
        (1, "2026-03-01T02:42:00+02:00"),
        (2, "2026-03-01T00:45:59.5Z"),
        (4, "20260301T0048Z"),
    ):
        good[place] = msgspec.structs.replace(good[place], time=time)
    shuffled = sorted(good, key=lambda each: each.time)
    assert shuffled != good
    found = first(shuffled)
    assert (found.outcome, found.severity) == ("investigated", "none")
    assert in_order(shuffled) == tuple(good)
    odd = msgspec.structs.replace(good[3], time="in the evening")
    assert in_order([*good[:3], odd, *good[4:]]) == (*good[:3], odd, *good[4:])


def test_an_alarm_of_another_environment_is_no_recurrence() -> None:
    other = [msgspec.structs.replace(e, body={**e.body, "arm": "env2"}) for e in exemplary("b", 90)[:1]]
    events = [*exemplary(), *other, *exemplary("b", 90)[1:]]
    found = first(events)
    assert (found.outcome, found.severity) == ("investigated", "low")
    assert "fired in env2 too at step 90, after it was closed at step 49 in seen" in found.statement
    assert rules(events) == {"A18"}
    named = [msgspec.structs.replace(e, body={**e.body, "arm": " Seen"}) for e in other]
    assert rules([*exemplary(), *named]) == {"A5"}


def test_losses_of_very_long_runs_are_counted_at_once() -> None:
    context = ResponseContext(last_step=10**9, missing_steps=range(1, 200_000, 2))
    alarm = event("alarm", 1001, "a", metric="m")
    gaps = [
        event("gap", 1500, rollouts=9, first_step=1001, last_step=1001),
        event("gap", 1500, rollouts=9, first_step=1002, last_step=10**8),
        event("gap", 1500, rollouts=9, first_step=5000, last_step=10**12),
    ]
    (fact,) = [f for f in facts_of(episodes([alarm])[0], (alarm, *gaps), context) if f.rule == "A8"]
    known = 10**9 - 1001 + 501  # of 1–1001 every other, of what follows all
    assert f"has 8 of the {known} steps" in fact.what
    assert chance_of_missing(10**6, 11, 5 * 10**5, 6) == pytest.approx(0.5, abs=1e-3)


def test_a_fix_that_cannot_be_read_is_no_better_than_one_that_can() -> None:
    def fixed(at: int, alarm: str, **body: Any) -> list[RunEvent]:
        fix = event("fix", at + 6, alarm, **body)
        return [fix if e.kind == "fix" else e for e in exemplary(alarm, at, f"metric {alarm}")]

    odd = fixed(40, "a", paths={"x": "y"})
    found = first(odd)
    assert (found.outcome, found.severity) == ("questionable", "high")
    assert "rule_A17" in found.values
    assert summary([*odd, *fixed(120, "b", paths=["filter.py"])]).outcome == "pattern of superficial fixes"
    claimed = first(fixed(40, "a", paths=["filter.py"], overridden="very deep"))  # its places can be read
    assert claimed.outcome == "symptom treated"
    assert first(fixed(40, "a", paths=["grader.py"], text={"a": "b"})).severity == "none"
    silent = first(fixed(40, "a", text="it was changed"))
    assert silent.severity == "medium"
    assert "names no file and no setting" in silent.statement
    deaf = [event("alarm", 40, "a", metric="m", arm={"a": "b"}), *exemplary()[1:]]
    loosened = event("threshold.changed", 60, metric="m", old="0.05", new="0.5")
    assert "has its metric set from 0.05 to 0.5" in first([*deaf, loosened]).statement
