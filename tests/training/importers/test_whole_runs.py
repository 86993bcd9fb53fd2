"""A run of which only a part is there, or was read, is never called complete."""

from __future__ import annotations

import gzip
import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from modelassay.errors import DatasetError
from modelassay.records import RunCoverage
from modelassay.training.coverage_gate import coverage_findings
from modelassay.training.importers import ImportOptions, detect, import_run
from modelassay.training.importers.left_unread import left_unread
from modelassay.training.importers.rollout_files import LONGEST_SETTINGS


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


layouts = _beside("layouts")


def covered(source: Path, to: Path, **options: Any) -> tuple[RunCoverage, str]:
    """The statement of coverage of an import, and what its gate calls it."""
    run = import_run(source, to / "imported", options=ImportOptions(**options))
    coverage = run.coverage()
    assert coverage is not None
    return coverage, coverage_findings(run.manifest, coverage)[0].outcome


def tinker_without_its_end(folder: Path) -> tuple[Path, tuple[int, ...]]:
    source = layouts.tinker(folder)
    (source / "checkpoints.jsonl").unlink()
    shutil.rmtree(source / "iteration_000001")
    return source, (2,)


def tinker_with_a_later_checkpoint(folder: Path) -> tuple[Path, tuple[int, ...]]:
    source = layouts.tinker(folder)
    layouts.lines(source / "checkpoints.jsonl", [{"name": "4", "batch": 4, "sampler_path": "a"}])
    return source, (3, 4)


def prime_without_its_start(folder: Path) -> tuple[Path, tuple[int, ...]]:
    source = layouts.prime_rl(folder)
    shutil.rmtree(source / "rollouts" / "step_1")
    return source, (1, 2)


def prime_without_its_end(folder: Path) -> tuple[Path, tuple[int, ...]]:
    source = layouts.prime_rl(folder)
    shutil.rmtree(source / "rollouts" / "step_3")
    return source, (2, 3)


def old_prime_with_a_later_checkpoint(folder: Path) -> tuple[Path, tuple[int, ...]]:
    source = layouts.prime_legacy(folder)  # steps 0 and 1: a checkpoint after two steps is called step_2
    for step in (2, 3):
        (source / "checkpoints" / f"step_{step}").mkdir(parents=True)
    return source, (2,)


def nemo_with_a_later_checkpoint(folder: Path) -> tuple[Path, tuple[int, ...]]:
    source = layouts.nemo_rl(folder)
    (source / "step_6").mkdir()
    return source, (3, 5, 6)


def verl_without_metrics(folder: Path) -> tuple[Path, tuple[int, ...]]:
    source = layouts.verl(folder)
    shutil.rmtree(source / "log")
    (source / "checkpoints" / "global_step_5").mkdir()
    return source, (4, 5)


def verl_whose_metrics_end_early(folder: Path) -> tuple[Path, tuple[int, ...]]:
    source = layouts.verl(folder, steps=(1, 2))
    (source / "checkpoints" / "global_step_5").mkdir()
    return source, (3, 4, 5)


@pytest.mark.parametrize(
    "cut",
    [
        tinker_without_its_end,
        tinker_with_a_later_checkpoint,
        prime_without_its_start,
        prime_without_its_end,
        old_prime_with_a_later_checkpoint,
        nemo_with_a_later_checkpoint,
        verl_without_metrics,
        verl_whose_metrics_end_early,
    ],
)
def test_steps_that_metrics_or_checkpoints_name_are_expected(tmp_path: Path, cut: Any) -> None:
    source, missing = cut(tmp_path / "out")
    coverage, outcome = covered(source, tmp_path)
    assert coverage.missing_steps == missing
    assert coverage.expected_train is not None
    assert coverage.found_train < coverage.expected_train
    assert outcome in ("incomplete", "remnant")


def test_open_instruct_lacks_the_steps_before_its_first(tmp_path: Path) -> None:
    source = layouts.open_instruct(tmp_path / "out")
    (source / "run_rollouts_000000.jsonl").unlink()
    coverage, _ = covered(source, tmp_path)
    assert coverage.missing_steps == (1,)


def test_tinker_that_leaves_out_equal_groups_holds_survivors(tmp_path: Path) -> None:
    source = layouts.tinker(tmp_path / "out")
    (source / "config.json").write_text(json.dumps({"remove_constant_reward_groups": True}))
    path = source / "iteration_000001" / "train_rollout_summaries.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    run = import_run(source, tmp_path / "imported")
    coverage = run.coverage()
    assert coverage is not None
    assert coverage.expected_train is None
    outcomes = [finding.outcome for finding in coverage_findings(run.manifest, coverage)]
    assert outcomes == ["not assessable", "survivors only"]


