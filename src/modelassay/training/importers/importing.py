"""The one way in: which framework left this, and everything it left, written as a run."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import msgspec

from modelassay.errors import DatasetError, UnknownNameError, UsageError
from modelassay.records import RunCoverage, RunMetrics
from modelassay.training.columns import pa
from modelassay.training.coverage_gate import WHOLE
from modelassay.training.importers.copies import Copies
from modelassay.training.importers.left_unread import left_unread, named, what_is_here
from modelassay.training.importers.opened import Framework, ImportOptions, Notes, OpenedRun, coverage_of
from modelassay.training.importers.tally import Tally
from modelassay.training.run import Run
from modelassay.training.unfinished import remove_abandoned
from modelassay.training.writing import RunWriter

FRAMEWORKS: dict[str, str] = {
    "trl": "TRL trainers (also Unsloth): completions/*.parquet, checkpoint-N/trainer_state.json",
    "verl": "verl: {step}.jsonl of rollouts and validation, FileLogger metrics",
    "openrlhf": "OpenRLHF: exported table of generated samples, captured reward calls",
    "nemo-rl": "NeMo-RL: train_data_step{N}.jsonl, val_data_step{N}.jsonl",
    "open-instruct": "open-instruct: {run}_rollouts_{shard}.jsonl, {run}_metadata.jsonl",
    "prime-rl": "prime-rl: rollouts/step_{N}/{train,eval}/{all,effective}/traces.jsonl, traces/stream",
    "verifiers": "verifiers: results.jsonl with metadata.json, traces.jsonl",
    "tinker": "Tinker cookbook: iteration_{N}/*_rollout_summaries.jsonl, logtrees, captures",
    "atropos": "Atropos: groups as lines of JSON",
    "inspect": "Inspect: logs, .eval or .json",
    "table": "any JSONL or Parquet, with a YAML map of its columns",
}
"""What can be imported, in the order in which a source is tried; one module each."""

MERGED_ROWS = 8192
MERGED_BYTES = 32 << 20


def detect(source: Path) -> str:
    """The framework that left `source`, told by its layout alone.

    Raises:
        DatasetError: there is nothing, or nothing that is known.
    """
    if not source.exists():
        raise DatasetError("there is nothing here", where=str(source))
    for name in FRAMEWORKS:
        if framework(name).recognises(source):
            return name
    here = what_is_here(source)
    raise DatasetError(
        f"no framework's layout is recognised here{f'; {here}' if here else ''}",
        where=str(source),
        mend="name it with --framework, or describe the columns of JSONL or Parquet with --map FILE",
    )


def framework(name: str) -> Framework:
    """The module of a framework.

    Raises:
        UnknownNameError: there is none of this name.
    """
    if name not in FRAMEWORKS:
        raise UnknownNameError("framework", name, FRAMEWORKS)
    module = importlib.import_module(f"modelassay.training.importers.{name.replace('-', '_')}")
    return cast(Framework, module)


def import_run(
    source: Path,
    folder: Path,
    *,
    name: str = "",
    framework: str = "",
    options: ImportOptions | None = None,
    progress: Callable[[int], None] = lambda rows: None,
) -> Run:
    """Take over the run at `source` as the run in `folder`, streaming.

    What an import that was killed left beside `folder` is removed.

    Args:
        source: what the framework left: its output folder, or a single file.
        folder: ``<store>/runs/<id>``; must not exist yet.
        name: for people; the folder's name when empty.
        framework: overrides detection.
        progress: told how many rollouts were read so far.

    Raises:
        DatasetError: nothing here can be read as this framework's.
        UnknownNameError: no such framework.
        UsageError: `folder` exists, or an option is wrong.
    """
    options = options or ImportOptions()
    chosen = framework or ("table" if options.mapping else detect(source))
    if chosen != "table" and options.mapping:
        raise UsageError("a map of columns is for tables", mend="leave out --map or --framework")
    module = _module(chosen)
    if not source.exists():
        raise DatasetError("there is nothing here", where=str(source))
    opened = module.open_run(source, options)
    manifest = msgspec.structs.replace(
        opened.manifest, id=folder.name, name=name or folder.name, origin="imported"
    )
    remove_abandoned(folder.parent)
    with RunWriter(folder, manifest) as writer:
        coverage = _write(opened, source, writer, progress)
        if not coverage.found:
            raise DatasetError(
                "not a single rollout could be read",
                where=str(source),
                mend=f"{coverage.quarantined:,} rows are malformed; is this really {chosen}?"
                if coverage.quarantined
                else "is logging of completions switched on?",
            )
    return Run(folder)


def _write(
    opened: OpenedRun, source: Path, writer: RunWriter, progress: Callable[[int], None]
) -> RunCoverage:
    notes, tally, copies = Notes(writer), Tally(), Copies()
    for batch in _merged(opened, writer, notes):
        tally.count(batch)
        copies.count(batch)
        writer.batch(batch)
        progress(writer.written)
    clock = ""
    for record in opened.records(notes):
        writer.record(record)
        if isinstance(record, RunMetrics) and record.time:
            if record.time < clock:
                notes.say("The clock of the metrics goes back from one step to the next.")
            clock = record.time
    repeats = copies.found()
    for statement in repeats.statements():
        notes.say(statement, grave=True)
    unread = left_unread(source, notes.opened)
    if unread:
        notes.say(
            f"Files that may hold rollouts were not read ({len(unread):,}): {named(source, unread)}.",
            grave=True,
        )
    coverage = coverage_of(tally, notes, opened.coverage(tally, notes))
    coverage = msgspec.structs.replace(coverage, duplicated=coverage.duplicated + repeats.rollouts)
    if unread:
        coverage = _without_claim(coverage, len(unread))
    writer.coverage(coverage)
    return coverage


def _without_claim(coverage: RunCoverage, unread: int) -> RunCoverage:
    """`coverage` of a source that holds files which were not read: it cannot be called whole."""
    if coverage.expected_train is not None and coverage.found_train < WHOLE * coverage.expected_train:
        return coverage
    return msgspec.structs.replace(
        coverage,
        expected_train=None,
        basis=f"files of the source that may hold rollouts were not read ({unread:,}), so how many rollouts "
        f"there were cannot be said",
    )


def _merged(opened: OpenedRun, writer: RunWriter, notes: Notes) -> Iterator[pa.RecordBatch]:
    """Batches of a useful size, however small the pieces are in which a framework leaves them."""
    held: list[pa.RecordBatch] = []
    rows = size = 0
    for piece in opened.rollouts(notes):
        batch = writer.shaped(piece.columns, piece.count)
        held.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= MERGED_ROWS or size >= MERGED_BYTES:
            yield _joined(held)
            held, rows, size = [], 0, 0
    if held:
        yield _joined(held)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


_module = framework
