"""The end of a run: how much of it is there is stated, and the whole is bound."""

from __future__ import annotations

import time

import msgspec

from modelassay.errors import EvidenceError
from modelassay.log.durable import write_atomic
from modelassay.records import RunCoverage
from modelassay.training.happenings import Gap, said
from modelassay.training.importers.tally import Tally
from modelassay.training.recorder.clerk import LiveLog
from modelassay.training.recorder.place import Place
from modelassay.training.run import Run

PATIENCE_S = 60.0
"""How long process 0 waits for the others to finish."""
_PAUSE_S = 0.1


def close_run(place: Place, first: int, world: int, log: LiveLog | None) -> bool:
    """State the coverage of a run, and bind it, once all its processes are done; whether they were in time.

    Args:
        first: number of the first of the processes that ran together with this one.

    Raises:
        OSError: the disk is full.
        EvidenceError: a file is damaged.
    """
    until = time.monotonic() + PATIENCE_S
    while not place.are_done(first, world):
        if time.monotonic() > until:
            return False
        time.sleep(_PAUSE_S)
    coverage = coverage_of_recorded(Run(place.folder))
    data = msgspec.json.format(msgspec.json.encode(coverage), indent=1) + b"\n"
    write_atomic(place.folder / "coverage.json", data)
    if log is not None:
        log.close(place.folder)
    return True


def coverage_of_recorded(run: Run) -> RunCoverage:
    """How much of a recorded run is there: what the recorder lost it said at the time."""
    tally = Tally(_world(run))
    columns = ["step", "phase", "reward", "failure", "group", "time", "rank"]
    for batch in run.batches(columns):
        tally.count(batch)
    gaps, statements = 0, []
    for event in run.events():
        if event.kind == "gap":
            try:
                gap = said(event, Gap)
            except EvidenceError as error:
                statements.append(f"A gap could not be read: {error.what}.")
                continue
            gaps += gap.rollouts
            statements.append(
                f"{gap.rollouts:,} rollouts of steps {gap.first_step} to {gap.last_step} were lost: "
                f"{gap.reason}."
            )
    if unfinished := [part.name for part in run.parts if part.suffix == ".arrows"]:
        statements.append(f"{len(unfinished):,} files of rollouts end where their process was stopped.")
    statements += [f"{torn.file} is torn after {torn.read:,} rollouts." for torn in run.torn]
    return RunCoverage(
        found=tally.train + tally.evaluation,
        found_train=tally.train,
        found_eval=tally.evaluation,
        expected_train=tally.train + gaps,
        basis="the recorder saw every rollout as it was generated, and counted those that it lost",
        batches_found=len(tally.train_steps),
        batches_expected=len(tally.train_steps) if not gaps else None,
        repeated_steps=_repeated(run),
        zero_variance_groups=tally.zero_variance_groups(),
        gaps=gaps,
        statements=(*statements, *tally.statements()),
    )


def _repeated(run: Run) -> tuple[int, ...]:
    """Training steps that a resumed process took again."""
    seen: dict[int, set[int]] = {}
    for batch in run.batches(["step", "phase", "rank"]):
        rows = zip(*(batch.column(name).to_pylist() for name in ("step", "phase", "rank")), strict=True)
        for step, phase, rank in set(rows):
            if phase == "train":
                seen.setdefault(step, set()).add(rank)
    world = _world(run)
    stretches = {step: {rank // world for rank in ranks} for step, ranks in seen.items()}
    return tuple(sorted(step for step, each in stretches.items() if len(each) > 1))


def _world(run: Run) -> int:
    """Processes that recorded side by side: those with rollouts that were not resumed from others."""
    resumed = {event.rank for event in run.events() if event.kind == "resumed"}
    return max(1, len({int(part.name.partition("-")[0]) for part in run.parts} - resumed))
