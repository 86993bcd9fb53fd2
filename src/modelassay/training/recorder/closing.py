"""The end of a run: how much of it is there is stated, and the whole is bound."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from modelassay.errors import EvidenceError
from modelassay.log.durable import write_atomic
from modelassay.records import RunCoverage, RunEvent
from modelassay.training.cut_short import ENDED_IN_STEP, STOPPED
from modelassay.training.happenings import Gap, said
from modelassay.training.importers.tally import Tally
from modelassay.training.recorder.clerk import LiveLog
from modelassay.training.recorder.generating import generated_unseen, without_rollouts
from modelassay.training.recorder.graded_columns import NO_PHASE, PHASE_TOLD
from modelassay.training.recorder.place import Place
from modelassay.training.recorder.rewards import UNSEEN
from modelassay.training.recorder.totals import ONLY_FUNCTION
from modelassay.training.recorder.unnamed import TOLD_WITHOUT_STEP
from modelassay.training.run import Run
from modelassay.training.stretches import processes_of

PATIENCE_S = 60.0
"""How long the process that closes a run waits for the others to finish."""
_PAUSE_S = 0.1
_WHOLE = "the recorder saw every rollout as it was generated, and counted those that it lost"
_UNTIL_STOPPED = (
    "the recorder saw every rollout as it was generated, until a process was stopped: what it lost last "
    "nothing tells"
)
_PARTLY = "a reward model scored rollouts unseen by the recorder, and nothing says how many"
_GENERATED = "what the trainer generates itself the recorder does not see, and nothing says how much that is"


def close_run(place: Place, first: int, own: int, log: LiveLog | None) -> bool:
    """State the coverage of a run, and bind it, once all its processes are done; whether they were in time.

    Only processes that have begun to record are waited for: of several that train, one alone may record.

    Args:
        first: number of the first of the processes that ran together with this one, whose number is `own`.

    Raises:
        OSError: the disk is full.
        EvidenceError: a file is damaged.
    """
    until = time.monotonic() + PATIENCE_S
    while True:
        known = place.processes()
        if all(done for number, done in known.items() if number >= first):
            state_coverage(place.folder)
            if log is not None:
                log.close(place.folder)
            place.closed(own)
            if place.processes().keys() == known.keys():  # who comes from here on finds it closed
                return True
        elif time.monotonic() > until:
            return False
        else:
            time.sleep(_PAUSE_S)


def state_coverage(folder: Path) -> None:
    """Write down how much of the recorded run in `folder` is there; nothing before it has a manifest.

    Raises:
        OSError: the disk is full.
        EvidenceError: a file is damaged.
    """
    if not (folder / "run.json").is_file():
        return
    with _one_at_a_time(folder):
        coverage = coverage_of_recorded(Run(folder))
        data = msgspec.json.format(msgspec.json.encode(coverage), indent=1) + b"\n"
        write_atomic(folder / "coverage.json", data)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait for other processes that state the coverage: who comes last has seen all that others have."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def coverage_of_recorded(run: Run) -> RunCoverage:
    """How much of a recorded run is there: what the recorder lost it said at the time."""
    tally = Tally(processes_of(run))
    columns = ["step", "phase", "reward", "failure", "group", "time", "rank"]
    for batch in run.batches(columns):
        tally.count(batch)
    events = run.events()
    gaps, statements = _gaps(events)
    statements += _errors(events)
    if stopped := {event.rank for event in events if event.kind == "exception" and event.body == STOPPED}:
        statements.append(f"Processes that were stopped before they closed the run: {len(stopped):,}.")
    statements += _ended_in_step(events)
    if unfinished := [part.name for part in run.parts if part.suffix == ".arrows"]:
        statements.append(f"{len(unfinished):,} files of rollouts end where their process was stopped.")
    statements += [f"{torn.file} is torn after {torn.read:,} rollouts." for torn in run.torn]
    statements += _assumed(events)
    statements += _no_phase(events)
    statements += (scored := _unseen(events))
    statements += (generated := generated_unseen(events))
    unseen = bool(scored or generated)
    none_made = without_rollouts(events) if not tally.train + tally.evaluation + gaps else ""
    whole = none_made or (_UNTIL_STOPPED if stopped else _WHOLE)
    return RunCoverage(
        found=tally.train + tally.evaluation,
        found_train=tally.train,
        found_eval=tally.evaluation,
        expected_train=None if unseen else tally.train + gaps,
        basis=_PARTLY if scored else _GENERATED if generated else whole,
        batches_found=len(tally.train_steps),
        batches_expected=len(tally.train_steps) if not gaps and not unseen else None,
        repeated_steps=_repeated(run),
        zero_variance_groups=tally.zero_variance_groups(),
        gaps=gaps,
        statements=(*statements, *tally.statements()),
    )


def _gaps(events: Sequence[RunEvent]) -> tuple[int, list[str]]:
    """Rollouts that the recorder says it lost, and every loss in words."""
    lost, statements = 0, []
    for event in events:
        if event.kind != "gap":
            continue
        try:
            gap = said(event, Gap)
        except EvidenceError as error:
            statements.append(f"A gap could not be read: {error.what}.")
            continue
        lost += gap.rollouts
        what = []
        if gap.rollouts:
            known = f"steps {gap.first_step} to {gap.last_step}" if gap.last_step >= 0 else "unknown steps"
            what.append(f"{gap.rollouts:,} rollouts of {known}")
        if records := event.body.get("records"):
            what.append(f"{records:,} records beside rollouts")
        statements.append(f"{' and '.join(what) or 'Nothing'} were lost: {gap.reason}.")
    return lost, statements


def _errors(events: Sequence[RunEvent]) -> list[str]:
    """The recorder's own errors: as each process counted them at its end, else those that it told before."""
    told: dict[int, list[str]] = {}
    counted: dict[int, list[str]] = {}
    for event in events:
        if event.kind == "note" and "errors_of_the_recorder" in event.body:
            counted.setdefault(event.rank, []).append(str(event.body["errors_of_the_recorder"]))
        elif event.kind == "exception" and event.body.get("where") == "recorder":
            told.setdefault(event.rank, []).append(f"{event.body.get('doing')}: {event.body.get('error')}")
    each = dict.fromkeys(text for texts in (told | counted).values() for text in texts)
    return [f"Errors of the recorder: {'; '.join(each)}."] if each else []


