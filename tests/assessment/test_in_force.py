"""Settings and code that step records name are those that events tell of."""

from __future__ import annotations

import json
import re
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
