"""A training run on disk, opened for reading.

::

    runs/<id>/
      run.json                     the manifest
      rollouts/RRRRR-NNNNNN.parquet  rollouts, one file stream per rank; RRRRR the rank, NNNNNN its part
      rollouts/RRRRR-NNNNNN.arrows   a part that its writer never finished: an Arrow IPC stream, read to its
                                   last whole batch
      metrics*.jsonl events*.jsonl checkpoints*.jsonl datasets*.jsonl   one file per writing rank
      quarantine.jsonl             rows that could not be read, with the reason
      coverage.json                how much of what was generated is here

Rollouts are always streamed. `seq` is given on reading, in the order of file names and rows, so that parts
written by several ranks have dense numbers without talking to each other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from modelassay.errors import EvidenceError, UsageError
from modelassay.records import RunCheckpoint, RunCoverage, RunDataset, RunEvent, RunManifest, RunMetrics
from modelassay.training.columns import pa, reward_names, rollout_schema
from modelassay.training.event_times import in_order

Record = TypeVar("Record", RunMetrics, RunEvent, RunCheckpoint, RunDataset)

BATCH_ROWS = 8192
"""Rows of a batch, unless asked otherwise: some 16 MB of 2 kB rollouts."""


@dataclass(frozen=True)
class TornPart:
    """A file whose end is missing, as a killed writer leaves it."""

    file: str
    read: int
    """Rows or lines read before the tear."""
    what: str


class Run:
    """A run, opened; nothing but the manifest is kept in memory.

    Args:
        folder: the run's folder.

    Raises:
        UsageError: there is no run.
        EvidenceError: its manifest cannot be read.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        path = self.folder / "run.json"
        if not path.is_file():
            raise UsageError(
                "no training run is kept here", where=str(folder), mend="name a folder that holds run.json"
            )
        try:
            self.manifest = msgspec.json.decode(path.read_bytes(), type=RunManifest)
        except msgspec.DecodeError as error:
            raise EvidenceError(f"the manifest cannot be read: {error}", where=str(path)) from error
        self.torn: list[TornPart] = []
        """Torn ends met so far while reading."""
        self.unread: dict[str, str] = {}
        """Why a line met so far could not be read, or not all of it, by its place (``metrics.jsonl:7``)."""

    @property
    def parts(self) -> tuple[Path, ...]:
        """Files of rollouts, in the order in which rollouts are numbered."""
        found = {p.stem: p for p in (self.folder / "rollouts").glob("*-*.arrows")}
        # Of a part that its writer was just sealing both are there; the Parquet file is whole.
        found |= {p.stem: p for p in (self.folder / "rollouts").glob("*-*.parquet")}
        return tuple(found[stem] for stem in sorted(found))

    def batches(
        self, columns: Sequence[str] | None = None, rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Every rollout once, with `seq`; other columns only those asked for, all when None.

        Every batch has the same columns, in the order of `columns` or of the run's schema.

        Raises:
            EvidenceError: a part is not what its name says, or lacks a column that every run has.
        """
        schema = rollout_schema([reward.name for reward in self.manifest.rewards])
        names = list(columns) if columns is not None else schema.names
        seq = 0
        for part in self.parts:
            for batch in self._part(part, rows):
                yield _shaped(batch, names, schema, seq, part)
                seq += batch.num_rows

    def in_part(self, part: Path, rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Rollouts as they stand in one of `parts`.

        Raises:
            EvidenceError: it is not what its name says.
        """
        return self._part(part, rows)

    def metrics(self) -> Iterator[RunMetrics]:
        """What the trainer logged, file by file; a value that is no finite number is left out (`unread`)."""
        return self._lines("metrics", RunMetrics, finite_metrics)

    def events(self) -> tuple[RunEvent, ...]:
        """What happened, in the order of time and, within a moment, of writing (`event_times.in_order`).

        Raises:
            EvidenceError: a line is no event. None is left out: it may be the alarm that matters.
        """
        return in_order(self._lines("events", RunEvent))

    def checkpoints(self) -> tuple[RunCheckpoint, ...]:
        """Checkpoints by step; lines that are none are left out (`unread`)."""
        return tuple(sorted(self._lines("checkpoints", RunCheckpoint), key=lambda c: (c.step, c.name)))

    def datasets(self) -> tuple[RunDataset, ...]:
        """Data that the run was given; what several processes say alike is there once.

        Lines that say something else are left out (`unread`).
        """
        return tuple(dict.fromkeys(self._lines("datasets", RunDataset)))

    def coverage(self) -> RunCoverage | None:
        """The coverage statement; None when none was written."""
        path = self.folder / "coverage.json"
        if not path.is_file():
            return None
        try:
            return msgspec.json.decode(path.read_bytes(), type=RunCoverage)
        except msgspec.DecodeError as error:
            raise EvidenceError(f"the coverage cannot be read: {error}", where=str(path)) from error

    def _part(self, part: Path, rows: int) -> Iterator[pa.RecordBatch]:
        import pyarrow.parquet as parquet

        if part.suffix == ".arrows":
            yield from self._stream(part)
            return
        try:
            with parquet.ParquetFile(part) as file:
                yield from file.iter_batches(batch_size=rows)
        except (pa.ArrowInvalid, OSError) as error:
            raise EvidenceError(f"not a readable Parquet file: {error}", where=str(part)) from error

    def _stream(self, part: Path) -> Iterator[pa.RecordBatch]:
        read = 0
        try:
            with pa.OSFile(str(part)) as source, pa.ipc.open_stream(source) as stream:
                for batch in stream:
                    yield batch
                    read += batch.num_rows
        except (pa.ArrowInvalid, OSError) as error:
            self.torn.append(TornPart(part.name, read, str(error)))

    def _lines(
        self,
        stem: str,
        kind: type[Record],
        mended: Callable[[bytes], tuple[Record, list[str]] | None] = lambda line: None,
    ) -> Iterator[Record]:
        decoder = msgspec.json.Decoder(kind)
        for path in sorted(self.folder.glob(f"{stem}*.jsonl")):
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    try:
                        yield decoder.decode(line)
                    except msgspec.DecodeError as error:
                        place, found = f"{path.name}:{number}", mended(line)
                        if found is not None:
                            self.unread[place] = f"no finite numbers: {', '.join(found[1])}"
                            yield found[0]
                        elif not line.endswith(b"\n"):
                            self.torn.append(TornPart(path.name, number - 1, "the last line is cut off"))
                        elif kind is RunEvent:
                            raise EvidenceError(str(error), where=f"{path}:{number}") from error
                        else:
                            self.unread[place] = str(error)


def finite_metrics(line: bytes) -> tuple[RunMetrics, list[str]] | None:
    """A line of metrics without the values that are no finite numbers, and their names.

    Writers put null, NaN or Infinity where a gradient overflowed; the rest of the step is as good as ever.
    None where the line is no object, or does not name its step.
    """
    try:
        row = json.loads(line)
        values = row["values"] if isinstance(row.get("values"), dict) else {"values": None}
        kept = {name: value for name, value in values.items() if _finite(value)}
        "".join(values).encode()  # names as UTF-8 can hold them
        metrics = msgspec.convert({**row, "values": kept}, RunMetrics)
    except (ValueError, AttributeError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    return metrics, sorted(values.keys() - kept.keys())


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def _shaped(
    batch: pa.RecordBatch, names: list[str], schema: pa.Schema, first: int, part: Path
) -> pa.RecordBatch:
    """`batch` with the columns `names`, numbered from `first`; a reward that it lacks is null."""
    present = set(batch.schema.names)
    arrays = []
    for name in names:
        if name == "seq":
            arrays.append(pa.array(range(first, first + batch.num_rows), pa.int64()))
        elif name in present:
            arrays.append(batch.column(name).cast(schema.field(name).type))
        elif name in reward_names(schema) or (name in schema.names and schema.field(name).nullable):
            arrays.append(pa.nulls(batch.num_rows, schema.field(name).type))
        else:
            raise EvidenceError(f"rollouts have no column {name!r}", where=str(part))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema([schema.field(name) for name in names]))
