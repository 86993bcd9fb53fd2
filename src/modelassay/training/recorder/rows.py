"""Rollouts as the training thread gives them, made into a batch of the run's columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from modelassay.training.columns import REWARD_PREFIX, pa
from modelassay.training.importers.rows import task_of
from modelassay.training.recorder.items import Rollouts, with_extra


def merged(items: Sequence[Rollouts]) -> Rollouts:
    """All of `items` as one; what some of them lack is None."""
    items = [Rollouts(i.count, with_extra(i.count, i.columns, i.more)) if i.more else i for i in items]
    if len(items) == 1:
        return items[0]
    names = dict.fromkeys(name for item in items for name in item.columns)
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for item in items:
        for name, values in columns.items():
            values += item.columns.get(name) or [None] * item.count
    return Rollouts(sum(item.count for item in items), columns)


def reward_columns(columns: Iterable[str]) -> tuple[str, ...]:
    """Names of the reward functions among `columns`."""
    return tuple(c.removeprefix(REWARD_PREFIX) for c in columns if c.startswith(REWARD_PREFIX))


def to_batch(rollouts: Rollouts, schema: pa.Schema, process: int) -> pa.RecordBatch:
    """One batch with `schema`; scores of reward functions that it does not know go into `extra`.

    Raises:
        ValueError, TypeError: a value has no place in its column (Arrow's errors are among them).
    """
    count, given = rollouts.count, rollouts.columns
    unknown = {name: given[name] for name in given if name not in schema.names}
    if unknown:
        given = {**given, "extra": _with(given.get("extra") or [None] * count, unknown)}
    arrays = []
    for field in schema:
        if field.name in ("seq", "rank"):
            arrays.append(pa.repeat(pa.scalar(process if field.name == "rank" else 0, field.type), count))
        else:
            arrays.append(_array(given.get(field.name), field, given, count))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


_DEFAULTS: dict[str, Any] = {"phase": "train", "format": "text", "position": 0, "step": 0}


def _array(values: list[Any] | None, field: pa.Field, given: Mapping[str, list[Any]], count: int) -> pa.Array:
    if values is None:
        values = [None] * count
    if field.name == "task":
        values = [t or task_of(p or "") for t, p in zip(values, given["prompt"], strict=True)]
    if pa.types.is_floating(field.type):
        values = [None if v is None or not math.isfinite(v) else float(v) for v in values]
    elif not field.nullable:
        default = _DEFAULTS.get(field.name, "")
        values = [default if v is None else v for v in values]
    return pa.array(values, field.type)


def _with(extras: list[str | None], unknown: Mapping[str, list[Any]]) -> list[str]:
    found = []
    for row, extra in enumerate(extras):
        more = {name: values[row] for name, values in unknown.items() if values[row] is not None}
        whole = {**(msgspec.json.decode(extra) if extra else {}), **more}
        found.append(msgspec.json.encode(whole, order="deterministic").decode() if whole else "")
    return found
