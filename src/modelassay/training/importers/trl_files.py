"""TRL's Parquet files of completions, as one batch of generation after another."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modelassay.errors import DatasetError
from modelassay.training.columns import pa
from modelassay.training.importers.opened import Notes
from modelassay.training.importers.rows import twice_named

FIXED_COLUMNS = frozenset(("step", "prompt", "completion", "advantage"))
READ_ROWS = 8192
_TEXT = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_null,
)
_TYPES = {
    "step": (pa.types.is_integer,),
    "prompt": _TEXT,
    "completion": _TEXT,
    "advantage": (pa.types.is_floating, pa.types.is_integer, pa.types.is_null),
}
"""What a column of completions can hold."""
_NUMBER = re.compile(r"completions_(\d+)\.parquet")


@dataclass(frozen=True)
class Piece:
    """The rows of one step, as one file holds them."""

    step: int
    table: pa.Table
    where: str


def pieces(
    files: Sequence[Path], notes: Notes | None, columns: Sequence[str] | None = None
) -> Iterator[Piece]:
    """Every step of every file, in order; a file that cannot be read is quarantined.

    Args:
        files: ``completions_NNNNN.parquet`` of one step each, and files of many steps.
        notes: None while only surveying: then unreadable files are passed over.
        columns: read these alone, where they are there; all when None.
    """
    import pyarrow.parquet as parquet

    for path in files:
        match = _NUMBER.fullmatch(path.name)
        if notes is not None:
            notes.read(path)
        try:
            with parquet.ParquetFile(path) as file:
                names = file.schema_arrow.names
                _check(file.schema_arrow, path)
                chosen = None if columns is None else [n for n in ("step", *columns) if n in names]
                if match:
                    # One thread: files of a batch each are too small to share out.
                    table = _decoded(file.read(columns=chosen, use_threads=False))
                    yield from _single(table, int(match.group(1)), path, notes)
                else:
                    batches = file.iter_batches(batch_size=READ_ROWS, columns=chosen)
                    yield from _many((_decoded(pa.Table.from_batches([each])) for each in batches), path)
        except (pa.ArrowException, ValueError, OSError, KeyError, DatasetError) as error:
            if notes is not None:
                reason = error.what if isinstance(error, DatasetError) else str(error)
                notes.quarantine(path.name, f"not a readable file of completions: {reason}", _head(path))
                if match:
                    notes.missing.add(int(match.group(1)))


def numbered_step(path: Path) -> int | None:
    """The step that the name of a file tells; None where it holds many."""
    match = _NUMBER.fullmatch(path.name)
    return int(match.group(1)) if match else None


def reward_columns(files: Sequence[Path], logged: Sequence[str]) -> tuple[str, ...]:
    """Names of the reward functions: those that are logged, else the numbers that follow the completion.

    TRL writes step, prompt, completion, rewards, further columns, advantage, in this order.
    """
    import pyarrow.parquet as parquet

    found: dict[str, None] = {}
    for path in dict.fromkeys((files[0], files[len(files) // 2], files[-1])):
        try:
            schema = parquet.read_schema(path)
        except (pa.ArrowInvalid, OSError):
            continue
        for field in schema:
            if field.name in FIXED_COLUMNS:
                continue
            if not (field.name in logged if logged else pa.types.is_floating(_plain(field.type))):
                break
            found.setdefault(field.name)
    return tuple({**found, **dict.fromkeys(logged)})


def _single(table: pa.Table, number: int, path: Path, notes: Notes | None) -> Iterator[Piece]:
    if not table.num_rows:
        return
    if "step" in table.column_names and notes is not None:
        told = set(np.unique(table.column("step").to_numpy()).tolist())
        if told != {number}:
            notes.say("Files say of their rows that they are of other steps; the names were believed.")
    yield Piece(number, table, path.name)


def _many(batches: Iterator[pa.Table], path: Path) -> Iterator[Piece]:
    """Runs of equal steps; a run may reach over several batches."""
    held: list[pa.Table] = []
    step = None
    for batch in batches:
        steps = batch.column("step").to_numpy()
        starts = [0, *(np.flatnonzero(np.diff(steps)) + 1).tolist(), len(steps)]
        for start, end in itertools.pairwise(starts):
            if start == end:
                continue
            if step is not None and steps[start] != step:
                yield Piece(step, pa.concat_tables(held), path.name)
                held = []
            step = int(steps[start])
            held.append(batch.slice(start, end - start))
    if held and step is not None:
        yield Piece(step, pa.concat_tables(held), path.name)


def _check(schema: pa.Schema, path: Path) -> None:
    needed = ["prompt", "completion"] if _NUMBER.fullmatch(path.name) else ["step", "prompt", "completion"]
    lacking = [name for name in needed if name not in schema.names]
    if lacking:
        raise DatasetError(f"no column {', '.join(lacking)}", where=path.name)
    twice = twice_named(schema.names)
    if twice:
        raise DatasetError(f"several columns are named {', '.join(twice)}", where=path.name)
    for name in ("step", "prompt", "completion", "advantage"):
        if name in schema.names and not any(fits(_plain(schema.field(name).type)) for fits in _TYPES[name]):
            raise DatasetError(f"column {name} holds {schema.field(name).type}", where=path.name)


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type of the values of a column, which may stand in a dictionary."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _decoded(table: pa.Table) -> pa.Table:
    """`table` with the values themselves where a column refers to a dictionary."""
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            values = table.column(place).cast(field.type.value_type)
            table = table.set_column(place, field.with_type(field.type.value_type), values)
    return table


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError:
        return b""
