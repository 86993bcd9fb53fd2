"""Which step rollouts are of, and what of a closed step comes again: training that goes back, or not."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelassay import Recorder
from modelassay.assessment.committing import read_commitments
from modelassay.evidence.ledger import read_events
from modelassay.evidence.run_events import RunHappened
from modelassay.records import RunEvent
from modelassay.training.analyses.response_context import told_after
from modelassay.training.frame import read_frame
from modelassay.training.protocol.commitment import broken_links
from modelassay.training.reconciliation import reconcile
from modelassay.training.recorder import unnamed
from modelassay.training.run import Run
from modelassay.training.stretches import begins_number, processes_of, stretches_of

pytestmark = pytest.mark.usefixtures("no_keys")


def rows_of(run: Run, *names: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for batch in run.batches(names):
        found += zip(*(batch.column(name).to_pylist() for name in names), strict=True)
    return found


def told(run: Run) -> list[RunEvent]:
    return [event for event in run.events() if begins_number(event)]


def loop(run: Recorder, steps: range) -> None:
    """A loop by hand that names no step with its rollouts."""
    for step in steps:
        for place in range(4):
            run.rollout(
                prompt=f"{step}+1=", completion=f"{place}", rewards={"a": float(place == step % 4)}, group="g"
            )
        run.step(step, {"reward": 0.25})


def test_a_loop_that_counts_from_0_keeps_each_batch_under_its_step(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r", rewards={"a": 1.0}) as run:
        loop(run, range(5))
    kept = Run(tmp_path / "runs" / "r")
    assert rows_of(kept, "step", "prompt") == [(s, f"{s}+1=") for s in range(5) for _ in range(4)]
    assert reconcile(read_frame(kept), kept.metrics()).disagreements == ()
    (note,) = (event for event in kept.events() if event.kind == "note")
    assert note.body == {"told_without_step": 4, "taken_to_be_of": 1, "kept_under": 0}
    coverage = kept.coverage()
    assert coverage is not None
    assert any("kept under step 0, the first that was done" in each for each in coverage.statements)
    made = read_commitments(kept.folder)
    assert [(record.step, record.rollouts) for record in made.records] == [(s, 4) for s in range(5)]
    assert broken_links(made.records) == []


def test_a_loop_that_counts_from_1_or_names_every_tenth_step_is_as_before(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r", rewards={"a": 1.0}) as run:
        loop(run, range(1, 3))
    with Recorder(tmp_path, run="seldom", rewards={"a": 1.0}) as run:
        loop(run, range(10, 30, 10))
    assert Counter(rows_of(Run(tmp_path / "runs" / "r"), "step")) == {(1,): 4, (2,): 4}
    assert Counter(rows_of(Run(tmp_path / "runs" / "seldom"), "step")) == {(1,): 4, (11,): 4}


def test_a_loop_that_is_resumed_goes_on_at_its_step(tmp_path: Path) -> None:
    for steps in (range(1, 3), range(3, 5)):
        with Recorder(tmp_path, run="r", rewards={"a": 1.0}) as run:
            loop(run, steps)
    kept = Run(tmp_path / "runs" / "r")
    assert Counter(rows_of(kept, "rank", "step")) == {(0, 1): 4, (0, 2): 4, (1, 3): 4, (1, 4): 4}
    coverage = kept.coverage()
    assert coverage is not None
    assert coverage.repeated_steps == ()


def test_what_is_said_between_keeps_its_place_and_its_step(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r") as run:
        for text in ("a", "b"):
            run.rollout(prompt="p", completion=text)
            run.rollout(prompt="p", completion=f"eval {text}", phase="eval")
            run.rollout(prompt="p", completion=f"named {text}", step=7)
        run.step(0)
    assert rows_of(Run(tmp_path / "runs" / "r"), "step", "completion") == [
        (0, "a"), (1, "eval a"), (7, "named a"), (0, "b"), (1, "eval b"), (7, "named b"),
    ]  # fmt: skip


def test_more_than_may_wait_is_kept_as_it_was_taken_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = unnamed.Unnamed([], is_over=False, resumed=False)
    monkeypatch.setattr(unnamed, "MOST_BYTES", 1000)
    item = unnamed.Rollouts(1, {"step": [1], "completion": ["x" * 400]}, assumed=True)
    assert [len(held.take(item)) for _ in range(4)] == [0, 0, 3, 1]
    assert held.named(0) == ([], None)


STOPPED = """
import os, signal, sys, time
from modelassay import Recorder
run = Recorder(sys.argv[1], run="r", rewards={"a": 1.0})
for place in range(3):
    run.rollout(prompt="p", completion=str(place), rewards={"a": 1.0})
run.flush()
if sys.argv[2] == "scribe":
    os.kill(run._pipeline.host.child, signal.SIGKILL)
    time.sleep(0.5)
    run.step(0)
    run.close()
