"""Folders of several runs, or of several starts of one: never one record of what different policies said."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from modelassay.errors import DatasetError
from modelassay.records import RunCoverage
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
    assert str(tmp_path / "logs" / "exp_001") in refused.value.mend
    assert not (tmp_path / "run").exists()
    _, _, coverage = imported(tmp_path / "logs" / "exp_002", tmp_path)
    assert (coverage.found_train, coverage.expected_train) == (24, 24)


def test_nemo_rl_in_folders_of_other_names_is_several_runs(tmp_path: Path) -> None:
    nemo_start(tmp_path / "logs" / "strict", range(1, 4))
    nemo_start(tmp_path / "logs" / "lenient", range(4, 7))
    with pytest.raises(DatasetError, match="several runs: lenient, strict"):
        import_run(tmp_path / "logs", tmp_path / "run")


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


def test_openrlhf_calls_captured_in_two_folders_are_several_runs(tmp_path: Path) -> None:
    for name in ("a", "b"):
        layouts.openrlhf_calls(tmp_path / "out" / name)
    with pytest.raises(DatasetError, match="several runs: a, b"):
        import_run(tmp_path / "out", tmp_path / "run")
    _, _, coverage = imported(tmp_path / "out" / "a", tmp_path)
    assert coverage.found_train == 6
