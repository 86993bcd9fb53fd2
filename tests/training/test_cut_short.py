"""Processes that end in the middle of a step: what they had no time to record is no disagreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from modelassay.records import RunEvent, RunManifest
from modelassay.training.cut_short import ENDED_IN_STEP, STOPPED, CutShort, cut_short
from modelassay.training.frame import read_frame
from modelassay.training.lacking import lacks_of
from modelassay.training.reconciliation import reconcile
from modelassay.training.run import Run
from modelassay.training.stretches import stretches_of
from modelassay.training.writing import RunWriter

Counts = Mapping[int, Mapping[int, int]]


def told(kind: str, rank: int, step: int = -1, **body: Any) -> RunEvent:
    return RunEvent(time="2026-05-01T10:00:00Z", kind=kind, rank=rank, step=step, body=body)  # type: ignore[arg-type]


def recorded(folder: Path, counts: Counts, events: Sequence[RunEvent]) -> Run:
    """A run whose processes have so many rollouts in each step, in groups of two."""
    for rank, steps in counts.items():
        part = folder / f"{rank}"
        with RunWriter(part, RunManifest(id="r", name="r", origin="recorded", framework="plain")) as writer:
            step = [each for each, count in steps.items() for _ in range(count)]
            names = [f"{rank}-{each}-{n // 2}" for each, count in steps.items() for n in range(count)]
            columns = {
                "step": step,
                "group": names,
                "rank": [rank] * len(step),
                "phase": ["train"] * len(step),
            }
            writer.rollouts(columns, len(step))
            for event in events if rank == min(counts) else ():
                writer.record(event)
        if rank != min(counts):
            (file,) = (part / "rollouts").iterdir()
            file.rename(folder / f"{min(counts)}" / "rollouts" / f"{rank:05d}-000000.parquet")
    return Run(folder / f"{min(counts)}")


def disagreeing(run: Run) -> tuple[int, ...]:
    found = reconcile(read_frame(run), [], stretch=stretches_of(run), lacks=lacks_of(run))
    return tuple(each.step for each in found.disagreements)


WHOLE = dict.fromkeys(range(1, 11), 16)


@pytest.mark.parametrize(
    "event",
    [
        told("exception", 0, **STOPPED),
        told("exception", 0, 10, where="training", error="RuntimeError"),
        told("note", 0, 11, **{ENDED_IN_STEP: 11}),
    ],
)
def test_a_step_in_which_the_process_ended_lacks_at_most_its_usual_share(
    tmp_path: Path, event: RunEvent
) -> None:
    run = recorded(tmp_path / "cut", {0: {**WHOLE, 11: 5}}, [event])
    assert cut_short(run) == (CutShort(11, 11),)
    assert disagreeing(run) == ()
    dropped = recorded(tmp_path / "dropped", {0: {**WHOLE, 4: 15, 11: 5}}, [event])
    assert disagreeing(dropped) == (4,)
    assert disagreeing(recorded(tmp_path / "untold", {0: {**WHOLE, 11: 5}}, [])) == (11,)


def test_an_error_after_which_training_went_on_excuses_nothing(tmp_path: Path) -> None:
    events = [told("exception", 0, 6, where="training"), told("note", 0, 6, **{ENDED_IN_STEP: 7})]
    assert disagreeing(recorded(tmp_path, {0: {**WHOLE, 11: 5}}, events)) == (11,)


def test_others_go_on_without_a_process_that_was_killed(tmp_path: Path) -> None:
    alive = dict.fromkeys(range(1, 21), 16)
    killed = {**dict.fromkeys(range(1, 18), 16), 18: 7}
    run = recorded(tmp_path, {0: alive, 1: killed, 2: alive}, [told("exception", 1, **STOPPED)])
    assert cut_short(run) == (CutShort(18, 9), CutShort(19, 16), CutShort(20, 16))
    assert disagreeing(run) == ()


def test_a_resumed_run_keeps_the_step_in_which_the_first_process_was_killed(tmp_path: Path) -> None:
    counts = {0: {**WHOLE, 11: 5}, 1: dict.fromkeys(range(12, 16), 16)}
    events = [told("exception", 0, **STOPPED), told("resumed", 1, 11, process=1, world=1)]
    assert disagreeing(recorded(tmp_path, counts, events)) == ()