ROW = {"step": 1, "prompt": "what is it?", "completion": "this", "reward": 1.0}


def packed(path: Path) -> Path:
    with gzip.open(path, "wt") as file:
        file.write(json.dumps(ROW) + "\n")
    return path


def test_files_beside_a_table_that_are_not_read_are_named(tmp_path: Path) -> None:
    source = tmp_path / "out"
    layouts.lines(source / "a.jsonl", [ROW, ROW])
    layouts.lines(source / "epoch_2" / "b.jsonl", [ROW])
    (source / "epoch_2" / "model.safetensors").write_bytes(b"")
    (source / "epoch_2" / "special_tokens_map.json").write_text(
        json.dumps({"eos_token": {"content": "</s>"}})
    )
    (source / "epoch_2" / "optimizer.pkl").write_bytes(b"\x80\x04.")
    layouts.lines(source / "epoch_2" / "c.jsonl", [{"ask": "q", "reply": "word " * 60}])
    packed(source / "c.jsonl.gz")
    (source / "d.pkl").write_bytes(b"\x80\x04.")
    coverage, outcome = covered(source, tmp_path)
    told = coverage.statements[0]
    assert told == (
        "Files that may hold rollouts were not read (4): c.jsonl.gz (packed: unpack it), d.pkl (a pickle, "
        "which is never loaded), epoch_2/b.jsonl, epoch_2/c.jsonl."
    )
    assert outcome == "not assessable"


def test_a_run_whose_other_half_is_packed_is_not_complete(tmp_path: Path) -> None:
    source = layouts.verl(tmp_path / "out", steps=(1, 2, 3))
    whole, outcome = covered(source, tmp_path)
    assert (outcome, any("not read" in each for each in whole.statements)) == ("complete", False)
    packed(source / "rollouts" / "extra.jsonl.gz")
    coverage, outcome = covered(source, tmp_path / "again")
    assert coverage.expected_train is None
    assert "were not read (1)" in coverage.basis
    assert outcome == "not assessable"


@pytest.mark.parametrize(
    "layout",
    ["verl", "nemo_rl", "open_instruct", "prime_rl", "prime_legacy", "prime_stream",
     "verifiers", "verifiers_traces", "tinker", "atropos",
     "openrlhf_table", "openrlhf_calls"],
)  # fmt: skip
def test_what_frameworks_leave_beside_rollouts_is_not_called_unread(tmp_path: Path, layout: str) -> None:
    source = getattr(layouts, layout)(tmp_path / "out")
    (source / "config.json").write_text(json.dumps({"model": "m", "output_dir": "x"}))
    (source / "trainer_state.json").write_text(json.dumps({"log_history": [{"step": 1, "loss": 0.5}]}))
    (source / "agent.json").write_text(json.dumps({"prompt": "You are good at sums. " * 20, "turns": 3}))
    layouts.lines(source / "timing_spans.jsonl", [{"name": "sample", "start": 0.1, "tokens": 12}])
    layouts.lines(source / "wandb" / "run" / "table.jsonl", [ROW])
    (source / "checkpoints" / "step_9").mkdir(parents=True)
    (source / "checkpoints" / "step_9" / "data.json").write_text(json.dumps([ROW]))
    coverage, _ = covered(source, tmp_path)
    assert not any("not read" in each for each in coverage.statements)


def test_what_cannot_be_read_at_all_is_named(tmp_path: Path) -> None:
    (tmp_path / "rollouts.pkl").write_bytes(b"\x80\x04.")
    with pytest.raises(DatasetError, match=r"what is here: rollouts.pkl \(a pickle, which is never loaded\)"):
        detect(tmp_path)
    with pytest.raises(DatasetError, match="a pickle"):
        detect(tmp_path / "rollouts.pkl")


@pytest.mark.parametrize(
    "data",
    [
        [ROW],
        {"prompt": ["q"], "completion": ["a"]},
        {"columns": ["step", "completion"], "data": [[1, "a"]]},
        {"version": 2, "eval": {"task": "t"}, "samples": [{"id": 1, "input": "q"}]},
    ],
)
def test_a_document_that_holds_rollouts_is_named(tmp_path: Path, data: Any) -> None:
    source = tmp_path / "out"
    layouts.lines(source / "a.jsonl", [ROW, ROW])
    (source / "more").mkdir()
    (source / "more" / "b.json").write_text(json.dumps(data))
    coverage, _ = covered(source, tmp_path)
    assert coverage.statements[0].endswith("(1): more/b.json.")


