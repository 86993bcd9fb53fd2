"""What real TRL trainers leave, with the traps of their log."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelassay.training.columns import pa
from modelassay.training.frame import read_frame
from modelassay.training.importers import detect, import_run
from modelassay.training.importers.trl_columns import TrlColumns
from modelassay.training.importers.trl_files import Piece
from modelassay.training.importers.trl_weights import reward_weights
from modelassay.training.reconciliation import reconcile

Grpo = Callable[..., Path]
Scores = Callable[..., list[float | None]]


def longer(completions: list[str], **_: Any) -> list[float | None]:
    return [len(c) / 8 for c in completions]


def three_of_four(completions: list[str], **_: Any) -> list[float | None]:
    return [None if i % 4 == 0 else float("1" in c) for i, c in enumerate(completions)]


def first_eight(completions: list[str], **_: Any) -> list[float | None]:
    return [len(c) / 6 if i < 8 else None for i, c in enumerate(completions)]


def never_the_second(completions: list[str], **_: Any) -> list[float | None]:
    return [
        None if i % 4 == 1 else float("7" in c) + 0.5 * float("3" in c) for i, c in enumerate(completions)
    ]


def test_two_of_twelve_batches_survive_sparse_logging_and_evaluations(grpo: Grpo, tmp_path: Path) -> None:
    folder = grpo(logging_steps=4, eval_strategy="steps", eval_steps=6)
    assert detect(folder) == "trl"
    run = import_run(folder, tmp_path / "run")
    coverage = run.coverage()
    assert coverage is not None
    assert (coverage.batches_found, coverage.batches_expected) == (2, 12)
    assert (coverage.found_train, coverage.expected_train) == (32, 192)
    assert coverage.found_eval == 32
    assert coverage.overwritten_steps == (12,)
    assert "never written" in coverage.statements[0]
    frame = read_frame(run)
    assert set(frame.step[frame.is_train].tolist()) == {4, 8}
    assert set(frame.step[~frame.is_train].tolist()) == {6, 12}
    assert run.manifest.group_size == 4
    assert [reward.name for reward in run.manifest.rewards] == ["longer_is_better", "has_a_nine"]
    assert [reward.weight for reward in run.manifest.rewards] == [Decimal(1), Decimal(1)]
    assert set(frame.envs) <= {"odd", "even"}
    (checkpoint,) = run.checkpoints()
    assert checkpoint.step == 12
    assert checkpoint.digest is not None
    assert "weights" in checkpoint.parts
    assert any("never loaded" in statement for statement in coverage.statements)
    assert {m.phase for m in run.metrics()} == {"train", "eval"}

    for state in folder.glob("checkpoint-*/trainer_state.json"):
        state.unlink()
    blind = import_run(folder, tmp_path / "blind").coverage()
    assert blind is not None
    assert (blind.batches_found, blind.batches_expected, blind.found_eval) == (2, 12, 32)
    assert any("prompts alone" in statement for statement in blind.statements)


def test_repeated_batches_count_once(grpo: Grpo, tmp_path: Path) -> None:
    run = import_run(grpo(num_iterations=2, reward_weights=[0.5, 2.0]), tmp_path / "run")
    coverage = run.coverage()
    assert coverage is not None
    assert coverage.duplicated == 6 * 16
    assert (coverage.batches_found, coverage.batches_expected) == (6, 6)
    assert [reward.weight for reward in run.manifest.rewards] == [Decimal("0.5"), Decimal("2.0")]
    result = reconcile(read_frame(run), run.metrics(), group_size=run.manifest.group_size)
    assert result.disagreements == ()
    assert result.compared["reward"] == result.compared["rewards/has_a_nine/std"] == 6
    assert result.formula == "group"


@pytest.mark.parametrize(
    ("functions", "weights"),
    [
        # A constant share without a score: the logged means explain the logged reward by 0.375 and 2.
        ([three_of_four, longer], ["0.5", "2.0"]),
        ([three_of_four, first_eight], ["1", "1"]),
        # Rollouts that no function scored have no reward.
        ([never_the_second], ["1"]),
    ],
)
def test_weights_are_found_where_functions_leave_rollouts_without_a_score(
    grpo: Grpo, tmp_path: Path, functions: list[Scores], weights: list[str]
) -> None:
    folder = grpo(
        reward_funcs=functions, reward_weights=[float(w) for w in weights], max_steps=6, save_steps=6
    )
    run = import_run(folder, tmp_path / "run")
    assert [reward.weight for reward in run.manifest.rewards] == [Decimal(w) for w in weights]
    result = reconcile(read_frame(run), run.metrics(), group_size=run.manifest.group_size)
    assert result.disagreements == ()
    assert result.compared["reward"] == result.compared["reward_std"] == 6


def test_weights_are_not_guessed_where_logs_tell_of_more_rollouts_than_are_left(
    grpo: Grpo, tmp_path: Path
) -> None:
    folder = grpo(reward_funcs=[three_of_four, longer], reward_weights=[0.5, 2.0], logging_steps=3)
    run = import_run(folder, tmp_path / "run")
    coverage = run.coverage()
    assert coverage is not None
    assert [reward.weight for reward in run.manifest.rewards] == [None, None]
    assert any("Weights of the reward functions are not known" in said for said in coverage.statements)


def test_rollouts_without_a_score_counted_as_0_before_trl_left_them_out() -> None:
    """Of four, one without any score: 3 of them give the mean of the function, all 4 that of the reward."""
    scores = {"a": [1.0, 0.5, 0.25, None]}
    logs = {1: {"rewards/a/mean": 1.75 / 3, "reward": 1.75 / 4}}
    found = reward_weights(["a"], logs, [Piece(1, pa.table(scores), "")])
    assert (found.values, found.unscored_is_zero) == ((Decimal(1),), True)
    total = TrlColumns(["a"], [1.0], 0.0).total(pa.table(scores))
    assert total.tolist() == [1.0, 0.5, 0.25, 0.0]
    logs = {1: {"rewards/a/mean": 1.75 / 3, "reward": 0.9 * 1.75 / 4}}
    assert reward_weights(["a"], logs, [Piece(1, pa.table(scores), "")]).values == (None,)


@pytest.mark.parametrize(("weight", "zero"), [("2.0", False), ("4.0", True)])
def test_the_logged_deviation_tells_whether_rollouts_without_a_score_count(weight: str, zero: bool) -> None:
    """Half of the rollouts have no score: twice the weight and zeros for them give the same mean."""
    pieces, logs = [], {}
    for step, scores in enumerate(([1.0, 0.5, None, None], [0.25, None, 0.75, None]), 1):
        given = [score for score in scores if score is not None]
        total = np.array([float(weight) * (score or 0) for score in (scores if zero else given)])
        means = {"rewards/a/mean": float(np.mean(given)), "reward": float(total.mean())}
        logs[step] = {**means, "reward_std": float(total.std(ddof=1))}
        pieces.append(Piece(step, pa.table({"a": scores}), ""))
    found = reward_weights(["a"], logs, pieces)
    assert (found.values, found.unscored_is_zero) == ((Decimal(weight),), zero)
    without = {step: {k: v for k, v in log.items() if k != "reward_std"} for step, log in logs.items()}
    assert reward_weights(["a"], without, pieces).values == (None,)


def logged_rewards(weights: tuple[float, ...], steps: int = 40) -> dict[int, dict[str, float]]:
    """Logs of two functions, of which the second pays in every fourth step only."""
    rng = np.random.default_rng(4)
    logs = {}
    for step in range(1, steps + 1):
        parts = [float(rng.random()), float(rng.random()) if step % 4 == 0 else 0.0]
        means = {f"rewards/{name}/mean": part for name, part in zip("ab", parts, strict=True)}
        logs[step] = {**means, "reward": sum(w * part for w, part in zip(weights, parts, strict=True))}
    return logs


@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.5, 2.0), (1.0, 0.25)])
def test_an_edited_log_does_not_hide_the_weights(weights: tuple[float, ...]) -> None:
    told = tuple(Decimal(str(weight)) for weight in weights)
    for edited in ((9,), (8,), (1, 4, 9, 40), (1, 2, 3, 4, 5)):
        logs = logged_rewards(weights)
        for step in edited:
            logs[step]["reward"] += 0.07
        known = reward_weights(["a", "b"], logs, []).values
        assert known == (told if len(edited) <= 4 else (None, None)), edited
    # too few logs to pardon one
    few = logged_rewards(weights, steps=4)
    few[2]["reward"] += 0.07
    assert reward_weights(["a", "b"], few, []).values == (None, None)


@pytest.mark.parametrize("weights", [[1.0, 1.0], [0.5, 2.0]])
def test_advantages_tell_that_each_function_counts_once_where_every_log_was_edited(
    grpo: Grpo, tmp_path: Path, weights: list[float]
) -> None:
    folder = grpo(reward_weights=weights)
    for path in folder.glob("checkpoint-*/trainer_state.json"):
        state = json.loads(path.read_text())
        for log in state["log_history"]:
            if "reward" in log:
                log["reward"] += 0.01 * log["step"]
        path.write_text(json.dumps(state))
    run = import_run(folder, tmp_path / "run")
    coverage = run.coverage()
    assert coverage is not None
    known = weights == [1.0, 1.0]
    assert [reward.weight for reward in run.manifest.rewards] == [Decimal(1) if known else None] * 2
    assert any("by the advantages each counts once" in said for said in coverage.statements) == known
    result = reconcile(read_frame(run), run.metrics(), group_size=run.manifest.group_size)
    assert ("reward" in {each.what for each in result.disagreements}) == known
    assert bool(result.unheld) == (not known)


@pytest.mark.parametrize(("scale", "formula"), [("none", "centred"), ("batch", "batch")])
def test_the_formula_of_the_advantages_is_found(grpo: Grpo, tmp_path: Path, scale: str, formula: str) -> None:
    run = import_run(grpo(scale_rewards=scale, max_steps=4, save_steps=4), tmp_path / "run")
    result = reconcile(read_frame(run), run.metrics(), group_size=run.manifest.group_size)
    assert (result.disagreements, result.formula) == ((), formula)


def test_an_evaluation_of_few_prompts_leaves_rows_of_training_before_it(grpo: Grpo, tmp_path: Path) -> None:
    folder = grpo(
        logging_steps=4, eval_strategy="steps", eval_steps=6, evaluated=2, per_device_eval_batch_size=8
    )
    run = import_run(folder, tmp_path / "run")
    frame = read_frame(run)
    coverage = run.coverage()
    assert coverage is not None
    assert (coverage.batches_found, coverage.found_eval) == (2, 16)
    assert coverage.found_train == 32 + 16
    assert set(frame.step[~frame.is_train].tolist()) == {6, 12}
    assert any("left over" in statement for statement in coverage.statements)


def test_a_large_evaluation_leaves_no_rows_that_look_like_training(grpo: Grpo, tmp_path: Path) -> None:
    """The file holds the end of the evaluation, whose mean is not the logged one; some tail may have it."""
    folder = grpo(logging_steps=4, eval_strategy="steps", eval_steps=6, evaluated=9)
    run = import_run(folder, tmp_path / "run")
    coverage = run.coverage()
    assert coverage is not None
    assert (coverage.found_train, coverage.found_eval, coverage.batches_found) == (32, 32, 2)
