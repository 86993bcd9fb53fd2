"""Rows of a TRL table as canonical columns, without a loop over rows where text stands in plain columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from modelassay.records import RunPhase
from modelassay.training.columns import REWARD_PREFIX, pa
from modelassay.training.importers.opened import Rows
from modelassay.training.importers.rows import json_text, name_of, task_of
from modelassay.training.importers.trl_files import FIXED_COLUMNS

ENVIRONMENT = ("env", "environment", "env_id", "env_name", "data_source")
TASK = ("task_id", "task", "example_id", "problem_id")


class TrlColumns:
    """Turns tables into rows.

    Args:
        names: reward functions.
        weights: of each; a total is given only when all are known.
        unscored: total of a rollout that no function scored.
    """

    def __init__(
        self, names: Sequence[str], weights: Sequence[float | None], unscored: float = math.nan
    ) -> None:
        self._names = tuple(names)
        self._unscored = unscored
        self._weights = None if None in weights else [w for w in weights if w is not None]

    def rows(
        self, table: pa.Table, step: int, phase: RunPhase, group_size: int | None, *, time: int = 0
    ) -> Rows:
        """`table`, all of one step and phase; groups are `group_size` consecutive rows, or equal prompts.

        Args:
            time: how often the step occurred before, as after a resume: its groups are others.
        """
        count = table.num_rows
        prompts, formats = text_column(table.column("prompt"))
        completions, other = text_column(table.column("completion"))
        known = set(table.column_names) - FIXED_COLUMNS - set(self._names)
        env = next((name for name in ENVIRONMENT if name in known), None)
        task = next((name for name in TASK if name in known), None)
        starts = _group_starts(prompts, group_size)
        number = np.repeat(np.arange(len(starts)), np.diff([*starts, count]))
        mark = ("e" if phase == "eval" else "") + (f"r{time}" if time else "")
        names = pa.array([f"{step}{mark}.{each}" for each in range(len(starts))], pa.string())
        columns = {
            "step": np.full(count, step, np.int64),
            "phase": pa.repeat(phase, count),
            "prompt": prompts,
            "completion": completions,
            "format": pa.repeat("messages" if "messages" in (formats, other) else "text", count),
            "task": _names(table.column(task)) if task else _tasks(prompts),
            "group": names.take(pa.array(number)),
            "position": (np.arange(count) - np.asarray(starts)[number]).astype(np.int32),
            "extra": _extra(table, sorted(known - {env, task})),
        }
        if env:
            columns["env"] = _names(table.column(env))
        if phase == "train":
            columns["trained_on"] = pa.repeat(True, count)
        if "advantage" in table.column_names:
            columns["advantage"] = _nullable(numbers(table, "advantage"))
        for name in self._names:
            columns[REWARD_PREFIX + name] = _nullable(numbers(table, name))
        columns["reward"] = _nullable(self.total(table))
        return Rows({n: v if isinstance(v, pa.Array) else pa.array(v) for n, v in columns.items()}, count)

    def total(self, table: pa.Table) -> NDArray[np.float64]:
        """The total reward of each row; `unscored` where no function scored it, NaN if weights are not known.

        TRL: a weighted sum over the functions that scored (``nansum``).
        """
        if self._weights is None or not self._names:
            return np.full(table.num_rows, math.nan)
        parts = np.stack([numbers(table, name) for name in self._names])
        total = np.nansum(parts * np.array(self._weights)[:, None], axis=0)
        return np.where(np.isnan(parts).all(axis=0), self._unscored, total)


def prompts_of(table: pa.Table) -> pa.Array:
    """The prompts of a table as text."""
    return text_column(table.column("prompt"))[0]


def text_column(column: pa.ChunkedArray) -> tuple[pa.Array, str]:
    """A column of text, or of lists of messages as JSON; and which of the two."""
    import pyarrow.compute as compute

    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        text = column.cast(pa.large_string()).combine_chunks()
        text = text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text
        return (compute.fill_null(text, "") if text.null_count else text), "text"
    return pa.array([json_text(_without_nulls(v)) for v in column.to_pylist()], pa.large_string()), "messages"


def _without_nulls(messages: object) -> object:
    """Messages without the empty fields that Parquet adds to make them alike."""
    if isinstance(messages, list):
        return [_without_nulls(each) for each in messages]
    if isinstance(messages, dict):
        return {key: _without_nulls(value) for key, value in messages.items() if value is not None}
    return messages


def _group_starts(prompts: pa.Array, size: int | None) -> list[int]:
    """Where groups begin; a batch that is no multiple of the size, as when rows are gone, goes by prompts."""
    if size and len(prompts) % size == 0:
        return list(range(0, len(prompts), size))
    codes = prompts.dictionary_encode().indices.to_numpy()
    ends = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    return [
        start for first, last in pairwise(ends) for start in range(first, last, size or max(last - first, 1))
    ]


def _tasks(prompts: pa.Array) -> pa.Array:
    encoded = prompts.dictionary_encode()
    names = pa.array([task_of(text) for text in encoded.dictionary.to_pylist()], pa.string())
    return names.take(encoded.indices)


def _names(column: pa.ChunkedArray) -> pa.Array:
    import pyarrow.compute as compute

    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        return pa.array([name_of(value) for value in column.to_pylist()], pa.string())
    text = compute.fill_null(column.cast(pa.string()), "").combine_chunks()
    return text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text


def _extra(table: pa.Table, names: Sequence[str]) -> pa.Array:
    if not names:
        return pa.repeat(pa.scalar("", pa.large_string()), table.num_rows)
    return pa.array([json_text(row) for row in table.select(list(names)).to_pylist()], pa.large_string())


def numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    """A column of numbers, NaN where there is none; likewise one that the table lacks."""
    kind = table.schema.field(name).type if name in table.column_names else pa.null()
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        return np.full(table.num_rows, math.nan)
    values = table.column(name).cast(pa.float64()).to_numpy()
    return np.where(np.isfinite(values), values, math.nan)


def _nullable(values: NDArray[np.float64]) -> pa.Array:
    return pa.array(values, pa.float64(), from_pandas=True)
