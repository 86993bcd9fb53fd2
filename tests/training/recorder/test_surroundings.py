"""Digests of code: of files where there are any, and of what is loaded."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from modelassay.training.recorder.surroundings import code_digests, source_file
from modelassay.training.recorder.training_data import rows_digest


def test_a_module_without_a_file_is_no_error() -> None:
    """As the main module of a notebook, or of a worker that was sent its code."""
    assert not source_file(types.ModuleType("made_up"))
    assert code_digests({"training script": types.ModuleType("made_up")}) == {}


def test_a_function_has_the_digest_of_its_file_and_of_its_code() -> None:
    def grader() -> float:
        return 1.0

    def other() -> float:
        return 2.0

    found, changed = code_digests({"grader": grader}), code_digests({"grader": other})
    assert set(found) == {"grader", f"grader in {Path(__file__).name}"}
    assert found["grader"] != changed["grader"]
    assert source_file(sys.modules["json"])


def test_rows_are_digested_with_rests_in_between() -> None:
    """A thread that always works would hold up the interpreter of training."""
    datasets = pytest.importorskip("datasets", reason="the extra 'train' is not installed")
    data = datasets.Dataset.from_dict({"text": [f"row {number}" for number in range(120)]})
    rests: list[float] = []
    assert rows_digest(data, rests.append) == rows_digest(data)
    assert len(rests) == 3
    assert min(rests) > 0
