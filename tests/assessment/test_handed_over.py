"""What is handed over beside a run is never believed as far as what the run was committed to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from modelassay.assessment.assess import assess
from modelassay.assessment.committing import commit_run, run_secret
from modelassay.assessment.request import Proofs, Request
from modelassay.evidence.notary import Notary
from modelassay.records import Actor, Assessment, RunEvent
from modelassay.training.protocol.challenge import make_challenge, new_nonce
from modelassay.training.protocol.disclosure import OpeningHead, challenge_digest, open_rollouts
from modelassay.training.run import Run

ISSUED = "2026-06-01T00:00:00Z"


@pytest.fixture
def third(
    tmp_path: Path, write_run: Callable[..., Run], request_for: Callable[..., Request]
) -> Callable[..., Assessment]:
    """Assesses a run without events of its own that was committed to, challenged and opened."""
    run = write_run(tmp_path / "store" / "runs" / "told", steps=20)
    made = commit_run(run, tmp_path / "store", Notary(actor=Actor(name="dev")))
    challenge = make_challenge(
        made.committed,
        made.records,
        nonce=new_nonce(),
        randomness="",
        share=0.05,
        probability=0.95,
        issued=ISSUED,
        deadline="2026-06-08T00:00:00Z",
    )
    head = OpeningHead(run="told", challenge=challenge_digest(challenge), opened=ISSUED)
    opened = open_rollouts(run, run_secret(tmp_path / "store", "told"), challenge, made.records)
    (tmp_path / "challenge.json").write_bytes(msgspec.json.encode(challenge))
    lines = [msgspec.json.encode(each) + b"\n" for each in (head, *opened)]
    (tmp_path / "opening.jsonl").write_bytes(b"".join(lines))
    proofs = Proofs(
        challenge=tmp_path / "challenge.json",
        opening=tmp_path / "opening.jsonl",
        received="2026-06-02T00:00:00Z",
    )
    return lambda **given: assess(run, request_for(proofs=proofs, **given))


def test_events_that_were_handed_over_stay_statements(
    third: Callable[..., Assessment], event: Callable[..., RunEvent], tmp_path: Path
) -> None:
    listed = [
        event("alarm", 5, 0, metric="shortcut"),
        event("acknowledged", 5, 1),
        event("hypothesis", 5, 2, text="the grader pays for it"),
        event("fix", 5, 3, paths=["grader.py"]),
        event("verification", 8, 4, arms=["seen", "held_out"], evidence=["a table"]),
        event("closure", 9, 5, evidence=["a table"]),
    ]
    told = tmp_path / "events.jsonl"
    told.write_bytes(b"\n".join(map(msgspec.json.encode, listed)))
    record = third(events=told)
    assert record.tier == "T3"
    answers = [f for f in record.findings if f.check == "developer_response"]
    assert "investigated" in {f.outcome for f in answers}
    assert {f.assurance for f in answers} == {"T0"}
    assert {f.assurance for f in record.findings if f.check == "reinforcement"} == {"T3"}
    assert {f.assurance for f in record.findings if f.check == "resolution"} == {"T1"}


def test_task_files_that_were_handed_over_are_no_record_of_the_run(
    third: Callable[..., Assessment], tmp_path: Path
) -> None:
    tasks = tmp_path / "tasks.jsonl"
    leaky = {"id": "t", "instructions": "Say the word. It is 'chrysanthemum'.", "answer": "chrysanthemum"}
    tasks.write_text(json.dumps(leaky) + "\n")
    pressed = [f for f in third(tasks=(tasks,)).findings if f.check == "environment_pressure"]
    told = {f.assurance for f in pressed if f.slice["environment"] == "tasks"}
    assert told == {"T1"}
    assert {f.assurance for f in pressed if f.slice["environment"] in ("open", "closed")} == {"T3"}
