"""Trainers on data, other trainers with rollouts, and runs that change, break off or go on."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelassay import Recorder
from modelassay.assessment.committing import read_commitments
from modelassay.errors import UsageError
from modelassay.training.coverage_gate import coverage_findings
from modelassay.training.frame import read_frame
from modelassay.training.reconciliation import prompt_tokens_of, reconcile
from modelassay.training.run import Run

pytestmark = pytest.mark.usefixtures("no_keys")


def recorded(store: Path, name: str, trainer: Any) -> Run:
    with Recorder(store, run=name) as recorder:
        recorder.attach(trainer)
        trainer.train()
    return Run(store / "runs" / name)


@pytest.mark.parametrize(
    ("kind", "algorithm", "role"),
    [
        ("SFT", "sft", "sft"),
        pytest.param("DPO", "dpo", "preference", marks=pytest.mark.slow),
        pytest.param("Reward", "reward_modelling", "preference", marks=pytest.mark.slow),
    ],
)
def test_training_on_data(
    tmp_path: Path, offline: Callable[..., Any], kind: str, algorithm: str, role: str
) -> None:
    run = recorded(tmp_path, "one", offline(kind, tmp_path / "a"))
    assert (run.manifest.framework, run.manifest.algorithm) == ("trl", algorithm)
    (data,) = run.datasets()
    assert (data.role, data.rows) == (role, 16)
    assert data.digest is not None
    assert [record.step for record in read_commitments(run.folder).records] == [1, 2, 3]
    assert {each.step for each in run.metrics()} == {1, 2, 3}
    assert [each.name for each in run.checkpoints()] == ["checkpoint-3"]
    assert [e.body["batches"] for e in run.events() if "batches" in e.body] == [3]
    (told,) = [e for e in run.events() if "digests_of_batches" in e.body]
    assert (told.step, told.body["first_step"], len(set(told.body["digests_of_batches"]))) == (3, 1, 3)
    coverage = run.coverage()
    assert coverage is not None
    assert coverage.basis == f"no rollouts are made: {kind}Trainer trained on data"
    (gate,) = coverage_findings(run.manifest, coverage)
    assert (gate.state, coverage.basis in gate.why_not) == ("not_assessable", True)
    assert run.manifest.configuration["peft"] == "none"
    assert run.manifest.configuration["base.config"].startswith("sha256:")


@pytest.mark.slow
def test_the_order_of_data_is_named_by_digest(tmp_path: Path, offline: Callable[..., Any]) -> None:
    digests = []
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        run = recorded(tmp_path, name, offline("SFT", tmp_path / name, seed=seed))
        digests += [
            e.body["digest_of_batches_in_order"]
            for e in run.events()
            if "digest_of_batches_in_order" in e.body
        ]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.slow
def test_rloo(tmp_path: Path, online: Callable[..., Any]) -> None:
    trainer = online(tmp_path / "out", "RLOO", max_steps=2, mask_truncated_completions=True, beta=0.0)
    run = recorded(tmp_path, "r", trainer)
    assert run.manifest.algorithm == "rloo"
    frame = read_frame(run)
    result = reconcile(frame, run.metrics(), group_size=4, prompt_tokens=prompt_tokens_of(run))
    assert result.disagreements == ()
    assert {"reward", "num_tokens"} <= set(result.compared)
    assert (frame.trained_on == (~frame.truncated)).all()
    assert frame.truncated.any()


def test_changes_on_the_way_are_events(tmp_path: Path, online: Callable[..., Any]) -> None:
    from transformers import TrainerCallback

    trainer = online(tmp_path / "out", max_steps=3)

    class Meddler(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == 2:
                trainer.reward_weights[1] = 3.0
                trainer.temperature = 0.5
                trainer.reward_funcs[1] = lambda completions, **_: [0.0] * len(completions)

    trainer.add_callback(Meddler())
    run = recorded(tmp_path, "r", trainer)
    changes = {
        (e.step, e.body["setting"], e.body["old"], e.body["new"])
        for e in run.events()
        if e.kind == "configuration.changed"
    }
    assert changes == {
        (3, "trainer.temperature", "1.0", "0.5"),
        (3, "reward_weights.has_a_nine", "1.0", "3.0"),
    }
    before, after = [e for e in run.events() if e.kind == "code"]
    assert "grader has_a_nine" in before.body["digests"]
    assert (after.step, set(after.body["changed"])) == (
        3, {"grader has_a_nine", "grader has_a_nine in test_other_trainers.py"},
    )  # fmt: skip
    records = read_commitments(run.folder).records
    assert [r.code == records[0].code for r in records] == [True, True, False]
    assert [r.configuration == records[0].configuration for r in records] == [True, True, False]


def test_an_error_of_training_is_recorded_and_raised(tmp_path: Path, online: Callable[..., Any]) -> None:
    calls = []

    def failing(completions: list[str], **_: Any) -> list[float]:
        calls.append(len(completions))
        if len(calls) == 2:
            raise RuntimeError("grader is down")
        return [0.0] * len(completions)

    trainer = online(tmp_path / "out", functions=[failing])
    with Recorder(tmp_path, run="r") as recorder:
        recorder.attach(trainer)
        with pytest.raises(RuntimeError, match="grader is down"):
            trainer.train()
    run = Run(tmp_path / "runs" / "r")
    (event,) = [e for e in run.events() if e.kind == "exception"]
    assert (event.step, event.body["message"]) == (1, "grader is down")
    rows = [row for batch in run.batches() for row in batch.to_pylist()]
    assert [row["step"] for row in rows] == [1] * 16 + [2] * 16
    ungraded = [row for row in rows if row["failure"]]
    assert {row["step"] for row in ungraded} == {2}
    assert len(ungraded) == 16
    assert {row["failure"] for row in ungraded} == {
        "the reward functions raised RuntimeError: grader is down"
    }
    assert {(row["trained_on"], row["reward"]) for row in ungraded} == {(False, None)}
    assert all(row["completion_tokens"] for row in ungraded)
    assert any(row["completion"] for row in ungraded)
    coverage = run.coverage()
    assert coverage is not None
    assert coverage.found_train == coverage.expected_train == 32


def test_generations_that_were_made_again_are_recorded_and_agree_with_the_log(
    tmp_path: Path, online: Callable[..., Any]
) -> None:
    calls = []

    def slow(completions: list[str], **_: Any) -> list[float]:
        calls.append(len(completions))
        if len(calls) == 2:
            raise RuntimeError("timeout")
        return [float(len(each) % 3) for each in completions]

    trainer = online(tmp_path / "out", functions=[slow], max_steps=3)
    with Recorder(tmp_path, run="r") as recorder:
        recorder.attach(trainer)
        generate = trainer._generate_and_score_completions

        def tried_again(inputs: Any) -> Any:
            try:
                return generate(inputs)
            except RuntimeError:
                return generate(inputs)

        trainer._generate_and_score_completions = tried_again
        trainer.train()
    run = Run(tmp_path / "runs" / "r")
    frame = read_frame(run)
    assert len(frame) == sum(calls) == 64
    assert frame.failed.sum() == 16
    assert not reconcile(frame, run.metrics(), group_size=run.manifest.group_size).disagreements


def test_a_trainer_that_is_attached_twice_is_recorded_once(
    tmp_path: Path, online: Callable[..., Any]
) -> None:
    trainer = online(tmp_path / "out", max_steps=1)
    with Recorder(tmp_path, run="first") as recorder:
        recorder.attach(trainer)
        recorder.attach(trainer)
        trainer.train()
    assert len(read_frame(Run(tmp_path / "runs" / "first"))) == 16
    with Recorder(tmp_path, run="second") as recorder:  # in place of the one that was closed
        recorder.attach(trainer)
        trainer.train()
    for name in ("first", "second"):
        run = Run(tmp_path / "runs" / name)
        assert len(read_frame(run)) == 16
        assert [each.kind for each in run.events() if each.kind in ("resumed", "exception", "gap")] == []


def test_a_reward_model_is_left_to_the_trainer_and_named(
    tmp_path: Path, online_dpo: Callable[..., Any]
) -> None:
    trainer = online_dpo(tmp_path / "out")
    (model,) = trainer.reward_funcs
    run = recorded(tmp_path, "r", trainer)
    assert trainer.reward_funcs == [model]
    coverage = run.coverage()
    assert coverage is not None
    assert coverage.expected_train is None
    assert any("reward model LlamaForSequenceClassification" in each for each in coverage.statements)


def test_errors_of_the_recorder_do_not_reach_training(
    tmp_path: Path, online: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelassay.training.recorder import generation

    def broken(*_: Any) -> None:
        raise ValueError("a bug of the recorder")

    monkeypatch.setattr(generation, "_scores", broken)
    monkeypatch.setattr("sys.stderr", said := io.StringIO())
    run = recorded(tmp_path, "r", online(tmp_path / "out", max_steps=2))
    assert len(read_frame(run)) == 0
    assert "reading rollouts failed: ValueError: a bug of the recorder; training goes on" in said.getvalue()
    assert [e.body["doing"] for e in run.events() if e.kind == "exception"] == ["reading rollouts"] * 2


@pytest.mark.slow
def test_without_the_private_methods_reward_functions_are_wrapped(
    tmp_path: Path, online: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelassay.training.recorder import trainer as attaching

    monkeypatch.setattr(attaching, "METHODS", ("_calculate_rewards", "_of_another_version"))
    run = recorded(tmp_path, "r", online(tmp_path / "out", max_steps=2, reward_weights=[1.0, 0.5]))
    frame = read_frame(run)
    assert len(frame) == 32
    result = reconcile(frame, run.metrics(), group_size=4)
    assert result.disagreements == ()
    assert "reward" in result.compared


def test_what_is_no_trainer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no transformers trainer"):
        Recorder(tmp_path, run="r").attach(object())