def _ended_in_step(events: Sequence[RunEvent]) -> list[str]:
    """Steps that nobody said to be done when the run was closed."""
    steps = dict.fromkeys(str(event.body[ENDED_IN_STEP]) for event in events if ENDED_IN_STEP in event.body)
    return [
        f"The run was closed before anybody said that step {step} was done: it may lack rollouts."
        for step in steps
    ]


def _assumed(events: Sequence[RunEvent]) -> list[str]:
    """Weights and steps that the recorder took for granted."""
    alone = dict.fromkeys(str(e.body[ONLY_FUNCTION]) for e in events if ONLY_FUNCTION in e.body)
    moved = [event.body for event in events if event.kind == "note" and TOLD_WITHOUT_STEP in event.body]
    weights = [
        f"Nobody said how much {name} counts: as the only reward function its score is taken as the reward."
        for name in alone
    ]
    return weights + [
        f"{body[TOLD_WITHOUT_STEP]} rollouts were told before any step was named, and are kept under step "
        f"{body.get('kept_under')}, the first that was done."
        for body in moved
    ]


def _no_phase(events: Sequence[RunEvent]) -> list[str]:
    """Reward functions of which nobody said when they graded evaluations."""
    told = {str(event.body[PHASE_TOLD]) for event in events if PHASE_TOLD in event.body}
    names = dict.fromkeys(str(event.body[NO_PHASE]) for event in events if NO_PHASE in event.body)
    return [
        f"Nobody told which rollouts {name} graded in evaluations: all of them are kept as training."
        for name in names
        if name not in told
    ]


def _unseen(events: Sequence[RunEvent]) -> list[str]:
    """Reward models whose scores the recorder does not see."""
    names = dict.fromkeys(str(event.body[UNSEEN]) for event in events if UNSEEN in event.body)
    return [
        f"Scores of the reward model {name} are not in the record, nor rollouts that only it scored: the "
        "trainer asks it itself."
        for name in names
    ]


def _repeated(run: Run) -> tuple[int, ...]:
    """Training steps that a resumed process took again."""
    seen: dict[int, set[int]] = {}
    for batch in run.batches(["step", "phase", "rank"]):
        rows = zip(*(batch.column(name).to_pylist() for name in ("step", "phase", "rank")), strict=True)
        for step, phase, rank in set(rows):
            if phase == "train":
                seen.setdefault(step, set()).add(rank)
    world = processes_of(run)
    stretches = {step: {rank // world for rank in ranks} for step, ranks in seen.items()}
    return tuple(sorted(step for step, each in stretches.items() if len(each) > 1))
