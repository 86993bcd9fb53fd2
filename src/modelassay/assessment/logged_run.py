"""What a log says of a run, held against a copy of the run.

A log takes in events and step records while a run goes on, and then every commitment to it. What it has and a
copy lacks was taken out of the record after it had happened, be it before or after the run was committed to.
A run that was resumed is committed to again: then everything is still there that it was bound to before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from modelassay.assessment.bound_files import (
    BOUND_FILES,
    EVENTS,
    digest_of_all_files,
    digest_of_files,
    process_of,
)
from modelassay.assessment.request import LoggedClosing, LoggedErasure, LoggedEvent, LoggedRun
from modelassay.canonical import digest_bytes, digest_of
from modelassay.errors import EvidenceError
from modelassay.evidence.ledger import Logged, read_events
from modelassay.evidence.run_events import RunClosed, RunErased, RunHappened, RunOpened, RunStep
from modelassay.log.proof import read_proof
from modelassay.log.reader import LogReader
from modelassay.log.verify import check_continues
from modelassay.records import CommittedRun, RunFinding, StepRecord
from modelassay.training.findings import not_assessable, run_finding
from modelassay.training.protocol.parts import StepKey, key_of
from modelassay.training.run import Run

KINDS = (RunOpened, RunHappened, RunStep, RunClosed, RunErased)
"""Kinds of events that `said_of` reads."""
_NAMED = 5
"""Differences of one kind that are named at most."""


def said_of(run: Run, events: Iterable[Logged], records: Sequence[StepRecord]) -> LoggedRun:
    """What `events` of a log say of `run`.

    Args:
        events: of `KINDS`, in the order of the log; others are skipped.
        records: step records of the copy; none, and the log's are held against nothing.

    Raises:
        EvidenceError: an event is not what its kind says.
    """
    reading = _Reading(run, records)
    for logged in events:
        reading.take(logged)
    return reading.found()


class _Reading:
    """What was read of a log so far."""

    def __init__(self, run: Run, records: Sequence[StepRecord]) -> None:
        self._run = run.manifest.id
        self._process = dict(_digests(run))
        self._records = {key_of(record): record for record in records}
        self._manifests: set[str] = set()
        self._opened = ""
        self._happened: dict[str, LoggedEvent] = {}
        self._closings: list[LoggedClosing] = []
        self._erasures: list[LoggedErasure] = []
        self._others: dict[StepKey, None] = {}
        self._processes: set[int] = set()

    def take(self, logged: Logged) -> None:
        """Read one event."""
        kind = logged.event.kind
        if kind == RunOpened.kind and (opened := logged.read(RunOpened)).run == self._run:
            self._manifests.add(opened.manifest)
            self._opened = self._opened or logged.event.time
        elif kind == RunHappened.kind and (body := logged.read(RunHappened)).run == self._run:
            self._happened[body.event] = LoggedEvent(
                happened=body.happened, said_time=body.said_time, place=logged.event.seq
            )
            self._processes.update({self._process[body.event]} if body.event in self._process else ())
        elif kind == RunStep.kind and (record := logged.read(RunStep).record).run == self._run:
            self._processes.add(record.rank)
            if self._records and self._records.get(key_of(record)) != record:
                self._others[key_of(record)] = None
        elif kind == RunClosed.kind and (made := logged.read(RunClosed).committed).run == self._run:
            processes = tuple(sorted(self._processes))
            closing = LoggedClosing(committed=made, time=logged.event.time, processes=processes)
            self._closings.append(closing)
        elif kind == RunErased.kind and (gone := logged.read(RunErased)).run == self._run:
            self._erasures.append(LoggedErasure(absent=gone.absent, time=logged.event.time))

    def found(self) -> LoggedRun:
        """All of it."""
        return LoggedRun(
            manifests=tuple(sorted(self._manifests)),
            happened=self._happened,
            other_steps=_first(
                f"the log has a record of {key.phase} step {key.step} that the copy lacks"
                for key in self._others
            ),
            closings=tuple(self._closings),
            erasures=tuple(self._erasures),
            opened=self._opened,
        )


def _digests(run: Run) -> Iterator[tuple[str, int]]:
    """Events of the copy by digest, with the number of the process that wrote each."""
    for event in run.events():
        try:
            yield digest_of(event), event.rank
        except ValueError:
            continue  # it holds what has no digest, and stands in no log


def said_by_log(
    run: Run, folder: Path, records: Sequence[StepRecord], committed: CommittedRun | None, *, named: bool
) -> LoggedRun:
    """What the log at `folder` says of `run`; nothing where it has another run of this name, or none.

    Args:
        records: see `said_of`.
        committed: what the copy says that the run is committed to.
        named: whether the log was named as the developer's, so that it must have the run.

    Raises:
        EvidenceError: the log, or the proof beside the copy, is damaged.
    """
    said = said_of(run, read_events(folder, *KINDS), records)
    if not said.manifests:
        return LoggedRun(not_this="it does not open this run") if named else LoggedRun()
    if digest_bytes((run.folder / "run.json").read_bytes()) not in said.manifests:
        return said
    why = _not_this(run, folder, said, committed) if named else ""
    return msgspec.structs.replace(said, not_this=why)


def _not_this(run: Run, folder: Path, said: LoggedRun, committed: CommittedRun | None) -> str:
    """Why the log at `folder` cannot be the one that the run was committed to in; empty where it can."""
    if committed is None:
        return ""
    if not any(each.committed == committed for each in said.closings):
        return "it does not have this commitment to the run"
    proof = run.folder / "commitments" / "closed.tlog-proof"
    if not proof.is_file():
        return ""  # it was not signed then
    head = read_proof(proof.read_bytes()).head
    try:
        check_continues(LogReader(folder), head)
    except EvidenceError as error:
        return error.what
    return ""


def against_log(run: Run, committed: CommittedRun | None, said: LoggedRun) -> tuple[str, ...]:
    """What of the copy is otherwise than the log has it, in words.

    Args:
        committed: what the copy is committed to.
    """
    return (*lacking(run, said), *_other_closings(run, committed, said))


def lacking(run: Run, said: LoggedRun) -> Iterator[str]:
    """What the log took in while the run went on, and the copy has not, or has otherwise."""
    manifest = digest_bytes((run.folder / "run.json").read_bytes())
    if any(each != manifest for each in said.manifests):
        yield "the manifest that the log has"
    here = dict(_digests(run))
    yield from _first(
        f"the log has an event of this run that the copy lacks ({each.happened[:40]}, {each.said_time[:40]})"
        for digest, each in said.happened.items()
        if digest not in here
    )
    yield from said.other_steps


def _other_closings(run: Run, committed: CommittedRun | None, said: LoggedRun) -> Iterator[str]:
    """Commitments of the log that were made beside the copy's, and are not part of it."""
    if not said.closings:
        return
    if committed is None:
        yield f"the log has a commitment to this run, of {said.closings[-1].time}, that the copy lacks"
        return
    mine = [number for number, each in enumerate(said.closings) if each.committed == committed]
    if not mine:
        yield f"the log was given another commitment to this run at {said.closings[-1].time}, and not this"
        return
    yield from was_bound(run, committed, said.closings[: mine[-1]])
    yield from _first(
        f"the log was given another commitment to this run at {each.time}, after this"
        for each in said.closings[mine[-1] + 1 :]
        if not _alike(each.committed, committed)
    )


