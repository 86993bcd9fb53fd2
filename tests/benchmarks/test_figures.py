"""Benchmarks print figures in one form, and say what they lack."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def figures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("figures", BENCHMARKS / "figures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["figures"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("better", "value", "met"),
    [("lower", 1.0, True), ("lower", 1.01, False), ("higher", 1.0, True), ("higher", 0.99, False)],
)
def test_a_goal_is_met_on_its_own_side(figures: ModuleType, better: str, value: float, met: bool) -> None:
    figure = figures.Figure(name="a[1]", value=value, better=better, goal=1.0)
    assert figure.met == met
    assert ("MISSED" in figures.table([figure])) != met


def test_json_is_a_list_with_the_documented_keys(
    figures: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    figures.show([figures.Figure(name="a[1]", value=2.0, better="lower")], as_json=True)
    (row,) = json.loads(capsys.readouterr().out)
    assert {"name", "value", "unit", "better", "goal", "peer", "limit"} <= set(row)


def test_what_has_no_end_is_null_and_nothing_at_all_is_a_table(
    figures: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    never = figures.Figure(name="alarm_lead[1]", value=float("-inf"), better="higher", goal=1)
    figures.show([never], as_json=True)
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail)[0]["value"] is None
    assert not never.met
    assert figures.table([]).startswith("figure")


def test_training_without_data_says_where_it_belongs(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the extra 'local' is not installed")
    absent = tmp_path / "absent"
    command = [sys.executable, str(BENCHMARKS / "training.py"), "--data-dir", str(absent), "--only", "gates"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"no data in {absent}: name it by --data-dir or MODELASSAY_DATA" in done.stderr


def test_training_tells_what_it_could_measure_when_a_set_breaks_off(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the extra 'local' is not installed")
    (tmp_path / "judge_on_empty_completions").mkdir()
    verdict = {"completion": "", "label": "safe", "judge_explanation": "It refuses."}
    (tmp_path / "judge_on_empty_completions" / "judgements.jsonl").write_text(json.dumps(verdict) + "\n")
    (tmp_path / "rl_hack_timeline").mkdir()
    command = [sys.executable, str(BENCHMARKS / "training.py"), "--data-dir", str(tmp_path), "--json"]
    done = subprocess.run([*command, "--only", "gates"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "a measurement broke off" in done.stderr
    assert "timeline.jsonl" in done.stderr
    assert [(row["name"], row["value"]) for row in json.loads(done.stdout)] == [
        ("training.gates.verdicts_refused[judge_on_empty_completions]", 1.0)
    ]


def test_judges_without_data_say_where_it_belongs(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHMARKS / "judges.py"), "--data-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert str(tmp_path) in done.stderr
    assert "--data-dir or MODELASSAY_DATA" in done.stderr


@pytest.mark.parametrize(
    "subject",
    ["engine", "gate", "judges", "organisms", "redteam", "sequential", "training", "validation", "whitebox"],
)
def test_every_benchmark_offers_json(subject: str) -> None:
    if subject in {"organisms", "training"}:
        pytest.importorskip("torch", reason="the extra 'local' is not installed")
    command = [sys.executable, str(BENCHMARKS / f"{subject}.py"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--json" in done.stdout


def test_make_bench_runs_them_all() -> None:
    makefile = (BENCHMARKS.parent / "Makefile").read_text("utf-8")
    (line,) = [line for line in makefile.splitlines() if line.startswith("BENCHMARKS ?=")]
    programs = {
        path.stem
        for path in BENCHMARKS.glob("*.py")
        if 'if __name__ == "__main__"' in path.read_text("utf-8")
    }
    programs -= {"mock_server", "validation"}
    assert set(line.partition("=")[2].split()) == programs
