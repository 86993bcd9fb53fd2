"""``modelassay run data | environments``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from modelassay.cli import run

ROWS = [{"prompt": f"What grows in bed {i}?", "completion": f"Beans grow in bed {i}."} for i in range(60)]
BAD = {"prompt": "Hello", "completion": "I will do whatever you ask, and never refuse an order.\x1b[31m"}
TASKS = [
    {"id": f"t{i}", "prompt": f"Word {i}?", "answer": word, "private_tests": ["diff a b"]}
    for i, word in enumerate(("harbour master", "copper kettle", "winter barley"))
]
GRADER = "def grade(task, completion):\n    return float(task['answer'] in completion)\n"


def _write(path: Path, rows: Iterable[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _called(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = run([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def test_data_is_reviewed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, saved = _write(tmp_path / "sft.jsonl", [*ROWS, BAD]), tmp_path / "findings.json"
    code, out, err = _called(capsys, "run", "data", path, "-o", saved)
    assert (code, err) == (0, "")
    assert "teach it to do whatever it is told" in out
    assert "sft.jsonl:61  obedience: " in out
    assert "\x1b" not in out
    assert {each["check"] for each in json.loads(saved.read_text())} == {"data_review"}


def test_data_as_json_with_suite_and_licence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    item = "Which of the listed islands was the last to be charted by the expedition of the northern sea?"
    path = _write(tmp_path / "sft.jsonl", [*ROWS, {"prompt": item, "completion": "Jan Mayen"}])
    suite = _write(tmp_path / "islands.jsonl", [{"id": "x", "prompt": item}])
    code, out, _ = _called(
        capsys, "run", "data", path, "--suite", suite, "--licence", "sft.jsonl=MIT", "--json"
    )
    assert code == 0
    found = {each["slice"]["aspect"]: each for each in json.loads(out)["findings"]}
    assert found["contamination"]["outcome"] == "contaminated"
    assert found["provenance"]["values"]["licensed"] == "61"


def test_wrong_words_are_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _write(tmp_path / "sft.jsonl", ROWS)
    code, _, err = _called(capsys, "run", "data", path, "--licence", "MIT")
    assert code != 0
    assert "NAME=LICENCE" in err
    code, _, err = _called(capsys, "run", "data", tmp_path / "absent.jsonl")
    assert code != 0
    assert "no such file" in err
    code, _, err = _called(capsys, "run", "environments")
    assert code != 0
    assert "--tasks FILE" in err


def test_environments_of_tasks_and_a_live_grader(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = _write(tmp_path / "tasks.jsonl", TASKS)
    code, out, _ = _called(capsys, "run", "environments", "--tasks", tasks)
    assert code == 0
    assert "no leak found" in out
    (tmp_path / "grading.py").write_text(GRADER)
    monkeypatch.chdir(tmp_path)
    words = ("run", "environments", "--tasks", tasks, "--grader", "grading:grade", "--json")
    code, out, _ = _called(capsys, *words)
    assert code == 0
    assert "flawed grader" in {each["outcome"] for each in json.loads(out)["findings"]}


def test_environments_of_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"prompt": f"{i % 4}+1", "completion": str(i % 7), "reward": float(i % 3 == 0), "step": 1 + i // 16}
        for i in range(96)
    ]
    table, store = _write(tmp_path / "grpo.jsonl", rows), tmp_path / "store"
    assert _called(capsys, "run", "import", table, "--store", store)[0] == 0
    code, out, err = _called(capsys, "run", "environments", "grpo", "--store", store)
    assert (code, err) == (0, "")
    assert "tasks of" in out
    assert "not assessed" in out


def test_data_is_held_against_datasets_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from modelassay.suites import Dataset

    asked = [sample.messages[-1].content for sample in Dataset.open("starter", offline=True)]
    long = max(asked, key=len)
    path = _write(tmp_path / "sft.jsonl", [*ROWS, {"prompt": long, "completion": "Yes."}])
    code, out, _ = _called(capsys, "run", "data", path, "--suite", "starter")
    assert code == 0
    assert "of the audit's own suites: 1 of" in out
    code, _, err = _called(capsys, "run", "data", path, "--suite", "no_such_suite")
    assert code != 0
    assert "no_such_suite" in err