def was_bound(run: Run, committed: CommittedRun, closings: Iterable[LoggedClosing]) -> Iterator[str]:
    """What the run was bound to at `closings` that is no longer there.

    A run that is resumed goes on in a process with a number of its own: files of earlier ones stay.

    Args:
        committed: what it is bound to now.
    """
    for closing in closings:
        if closing.committed == committed:
            continue
        others = _others_than(run, closing)
        if others:
            yield f"at {closing.time} the log was given a commitment to other {', '.join(others)}"
        elif not (_alike(closing.committed, committed) or _processes(run) - {*closing.processes}):
            yield f"at {closing.time} the log was given another commitment, and nothing was recorded since"


def _alike(one: CommittedRun, two: CommittedRun) -> bool:
    """Whether two commitments are the same but for what one of them, of an earlier version, does not bind."""
    unbound = {name: None for name in BOUND_FILES if None in (getattr(one, name), getattr(two, name))}
    return msgspec.structs.replace(one, **unbound) == msgspec.structs.replace(two, **unbound)


def _others_than(run: Run, closing: LoggedClosing) -> list[str]:
    bound = closing.committed
    found = ["manifest"] if digest_bytes((run.folder / "run.json").read_bytes()) != bound.manifest else []
    given: Mapping[str, str] = {"events": EVENTS, **BOUND_FILES}
    for name, pattern in given.items():
        digest = getattr(bound, name)
        if digest is None and name != "events":
            continue  # an earlier version did not bind them
        make = digest_of_files if name == "events" else digest_of_all_files
        if all(make(run.folder, pattern, of) != digest for of in _had_recorded(run, closing)):
            found.append(name)
    return found