def test_what_programs_leave_beside_rollouts_holds_none(tmp_path: Path) -> None:
    token = {"content": "<|im_end|>", "lstrip": False}
    documents: dict[str, Any] = {
        "special_tokens_map.json": {"additional_special_tokens": [token, token]},
        "pipeline.json": {"nodes": [{"id": "a"}], "edges": []},
        "graph.json": {"nodes": {"a": 1}},
        "host.pt.trace.json": {"schemaVersion": 1, "traceEvents": [{"ph": "X", "name": "mm"}]},
        "events.json": [{"ph": "X", "name": "mm"}] * 700_000,
        "timing.jsonl": {"step": 1, "tokens": 100, "output": "/tmp/x"},
        "worker_0.jsonl": {"ts": 1, "content": "Started actor"},
        "events.jsonl": {"level": "info", "text": "starting trainer"},
    }
    for name, data in documents.items():
        (tmp_path / name).write_text(json.dumps(data))
        with gzip.open(tmp_path / f"{name}.gz", "wt", compresslevel=1) as file:
            json.dump(data, file)
    big = json.dumps({"schemaVersion": 1, "traceEvents": [{"ph": "X"}] * 1_500_000})
    assert len(big) > LONGEST_SETTINGS
    (tmp_path / "big.pt.trace.json").write_text(big)
    for name in (
        "train.log.gz", "slurm-1.out.gz", "nsys.qdrep.zip", "venv.tar.gz", "model.tar.gz",
        "memory_snapshot.pickle", "mem_snapshot_rank0.pkl",
    ):  # fmt: skip
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "throughput.csv").write_text("step,tokens,tokens_per_s\n1,2,3\n")
    table = pa.Table.from_pylist([
        {"prompt": [{"role": "user", "content": "word " * 60}], "data_source": "gsm8k",
         "reward_model": {"style": "rule", "ground_truth": "4"},
         "extra_info": {"answer": "4", "question": "q"}},
        {"prompt": None, "data_source": "gsm8k", "reward_model": None, "extra_info": None},
    ])  # fmt: skip
    parquet.write_table(table, tmp_path / "train.parquet")
    with pa.ipc.new_stream(tmp_path / "data.arrow", table.schema) as stream:
        stream.write_table(table)
    assert left_unread(tmp_path, ()) == []


def test_what_holds_rollouts_is_named_whatever_it_is_called(tmp_path: Path) -> None:
    documents: dict[str, Any] = {
        "memory.jsonl": {"text": "short", "reward": 1.0},
        "big.json": [ROW] * 200_000,
        "content.jsonl": {"content": ["q", "a"]},
        "input.jsonl": {"input": "q", "output": "a"},
        "model.jsonl": {"tokens": [1, 2, 3]},
        "nodes.json": {"nodes": [{"message": {"role": "user", "content": "q"}, "sampled": False}]},
        "snapshot.jsonl": {"reply": "word " * 60},
        "trace.json": [ROW],
    }
    for name, data in documents.items():
        (tmp_path / name).write_text(json.dumps(data))
        with gzip.open(tmp_path / f"{name}.gz", "wt", compresslevel=1) as file:
            json.dump(data, file)
    for name in (
        "snapshot_rollouts.pkl",
        "run.tar.gz",
        "a.log.jsonl.xz",
        "damaged.jsonl.gz",
        "damaged.parquet",
    ):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "step.csv").write_text("step,text\n1,a\n")
    tables: dict[str, dict[str, Any]] = {
        "rows": {"prompt": "q", "completion": "a"},
        "tokens": {"token_ids": [1, 2]},
        "camel": {"modelOutput": "a"},
        "scored": {"question": "q", "answer": "a", "reward": 1.0},
        "unknown": {"said": "word " * 60},
        "nested": {"row": ROW},
        "packed": {"row": json.dumps(ROW)},
    }
    for name, row in tables.items():
        parquet.write_table(pa.Table.from_pylist([row]), tmp_path / f"{name}.parquet")
    broken = pa.array([b"\xff"], pa.binary()).view(pa.string())
    parquet.write_table(pa.table({"said": broken}), tmp_path / "broken.parquet")
    named = {path.name for path in left_unread(tmp_path, ())}
    assert {path.name for path in tmp_path.iterdir()} - named == set()
