"""Settings and code that step records name are those that events tell of."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from modelassay import Recorder
from modelassay.assessment.assess import assess
from modelassay.assessment.committing import read_commitments
from modelassay.assessment.in_force import in_force_findings
from modelassay.assessment.request import Request
from modelassay.evidence.notary import Notary
from modelassay.records import Actor, RunFinding
from modelassay.training.run import Run

EVENTS = "events-00000.jsonl"


@pytest.fixture
def changed(tmp_path: Path) -> Run:
    """A run whose settings and grader change after its second step."""
    with Recorder(tmp_path, run="r", rewards={"g": 1.0}, notary=Notary(actor=Actor(name="dev"))) as run:
        for step in range(1, 5):
            run.configuration({"beta": 0.1 if step < 3 else 0.0})
            run.code({}, versions={"grader": "1" if step < 3 else "2"})
            run.rollout(prompt="1+1=", completion="2", rewards={"g": 1.0}, step=step, group=f"{step}")
            run.step(step)
    return Run(tmp_path / "runs" / "r")


FLAWED, PATCHED = {"grader": "flawed", "lr": 0.1}, {"grader": "patched", "lr": 0.1}


@pytest.fixture
def resumed(tmp_path: Path) -> Callable[..., Run]:
    """A run that is resumed with other settings each time, two steps of each process and rank."""

    def made(*settings: dict[str, object], world: int = 1) -> Run:
        for number, each in enumerate(settings):
            recorders = [
                Recorder(
                    tmp_path,
                    run="r",
                    rewards={"g": 1.0},
                    notary=Notary(actor=Actor(name="dev")),
                    rank=rank,
                    world=world,
                )
                for rank in range(world)
            ]
            for step in (2 * number + 1, 2 * number + 2):
                for rank, run in enumerate(recorders):
                    run.configuration({**each, "rank": rank}, step=step - 1)
                    run.rollout(prompt="1+1=", completion="2", rewards={"g": 1.0}, step=step, group=f"{step}")
                    run.step(step)
            for run in reversed(recorders):
                run.close()
        return Run(tmp_path / "runs" / "r")

    return made


def without_changes(run: Run, process: int) -> None:
    """Take events of changes out of what a process said."""
    path = run.folder / f"events-{process:05d}.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if '"configuration.changed"' not in line))


def found(run: Run) -> dict[str, RunFinding]:
    records = read_commitments(run.folder).records
    return {each.slice["aspect"]: each for each in in_force_findings(run, records)}


def edited(run: Run, edit: Callable[[str], str]) -> None:
    path = run.folder / EVENTS
    path.write_text("".join(map(edit, path.read_text().splitlines(keepends=True))))


def test_what_events_tell_of_is_what_records_name(changed: Run) -> None:
    assert {name: each.outcome for name, each in found(changed).items()} == {
        "configuration": "as told",
        "code": "as told",
    }


@pytest.mark.parametrize(("kind", "name"), [("configuration.changed", "configuration"), ("code", "code")])
def test_a_change_that_no_event_tells_of_is_named(changed: Run, kind: str, name: str) -> None:
    edited(changed, lambda line: "" if f'"{kind}"' in line and '"step":2' in line else line)
    untold = found(changed)[name]
    assert (untold.outcome, untold.severity, untold.values["untold"]) == ("untold", "high", 2)
    assert "the first at train step 3" in untold.statement
    (other,) = set(found(changed)) - {name}
    assert found(changed)[other].outcome == "as told"


def test_where_it_is_not_known_that_is_said(changed: Run) -> None:
    edited(changed, lambda line: re.sub('"digests?":', '"other":', line) if '"kind":"code"' in line else line)
    unknown = found(changed)["code"]
    assert (unknown.outcome, unknown.why_not) == (
        "not assessable",
        "events of changes name no digest, as those of earlier versions",
    )
    records = read_commitments(changed.folder).records
    (none, _) = in_force_findings(changed, [r for r in records if r.configuration is None])
    assert none.why_not == "no step record names the configuration in force"


def test_a_digest_that_is_cut_out_of_one_event_of_code_is_no_earlier_version(changed: Run) -> None:
    edited(
        changed,
        lambda line: (
            re.sub('"digest":', '"other":', line) if '"code"' in line and '"step":2' in line else line
        ),
    )
    untold = found(changed)["code"]
    assert (untold.outcome, untold.severity, untold.values["untold"]) == ("untold", "high", 2)


def test_events_of_an_earlier_version_beside_those_of_a_resumed_run_are_excused(changed: Run) -> None:
    """The process before wrote no digest of what changed; that after the resumption does."""
    lines = (changed.folder / EVENTS).read_text().splitlines()
    later = next(line for line in lines if '"kind":"code"' in line and '"step":2' in line)
    edited(
        changed,
        lambda line: re.sub('"digest":', '"other":', line) if '"kind":"code"' in line else line,
    )
    body = json.loads(later)
    body["body"]["digest"] = "sha256:" + "1" * 64
    (changed.folder / "events-00001.jsonl").write_text(json.dumps({**body, "rank": 1}) + "\n")
    assert found(Run(changed.folder))["code"].why_not.startswith("events of changes name no digest")


def test_an_assessment_says_it(changed: Run, request_for: Callable[..., Request]) -> None:
    record = assess(changed, request_for())
    assert {each.outcome for each in record.findings if each.check == "in_force"} == {"as told"}


def test_a_return_to_earlier_settings_is_told_and_nothing_that_did_not_change(
    resumed: Callable[..., Run],
) -> None:
    run = resumed(FLAWED, PATCHED, PATCHED, FLAWED)
    changes = [
        (each.rank, each.step, each.body["old"], each.body["new"])
        for each in run.events()
        if each.kind == "configuration.changed"
    ]
    assert changes == [(1, 2, "flawed", "patched"), (3, 6, "patched", "flawed")]
    assert found(run)["configuration"].outcome == "as told"
    without_changes(run, 3)
    untold = found(run)["configuration"]
    assert (untold.outcome, untold.severity, untold.values["untold"]) == ("untold", "high", 2)
    assert "the first at train step 7" in untold.statement


def test_ranks_that_differ_and_are_resumed_together_are_each_held_against_their_own(
    resumed: Callable[..., Run],
) -> None:
    run = resumed(FLAWED, PATCHED, FLAWED, world=2)
    changes = {
        (each.rank, each.body["setting"], each.body["new"])
        for each in run.events()
        if each.kind == "configuration.changed" and each.rank > 1
    }
    assert changes == {(2, "grader", "patched"), (3, "grader", "patched"),
                       (4, "grader", "flawed"), (5, "grader", "flawed")}  # fmt: skip
    assert found(run)["configuration"].outcome == "as told"


def test_a_return_within_one_process_is_told_in_order(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r", rewards={"g": 1.0}, notary=Notary(actor=Actor(name="dev"))) as run:
        for step, settings in enumerate((FLAWED, PATCHED, FLAWED, FLAWED), 1):
            run.configuration(settings)
            run.rollout(prompt="1+1=", completion="2", rewards={"g": 1.0}, step=step, group=f"{step}")
            run.step(step)
    kept = Run(tmp_path / "runs" / "r")
    assert found(kept)["configuration"].outcome == "as told"
    edited(kept, lambda line: "" if '"new":"flawed"' in line else line)
    untold = found(kept)["configuration"]
    assert (untold.outcome, untold.values["untold"]) == ("untold", 2)
    assert "the first at train step 3" in untold.statement


def test_steps_that_come_again_go_on_with_what_was_in_force(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r", rewards={"g": 1.0}, notary=Notary(actor=Actor(name="dev"))) as run:
        run.configuration(FLAWED)
        for step, settings in ((1, FLAWED), (2, PATCHED), (1, PATCHED), (2, FLAWED)):
            run.configuration(settings)
            run.rollout(prompt="1+1=", completion="2", rewards={"g": 1.0}, step=step, group=f"{step}")
            run.step(step)
    kept = Run(tmp_path / "runs" / "r")
    assert {each.rank for each in read_commitments(kept.folder).records} == {0, 1}
    assert found(kept)["configuration"].outcome == "as told"


def test_a_return_that_a_recorder_of_an_earlier_version_did_not_tell_is_not_known(
    resumed: Callable[..., Run],
) -> None:
    """It told changes against the first process alone, and named nothing that was in force before."""
    run = resumed(FLAWED, PATCHED, FLAWED)
    without_changes(run, 2)
    for path in run.folder.glob("events-*.jsonl"):
        path.write_text(re.sub(r',"before":"sha256:[0-9a-f]{64}"', "", path.read_text()))
    unknown = found(run)["configuration"]
    assert unknown.outcome == "not assessable"
    assert "again from train step 5 on" in unknown.why_not
    without_changes(run, 1)
    assert found(run)["configuration"].outcome == "untold"


def test_settings_that_a_killed_process_could_not_tell_accuse_nobody(
    resumed: Callable[..., Run], tmp_path: Path
) -> None:
    """A crash of the machine takes the last events with it, and what was kept beside them stays."""
    resumed(FLAWED)
    kept = tmp_path / "runs" / "r" / ".in-force-00000.json"
    kept.write_text(kept.read_text().replace("flawed", "patched"))
    unknown = found(resumed(PATCHED))["configuration"]
    assert unknown.why_not == "settings came into force before train step 1 of which no event is here"
    kept.write_bytes(b"\xff")
    assert found(resumed(PATCHED))["configuration"].outcome == "not assessable"


def test_what_a_killed_process_had_in_force_is_known_before_its_events_are_written_up(
    resumed: Callable[..., Run], tmp_path: Path
) -> None:
    """It is gone at once, and the next begins while another process may still write up what it said."""
    resumed(FLAWED)
    code = (
        "import os, sys\n"
        "from modelassay import Recorder\n"
        "run = Recorder(sys.argv[1], run='r', commit=False)\n"
        f"run.configuration({ {**PATCHED, 'rank': 0}!r}, step=2)\n"
        "run.rollout(prompt='1+1=', completion='2', rewards={'g': 1.0}, step=3, group='3')\n"
        "run.step(3)\n"
        "os._exit(1)\n"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], check=False, stderr=subprocess.DEVNULL
        ).returncode
        == 1
    )
    run = resumed(FLAWED)
    told = [
        (each.rank, each.body["old"], each.body["new"])
        for each in run.events()
        if each.kind == "configuration.changed" and each.rank == 2
    ]
    assert told == [(2, "patched", "flawed")]
