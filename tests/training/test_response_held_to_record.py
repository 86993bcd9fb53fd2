"""Answers to alarms held against what else the record of the run has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from modelassay.canonical import digest_of
from modelassay.records import RunDataset, RunEvent
from modelassay.training.analyses.developer_response import assess_response
from modelassay.training.analyses.fix_class import is_inert
from modelassay.training.analyses.fix_in_record import recorded_of
from modelassay.training.analyses.response_context import ResponseContext
from modelassay.training.analyses.response_rules import facts_of
from modelassay.training.event_times import Order
from modelassay.training.happenings import episodes

GRADER = {"grader check": "sha256:1", "grader check in grader.py": "sha256:1", "data_collator": "sha256:5"}


def event(kind: Any, step: int, minute: int, alarm: str = "", rank: int = 0, **body: Any) -> RunEvent:
    time = f"2026-03-01T{10 + minute // 60:02d}:{minute % 60:02d}:00Z"
    return RunEvent(time=time, kind=kind, step=step, rank=rank, alarm=alarm, body=body)


def answered(**changed: dict[str, Any]) -> list[RunEvent]:
    """An alarm answered well, but for what `changed` says of an event of some kind."""
    told: list[tuple[str, int, int, dict[str, Any]]] = [
        ("alarm", 80, 0, {"metric": "hack rate", "value": "0.3", "threshold": "0.1"}),
        ("acknowledged", 80, 1, {}),
        ("hypothesis", 80, 2, {"text": "the grader accepts too much"}),
        ("fix", 80, 3, {"paths": ["grader.py"]}),
        ("verification", 100, 30, {"arms": ["seen", "heldout"], "evidence": ["sha256:a"]}),
        ("closure", 100, 31, {"evidence": ["sha256:a"]}),
    ]
    return [event(k, s, m, "a", **{**body, **changed.get(k, {})}) for k, s, m, body in told]


def facts(events: list[RunEvent], **about: Any) -> dict[str, str]:
    """Severity by rule, of the first alarm."""
    context = ResponseContext(**{"last_step": 120, **about})
    found = episodes(events, context.order(events))[0]
    return {fact.rule: fact.severity for fact in facts_of(found, tuple(events), context)}


def made(fix: dict[str, Any], *told: RunEvent, settings: Any = (), data: Any = ()) -> dict[str, str]:
    return facts(answered(fix=fix), recorded=recorded_of(told, settings, data))


def test_a_fix_of_which_the_record_has_no_change_is_not_called_made() -> None:
    before = event("code", 0, -60, digests=GRADER)
    again = [
        event("resumed", 80, 4, rank=1, process=1, world=1),
        event("code", 80, 4, rank=1, digests=GRADER),
    ]
    longer = event("configuration.changed", 80, 4, rank=1, setting="max_steps", old="80", new="120")
    grader = {"paths": ["grader.py"]}
    assert made(grader, before) == made(grader, before, *again, longer) == {"A19": "high"}
    (found, _) = assess_response(
        answered(), ResponseContext(last_step=120, recorded=recorded_of((before, *again, longer)))
    )
    assert (found.state, found.outcome) == ("shown_harmful", "questionable")
    assert "yet in the record nothing of it changed since it fired (grader check in grader.py)" in (
        found.statement
    )
    elsewhere = {"paths": ["src/reward_rules.py"]}
    assert made(elsewhere, before) == {"A19": "high"}
    warmer = event("configuration.changed", 85, 5, setting="temperature", old="1.0", new="0.7")
    assert made(elsewhere, before, warmer) == {"A19": "medium"}


@pytest.mark.parametrize(
    "change",
    [
        [event("code", 80, 4, changed={"grader check in grader.py": "sha256:2"})],
        [event("code", 85, -40, changed={"grader check": "sha256:2"})],  # by a clock that went back
        [
            event("resumed", 60, 5, rank=1, process=1, world=1),
            event("code", 60, 5, rank=1, digests=GRADER | {"grader check": "sha256:3"}),
        ],
    ],
)
def test_a_change_of_what_gives_the_reward_bears_a_fix_out(change: list[RunEvent]) -> None:
    before = event("code", 0, -60, digests=GRADER)
    assert made({"paths": ["grader.py"]}, before, *change) == {}


def test_a_change_before_the_alarm_or_after_the_verification_is_no_fix_of_it() -> None:
    before = event("code", 0, -60, digests=GRADER)
    early = event("code", 60, -20, changed={"grader check in grader.py": "sha256:2"})
    late = event("code", 110, 40, changed={"grader check in grader.py": "sha256:2"})
    assert made({"paths": ["grader.py"]}, before, early) == {"A19": "high"}
    assert made({"paths": ["grader.py"]}, before, late) == {"A19": "high"}


def test_what_a_record_was_not_given_says_nothing_of_a_fix() -> None:
    script = event("code", 0, -60, digests={"training script in train.py": "sha256:1"})
    before = event("code", 0, -60, digests=GRADER | {"git commit": "1"})
    commit = event("code", 85, 5, changed={"git commit": "2"})
    silent = event("resumed", 80, 4, rank=1, process=1, world=1)
    assert made({"paths": ["grader.py"]}) == made({"paths": ["grader.py"]}, script) == {}
    assert made({"paths": ["reward_rules.py"]}, before, commit) == {}
    assert made({"paths": ["grader.py"]}, before, silent) == {}  # the second process tells no code
    ended = facts(answered(), last_step=80, recorded=recorded_of((before,)))
    assert "A19" not in ended  # nothing was trained after the fix


def test_settings_and_data_that_a_fix_names_are_held_against_the_record_too() -> None:
    setting, names = {"paths": [], "settings": ["grader.version"]}, ("grader.version", "beta")
    changed = event("configuration.changed", 81, 5, setting="grader.version", old="1", new="2")
    assert made(setting, settings=names) == {"A19": "high"}
    assert made(setting, changed, settings=names) == {}
    data, again = {"paths": ["data/tasks.jsonl"]}, event("resumed", 80, 4, rank=1, process=1, world=1)
    one, two = (RunDataset(name="tasks", digest=f"sha256:{n}") for n in (1, 2))  # type: ignore[arg-type]
    assert made(data, again, data=(one,)) == {"A19": "high"}
    assert made(data, again, data=(one, two)) == made(data, data=(one,)) == {}


def test_empty_evidence_is_none() -> None:
    empty = {"evidence": ["", " "]}
    assert facts(answered(verification=empty, closure=empty)) == {"A11": "medium"}


def test_tests_of_code_and_documents_fix_nothing() -> None:
    for path in ("tests/test_grader.py", "datasets/README.md", "grader_test.py"):
        assert facts(answered(fix={"paths": [path]})) == {"A3": "medium"}
    for path in ("tasks/17/tests/test_outputs.py", "latest_grader.py", "grader.py"):
        assert not is_inert(path)


@pytest.mark.parametrize("arms", [["Seen"], ["train"], ["seen prompts"], ["SEEN", "training set"]])
def test_an_arm_is_the_same_however_it_is_called(arms: list[str]) -> None:
    assert facts(answered(verification={"arms": arms})) == {"A4": "medium"}


def test_a_verification_asks_what_neither_training_asks_nor_fired() -> None:
    def asked(arms: list[str], fired: str = "omit") -> dict[str, str]:
        events = answered(alarm={"arm": fired}, verification={"arms": arms})
        return facts(events, environments=("omit", "max"))

    assert asked(["seen"]) == asked(["Omit", "seen"]) == {"A4": "medium"}
    assert asked(["seen", "max"]) == asked(["held-out"]) == {}
    assert asked(["held-out"], "heldout") == {"A4": "medium"}
    assert asked(["the usual"]) == {"A4": "low"}  # neither an arm nor an environment


def test_a_verification_needs_training_since_the_fix_and_two_checkpoints() -> None:
    events = answered()
    events[4] = msgspec.structs.replace(events[4], step=80)
    assert facts(events) == {"A4": "medium"}
    assert facts([*events, event("resumed", 60, 10)]) == {}  # step 80 was taken again
    same = {"before": "checkpoint-80", "after": "checkpoint-80"}
    assert facts(answered(verification=same)) == {"A4": "medium"}


def test_a_threshold_is_held_against_that_at_which_the_alarm_fired() -> None:
    def moved(metric: str = "hack rate", *before: RunEvent, **change: str) -> dict[str, str]:
        return facts([*answered(), *before, event("threshold.changed", 90, 20, metric=metric, **change)])

    assert moved(old="0.95", new="0.9") == {"A6": "medium"}
    assert moved("hack_rate", old="0.1", new="0.9") == moved(old="0.5", new="0.9") == {"A6": "high"}
    assert moved(old="0.95", new="0.05") == {}
    graver = event("alarm", 85, 15, "b", metric="Hack-rate", value="0.96", threshold="0.95", arm="max")
    assert "A6" not in moved("hack rate", graver, old="0.95", new="0.9")  # of two thresholds the other


def test_a_suite_with_another_digest_tells_what_it_lost() -> None:
    def suite(**change: Any) -> dict[str, str]:
        return facts([*answered(), event("suite.changed", 90, 20, suite="s", **change)])

    other = {"before": "sha256:1", "after": "sha256:2"}
    assert suite(**other) == suite(added=50, **other) == {"A7": "medium"}
    assert suite(added=50, removed=0, **other) == {"A7": "low"}
    assert suite(added=50) == suite(added=5, removed=0, before="sha256:1", after="sha256:1") == {}
    asked = {"removed": 50, "old_suite_on_new_checkpoint": True}
    assert suite(**asked) == suite(evidence=[""], **asked) == {"A7": "medium"}
    assert suite(evidence=["sha256:3"], **asked) == {}


# -- clocks, and what the log took in when -----------------------------------------------------------------


def in_log(events: list[RunEvent], live: int) -> dict[str, str]:
    """When a log took each event in: the first `live` at once, the others a day later."""
    return {digest_of(e): e.time if i < live else "2026-03-02T00:00:00Z" for i, e in enumerate(events)}


def test_entries_of_a_run_that_was_logged_afterwards_as_a_whole_are_no_sign() -> None:
    events = answered()
    logged = in_log(events, 0)
    assert facts(events, logged=logged) == {"A10": "high"}
    afterwards = {"logged": logged, "log_opened": "2026-03-02T00:00:00Z"}
    assert facts(events, **afterwards) == {"A10": "low"}
    found, _ = assess_response(events, ResponseContext(last_step=120, **afterwards))
    assert (found.outcome, found.state) == ("investigated", "not_shown")
    assert "nothing of the run was logged while it went on" in found.statement
    assert facts(events, logged=logged, log_opened="2026-03-01T09:00:00Z") == {"A10": "high"}


def test_what_a_stopped_process_wrote_last_is_no_sign_and_what_it_wrote_before_is_one() -> None:
    events = [event("note", 1, -30), *answered()]
    stop = event("exception", -1, 60, error="Stopped")
    opened = "2026-03-01T09:00:00Z"
    logged = {**in_log(events, 5), digest_of(stop): stop.time}
    assert facts([*events, stop], logged=logged, log_opened=opened) == {"A10": "medium"}
    assert facts(events, logged=logged, log_opened=opened) == {"A10": "high"}
    late_first = dict(logged)
    late_first[digest_of(events[2])] = "2026-03-02T00:00:00Z"  # what came after it was logged at once
    assert facts([*events, stop], logged=late_first, log_opened=opened) == {"A10": "high"}


def behind(events: list[RunEvent], since: int, rank: int = 0) -> list[RunEvent]:
    """What follows the first events, by a clock that is an hour behind, and of the process `rank`."""
    later = [
        msgspec.structs.replace(e, time=e.time.replace("T10:", "T09:"), rank=rank) for e in events[since:]
    ]
    return sorted([*events[:since], *later], key=lambda each: each.time)


def test_a_clock_that_is_behind_makes_no_answer_early() -> None:
    resumed = event("resumed", 80, 1, rank=1, process=1, world=1)
    events = behind([*answered()[:2], resumed, *answered()[2:]], 2, rank=1)
    assert facts(events) == {"A15": "low"}
    found, _ = assess_response(events, ResponseContext(last_step=120))
    assert (found.outcome, found.severity) == ("investigated", "low")
    stepped = behind(answered(), 4)  # the clock was set back while one process went on
    assert facts(stepped) == {"A15": "low"}
    same_step = behind(answered(), 2)  # neither process nor step tells of hypothesis and fix
    assert facts(same_step)["A15"] == "medium"
    places = {digest_of(each): place for place, each in enumerate(answered()[:2] + behind(answered(), 2)[:4])}
    assert facts(same_step, places=places) == {"A15": "low"}


def test_steps_outweigh_no_log_that_has_an_answer_before_its_alarm() -> None:
    events = behind(answered(), 1)  # all answers at once, some with steps that were to come
    places = {digest_of(each): place for place, each in enumerate(events)}
    assert facts(events)["A15"] == "medium"
    assert facts(events, places=places)["A15"] == "medium"
    (found,) = episodes(events, Order(events, places=places))
    assert [each.kind for each in found.events] == ["alarm"]


def test_a_fix_is_borne_out_by_evidence_that_was_handed_over_alone() -> None:
    before = event("code", 0, -60, digests=GRADER)
    change = event("code", 81, 5, changed={"grader check": "sha256:2"})
    context = ResponseContext(last_step=120, recorded=recorded_of((before, change)))
    assert "said to be verified" in assess_response(answered(), context)[0].statement
    handed = replace(context, handed=frozenset({"sha256:a"}))
    assert "said to be" not in assess_response(answered(), handed)[0].statement
