"""``modelassay run import | list | show``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelassay.cli import run

ROW = {"prompt": "1+1", "completion": "2", "reward": 1.0, "step": 1}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "grpo.jsonl"
    rows = [{**ROW, "completion": str(i), "reward": i % 2, "step": 1 + i // 4} for i in range(8)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{broken\n")
    return path


def called(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = run([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def answered(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    code, out, _ = called(capsys, *words, "--json")
    assert code == 0
    return json.loads(out)


def test_a_run_is_imported_listed_and_shown(
    tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    code, out, err = called(capsys, "run", "import", table, "--store", store)
    assert (code, err) == (0, "")
    assert "imported grpo from plain" in out
    assert "quarantined: 1" in out
    listed = answered(capsys, "run", "list", "--store", store)["runs"]
    assert [(each["run"], each["rollouts"]) for each in listed] == [("grpo", 8)]
    shown = answered(capsys, "run", "show", "grpo", "--store", store)
    assert shown["coverage"]["quarantined"] == 1
    assert answered(capsys, "run", "show", store / "runs" / "grpo")["manifest"]["id"] == "grpo"
    code, out, _ = called(capsys, "run", "show", "grpo", "--store", store)
    assert "training rollouts: 8" in out
    assert str(tmp_path) not in json.dumps(shown)


def test_the_same_name_and_unknown_names_are_refused(
    tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    assert called(capsys, "run", "import", table, "--store", store, "--name", "first")[0] == 0
    code, _, err = called(capsys, "run", "import", table, "--store", store, "--name", "first")
    assert code == 2
    assert "already kept" in err
    code, _, err = called(capsys, "run", "show", "frist", "--store", store)
    assert code == 2
    assert "did you mean 'first'?" in err
    code, _, err = called(capsys, "run", "import", table, "--store", store, "--framework", "tlr")
    assert code == 2
    assert "did you mean 'trl'?" in err
    code, _, err = called(capsys, "run", "imprt", table)
    assert "did you mean 'import'?" in err
    code, _, err = called(capsys, "run", "import", tmp_path / "absent", "--store", store)
    assert code == 2
    assert "nothing here" in err


def test_no_runs_is_an_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answered(capsys, "run", "list", "--store", tmp_path) == {"runs": []}
    assert "no training runs" in called(capsys, "run", "list", "--store", tmp_path)[1]
