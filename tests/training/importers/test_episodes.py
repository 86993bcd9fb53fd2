"""Episodes of verifiers 1, in every layout that holds them: failures, several agents, streams."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from modelassay.errors import DatasetError
from modelassay.records import RunCoverage
from modelassay.training.frame import read_frame
from modelassay.training.gates import run_gates
from modelassay.training.importers import detect, import_run
from modelassay.training.run import Run


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


layouts = _beside("layouts")


def imported(source: Path, to: Path) -> tuple[Run, list[dict[str, Any]], RunCoverage]:
    run = import_run(source, to / "imported")
    rows = [row for batch in run.batches() for row in batch.to_pylist()]
    coverage = run.coverage()
    assert coverage is not None
    return run, rows, coverage


def episode(step: int, number: int, reward: float = 1.0, **other: Any) -> dict[str, Any]:
    return {**layouts.episode(step, number, reward), "ok": True, "errors": [], **other}


def trace(agent: str, task: str, reward: float) -> dict[str, Any]:
    """What one agent of an episode did, with a task of its own."""
    (plain,) = layouts.episode(1, 0, reward)["traces"]
    return {**plain, "id": f"{agent}-{task}", "agent": {"name": agent}, "task": {"key": task, "data": {}}}


def rollout_files(folder: Path, *steps: list[dict[str, Any]]) -> Path:
    for step, episodes in enumerate(steps, 1):
        layouts.lines(folder / "rollouts" / f"step_{step}" / "train" / "all" / "traces.jsonl", episodes)
    return folder


DOWN = {"ok": False, "traces": [], "errors": [{"type": "SandboxError", "message": "503"}]}


def test_an_episode_that_failed_before_a_trace_is_a_failure(tmp_path: Path) -> None:
    source = rollout_files(
        tmp_path / "out",
        [episode(1, number) for number in range(4)],
        [episode(2, number, **DOWN) for number in range(3)] + [episode(2, 3)],
    )
    run, rows, coverage = imported(source, tmp_path)
    assert (coverage.quarantined, coverage.found_train, coverage.expected_train) == (0, 8, 8)
    failed = rows[4]
    assert (failed["format"], failed["reward"], failed["task"], failed["group"]) == (
        "absent",
        None,
        "k0",
        "2.g2-0",
    )
    assert "SandboxError" in failed["failure"]
    assert [bool(row["failure"]) for row in rows] == [False] * 4 + [True] * 3 + [False]
    gates = run_gates(read_frame(run), run.manifest, coverage)
    assert gates.invalid_steps == {2}
    (finding,) = [each for each in gates.findings if each.check == "infrastructure_gate"]
    assert finding.outcome == "mostly held back"


def test_an_error_of_an_earlier_attempt_is_no_failure(tmp_path: Path) -> None:
    tried = episode(1, 0, errors=[{"type": "Timeout"}])
    broken = episode(1, 1)
    broken["traces"][0] |= {"ok": False, "errors": [{"type": "ToolError"}]}
    _, rows, _ = imported(rollout_files(tmp_path / "out", [tried, broken]), tmp_path)
    assert [row["failure"] for row in rows] == ["", '[{"type":"ToolError"}]']


def test_each_agent_has_groups_and_tasks_of_its_own(tmp_path: Path) -> None:
    both = [
        episode(1, number, traces=[trace("solver", "sum", 1.0), trace("critic", f"review {number}", 0.0)])
        for number in range(2)
    ]
    alone = episode(1, 0, traces=[trace("solver", "sum", 1.0)])
    for row in (*both, alone):
        del row["task"]
    _, rows, _ = imported(rollout_files(tmp_path / "out", [*both, alone]), tmp_path)
    assert [row["group"] for row in rows] == [
        "1.g1-0.solver", "1.g1-0.critic", "1.g1-0.solver", "1.g1-0.critic", "1.g1-0.solver",
    ]  # fmt: skip
    assert [row["task"] for row in rows[:4]] == ["sum.solver", "sum.critic"] * 2


def test_one_agent_changes_no_names(tmp_path: Path) -> None:
    row = episode(1, 0, traces=[trace("agent", "sum", 1.0)])
    _, rows, _ = imported(rollout_files(tmp_path / "out", [row]), tmp_path)
    assert (rows[0]["group"], rows[0]["task"]) == ("1.g1-0", "k0")


def test_a_stream_of_prime_rl_with_its_annotations(tmp_path: Path) -> None:
    source = layouts.prime_stream(tmp_path / "out")
    assert detect(source) == "prime-rl"
    run, rows, coverage = imported(source, tmp_path)
    assert (coverage.found_train, coverage.found_eval, coverage.quarantined) == (8, 1, 0)
    assert [(row["step"], row["trained_on"]) for row in rows] == [
        *[(1, True)] * 2, *[(1, False)] * 2, *[(2, True)] * 2, *[(3, False)] * 2, (2, None),
    ]  # fmt: skip
    assert [row["advantage"] for row in rows[:3]] == [0.5, 0.5, None]
    assert rows[0]["group"] == rows[1]["group"] != rows[2]["group"]
    assert coverage.missing_steps == (4,)
    assert [metrics.step for metrics in run.metrics()] == [1]
    assert run.manifest.population == "generated"


def test_a_stream_without_annotations_leaves_open_what_was_trained_on(tmp_path: Path) -> None:
    layouts.lines(tmp_path / "out" / "traces" / "stream" / "00000.jsonl", [episode(1, 0), episode(1, 1)])
    _, rows, coverage = imported(tmp_path / "out", tmp_path)
    assert {row["trained_on"] for row in rows} == {None}
    assert "no annotations" in coverage.statements[0]


def test_a_damaged_chunk_is_said(tmp_path: Path) -> None:
    source = layouts.prime_stream(tmp_path / "out")
    path = source / "monitors" / "file" / "traces" / "stream" / "00000.jsonl.zst"
    path.write_bytes(path.read_bytes()[:-20] + b"not zstandard at all")
    _, rows, coverage = imported(source, tmp_path)
    assert coverage.quarantined >= 1
    assert len(rows) < 9


def test_several_streams_are_several_runs(tmp_path: Path) -> None:
    for name in ("a", "b"):
        layouts.lines(tmp_path / name / "traces" / "stream" / "00000.jsonl", [episode(1, 0)])
    with pytest.raises(DatasetError, match="several runs"):
        detect(tmp_path)


def test_traces_of_verifiers(tmp_path: Path) -> None:
    layouts.verifiers_traces(tmp_path / "out")
    assert detect(tmp_path / "out") == "verifiers"
    run, rows, coverage = imported(tmp_path / "out", tmp_path)
    assert (coverage.found_eval, coverage.found_train) == (3, 0)
    assert {(row["policy"], row["group"]) for row in rows} == {("m", "1e.k0")}
    assert (run.manifest.base, run.manifest.configuration["sampling.temperature"]) == ("m", "0.5")
