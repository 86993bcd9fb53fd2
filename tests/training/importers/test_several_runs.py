"""Folders of several runs, or of several starts of one: never one record of what different policies said."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from modelassay.errors import DatasetError
from modelassay.records import RunCoverage
from modelassay.training.coverage_gate import coverage_findings
from modelassay.training.importers import ImportOptions, import_run
from modelassay.training.run import Run


def _layouts() -> ModuleType:
    spec = importlib.util.spec_from_file_location("layouts", Path(__file__).with_name("layouts.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


layouts = _layouts()


def imported(source: Path, to: Path, **options: Any) -> tuple[Run, list[dict[str, Any]], RunCoverage]:
    run = import_run(source, to / "imported", options=ImportOptions(**options))
    rows = [row for batch in run.batches() for row in batch.to_pylist()]
    coverage = run.coverage()
    assert coverage is not None
    return run, rows, coverage


def nemo_start(folder: Path, steps: Iterable[int], *, size: int = 4, lr: float = 1e-6) -> None:
    """As one start leaves it: eight samples a step, of two prompts."""
    for step in steps:
        rows = (
            {"content": [f"q{i // size}", f"{folder.name} {i}"], "rewards": 1.0, "idx": i} for i in range(8)
        )
        layouts.lines(folder / f"train_data_step{step}.jsonl", rows)
    (folder / "config.yaml").write_text(f"grpo: {{num_generations_per_prompt: {size}, lr: {lr}}}\n")


def test_nemo_rl_that_was_resumed_is_one_run_of_several_starts(tmp_path: Path) -> None:
    nemo_start(tmp_path / "logs" / "exp_009", range(1, 6))
    nemo_start(tmp_path / "logs" / "exp_010", range(4, 8), size=2, lr=2e-6)
    layouts.lines(
        tmp_path / "logs" / "exp_008" / "val_data_step0.jsonl",
        [{"content": ["q", "a"], "rewards": 1.0, "idx": 0}],
    )
    run, rows, coverage = imported(tmp_path / "logs", tmp_path)
    assert (coverage.found_train, coverage.expected_train) == (72, 72)
    assert (coverage.batches_found, coverage.batches_expected) == (7, 7)
    assert (coverage.repeated_steps, coverage.missing_steps) == ((4, 5), ())
    assert run.manifest.group_size is None
    assert any("exp_010 from step 4" in statement for statement in coverage.statements)
    assert "lr" in coverage.statements[0]
    train = [row for row in rows if row["phase"] == "train"]
    by_group: dict[str, set[str]] = {}
    for row in train:
        by_group.setdefault(row["group"], set()).add(row["completion"].partition(" ")[0])
    assert len(by_group) == 5 * 2 + 4 * 4
    assert all(len(starts) == 1 for starts in by_group.values())


def test_nemo_rl_of_which_every_start_begins_anew_is_several_runs(tmp_path: Path) -> None:
    for number in (1, 2):
        nemo_start(tmp_path / "logs" / f"exp_00{number}", range(1, 4))
    with pytest.raises(DatasetError, match="several runs: exp_001, exp_002") as refused:
        import_run(tmp_path / "logs", tmp_path / "run")
    assert refused.value.mend == f"import one of them: {tmp_path / 'logs' / 'exp_001'}"
    assert not (tmp_path / "run").exists()
    _, _, coverage = imported(tmp_path / "logs" / "exp_002", tmp_path)
    assert (coverage.found_train, coverage.expected_train) == (24, 24)


def test_nemo_rl_that_crashed_and_began_anew_names_the_longest_first(tmp_path: Path) -> None:
    nemo_start(tmp_path / "logs" / "exp_001", range(1, 3))
    nemo_start(tmp_path / "logs" / "exp_002", range(1, 6))
    with pytest.raises(DatasetError, match="several runs: exp_002, exp_001") as refused:
        import_run(tmp_path / "logs", tmp_path / "run")
    assert refused.value.mend == f"import one of them: {tmp_path / 'logs' / 'exp_002'}"


def test_nemo_rl_in_folders_of_other_names_is_several_runs(tmp_path: Path) -> None:
    nemo_start(tmp_path / "logs" / "strict", range(1, 4))
    nemo_start(tmp_path / "logs" / "lenient", range(4, 7))
    with pytest.raises(DatasetError, match="several runs: lenient, strict") as refused:
        import_run(tmp_path / "logs", tmp_path / "run")
    assert "folders of one run into one of their own" in refused.value.mend


def test_nemo_rl_starts_that_were_laid_together_are_one_run(tmp_path: Path) -> None:
    """As the refusal advises where folders of another run lie beside them."""
    for name, steps in (("exp_001", range(1, 4)), ("exp_002", range(4, 7)), ("other", range(1, 4))):
        nemo_start(tmp_path / "logs" / name, steps)
    with pytest.raises(DatasetError, match="into one of their own"):
        import_run(tmp_path / "logs", tmp_path / "run")
    for name in ("exp_001", "exp_002"):
        shutil.move(tmp_path / "logs" / name, tmp_path / "mine" / name)
    _, _, coverage = imported(tmp_path / "mine", tmp_path)
    assert (coverage.found_train, coverage.missing_steps) == (48, ())


def test_prime_rl_runs_side_by_side_are_several(tmp_path: Path) -> None:
    for name in ("run_a", "run_b"):
        layouts.prime_rl(tmp_path / "out" / name)
    with pytest.raises(DatasetError, match="several runs: run_a, run_b"):
        import_run(tmp_path / "out", tmp_path / "run")
    _, _, coverage = imported(tmp_path / "out" / "run_a", tmp_path)
    assert coverage.found_train == 8
    shutil.rmtree(tmp_path / "out" / "run_b")
    _, _, coverage = imported(tmp_path / "out", tmp_path / "above")
    assert coverage.found_train == 8


def verl_dumps(folder: Path, steps: Iterable[int]) -> None:
    for step in steps:
        layouts.lines(folder / f"{step}.jsonl", [{"input": "q", "output": str(folder), "score": 1.0}] * 4)


def test_verl_experiments_side_by_side_are_several_runs(tmp_path: Path) -> None:
    source = tmp_path / "out"
    for name, steps in (("strict", (1, 2)), ("lenient", (3, 4))):
        verl_dumps(source / name / "rollouts", steps)
        verl_dumps(source / name / "validation", (2,))
    with pytest.raises(DatasetError, match="several runs: lenient, strict"):
        import_run(source, tmp_path / "run")
    _, _, coverage = imported(source / "strict", tmp_path)
    assert (coverage.found_train, coverage.found_eval) == (8, 4)
    shutil.rmtree(source / "lenient" / "rollouts")
    with pytest.raises(DatasetError, match="several runs: lenient, strict"):
        import_run(source, tmp_path / "run")


def test_verl_dumps_of_a_step_in_two_folders_are_several_runs(tmp_path: Path) -> None:
    for name in ("first", "second"):
        verl_dumps(tmp_path / "out" / name, (1, 2))
    with pytest.raises(DatasetError, match="several runs: first, second") as refused:
        import_run(tmp_path / "out", tmp_path / "run")
    assert "validation" in refused.value.mend


def test_verl_evaluations_in_two_folders_share_no_groups(tmp_path: Path) -> None:
    for name in ("val_math", "val_code", "rollouts"):
        verl_dumps(tmp_path / "out" / name, (1, 2))
    _, rows, coverage = imported(tmp_path / "out", tmp_path)
    assert (coverage.found_train, coverage.found_eval) == (8, 16)
    assert (
        len({(row["group"], row["completion"]) for row in rows}) == len({row["group"] for row in rows}) == 6
    )


def test_verl_metrics_of_other_experiments_are_not_taken_for_those_of_the_run(tmp_path: Path) -> None:
    source = layouts.verl(tmp_path / "strict", steps=(1, 2))
    mine = source / "log" / "project" / "experiment.jsonl"
    other = [{"step": step, "data": {"critic/score/mean": 9.0}} for step in range(1, 9)]
    layouts.lines(mine.with_name("lenient.jsonl"), other)
    run, _, coverage = imported(source, tmp_path)
    assert "experiment.jsonl, lenient.jsonl" in coverage.statements[0]
    assert (list(run.metrics()), coverage.expected_train) == ([], 12)  # both name step 3
    mine.rename(mine.with_name("strict.jsonl"))
    run, _, coverage = imported(source, tmp_path / "named")
    assert [each.values for each in run.metrics()] == [{"critic/score/mean": 0.5}] * 3
    assert coverage.expected_train == 12


def test_a_copy_of_the_metrics_hides_no_step_of_verl(tmp_path: Path) -> None:
    source = layouts.verl(tmp_path / "cut", steps=(1, 2))
    mine = source / "log" / "project" / "experiment.jsonl"
    decoy = shutil.copy(mine, mine.with_name("decoy.jsonl"))
    run, _, coverage = imported(source, tmp_path)
    assert (coverage.missing_steps, coverage.expected_train) == ((3,), 12)
    assert coverage_findings(run.manifest, coverage)[0].outcome == "incomplete"
    layouts.lines(decoy, [{"step": step, "data": {"critic/score/mean": 0.5}} for step in (1, 2)])
    run, _, coverage = imported(source, tmp_path / "shorter")
    assert (coverage.missing_steps, coverage.expected_train) == ((), None)
    assert "rollouts end at step 2" in coverage.basis
    assert coverage_findings(run.manifest, coverage)[0].outcome == "not assessable"


def test_openrlhf_calls_captured_in_two_folders_are_several_runs(tmp_path: Path) -> None:
    for name in ("a", "b"):
        layouts.openrlhf_calls(tmp_path / "out" / name)
    with pytest.raises(DatasetError, match="several runs: a, b"):
        import_run(tmp_path / "out", tmp_path / "run")
    _, _, coverage = imported(tmp_path / "out" / "a", tmp_path)
    assert coverage.found_train == 6


def open_instruct_shard(path: Path, steps: Iterable[int], **more: Any) -> None:
    """Two groups of two rollouts a step."""
    rows = (
        {
            "step": step,
            "sample_idx": i,
            "prompt_idx": i // 2,
            "prompt_tokens": [7, step, i // 2],
            "response_tokens": [i],
            "reward": float(i % 2),
            "dataset": "math",
            **more,
        }
        for step in steps
        for i in range(4)
    )
    layouts.lines(path, rows)


def about(folder: Path, name: str, model: str = "m", commit: str = "abc") -> None:
    told = {"run_name": name, "model_name": model, "git_commit": commit}
    layouts.lines(folder / f"{name}_metadata.jsonl", [told])


def test_open_instruct_that_was_preempted_took_no_step_twice(tmp_path: Path) -> None:
    source = tmp_path / "traces"
    first, second = "grpo__1__1700000000", "grpo__1__1699999999"  # the clock of the second host is behind
    for name, shards in ((first, (range(1, 3), range(3, 5))), (second, (range(5, 7), range(7, 8)))):
        for number, steps in enumerate(shards):
            open_instruct_shard(source / f"{name}_rollouts_{number:06d}.jsonl", steps)
        about(source, name, commit=name[-1])
    run, rows, coverage = imported(source, tmp_path)
    assert [row["step"] for row in rows] == [step for step in range(1, 8) for _ in range(4)]
    assert (coverage.repeated_steps, coverage.missing_steps) == ((), ())
    assert run.manifest.source == "grpo__1"
    assert run.manifest.code == {f"git commit of {first}": "0", f"git commit of {second}": "9"}
    assert any(f"{second} from step 5" in statement for statement in coverage.statements)


def test_open_instruct_that_was_preempted_within_a_step_mixes_no_groups(tmp_path: Path) -> None:
    """The lines of step 2 broke off after the first group; the next start begins with step 2."""
    source = tmp_path / "traces"
    torn = source / "grpo__1__1700000000_rollouts_000000.jsonl"
    open_instruct_shard(torn, (1, 2))
    torn.write_text("".join(torn.read_text().splitlines(keepends=True)[:6]))
    open_instruct_shard(source / "grpo__1__1700000100_rollouts_000000.jsonl", (2, 3))
    _, rows, coverage = imported(source, tmp_path)
    assert coverage.repeated_steps == (2,)
    groups = [row["group"] for row in rows]
    assert {groups.count(name) for name in groups} == {2}


def test_open_instruct_steps_that_were_written_out_of_order_are_not_repeated(tmp_path: Path) -> None:
    open_instruct_shard(tmp_path / "traces" / "g_rollouts_000000.jsonl", (1, 3, 2, 4))
    _, _, coverage = imported(tmp_path / "traces", tmp_path)
    assert (coverage.repeated_steps, coverage.missing_steps) == ((), ())


def test_open_instruct_experiments_in_one_folder_are_several_runs(tmp_path: Path) -> None:
    source = tmp_path / "shared"
    for name, model in (("a__1__1700000000", "m"), ("b__1__1700000100", "m"), ("a__1__1700000200", "n")):
        open_instruct_shard(source / f"{name}_rollouts_000000.jsonl", (1, 2))
        about(source, name, model)
    with pytest.raises(
        DatasetError, match="several runs: a__1__1700000000, a__1__1700000200, b__1"
    ) as refused:
        import_run(source, tmp_path / "run")
    assert "a__1__1700000000_rollouts_000000.jsonl" in refused.value.mend
    run, rows, coverage = imported(source / "b__1__1700000100_metadata.jsonl", tmp_path)
    assert (len(rows), run.manifest.source) == (8, "b__1__1700000100")
    assert not any("Other starts" in statement for statement in coverage.statements)
    run, _, coverage = imported(source / "a__1__1700000200_rollouts_000000.jsonl", tmp_path / "other")
    assert run.manifest.base == "n"
    assert coverage.statements[0] == "Other starts of this run were not read: a__1__1700000000."
    for path in source.glob("b__1*"):
        path.unlink()
    with pytest.raises(DatasetError, match="several runs: a__1__1700000000, a__1__1700000200"):
        import_run(source, tmp_path / "run")


def test_open_instruct_groups_that_were_filtered_out_are_not_trained_on(tmp_path: Path) -> None:
    source = tmp_path / "traces"
    open_instruct_shard(source / "grpo__1__1700000000_rollouts_000000.jsonl", (1, 2))
    for shard, steps in enumerate(((1, 2), (1,))):  # shards of filtered groups are numbered anew at each step
        rows = (
            {
                "step": step,
                "filter_reason": "zero_std_reward",
                "sample_idx": i,
                "prompt_idx": 0,
                "prompt_id": f"0_{shard}{prompt}",
                "prompt_tokens": [9],
                "response_tokens": [i],
                "reward": 1.0,
            }
            for step in steps
            for prompt in range(3)
            for i in range(2)
        )
        layouts.lines(source / f"grpo__1__1700000000_filtered_rollouts_{shard:06d}.jsonl", rows)
    run, rows, coverage = imported(source, tmp_path)
    assert run.manifest.population == "generated"
    assert (coverage.found_train, coverage.filtered, coverage.repeated_steps) == (26, 18, ())
    assert coverage.zero_variance_groups == 9
    dropped = [row for row in rows if row["trained_on"] is False]
    assert len(dropped) == 18
    groups = [row["group"] for row in rows]
    assert {groups.count(name) for name in groups} == {2}
    assert not any("before this was written" in statement for statement in coverage.statements)


def test_open_instruct_of_which_only_filtered_groups_are_here_is_refused(tmp_path: Path) -> None:
    shard = tmp_path / "traces" / "g_filtered_rollouts_000000.jsonl"
    open_instruct_shard(shard, (1,), filter_reason="zero_std_reward")
    with pytest.raises(DatasetError, match="only rollouts that were filtered out"):
        import_run(tmp_path / "traces", tmp_path / "run")
    open_instruct_shard(shard, (1,))
    run, rows, _ = imported(tmp_path / "traces", tmp_path)  # a run that is called g_filtered
    assert (run.manifest.population, len(rows)) == ("trained_on", 4)


def test_verifiers_results_of_several_models_keep_each_its_own(tmp_path: Path) -> None:
    for env, model, size in (("gsm8k", "small", 2), ("wordle", "large", 2)):
        folder = layouts.verifiers(tmp_path / "evals" / f"{env}--{model}" / "1a2b")
        told = {"env_id": env, "model": model, "rollouts_per_example": size}
        (folder / "metadata.json").write_text(json.dumps(told))
    run, rows, coverage = imported(tmp_path / "evals", tmp_path)
    assert {(row["step"], row["env"], row["policy"]) for row in rows} == {
        (1, "gsm8k", "small"),
        (2, "wordle", "large"),
    }
    assert (run.manifest.base, run.manifest.group_size) == ("", 2)
    assert run.manifest.configuration == {"rollouts_per_example": "2"}
    assert "2 models (large, small)" in coverage.statements[0]
    run, rows, coverage = imported(tmp_path / "evals" / "gsm8k--small", tmp_path / "one")
    assert (run.manifest.base, run.manifest.configuration["env_id"]) == ("small", "gsm8k")
    assert not any("models" in statement for statement in coverage.statements)
