"""A store that was moved without its secrets: nothing is committed to with others, and training goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from modelassay import Recorder
from modelassay.assessment.assessed_copy import differences
from modelassay.assessment.committing import commit_run, read_commitments, run_secret
from modelassay.assessment.recording import write_up
from modelassay.errors import StoreError
from modelassay.evidence.notary import Notary
from modelassay.records import Actor
from modelassay.training.run import Run

NOTARY = Notary(actor=Actor(name="dev"))


def record(store: Path, first: int) -> None:
    with Recorder(store, run="live", rewards={"g": 1.0}, notary=NOTARY) as run:
        for step in (first, first + 1):
            run.rollout(prompt="1+1=", completion="2", rewards={"g": 1.0}, step=step)
            run.step(step, {"reward": 1.0})


def test_a_run_that_lost_its_secret_is_recorded_and_committed_to_when_it_is_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    record(here, 1)
    shutil.copytree(here, there, ignore=shutil.ignore_patterns("secrets"))
    missing = there / "secrets" / "run-live.salt"
    with pytest.raises(StoreError, match="the secret is missing") as told:
        run_secret(there, "live")
    assert (told.value.where, "secrets/ moves with a store" in (told.value.mend or "")) == (
        str(missing),
        True,
    )
    capsys.readouterr()
    record(there, 3)  # training is not stopped
    assert "the secret is missing" in capsys.readouterr().err
    run = Run(there / "runs" / "live")
    assert [step for batch in run.batches(["step"]) for step in batch.column(0).to_pylist()] == [1, 2, 3, 4]
    errors = [event.body["message"] for event in run.events() if event.kind == "exception"]
    assert ["the secret is missing" in error for error in errors] == [True]
    assert not missing.exists()
    with pytest.raises(StoreError, match="the secret is missing"):
        commit_run(run, there, NOTARY)
    missing.parent.mkdir(exist_ok=True)
    shutil.copy(here / "secrets" / "run-live.salt", missing)
    write_up(there, "live", NOTARY)
    commit_run(run, there, NOTARY)
    made = read_commitments(run.folder)
    assert (differences(run, made), made.committed.rollouts) == ((), 4)


def test_a_run_that_nothing_was_committed_to_of_has_a_secret_drawn(tmp_path: Path) -> None:
    (tmp_path / "runs" / "new" / "commitments").mkdir(parents=True)
    assert run_secret(tmp_path, "new") == run_secret(tmp_path, "new")
