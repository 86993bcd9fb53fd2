"""Parts of rollouts taken out of a run: what stands for them is made first, then the files are written anew.

A text is not taken out while a part that stays tells it (`training.protocol.withholding`): that part must go
as well. Names of tasks and groups are figures and stay; where a task is named by its prompt that is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelassay.errors import StoreError, UsageError
from modelassay.log.durable import DRAFT, sync_path
from modelassay.records import StepRecord
from modelassay.training.columns import pa
from modelassay.training.protocol.absent import (
    REMOVABLE,
    Absent,
    AbsentParts,
    Missing,
    Removable,
    Why,
    read_absent,
)
from modelassay.training.protocol.commitment import leaves_of, rollout_hash, salts_of, step_root
from modelassay.training.protocol.parts import (
    LAYOUT,
    PARTS,
    Contents,
    Layout,
    StepKey,
    contents,
    extra_without,
)
from modelassay.training.protocol.withholding import told_elsewhere
from modelassay.training.run import Run

Chosen = Callable[[pa.RecordBatch], NDArray[np.bool_]]
"""Which rollouts of a batch, which has all columns of the run, are meant."""


@dataclass
class _Gone:
    """What is taken out of one step and part."""

    ordinals: list[int] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)
    characters: list[int] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Removal:
    """Parts to be taken out of a run, and what stands for them."""

    parts: tuple[Removable, ...]
    seqs: NDArray[np.int64]
    """Numbers of the rollouts that are meant, in order."""
    absent: Absent
    """Of the run, when it is done."""
    rollouts: int
    """How many lose a part that is still there."""
    named: int
    """How many of them have a name of task or group that tells a text which is taken out."""
    layouts: Mapping[StepKey, Layout]


def plan_removal(
    run: Run,
    secret: bytes,
    records: Mapping[StepKey, StepRecord],
    chosen: Chosen,
    parts: Collection[Removable],
    why: Why,
) -> Removal:
    """What stands for `parts` of the chosen rollouts of `run`; nothing is changed.

    Args:
        records: what the run is committed to, or its steps as far as they were.

    Raises:
        StoreError: a step that is concerned is not what it is committed to.
        UsageError: no rollout is meant, or a part that stays tells what is taken out.
    """
    reading = _Reading(run, secret, records, tuple(part for part in REMOVABLE if part in parts), why)
    for batch in run.batches():
        reading.see(batch, chosen(batch))
    return reading.found()


class _Reading:
    """What was read of a run so far."""

    def __init__(
        self,
        run: Run,
        secret: bytes,
        records: Mapping[StepKey, StepRecord],
        parts: tuple[Removable, ...],
        why: Why,
    ) -> None:
        self._run, self._secret, self._records, self._parts, self._why = run, secret, records, parts, why
        self._absent = read_absent(run.folder)
        self._layouts = {**self._absent.layouts(), **{key: each.layout for key, each in records.items()}}
        self._rows: dict[StepKey, bytearray] = {}
        self._gone: dict[tuple[StepKey, Removable], _Gone] = {}
        self._seqs: list[NDArray[np.int64]] = []
        self._rollouts = self._named = 0

    def see(self, batch: pa.RecordBatch, chosen: NDArray[np.bool_]) -> None:
        """Read one batch."""
        self._seqs.append(batch.column("seq").to_numpy()[chosen])
        forms = batch.column("format").to_pylist()
        lengths = {name: _lengths(batch, name) for name in ("prompt", "completion")}
        for at, (key, parts) in enumerate(contents(batch, self._layout_of)):
            row = self._rows.setdefault(key, bytearray())
            ordinal = len(row) // 32
            missing = self._absent.of(key, ordinal)
            leaves = leaves_of(salts_of(self._secret, self._run.manifest.id, key, ordinal), parts, missing)
            row += rollout_hash(leaves)
            if not chosen[at]:
                continue
            self._check(key, ordinal, parts, missing)
            for part in self._parts:
                if part not in missing:
                    gone = self._gone.setdefault((key, part), _Gone())
                    gone.ordinals.append(ordinal)
                    gone.leaves.append(leaves[PARTS.index(part)])
                    gone.characters += [int(lengths[part][at])] if part in lengths else []
                    gone.formats += [forms[at]] if part == "completion" else []
            self._rollouts += any(part not in missing for part in self._parts)

    def _layout_of(self, key: StepKey) -> Layout:
        return self._layouts.get(key, LAYOUT)

    def _check(self, key: StepKey, ordinal: int, parts: Contents, missing: Mapping[str, Missing]) -> None:
        """Refuse what would stay readable in another part; count where a name tells it."""
        taken = {part for part in self._parts if part not in missing}
        closed = {*self._parts, *missing}
        told = told_elsewhere(parts, self._layout_of(key), taken, {*closed, "figures"})
        if told is not None:
            raise UsageError(
                f"the {told.text} would stay readable: {told.where}, in the part {told.part}, tells it",
                where=f"{key.phase} step {key.step} rank {key.rank} rollout {ordinal}",
                mend=f"name the part {told.part} too",
            )
        self._named += told_elsewhere(parts, self._layout_of(key), taken, closed) is not None

    def found(self) -> Removal:
        """All of it."""
        seqs = np.concatenate(self._seqs) if self._seqs else np.empty(0, np.int64)
        if not len(seqs):
            raise UsageError(
                "no rollout of the run is meant, so nothing was taken out",
                where=str(self._run.folder),
                mend="name rollouts, tasks or groups as the run has them, or a text as it is written there",
            )
        for key in {key for key, _ in self._gone}:
            if key in self._records and step_root(bytes(self._rows[key])) != self._records[key].root:
                raise StoreError(
                    f"the rollouts of {key.phase} step {key.step} are not those that the run is committed to",
                    where=str(self._run.folder),
                    mend="restore the run from a copy",
                )
        lines = [self._line(key, part, gone) for (key, part), gone in self._gone.items()]
        return Removal(
            self._parts,
            seqs,
            Absent((*self._absent.lines, *lines)),
            self._rollouts,
            self._named,
            self._layouts,
        )

    def _line(self, key: StepKey, part: Removable, gone: _Gone) -> AbsentParts:
        return AbsentParts(
            phase=key.phase,
            step=key.step,
            rank=key.rank,
            layout=self._layout_of(key),
            part=part,
            why=self._why,
            ordinals=tuple(gone.ordinals),
            leaves=b"".join(gone.leaves).hex(),
            characters=tuple(gone.characters),
            formats=tuple(gone.formats),
        )


def write_without(run: Run, removal: Removal, folder: Path, *, whole: bool) -> None:
    """Write the files of rollouts without what is taken out into `folder`, each at once or not at all.

    Args:
        folder: ``rollouts/`` of the run itself, whose files are replaced, or of a copy.
        whole: also files in which nothing is taken out, as a copy needs them.

    Raises:
        OSError: the disk is full.
    """
    first = 0
    for part in run.parts:
        rows = sum(batch.num_rows for batch in run.in_part(part))
        here = removal.seqs[(removal.seqs >= first) & (removal.seqs < first + rows)] - first
        if len(here) or whole:
            _write_part(run, part, removal, here, folder / f"{part.stem}.parquet")
            if part.suffix == ".arrows" and part.parent.resolve() == folder.resolve():
                part.unlink()
        first += rows
    sync_path(folder)


def _write_part(run: Run, part: Path, removal: Removal, here: NDArray[np.int64], to: Path) -> None:
    import pyarrow.parquet as parquet

    draft = to.with_name(to.name + DRAFT)
    sink, first = None, 0
    try:
        for batch in run.in_part(part):
            if sink is None:
                sink = parquet.ParquetWriter(draft, batch.schema, compression="zstd", compression_level=1)
            rows = here[(here >= first) & (here < first + batch.num_rows)] - first
            sink.write_batch(_without(batch, rows.tolist(), removal) if len(rows) else batch)
            first += batch.num_rows
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    finally:
        if sink is not None:
            sink.close()
    if sink is not None:  # a part of which not one batch was kept has no rollouts
        sync_path(draft)
        draft.replace(to)


def _without(batch: pa.RecordBatch, rows: Sequence[int], removal: Removal) -> pa.RecordBatch:
    """`batch` without the parts of `rows` that are taken out."""
    parts = removal.parts
    for part in parts:
        if part == "grader":
            batch = _put(batch, rows, "grader_input", None)
            batch = _put(batch, rows, "grader_output", None)
        else:
            batch = _put(batch, rows, part, "")
    if "completion" in parts:
        batch = _put(batch, rows, "format", "absent")
    index = batch.schema.get_field_index("extra")
    extras = batch.column(index).to_pylist()
    keys = zip(*(batch.column(name).to_pylist() for name in ("phase", "step", "rank")), strict=True)
    layouts = [removal.layouts.get(StepKey(*key), LAYOUT) for key in keys]
    for row in rows:
        extras[row] = extra_without(extras[row], parts, layouts[row])
    field_of = batch.schema.field(index)
    return batch.set_column(index, field_of, pa.array(extras, field_of.type))


def _put(batch: pa.RecordBatch, rows: Sequence[int], name: str, value: str | None) -> pa.RecordBatch:
    """`batch` with `value` in `rows` of a column; one that it lacks stays away."""
    index = batch.schema.get_field_index(name)
    if index < 0:
        return batch
    values = batch.column(index).to_pylist()
    for row in rows:
        values[row] = value
    kind = batch.schema.field(index)
    return batch.set_column(index, kind, pa.array(values, kind.type))


def _lengths(batch: pa.RecordBatch, name: str) -> NDArray[np.int64]:
    import pyarrow.compute as compute

    return np.asarray(compute.utf8_length(batch.column(name)).to_numpy(zero_copy_only=False), np.int64)
