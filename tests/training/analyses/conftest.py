"""Frames for analyses: made data, and real runs of the shared folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelassay.training.frame import Frame


def make_frame(**columns: Any) -> Frame:
    """A frame of these columns; what is left out is unremarkable."""
    n = len(columns["reward"])
    given: dict[str, Any] = {
        "step": np.ones(n, np.int64),
        "is_train": np.ones(n, np.bool_),
        "env": np.zeros(n, np.int64),
        "envs": ("",),
        "group": np.arange(n) // 8,
        "rewards": {},
        "advantage": np.full(n, np.nan),
        "trained_on": np.full(n, -1, np.int8),
        "failed": np.zeros(n, np.bool_),
        "empty": np.zeros(n, np.bool_),
        "truncated": np.zeros(n, np.bool_),
        "tokens": np.full(n, np.nan),
        "characters": np.ones(n, np.int64),
        **columns,
    }
    given.setdefault("task", given["group"])
    given.setdefault("tasks", int(given["task"].max(initial=-1)) + 1)
    given.setdefault("groups", int(given["group"].max(initial=-1)) + 1)
    return Frame(**given)


@pytest.fixture
def frame_of() -> Callable[..., Frame]:
    return make_frame


def _codes(values: list[str]) -> tuple[np.ndarray[Any, Any], tuple[str, ...]]:
    known: dict[str, int] = {}
    return np.array([known.setdefault(v, len(known)) for v in values], np.int64), tuple(known)


@pytest.fixture(scope="session")
def shotgun_run(data_dir: Path) -> Callable[[str], Frame]:
    """Frames of the runs of ``trl_shotgun_run``, flags ``shotgun`` and ``short_shotgun`` (2 to 4 digits)."""
    folder = data_dir / "tra" / "trl_shotgun_run"
    if not folder.is_dir():
        pytest.skip("the data set trl_shotgun_run is absent")
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra 'train' is not installed")

    def load(name: str) -> Frame:
        import pyarrow as pa

        files = sorted((folder / name / "completions").glob("*.parquet"))
        table = pa.concat_tables([parquet.read_table(file) for file in files])
        (grader,) = [column for column in table.column_names if column.startswith("grader")]
        envs, names = _codes(table["env"].to_pylist())
        tasks, _ = _codes(table["task_id"].to_pylist())
        reward = table[grader].to_numpy()
        digits = np.array([sum(c.isdigit() for c in text) for text in table["completion"].to_pylist()])
        said, right = (table[column].to_pylist() for column in ("completion", "answer"))
        exact = np.array([a == b for a, b in zip(said, right, strict=True)], np.float64)
        flags = {"shotgun": digits >= 2, "short_shotgun": (digits >= 2) & (digits < 5)}
        return make_frame(
            step=table["step"].to_numpy(),
            env=envs,
            envs=names,
            task=tasks,
            reward=reward,
            rewards={grader: reward},
            advantage=table["advantage"].to_numpy(),
            flags=flags,
            scores={"exact": exact},
            scanned_by=dict.fromkeys(flags, "digits@1"),
        )

    return load