else:
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("killed", "step"), [("scribe", 0), ("training", 1)])
def test_what_waits_for_its_step_outlives_either_process(tmp_path: Path, killed: str, step: int) -> None:
    done = subprocess.run([sys.executable, "-c", STOPPED, str(tmp_path), killed])
    assert done.returncode == (0 if killed == "scribe" else -signal.SIGKILL)
    until = time.monotonic() + 30
    while list((tmp_path / "runs" / "r").glob(".spool-*")) and time.monotonic() < until:
        time.sleep(0.1)
    assert rows_of(Run(tmp_path / "runs" / "r"), "step", "completion") == [(step, str(n)) for n in range(3)]


def test_metrics_of_a_step_that_is_done_are_no_return_of_training(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r", rewards={"a": 1.0}) as run:
        for step in range(1, 5):
            run.rollout(prompt="p", completion="c", rewards={"a": 1.0}, step=step)
            run.step(step, {"loss": 1.0})
            run.step(step, {"eval_accuracy": 0.5})
        run.step(2, {"late": 1.0})
        run.rollout(prompt="p", completion="c", rewards={"a": 1.0})
        run.step(5)
    kept = Run(tmp_path / "runs" / "r")
    assert rows_of(kept, "rank", "step") == [(0, step) for step in range(1, 6)]
    assert (told(kept), len(list(kept.metrics()))) == ([], 9)
    assert [(r.step, r.rollouts) for r in read_commitments(kept.folder).records] == [
        (step, 1) for step in range(1, 6)
    ]


def test_an_evaluation_that_comes_again_is_kept_apart_and_told_as_that(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r", rewards={"a": 1.0}) as run:
        run.configuration({"lr": 1})
        for step in (1, 2):
            run.rollout(prompt="p", completion="c", rewards={"a": 1.0}, step=step)
            run.rollout(prompt="p", completion="e", rewards={"a": 1.0}, step=step, phase="eval")
            run.step(step)
        run.rollout(prompt="p", completion="again", rewards={"a": 1.0}, step=2, phase="eval")
        run.rollout(prompt="p", completion="c", rewards={"a": 1.0}, step=3)
        run.step(3)
        run.rollout(prompt="p", completion="back", rewards={"a": 1.0}, step=2)
        run.step(2)
    kept = Run(tmp_path / "runs" / "r")
    assert rows_of(kept, "rank", "phase", "step", "completion")[4:] == [
        (1, "eval", 2, "again"), (1, "train", 3, "c"), (2, "train", 2, "back"),
    ]  # fmt: skip
    assert [(event.kind, event.rank, event.body["continues"]) for event in told(kept)] == [
        ("note", 1, 0), ("resumed", 2, 1),
    ]  # fmt: skip
    assert told(kept)[0].body["evaluated_again"] == 2
    assert (processes_of(kept), stretches_of(kept).tolist()) == (1, [0, 0, 0, 0, 1, 1, 2])
    coverage = kept.coverage()
    assert coverage is not None
    assert coverage.repeated_steps == (2,)


def test_data_that_is_trained_on_twice_is_a_return_without_rollouts(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r") as run:
        for _ in range(2):
            for step in (1, 2, 3):
                run.step(step, {"loss": 1.0})
    kept = Run(tmp_path / "runs" / "r")
    assert [(event.kind, event.rank) for event in told(kept)] == [("resumed", 1)]
    assert len(read_commitments(kept.folder).records) == 6


def test_a_phase_that_there_is_not_is_refused_and_counted(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Recorder(tmp_path, run="r") as run:
        run.rollout(prompt="p", completion="c", step=1, phase="training")  # type: ignore[arg-type]
        columns = {"step": [1], "prompt": ["p"], "completion": ["c"], "group": ["g"]}
        run.rollouts(1, {**columns, "phase": ["validation"]})
        run.rollouts(1, columns)
        run.step(1)
    coverage = Run(tmp_path / "runs" / "r").coverage()
    assert coverage is not None
    assert (coverage.found_train, coverage.found_eval, coverage.gaps) == (1, 0, 2)
    assert "there is no phase 'training' of rollouts" in capfd.readouterr().err


def test_events_of_one_moment_keep_their_order_in_record_and_log(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r") as run:
        run.event("alarm", alarm="a1", step=6, metric="hack rate", value="0.4", threshold="0.1")
        run.event("decision", alarm="a1", step=6, choice="hold")
        run.event("checkpoint.promoted", step=6, checkpoint="checkpoint-6")
    kept = Run(tmp_path / "runs" / "r")
    events = [event for event in kept.events() if event.kind != "note"]
    assert [event.kind for event in events] == ["alarm", "decision", "checkpoint.promoted"]
    assert len({event.time for event in events}) == 3
    assert events == sorted(events, key=lambda event: event.time)
    logged = [each.read(RunHappened) for each in read_events(tmp_path / "log", RunHappened)]
    assert [each.said_time for each in logged] == [f"{event.time[:19]}Z" for event in kept.events()]
    alarm, _, promoted = events
    assert told_after(promoted, alarm, events)
    older = [msgspec.structs.replace(event, time=f"{event.time[:19]}Z") for event in events]
    assert told_after(older[2], older[0], older)
    assert not told_after(older[0], older[2], older)
    other = msgspec.structs.replace(older[2], rank=1)
    assert not told_after(other, older[0], [*older, other])  # another process may have written it before
