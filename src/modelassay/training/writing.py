"""A run, written: parts that are whole or not there, and lines that are appended.

Importers write with it, and whoever makes a run in a test. The live recorder has its own writer, which must
never wait; both leave the same folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from modelassay.errors import StoreError
from modelassay.records import (
    RunCheckpoint,
    RunCoverage,
    RunDataset,
    RunEvent,
    RunManifest,
    RunMetrics,
)
from modelassay.training.columns import pa, rollout_schema
from modelassay.training.unfinished import Unfinished, already_kept

PART_ROWS = 131_072
"""Rows of a part: a few hundred MB of text at most."""
_FILES: dict[type, str] = {
    RunMetrics: "metrics.jsonl",
    RunEvent: "events.jsonl",
    RunCheckpoint: "checkpoints.jsonl",
    RunDataset: "datasets.jsonl",
}


class RunWriter:
    """Writes one run; a context manager. The folder appears when all is written, and never after an error.

    Args:
        folder: ``<store>/runs/<id>``; must not exist.
        manifest: what the run is; its rewards decide the columns.

    Raises:
        UsageError: the folder exists.
        StoreError: the disk is full or cannot be written.
    """

    def __init__(self, folder: Path, manifest: RunManifest) -> None:
        if folder.exists():
            raise already_kept(folder)
        self.folder = folder
        self._unfinished = Unfinished(folder)
        self._work = self._unfinished.path
        self.schema = rollout_schema([reward.name for reward in manifest.rewards])
        self._part = 0
        self._rows = 0
        self._sink: Any = None
        self.written = 0
        self._save("run.json", manifest)

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_part()
        if kind is None:
            self._unfinished.finish()
        else:
            self._unfinished.discard()

    def rollouts(self, columns: Mapping[str, Sequence[Any] | pa.Array], rows: int) -> None:
        """Append `rows` rollouts given by column; a column left out is null, or empty text.

        `seq` need not be given. Arrays must have `rows` values each.
        """
        self.batch(self.shaped(columns, rows))

    def shaped(self, columns: Mapping[str, Sequence[Any] | pa.Array], rows: int) -> pa.RecordBatch:
        """`columns` with the run's schema, as `rollouts` takes them."""
        return shaped(columns, rows, self.schema)

    def batch(self, batch: pa.RecordBatch) -> None:
        """Append rollouts that already have the run's schema."""
        import pyarrow.parquet as parquet

        if self._sink is None or self._rows + batch.num_rows > PART_ROWS:
            self._close_part()
            path = self._work / "rollouts" / f"00000-{self._part:06d}.parquet"
            self._sink = parquet.ParquetWriter(path, self.schema, compression="zstd", compression_level=1)
            self._part, self._rows = self._part + 1, 0
        try:
            self._sink.write_batch(batch)
        except OSError as error:
            raise StoreError(f"rollouts cannot be written: {error}", where=str(self.folder)) from error
        self._rows += batch.num_rows
        self.written += batch.num_rows

    def record(self, record: RunMetrics | RunEvent | RunCheckpoint | RunDataset) -> None:
        """Append a line to the file of its kind."""
        self._append(_FILES[type(record)], record)

    def quarantine(self, where: str, reason: str, row: bytes | str) -> None:
        """Keep a row that could not be read (its first 4,096 characters), and why."""
        text = row.decode("utf-8", "backslashreplace") if isinstance(row, bytes) else row
        self._append("quarantine.jsonl", {"where": where, "reason": reason, "row": text[:4096]})

    def coverage(self, coverage: RunCoverage) -> None:
        """Write the coverage statement."""
        self._save("coverage.json", coverage)

    def _close_part(self) -> None:
        if self._sink is not None:
            self._sink.close()
            self._sink = None

    def _append(self, name: str, record: Any) -> None:
        with (self._work / name).open("ab") as file:
            file.write(msgspec.json.encode(record) + b"\n")

    def _save(self, name: str, record: Any) -> None:
        (self._work / name).write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")


def shaped(columns: Mapping[str, Sequence[Any] | pa.Array], rows: int, schema: pa.Schema) -> pa.RecordBatch:
    """`rows` rollouts given by column, with the columns of `schema`; one left out is null, or empty text."""
    arrays = [_filled(columns.get(field.name), field, rows) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _filled(values: Sequence[Any] | pa.Array | None, field: pa.Field, rows: int) -> pa.Array:
    if values is None:
        if field.nullable:
            return pa.nulls(rows, field.type)
        empty: Any = "" if pa.types.is_string(field.type) or pa.types.is_large_string(field.type) else 0
        return pa.repeat(pa.scalar(empty, field.type), rows)
    return values.cast(field.type) if isinstance(values, pa.Array) else pa.array(values, field.type)
