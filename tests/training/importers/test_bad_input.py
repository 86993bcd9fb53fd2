"""What goes wrong on disk: told, kept in quarantine, never skipped silently."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from modelassay.errors import DatasetError, UsageError
from modelassay.records import RunCoverage
from modelassay.training.importers import import_run
from modelassay.training.run import Run

GROUPS, SIZE = 3, 4


def batch(step: int, seed: int | None = None, **more: Any) -> dict[str, list[Any]]:
    """A generation batch in the columns of TRL."""
    rng = np.random.default_rng(step if seed is None else seed)
    rewards = rng.integers(0, 2, (GROUPS, SIZE)).astype(float)
    advantages = (rewards - rewards.mean(1, keepdims=True)) / (rewards.std(1, ddof=1, keepdims=True) + 1e-4)
    count = GROUPS * SIZE
    return {
        "step": [step] * count,
        "prompt": [
            f"prompt {step if seed is None else seed}.{g}" for g in range(GROUPS) for _ in range(SIZE)
        ],
        "completion": [f"text {rng.integers(1e9)}" for _ in range(count)],
        "grader": rewards.ravel().tolist(),
        **{name: [value] * count for name, value in more.items()},
        "advantage": advantages.ravel().tolist(),
    }


def write(folder: Path, step: int, columns: dict[str, list[Any]] | None = None) -> Path:
    path = folder / "completions" / f"completions_{step:05d}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns or batch(step)), path)
    return path


def state(folder: Path, step: int, history: list[dict[str, Any]]) -> None:
    place = folder / f"checkpoint-{step}"
    place.mkdir(parents=True)
    content = {"global_step": step, "logging_steps": 1, "log_history": history}
    (place / "trainer_state.json").write_text(json.dumps(content))


def told(run: Run) -> RunCoverage:
    coverage = run.coverage()
    assert coverage is not None
    return coverage


def quarantine(run: Run) -> list[dict[str, str]]:
    path = run.folder / "quarantine.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_half_written_last_file_and_a_missing_one(tmp_path: Path) -> None:
    for step in (1, 2, 4, 5):
        last = write(tmp_path / "out", step)
    last.write_bytes(last.read_bytes()[:-50])
    state(
        tmp_path / "out",
        5,
        [{"step": s, "reward": 0.5, "loss": 0.1, "num_tokens": 9 * s} for s in range(1, 6)],
    )
    run = import_run(tmp_path / "out", tmp_path / "run")
    coverage = told(run)
    assert (coverage.found, coverage.expected_train) == (36, 60)
    assert coverage.missing_steps == (3, 5)
    assert coverage.quarantined == 1
    (row,) = quarantine(run)
    assert row["where"] == "completions_00005.parquet"
    assert "not a readable file" in row["reason"]


def test_columns_may_change_in_the_middle_of_a_run(tmp_path: Path) -> None:
    write(tmp_path / "out", 1)
    write(tmp_path / "out", 2, {**batch(2, env="maths"), "format": [1.0] * 12})
    del (third := batch(3))["advantage"]
    write(tmp_path / "out", 3, third)
    write(tmp_path / "out", 4, {"step": [4], "prompt": ["p"]})
    run = import_run(tmp_path / "out", tmp_path / "run")
    rows = [row for each in run.batches() for row in each.to_pylist()]
    assert len(rows) == 36
    assert {row["env"] for row in rows} == {"", "maths"}
    assert json.loads(rows[12]["extra"]) == {"format": 1.0}
    assert rows[24]["advantage"] is None
    assert "no column completion" in quarantine(run)[0]["reason"]


def test_columns_of_another_kind_are_told(tmp_path: Path) -> None:
    write(tmp_path / "out", 1)
    write(tmp_path / "out", 2, {**batch(2), "advantage": ["high"] * 12})
    write(tmp_path / "out", 3, {**batch(3), "completion": [7] * 12})
    write(tmp_path / "out", 4, {**batch(4), "grader": ["good"] * 12, "env": [[1]] * 12})
    run = import_run(tmp_path / "out", tmp_path / "run")
    assert [row["reason"].rpartition(": ")[2] for row in quarantine(run)] == [
        "column advantage holds string",
        "column completion holds int64",
    ]
    rows = [row for each in run.batches() for row in each.to_pylist()]
    assert [row["reward"] for row in rows[12:]] == [None] * 12


def test_messages_nulls_and_huge_completions(tmp_path: Path) -> None:
    columns = batch(1)
    columns["prompt"] = [[{"role": "user", "content": text}] for text in columns["prompt"]]
    columns["completion"] = [
        [{"role": "assistant", "content": "x" * (5_000_000 if i == 0 else 3)}] for i in range(12)
    ]
    columns["grader"][5] = None
    write(tmp_path / "out", 1, columns)
    run = import_run(tmp_path / "out", tmp_path / "run")
    rows = [row for each in run.batches() for row in each.to_pylist()]
    assert {row["format"] for row in rows} == {"messages"}
    assert len(rows[0]["completion"]) > 5_000_000
    assert rows[5]["reward"] is None
    assert any("no total reward" in statement for statement in told(run).statements)
    assert run.manifest.group_size == SIZE


def test_rows_without_a_step_in_a_file_of_many_are_told(tmp_path: Path) -> None:
    place = tmp_path / "out" / "completions"
    place.mkdir(parents=True)
    columns = batch(1)
    parquet.write_table(pa.table({**columns, "step": [1] * 11 + [None]}), place / "completions_all.parquet")
    write(tmp_path / "out", 2)
    run = import_run(tmp_path / "out", tmp_path / "run")
    assert [row["where"] for row in quarantine(run)] == ["completions_all.parquet"]
    assert told(run).quarantined == 1


def test_one_file_of_all_steps_is_read_like_one_file_a_step(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        write(tmp_path / "each", step)
    joined = pa.concat_tables(pa.table(batch(step)) for step in (1, 2, 3))
    (tmp_path / "all" / "completions").mkdir(parents=True)
    parquet.write_table(
        joined, tmp_path / "all" / "completions" / "completions_all.parquet", row_group_size=7
    )
    each = import_run(tmp_path / "each", tmp_path / "run-each")
    whole = import_run(tmp_path / "all", tmp_path / "run-all")
    columns = ["step", "group", "position", "task", "completion", "reward", "advantage"]
    assert [b.to_pydict() for b in each.batches(columns)] == [b.to_pydict() for b in whole.batches(columns)]


def test_repeated_batches_are_dropped_unless_the_log_says_that_tokens_were_generated(tmp_path: Path) -> None:
    for name, grows in (("repeats", False), ("generates", True)):
        for step in (1, 2, 3, 4):
            write(tmp_path / name, step, {**batch(step, seed=(step + 1) // 2), "step": [step] * 12})
        logs = [
            {"step": s, "reward": 0.5, "num_tokens": 10 * (s if grows else (s + 1) // 2)}
            for s in (1, 2, 3, 4)
        ]
        state(tmp_path / name, 4, logs)
    repeats = told(import_run(tmp_path / "repeats", tmp_path / "a"))
    assert (repeats.duplicated, repeats.batches_found, repeats.batches_expected) == (24, 2, 2)
    generates = told(import_run(tmp_path / "generates", tmp_path / "b"))
    assert (generates.duplicated, generates.batches_found, generates.batches_expected) == (0, 4, 4)


def test_a_resumed_run_shows_in_its_older_checkpoints(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        write(tmp_path / "out", step)
    state(tmp_path / "out", 2, [{"step": 1, "reward": 0.5}, {"step": 2, "reward": 0.7}])
    state(
        tmp_path / "out",
        3,
        [{"step": 1, "reward": 0.5}, {"step": 2, "reward": 0.6}, {"step": 3, "reward": 0.1}],
    )
    coverage = told(import_run(tmp_path / "out", tmp_path / "run"))
    assert coverage.repeated_steps == (2,)
    assert any("resumed" in statement for statement in coverage.statements)


def test_weights_that_nothing_tells_leave_no_total(tmp_path: Path) -> None:
    write(tmp_path / "out", 1, {**batch(1), "other": [0.5] * 12})
    columns = {name: values for name, values in batch(1).items() if name != "advantage"}
    write(tmp_path / "out", 1, {**columns, "other": [0.5] * 12, "advantage": [0.0] * 12})
    run = import_run(tmp_path / "out", tmp_path / "run")
    assert [reward.name for reward in run.manifest.rewards] == ["grader", "other"]
    (rows,) = run.batches(["reward", "reward/other"])
    assert rows.column("reward").null_count == 12
    assert rows.column("reward/other").to_pylist() == [0.5] * 12


def test_weights_are_solved_from_the_log(tmp_path: Path) -> None:
    write(tmp_path / "out", 1, {**batch(1), "other": [0.5] * 12})
    means = [(0.1, 0.4), (0.5, 0.2), (0.9, 0.9)]
    state(
        tmp_path / "out",
        3,
        [
            {"step": s, "rewards/grader/mean": a, "rewards/other/mean": b, "reward": 2 * a + 0.25 * b}
            for s, (a, b) in enumerate(means, 1)
        ],
    )
    run = import_run(tmp_path / "out", tmp_path / "run")
    assert [str(reward.weight) for reward in run.manifest.rewards] == ["2.0", "0.25"]


def lines(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_malformed_lines_are_kept_with_place_and_reason(tmp_path: Path) -> None:
    good = json.dumps({"input": "a", "output": "b", "score": 1.0, "step": 1}).encode()
    lines(
        tmp_path / "out" / "1.jsonl",
        good + b"\n[1]\n{oops\n\xff\xfe\n" + good.replace(b"1.0", b"NaN") + b"\n" + good[:20],
    )
    run = import_run(tmp_path / "out", tmp_path / "run")
    rows = [row for each in run.batches() for row in each.to_pylist()]
    assert [row["reward"] for row in rows] == [1.0, None]
    kept = quarantine(run)
    assert [row["where"] for row in kept] == [f"1.jsonl:{n}" for n in (2, 3, 4, 6)]
    assert "ends in the middle" in kept[-1]["reason"]
    assert told(run).quarantined == 4


def test_a_lone_surrogate_and_deep_nesting_do_no_harm(tmp_path: Path) -> None:
    row = (
        b'{"input": "a\\ud800", "output": "b", "score": 1, "deep": '
        + b"[" * 100_000
        + b"]" * 100_000
        + b"}\n"
    )
    plain = b'{"input": "a\\ud800", "output": "b", "score": 1}\n'
    lines(tmp_path / "out" / "1.jsonl", plain + row)
    run = import_run(tmp_path / "out", tmp_path / "run")
    rows = [each for found in run.batches() for each in found.to_pylist()]
    assert rows[0]["prompt"] == "a\\ud800"
    assert told(run).found + told(run).quarantined == 2


def test_clocks_that_go_back_are_told(tmp_path: Path) -> None:
    table = tmp_path / "rows.jsonl"
    times = ["2026-01-01T00:00:00Z", "2026-01-01T00:10:00Z", "2026-01-01T00:05:00Z"]
    rows = [{"prompt": "a", "completion": "b", "reward": 1, "time": time, "step": 1} for time in times]
    lines(table, "".join(json.dumps(row) + "\n" for row in rows).encode())
    assert any("clock" in s for s in told(import_run(table, tmp_path / "run")).statements)

    step = {"input": "a", "output": "b", "score": 1.0}
    lines(tmp_path / "verl" / "1.jsonl", json.dumps(step).encode())
    logged = [{"step": s, "time": 1.7e9 - 60 * s, "data": {"critic/kl": 0}} for s in (1, 2)]
    lines(tmp_path / "verl" / "log.jsonl", "\n".join(map(json.dumps, logged)).encode())
    run = import_run(tmp_path / "verl", tmp_path / "verl-run")
    assert [m.step for m in run.metrics()] == [1, 2]
    assert any("clock of the metrics" in statement for statement in told(run).statements)


def test_nothing_readable_leaves_no_run(tmp_path: Path) -> None:
    lines(tmp_path / "out" / "completions" / "completions_00001.parquet", b"PAR1 no")
    with pytest.raises(DatasetError, match="not a single rollout"):
        import_run(tmp_path / "out", tmp_path / "run")
    assert not (tmp_path / "run").exists()
    write(tmp_path / "good", 1)
    import_run(tmp_path / "good", tmp_path / "run")
    with pytest.raises(UsageError, match="already kept"):
        import_run(tmp_path / "good", tmp_path / "run")


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    write(tmp_path / "out", 1)
    state(tmp_path / "out", 1, [{"step": 1, "reward": 0.5}])
    trap = tmp_path / "sprung"
    payload = b"cos\nsystem\n(S'touch " + str(trap).encode() + b"'\ntR."
    for name in ("training_args.bin", "optimizer.pt", "model.safetensors"):
        (tmp_path / "out" / "checkpoint-1" / name).write_bytes(payload)
    run = import_run(tmp_path / "out", tmp_path / "run")
    assert not trap.exists()
    (checkpoint,) = run.checkpoints()
    assert checkpoint.digest is not None
    assert set(checkpoint.parts) == {"weights", "optimizer", "data"}
    assert any("never loaded" in statement for statement in told(run).statements)


def test_epochs_in_a_fixed_order_are_no_evaluations(tmp_path: Path) -> None:
    for step in range(1, 10):
        columns = batch(step)
        columns["prompt"] = batch(0, seed=step % 3)["prompt"]
        write(tmp_path / "out", step, columns)
    coverage = told(import_run(tmp_path / "out", tmp_path / "run"))
    assert (coverage.found_train, coverage.found_eval, coverage.batches_found) == (108, 0, 9)


def test_one_recurring_set_of_prompts_is_an_evaluation(tmp_path: Path) -> None:
    for step in range(1, 10):
        columns = batch(step)
        if step % 3 == 0:
            columns["prompt"] = batch(0, seed=0)["prompt"]
        write(tmp_path / "out", step, columns)
    coverage = told(import_run(tmp_path / "out", tmp_path / "run"))
    assert (coverage.found_train, coverage.found_eval, coverage.batches_found) == (72, 36, 6)
    assert coverage.overwritten_steps == (3, 6, 9)


def test_a_step_that_comes_again_has_groups_of_its_own(tmp_path: Path) -> None:
    place = tmp_path / "out" / "completions"
    place.mkdir(parents=True)
    steps = ((1, 1), (2, 2), (3, 3), (2, 12), (3, 13))
    tables = [pa.table({**batch(step, seed=seed), "step": [step] * 12}) for step, seed in steps]
    parquet.write_table(pa.concat_tables(tables), place / "completions_all.parquet")
    run = import_run(tmp_path / "out", tmp_path / "run")
    assert told(run).repeated_steps == (2, 3)
    groups = [name for each in run.batches(["group"]) for name in each.column("group").to_pylist()]
    assert len(set(groups)) == 5 * GROUPS

    row = {"prompt_tokens": [1], "response_tokens": [2], "reward": 1.0, "prompt_idx": 0}
    rows = [{**row, "step": step} for step in (1, 1, 2, 2, 3, 2, 2, 3, 4)]
    lines(
        tmp_path / "traces" / "a_rollouts_000000.jsonl", "".join(json.dumps(r) + "\n" for r in rows).encode()
    )
    run = import_run(tmp_path / "traces", tmp_path / "open-instruct")
    assert told(run).repeated_steps == (2, 3)
    groups = [name for each in run.batches(["group"]) for name in each.column("group").to_pylist()]
    assert [groups.count(name) for name in dict.fromkeys(groups)] == [2, 2, 1, 2, 1, 1]


def test_an_evaluation_after_the_last_checkpoint_is_told_by_its_prompts(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4):
        columns = batch(step)
        if step in (2, 3, 4):
            columns["prompt"] = batch(0, seed=0)["prompt"]
        write(tmp_path / "out", step, columns)
    logs = [{"step": s, "reward": 0.5, "loss": 0.1} for s in (1, 2, 3, 4)]
    state(tmp_path / "out", 4, [*logs, {"step": 2, "eval_reward": 0.5}, {"step": 3, "eval_reward": 0.5}])
    coverage = told(import_run(tmp_path / "out", tmp_path / "run"))
    assert (coverage.found_train, coverage.found_eval) == (12, 36)
    assert coverage.overwritten_steps == (2, 3, 4)


def test_the_last_batch_of_training_on_the_prompts_of_evaluations_stays_training(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4):
        write(tmp_path / "out", step, {**batch(step), "prompt": batch(0, seed=0)["prompt"]})
    logs = [{"step": s, "reward": 0.5, "loss": 0.1} for s in (1, 2, 3, 4)]
    state(tmp_path / "out", 4, [*logs, {"step": 2, "eval_reward": 0.5}, {"step": 3, "eval_reward": 0.5}])
    coverage = told(import_run(tmp_path / "out", tmp_path / "run"))
    assert (coverage.found_train, coverage.found_eval) == (24, 24)


def evaluated(folder: Path, steps: int, every: int, saved: int, logged_evaluations: int) -> None:
    """A run that is evaluated every few steps and whose last checkpoint is of the step `saved`."""
    logs: list[dict[str, Any]] = []
    for step in range(1, steps + 1):
        columns = batch(step)
        if step % every == 0:
            columns["prompt"] = batch(0, seed=0)["prompt"]
        write(folder, step, columns)
        logs += [{"step": step, "reward": 0.5, "loss": 0.1}] if step <= saved else []
    evaluations = range(every, saved + 1, every)
    logs += [{"step": step, "eval_reward": 0.5} for step in evaluations[:logged_evaluations]]
    state(folder, saved, logs)


@pytest.mark.parametrize("saved", [4, 8])
def test_all_evaluations_after_the_last_checkpoint_are_told_and_counted(tmp_path: Path, saved: int) -> None:
    evaluated(tmp_path / "out", 18, every=4, saved=saved, logged_evaluations=saved // 4)
    coverage = told(import_run(tmp_path / "out", tmp_path / "run"))
    assert coverage.overwritten_steps == (4, 8, 12, 16)
    assert (coverage.found_train, coverage.found_eval, coverage.expected_train) == (14 * 12, 4 * 12, 18 * 12)
    assert (coverage.batches_found, coverage.batches_expected) == (14, 18)
    assert not any("never written" in statement for statement in coverage.statements)


def test_training_on_the_prompts_of_evaluations_is_none_after_the_last_checkpoint(tmp_path: Path) -> None:
    evaluated(tmp_path / "out", 18, every=4, saved=8, logged_evaluations=2)
    shared = {**batch(5), "prompt": batch(0, seed=0)["prompt"]}
    write(tmp_path / "out", 5, shared)
    coverage = told(import_run(tmp_path / "out", tmp_path / "run"))
    assert (coverage.found_eval, coverage.overwritten_steps) == (2 * 12, (4, 8))


def test_a_reward_that_was_logged_as_no_number_is_no_resumed_run(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4):
        write(tmp_path / "out", step)
    logs = [{"step": s, "reward": float("nan") if s == 2 else 0.5, "loss": 0.1} for s in (1, 2, 3, 4)]
    state(tmp_path / "out", 3, logs[:3])
    state(tmp_path / "out", 4, logs)
    coverage = told(import_run(tmp_path / "out", tmp_path / "run"))
    assert coverage.repeated_steps == ()
    assert not any("resumed" in statement for statement in coverage.statements)


def test_columns_of_a_dictionary_are_read_as_their_values(tmp_path: Path) -> None:
    place = tmp_path / "out" / "completions"
    place.mkdir(parents=True)
    tables = []
    for step in (1, 2):
        table = pa.table({**batch(step), "env": ["maths"] * 12})
        for name in ("prompt", "completion", "env"):
            encoded = table.column(name).dictionary_encode()
            table = table.set_column(table.column_names.index(name), name, encoded)
        tables.append(table)
    parquet.write_table(tables[0], place / "completions_00001.parquet")
    parquet.write_table(pa.concat_tables(tables), place / "completions_all.parquet", row_group_size=5)
    run = import_run(tmp_path / "out", tmp_path / "run")
    rows = [row for each in run.batches() for row in each.to_pylist()]
    assert quarantine(run) == []
    assert {row["prompt"] for row in rows} == {*batch(1)["prompt"], *batch(2)["prompt"]}
    assert {(row["format"], row["env"]) for row in rows} == {("text", "maths")}


def test_a_file_with_two_columns_of_one_name_is_quarantined(tmp_path: Path) -> None:
    write(tmp_path / "out", 1)
    columns = batch(2)
    table = pa.Table.from_arrays(
        [pa.array(values) for values in (*columns.values(), columns["grader"])], names=[*columns, "grader"]
    )
    parquet.write_table(table, tmp_path / "out" / "completions" / "completions_00002.parquet")
    run = import_run(tmp_path / "out", tmp_path / "run")
    (row,) = quarantine(run)
    assert "several columns are named grader" in row["reason"]
    assert told(run).missing_steps == (2,)
