"""Rollouts that stand in a source twice are counted and named; short answers alike are none."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

from modelassay.records import RunCoverage
from modelassay.training.importers import import_run

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def rollouts(step: int, groups: int = 4, size: int = 4, words: int = 30) -> list[dict[str, Any]]:
    """A step of a table: `groups` prompts with `size` answers each, of random words."""
    dice = random.Random(step)
    return [
        {
            "step": step,
            "prompt": f"task {step} {group}",
            "completion": " ".join(dice.choices(WORDS, k=words)),
            "reward": float(dice.random() < 0.5),
            "group": f"{step}.{group}",
        }
        for group in range(groups)
        for _ in range(size)
    ]


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def covered(source: Path, to: Path) -> RunCoverage:
    coverage = import_run(source, to / "run").coverage()
    assert coverage is not None
    return coverage


def test_a_table_beside_its_copy(tmp_path: Path) -> None:
    rows = [row for step in (1, 2) for row in rollouts(step)]
    written(tmp_path / "out" / "a.jsonl", rows)
    assert covered(tmp_path / "out", tmp_path / "once").duplicated == 0
    shutil.copy(tmp_path / "out" / "a.jsonl", tmp_path / "out" / "b.jsonl")
    coverage = covered(tmp_path / "out", tmp_path / "twice")
    assert (coverage.found, coverage.duplicated) == (64, 32)
    assert "(2): 1, 2. All of them are in the record" in coverage.statements[0]


def test_a_step_that_repeats_another_in_another_order(tmp_path: Path) -> None:
    first, second = rollouts(1), rollouts(2)
    again = [{**row, "step": 3, "group": row["group"] + "c"} for row in reversed(first)]
    coverage = covered(written(tmp_path / "rows.jsonl", [*first, *second, *again]), tmp_path)
    assert coverage.duplicated == 16
    assert "(1): 3 as 1." in coverage.statements[0]


def test_a_group_of_long_answers_that_repeats_another(tmp_path: Path) -> None:
    first, second = rollouts(1), rollouts(2)
    stolen = [{**row, "step": 2, "group": "2.9"} for row in first[:4]]
    coverage = covered(written(tmp_path / "rows.jsonl", [*first, *second, *stolen]), tmp_path)
    assert coverage.duplicated == 4
    assert "2 as 1" in coverage.statements[0]


def test_a_whole_step_of_short_answers_that_repeats_another(tmp_path: Path) -> None:
    first = rollouts(1, groups=32, size=2, words=2)
    again = [{**row, "step": 2, "group": row["group"] + "c"} for row in first]
    coverage = covered(written(tmp_path / "rows.jsonl", [*first, *again]), tmp_path)
    assert coverage.duplicated == 64


def test_policies_that_answer_alike_copy_nothing(tmp_path: Path) -> None:
    """A few short answers, and groups in which all is the same, come again by themselves."""
    short = [{**row, "completion": "yes" if row["reward"] else "no"} for row in rollouts(1, groups=2)]
    alike = [{**row, "completion": "the same " * 50, "reward": 1.0, "step": 3} for row in rollouts(1)]
    later = [{**row, "step": 2, "group": row["group"] + "c"} for row in short]
    after = [{**row, "step": 4, "group": row["group"] + "d"} for row in alike]
    coverage = covered(written(tmp_path / "rows.jsonl", [*short, *later, *alike, *after]), tmp_path)
    assert coverage.duplicated == 0
