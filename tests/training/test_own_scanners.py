"""Scanners that do not come with the package: what they get wrong is told with their name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from modelassay.errors import UsageError
from modelassay.records import RewardFunction, RunManifest
from modelassay.training.columns import pa
from modelassay.training.frame import read_frame
from modelassay.training.run import Run
from modelassay.training.writing import RunWriter

Flags = Mapping[str, NDArray[Any]]


class Ours:
    """A scanner that does as it is told."""

    name, version = "ours", "3"
    columns: tuple[str, ...] = ("completion",)
    behaviours: tuple[str, ...] = ("odd",)

    def __init__(self, scan: Callable[[int], Flags]) -> None:
        self._scan = scan

    def scan(self, batch: pa.RecordBatch) -> Flags:
        return self._scan(batch.num_rows)


def _fails(rows: int) -> Flags:
    raise ValueError("bad row")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    manifest = RunManifest(
        id="r", name="r", origin="recorded", framework="plain", rewards=(RewardFunction(name="a"),)
    )
    columns = {"step": [1, 2], "phase": ["train"] * 2, "format": ["text"] * 2, "completion": ["x", "y"]}
    with RunWriter(tmp_path / "run", manifest) as writer:
        writer.rollouts(columns, 2)
    return Run(tmp_path / "run")


@pytest.mark.parametrize(
    ("scan", "said"),
    [
        (_fails, "failed: ValueError: bad row"),
        (lambda rows: {"odd": np.zeros(rows + 1, np.bool_)}, "2 flags or scores are due"),
        (lambda rows: {"odd": np.array(["x"] * rows)}, "2 flags or scores are due"),
        (lambda rows: {}, "does not agree on ['odd']"),
        (lambda rows: {"odd": np.zeros(rows), "even": np.zeros(rows)}, "does not agree on ['even']"),
    ],
)
def test_what_a_scanner_gets_wrong_is_told_with_its_name(
    run: Run, scan: Callable[[int], Flags], said: str
) -> None:
    with pytest.raises(UsageError) as told:
        read_frame(run, [Ours(scan)])
    assert "the scanner ours@3" in told.value.what
    assert said in told.value.what


def test_flags_and_scores_of_a_sound_one_are_taken(run: Run) -> None:
    frame = read_frame(run, [Ours(lambda rows: {"odd": [True, False]})])
    assert frame.flags["odd"].tolist() == [True, False]
