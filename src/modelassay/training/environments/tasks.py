"""Tasks of training environments, from files: instructions, files, tests, gold answers. Never executed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelassay.errors import DatasetError
from modelassay.training.data.rows import Quarantine, read_objects

_INSTRUCTIONS = (
    "instructions", "prompt", "question", "problem", "problem_statement", "description", "input", "query",
)  # fmt: skip
_GOLD = (
    "gold", "solution", "answer", "ground_truth", "gts", "reference", "target", "gold_patch", "label",
    "patch",
)  # fmt: skip
_GRADED_BY = ("reward_model", "reward_spec")
"""Columns of verl and SkyRL with what the grader knows, the gold answer among it."""
_ROW = "data"
"""Column of verifiers with the whole row."""
_EXPECTED = ("expected_output", "expected", "expected_outputs", "output")
_NAMES = ("task_id", "id", "instance_id", "name", "key")
_ENVIRONMENTS = ("env", "environment", "env_type", "category", "data_source")


@dataclass(frozen=True)
class EnvironmentTask:
    """One task that a policy is given."""

    id: str
    environment: str
    instructions: str
    files: Mapping[str, str] = field(default_factory=dict)
    """Files that the policy finds, by path."""
    public_tests: tuple[str, ...] = ()
    """Tests that the policy sees."""
    private_tests: tuple[str, ...] = ()
    """Tests that decide the reward."""
    gold: str = ""
    """A solution that ought to get full reward; empty when none is known."""
    expected: tuple[str, ...] = ()
    """Outputs that tests expect, where the task says so."""
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The row itself, as graders are given it."""


def read_tasks(paths: Sequence[Path], quarantine: Quarantine) -> tuple[EnvironmentTask, ...]:
    """The tasks in JSONL, JSON or Parquet files; rows that are none go to quarantine.

    Raises:
        DatasetError: a path is no file of a kind that is read, or no task is in them.
    """
    found = []
    for path in paths:
        for place, raw in read_objects(path, quarantine):
            task = task_of(raw, place)
            if task is None:
                quarantine.add(place, "no column is known as instructions of a task", raw)
            else:
                found.append(task)
    if not found:
        raise DatasetError("no task could be read", where=", ".join(str(path) for path in paths))
    return tuple(found)


def task_of(raw: Any, place: str = "") -> EnvironmentTask | None:
    """The task in a row; None where it has no instructions."""
    if not isinstance(raw, Mapping):
        return None
    whole = raw
    if isinstance(within := raw.get(_ROW), Mapping) and not _first(raw, _INSTRUCTIONS):
        raw = {**raw, **within}
    instructions = _text(_first(raw, _INSTRUCTIONS))
    if not instructions:
        return None
    about = raw.get("metadata") if isinstance(raw.get("metadata"), Mapping) else {}
    environment = _first(raw, _ENVIRONMENTS) or _first(about or {}, _ENVIRONMENTS)
    files = raw.get("files")
    expected = _first(raw, _EXPECTED)
    graded_by = _first(raw, _GRADED_BY)
    gold = _first(raw, _GOLD) or _first(graded_by if isinstance(graded_by, Mapping) else {}, _GOLD)
    return EnvironmentTask(
        id=str(_first(raw, _NAMES) or place),
        environment=environment if isinstance(environment, str) else "",
        instructions=instructions,
        files={str(k): _text(v) for k, v in files.items()} if isinstance(files, Mapping) else {},
        public_tests=_tests(raw.get("public_tests")),
        private_tests=_tests(raw.get("private_tests") or raw.get("tests")),
        gold=_text(gold),
        expected=_tests(expected),
        raw=whole,
    )  # fmt: skip


def _first(raw: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((raw[name] for name in names if raw.get(name) not in (None, "", [], {})), None)


def _text(value: Any) -> str:
    """Text of a value: itself, the messages of a conversation, or its JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(v, Mapping) and "content" in v for v in value):
        return "\n".join(str(v["content"]) for v in value)
    return json.dumps(value, ensure_ascii=False, default=str)


def _tests(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,) if value.strip() else ()
    if isinstance(value, list | tuple):
        return tuple(_text(each) for each in value)
    return (_text(value),) if value else ()
