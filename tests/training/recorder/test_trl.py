"""Attached to real TRL trainers: nothing generated is missing, and training does not notice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelassay import Recorder
from modelassay.assessment.committing import commit_run, read_commitments
from modelassay.assessment.recording import own_notary
from modelassay.evidence.ledger import read_events
from modelassay.evidence.run_events import RunClosed, RunHappened, RunOpened, RunStep
from modelassay.training.frame import read_frame
from modelassay.training.reconciliation import prompt_tokens_of, reconcile
from modelassay.training.run import Run

pytestmark = pytest.mark.usefixtures("no_keys")


def rows_of(run: Run, *names: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for batch in run.batches(names):
        found += zip(*(batch.column(name).to_pylist() for name in names), strict=True)
    return found


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, online: Callable[..., Any]) -> tuple[Run, Any]:
    """Four steps, an evaluation every second one."""
    store = tmp_path_factory.mktemp("store")
    trainer = online(
        store.parent / "out", eval_strategy="steps", eval_steps=2, save_strategy="steps", save_steps=4,
        reward_weights=[1.0, 0.5],
    )  # fmt: skip
    with Recorder(store, run="grpo") as recorder:
        recorder.attach(trainer)
        trainer.train()
        trainer.args.learning_rate = 0.5
    return Run(store / "runs" / "grpo"), trainer


def test_every_rollout_of_training_and_evaluation_is_there(recorded: tuple[Run, Any]) -> None:
    run, _ = recorded
    rows = rows_of(run, "phase", "step", "group", "env", "trained_on")
    train = [row for row in rows if row[0] == "train"]
    assert sorted({row[1] for row in train}) == [1, 2, 3, 4]
    assert (len(train), len({row[2] for row in train})) == (64, 16)
    assert {row[3:] for row in train} == {("sums", True)}
    evaluation = [row for row in rows if row[0] == "eval"]
    assert {(row[1], row[3], row[4]) for row in evaluation} == {(2, "eval", None), (4, "eval", None)}
    assert len(evaluation) == 2 * 16
    assert run.manifest.group_size == 4
    assert run.torn == []


def test_what_was_logged_follows_from_the_rollouts(recorded: tuple[Run, Any]) -> None:
    run, _ = recorded
    frame = read_frame(run)
    result = reconcile(frame, run.metrics(), group_size=4, prompt_tokens=prompt_tokens_of(run))
    assert result.disagreements == ()
    compared = {"reward", "reward_std", "frac_reward_zero_std", "num_tokens", "advantage"}
    assert compared <= set(result.compared)
    assert not np.isnan(frame.advantage[frame.is_train]).any()


def test_manifest_says_what_trained_and_what_graded(recorded: tuple[Run, Any]) -> None:
    manifest = recorded[0].manifest
    assert (manifest.framework, manifest.algorithm, manifest.origin) == ("trl", "grpo", "recorded")
    assert [(r.name, str(r.weight)) for r in manifest.rewards] == [
        ("longer_is_better", "1.0"), ("has_a_nine", "0.5"),
    ]  # fmt: skip
    assert manifest.configuration["seed"] == "1"
    assert "grader has_a_nine" in manifest.code
    assert "grader has_a_nine in conftest.py" in manifest.code
    assert {"trl", "torch", "python"} <= set(manifest.libraries)


def test_graders_words_and_tokens_are_kept(recorded: tuple[Run, Any]) -> None:
    run, _ = recorded
    for completion, said, extra, tokens, score in rows_of(
        run, "completion", "grader_output", "extra", "completion_tokens", "reward/has_a_nine"
    ):
        assert said == f"nine: {'9' in completion}"
        assert len(json.loads(extra)["completion_ids"]) == tokens
        assert score == (float("9" in completion) if completion else None)


def test_checkpoint_and_data_are_named_by_digest(recorded: tuple[Run, Any]) -> None:
    run, _ = recorded
    (checkpoint,) = run.checkpoints()
    assert (checkpoint.step, checkpoint.name) == (4, "checkpoint-4")
    assert checkpoint.digest is not None
    assert {"weights", "optimizer", "rng", "scheduler"} <= set(checkpoint.parts)
    assert {(d.name, d.rows) for d in run.datasets()} == {("train", 100), ("eval", 4)}
    coverage = run.coverage()
    assert coverage is not None
    assert (coverage.found_train, coverage.found_eval, coverage.gaps) == (64, 32, 0)


def test_committed_as_it_went_and_again_afterwards(recorded: tuple[Run, Any]) -> None:
    run, _ = recorded
    store = run.folder.parent.parent
    kinds = (RunOpened, RunHappened, RunStep, RunClosed)
    before = list(read_events(store / "log", *kinds))
    live = read_commitments(run.folder)
    made = commit_run(run, store, own_notary())
    assert made.committed == live.committed
    assert made.file == live.file
    assert list(read_events(store / "log", *kinds)) == before
    steps = [each.read(RunStep).record for each in before if each.event.kind == RunStep.kind]
    assert sorted(steps, key=str) == sorted(made.records, key=str)
    assert [(r.phase, r.step, r.rollouts) for r in made.records] == [
        ("train", 1, 16), ("train", 2, 16), ("eval", 2, 16),
        ("train", 3, 16), ("train", 4, 16), ("eval", 4, 16),
    ]  # fmt: skip
    train = [record for record in made.records if record.phase == "train"]
    assert all(record.configuration and record.code and record.metrics for record in train)


def test_training_is_the_same_with_and_without(tmp_path: Path, online: Callable[..., Any]) -> None:
    plain = online(tmp_path / "a")
    plain.train()
    attached = online(tmp_path / "b")  # sets the seed anew
    with Recorder(tmp_path / "store", run="same") as recorder:
        recorder.attach(attached)
        attached.train()
    for (name, one), other in zip(
        plain.model.state_dict().items(), attached.model.state_dict().values(), strict=True
    ):
        assert (one == other).all(), name


@pytest.mark.parametrize("fails", [False, True])
def test_what_training_did_not_use_is_not_said_to_be_trained_on(
    tmp_path: Path, online: Callable[..., Any], fails: bool
) -> None:
    """Rollouts for four steps, of which two are taken; or a step that is broken off."""
    from transformers import TrainerCallback

    class Stop(TrainerCallback):  # type: ignore[misc]
        """Ends training in its third step, or after its second."""

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            control.should_training_stop = not fails and state.global_step == 2

        def on_substep_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if fails and state.global_step == 2:
                raise MemoryError("none left")

    settings = {"gradient_accumulation_steps": 2} if fails else {"steps_per_generation": 4}
    trainer = online(tmp_path / "out", per_device_train_batch_size=8, **settings)
    with Recorder(tmp_path / "store", run="r") as recorder:
        recorder.attach(trainer)
        trainer.add_callback(Stop())
        if fails:
            with pytest.raises(MemoryError):
                trainer.train()
        else:
            trainer.train()
    run = Run(tmp_path / "store" / "runs" / "r")
    (note,) = (e.body for e in run.events() if "generation_not_used_up" in e.body)
    assert (note["rollouts"], note["used"]) == ((16, 0) if fails else (32, 16))
    frame = read_frame(run)
    last = frame.step == frame.step.max()
    assert (last.sum(), set(frame.trained_on[last].tolist())) == (note["rollouts"], {-1})
    assert set(frame.trained_on[~last].tolist()) <= {1}


def test_what_training_used_up_is_trained_on(recorded: tuple[Run, Any]) -> None:
    run, _ = recorded
    assert not any("generation_not_used_up" in event.body for event in run.events())
    frame = read_frame(run)
    assert set(frame.trained_on[frame.is_train].tolist()) == {1}


def test_an_evaluation_is_one_whatever_its_metrics_are_called(
    tmp_path: Path, online: Callable[..., Any]
) -> None:
    trainer = online(tmp_path / "out", max_steps=1)
    with Recorder(tmp_path / "store", run="r", commit=False) as recorder:
        recorder.attach(trainer)
        trainer.train()
        trainer.evaluate(metric_key_prefix="test")
    logs = list(Run(tmp_path / "store" / "runs" / "r").metrics())
    assert {each.phase for each in logs if any(name.startswith("test_") for name in each.values)} == {"eval"}
    assert {each.phase for each in logs if "train_runtime" in each.values} == {"train"}


def test_settings_that_change_as_a_step_begins_are_told_of_that_step(
    tmp_path: Path, online: Callable[..., Any]
) -> None:
    """By a callback behind the recorder's own, which hears of the step before it."""
    from transformers import TrainerCallback

    class Cooler(TrainerCallback):  # type: ignore[misc]
        """Samples the third step colder."""

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == 2:
                trainer.temperature = 0.7

    trainer = online(tmp_path / "out")
    with Recorder(tmp_path / "store", run="r") as recorder:
        recorder.attach(trainer)
        trainer.add_callback(Cooler())
        trainer.train()
    run = Run(tmp_path / "store" / "runs" / "r")
    (changed,) = (event for event in run.events() if event.kind == "configuration.changed")
    assert (changed.step, changed.body["setting"], changed.body["new"]) == (3, "trainer.temperature", "0.7")
    named = {record.step: record.configuration for record in read_commitments(run.folder).records}
    assert named[1] == named[2] != named[3] == named[4] == changed.body["digest"]