def _had_recorded(run: Run, closing: LoggedClosing) -> Iterator[set[int]]:
    """Which processes can have recorded when the run was closed: of some that wrote nothing which is logged
    it is not known."""
    logged = {*closing.processes}
    unknown = sorted(_processes(run) - logged)
    for count in range(len(unknown) + 1):
        yield logged | set(unknown[:count])


def _processes(run: Run) -> set[int]:
    """Numbers of the processes that wrote something."""
    lines = (process_of(path) for path in run.folder.glob("*.jsonl"))
    parts = (int(part.name[:5]) for part in run.parts if part.name[:5].isdigit())
    return {each for each in lines if each is not None} | set(parts)


def _first(differences: Iterable[str]) -> tuple[str, ...]:
    """A few of `differences`, and how many more there are."""
    found = list(differences)
    left = len(found) - _NAMED
    return (*found[:_NAMED], *((f"{left:,} more of this kind",) if left > 0 else ()))


def without_log(said: LoggedRun) -> str:
    """What a sentence on a commitment must add where the log was not there that it stands in."""
    if said.manifests and not said.not_this:
        return ""
    return (
        " The log that it was committed to in was not there to be read: whether anything was recorded or "
        "committed to after this, which other runs there are, and what was written down late was not checked."
    )


def log_findings(run: Run, said: LoggedRun, *, committed: bool) -> tuple[RunFinding, ...]:
    """What is said of a log that was not given, is another, or was not cosigned to its end; else nothing.

    Args:
        committed: whether the run is committed to, and so stands in a log.
    """
    about = {"aspect": "log", "run": run.manifest.id}
    if committed and not said.manifests and not said.not_this:
        why = (
            "no log that has the run was given (`--log`), so neither later commitments nor further runs nor "
            "entries that were written down late can be told"
        )
        question = "Can a copy of the log be handed over that the run was committed to in?"
        return (not_assessable("commitment", why, about=about, question=question),)
    if said.not_this:
        return _another_log(said, about)
    if said.not_cosigned:
        why = (
            "what the log took in after the commitment is in no tree head that the quorum of witnesses "
            f"cosigned ({said.not_cosigned}): others may have been shown another continuation"
        )
        question = "Can the log be cosigned (`modelassay log heartbeat --witness …`), and handed over again?"
        about = about | {"aspect": "end of the log"}
        return (not_assessable("commitment", why, about=about, question=question),)
    return ()


def _another_log(said: LoggedRun, about: Mapping[str, str]) -> tuple[RunFinding, ...]:
    """Of a log that cannot be the one that the run was committed to in."""
    return (
        run_finding(
            "commitment",
            "another log",
            f"The log that was handed over is not that in which this run was committed to: {said.not_this}. "
            "By it neither runs that were not shown nor entries that were written down late can be told.",
            about=about,
            state="not_assessable",
            severity="high",
            method="events of the run and the tree head of its proof against the log",
            why_not="the log that the run was committed to in was not handed over",
            question="Where is the log that the run was committed to in?",
        ),
    )
