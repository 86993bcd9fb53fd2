"""The developer's side of the protocol: a run committed to in the store's log, and challenges answered.

Beside the run's folder (which may be shown, in parts or whole) stands what proves it::

    runs/<id>/commitments/
      steps.jsonl            step records, in their chain
      committed.json         `records.CommittedRun`; its digest is what a challenge names
      closed.json            the log entry that says so; closed.tlog-proof proves it, once the log is signed
    secrets/run-<id>.salt    what the salts are made from; never leaves the store
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from modelassay.assessment.bound_files import BOUND_FILES, EVENTS, digest_of_all_files, digest_of_files
from modelassay.assessment.logged_run import KINDS, lacking, said_of, was_bound
from modelassay.canonical import canonical_json, digest_bytes, digest_of
from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.commitments import secret_salt
from modelassay.evidence.events import Body, encode
from modelassay.evidence.ledger import Ledger, Logged, read_events
from modelassay.evidence.notary import Notary
from modelassay.evidence.run_events import RunClosed, RunHappened, RunOpened, RunStep
from modelassay.log.durable import write_atomic
from modelassay.log.proof import prove, write_proof
from modelassay.log.reader import LogReader
from modelassay.records import CommittedRun, StepRecord
from modelassay.training.protocol.absent import read_absent
from modelassay.training.protocol.commitment import StepCommitter, chained
from modelassay.training.protocol.parts import Layout, StepKey, key_of
from modelassay.training.run import Run

FOLDER = "commitments"
_AT_ONCE = 4096
"""Events logged by one append."""


@dataclass(frozen=True)
class Commitments:
    """What a run is committed to, read from its folder."""

    committed: CommittedRun
    records: tuple[StepRecord, ...]
    file: bytes
    """The bytes of ``steps.jsonl``."""


def run_secret(store: Path, run: str) -> bytes:
    """The secret of a run of `store`, drawn on first use; see `evidence.commitments.secret_salt`.

    Raises:
        StoreError: as of `secret_salt`: a run with step records had one.
    """
    place = store / "runs" / run / FOLDER
    return secret_salt(
        store, f"run-{run}", used=lambda: any(path.stat().st_size for path in place.glob("*.jsonl"))
    )


def commit_run(
    run: Run, store: Path, notary: Notary, progress: Callable[[int], None] = lambda rollouts: None
) -> Commitments:
    """Commit to a whole run: step records, the log's events, and the proof; doing it again changes nothing.

    Args:
        run: kept in `store`.
        progress: told how many rollouts have been hashed.

    Raises:
        EvidenceError: the run is no longer what was committed to, or lacks what the log took in of it.
        StoreError: the disk is full, or the log cannot be written.
    """
    made = _hashed(run, run_secret(store, run.manifest.id), progress)
    folder = run.folder / FOLDER
    before = read_commitments(run.folder).committed if (folder / "committed.json").is_file() else None
    if before is not None:
        made = replace(made, committed=_as_bound_before(made.committed, before))
    if before not in (None, made.committed):
        raise EvidenceError(
            "the run is no longer what it was committed to",
            where=str(run.folder),
            mend="restore it from a copy",
        )
    ledger = Ledger(store, notary)
    closed = _log(ledger, run, made)
    folder.mkdir(exist_ok=True)
    write_atomic(folder / "steps.jsonl", made.file)
    write_atomic(folder / "committed.json", canonical_json(made.committed))
    write_atomic(folder / "closed.json", encode(closed.event))
    if ledger.sign() is not None:
        proof = prove(LogReader(ledger.folder), closed.place.seq)
        write_atomic(folder / "closed.tlog-proof", write_proof(proof))
    return made


def read_commitments(folder: Path) -> Commitments:
    """What the run in `folder` is committed to, unchecked.

    Raises:
        UsageError: it was never committed to.
        EvidenceError: a file cannot be read.
    """
    place = folder / FOLDER
    if not (place / "committed.json").is_file():
        raise UsageError("this run is not committed to", where=str(folder), mend="`modelassay run commit`")
    try:
        committed = msgspec.json.decode((place / "committed.json").read_bytes(), type=CommittedRun)
        file = (place / "steps.jsonl").read_bytes()
        decoder = msgspec.json.Decoder(StepRecord)
        records = tuple(decoder.decode(line) for line in file.splitlines())
    except (msgspec.DecodeError, OSError) as error:
        raise EvidenceError(f"commitments cannot be read: {error}", where=str(place)) from error
    return Commitments(committed, records, file)


def _as_bound_before(committed: CommittedRun, before: CommittedRun) -> CommittedRun:
    """`committed` without what an earlier version, which made `before`, did not bind: it stays as it is."""
    left_out = {name: None for name in BOUND_FILES if getattr(before, name) is None}
    return msgspec.structs.replace(committed, **left_out)


def _hashed(run: Run, secret: bytes, progress: Callable[[int], None]) -> Commitments:
    told = _recorded_live(run.folder)
    absent = read_absent(run.folder)
    committer = StepCommitter(run.manifest.id, secret, layouts_of(run.folder), absent)
    for key in told:
        committer.open(key)
    rollouts = 0
    for batch in run.batches():
        committer.add(batch)
        rollouts += batch.num_rows
        progress(rollouts)
    records = tuple(record for record, _ in chained(committer, told))
    file = b"".join(canonical_json(record) + b"\n" for record in records)
    coverage = run.coverage()
    committed = CommittedRun(
        run=run.manifest.id,
        manifest=digest_bytes((run.folder / "run.json").read_bytes()),
        records=digest_bytes(file),
        events=digest_of_files(run.folder, EVENTS),
        coverage=digest_of_files(run.folder, "coverage.json"),
        **{name: digest_of_all_files(run.folder, pattern) for name, pattern in BOUND_FILES.items()},
        steps=len(records),
        rollouts=rollouts,
        lost=coverage.gaps if coverage else 0,
    )
    return Commitments(committed, records, file)


def _recorded_live(folder: Path) -> dict[StepKey, dict[str, Any]]:
    """What a recorder said of each step as it closed it, in its order: fields of `StepRecord`.

    A step of which a killed recorder wrote half a record is one that it did not close.
    """
    found: dict[StepKey, dict[str, Any]] = {}
    for path in sorted((folder / FOLDER).glob("steps-*.jsonl")):
        for record in _records_in(path):
            about = ("lost", "configuration", "code", "checkpoint", "metrics")
            found[key_of(record)] = {name: getattr(record, name) for name in about}
    return found


def _records_in(path: Path) -> Iterator[StepRecord]:
    """The step records of a file, up to half a one."""
    decoder = msgspec.json.Decoder(StepRecord)
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True), 1):
        if not line.endswith(b"\n"):
            break
        try:
            yield decoder.decode(line)
        except msgspec.DecodeError as error:
            raise EvidenceError(str(error), where=f"{path}:{number}") from error


def layouts_of(folder: Path) -> dict[StepKey, Layout]:
    """The layout of each step of a run that was committed to, or of which parts were removed.

    Raises:
        EvidenceError: a step record or a line on absent parts cannot be read.
    """
    records = step_records(folder).items()
    return read_absent(folder).layouts() | {key: record.layout for key, record in records}


def step_records(folder: Path) -> dict[StepKey, StepRecord]:
    """What is said of each step of a run, be it committed to as a whole or as it went.

    Raises:
        EvidenceError: a step record cannot be read.
    """
    place = folder / FOLDER
    paths = [place / "steps.jsonl"] if (place / "steps.jsonl").is_file() else []
    paths += sorted(place.glob("steps-*.jsonl"))
    return {key_of(record): record for path in paths for record in _records_in(path)}


def _log(ledger: Ledger, run: Run, made: Commitments) -> Logged:
    """Log what is not logged yet; the closing event."""
    manifest = made.committed.manifest
    bodies: list[Body] = [
        RunOpened(run=run.manifest.id, manifest=manifest, origin=run.manifest.origin),
        *(RunHappened.of(run.manifest.id, event) for event in run.events()),
        *(RunStep(record=record) for record in made.records),
        RunClosed(committed=made.committed),
    ]
    known = {(logged.event.kind, digest_of(logged.event.body)): logged for logged in ledger.events(*KINDS)}
    _refuse_other_steps(run, known.values(), made.records)
    _refuse_another_run(run, known.values(), made)
    for start in range(0, len(bodies), _AT_ONCE):
        batch = bodies[start : start + _AT_ONCE]
        named = {(body.kind, digest_of(msgspec.to_builtins(body))): body for body in batch}
        added = ledger.append(*(body for name, body in named.items() if name not in known))
        known |= {(each.event.kind, digest_of(each.event.body)): each for each in added}
    return known[("run.closed", digest_of(msgspec.to_builtins(bodies[-1])))]


def _refuse_other_steps(run: Run, logged: Iterable[Logged], records: Sequence[StepRecord]) -> None:
    """Steps that the log already has must be as it has them."""
    mine = {key_of(record): record for record in records}
    for each in logged:
        if each.event.kind != RunStep.kind:
            continue
        before = each.read(RunStep).record
        if before.run == run.manifest.id and mine.get(key_of(before)) != before:
            raise EvidenceError(
                f"{before.phase} step {before.step} is no longer what it was committed to",
                where=str(run.folder),
                mend="restore the run from a copy",
            )


def _refuse_another_run(run: Run, logged: Iterable[Logged], made: Commitments) -> None:
    """Whatever else the log has of the run must still be there: events, and what it was bound to before."""
    said = said_of(run, logged, made.records)
    for why in (*lacking(run, said), *was_bound(run, made.committed, said.closings)):
        raise EvidenceError(
            f"the run is no longer what its log says: {why}",
            where=str(run.folder),
            mend="restore the run from a copy",
        )


def runs_in(log: Path) -> frozenset[str]:
    """Ids of all runs that were opened in the log at `log`; none without a log.

    Raises:
        EvidenceError: the log is damaged.
    """
    return frozenset(logged.read(RunOpened).run for logged in read_events(log, RunOpened))


def logged_times(ledger_events: Sequence[Logged], run: str) -> dict[str, str]:
    """When the log took in each event of `run`: by the digest of its `records.RunEvent`."""
    return {
        body.event: logged.event.time
        for logged in ledger_events
        if (body := logged.read(RunHappened)).run == run
    }
