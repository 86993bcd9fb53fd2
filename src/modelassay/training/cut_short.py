"""Where processes of a recorded run ended before they were through: rollouts of those steps may be missing.

A process that was killed, or that gave up, leaves its last step as far as it had come, and takes no part in
the steps that others of the run go on to. How much is missing is taken from what it had in each step before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from modelassay.records import RunEvent
from modelassay.training.run import Run
from modelassay.training.stretches import processes_of

STOPPED: Final = {
    "where": "training",
    "error": "Stopped",
    "message": "the process ended without saying so: it was killed, or the machine was",
}
"""Body of the event that a process leaves which did not close the run."""
ENDED_IN_STEP: Final = "ended_in_step"
"""Key of the note of a process that closed the run before it had said that this step is done."""
_BEFORE = 20
"""Steps before its end from which the usual share of a process is taken."""
Counts = Mapping[int, Mapping[int, int]]
"""Rollouts of training by the number of a process, and by step."""


@dataclass(frozen=True)
class CutShort:
    """Rollouts of a step that a process may not have come to record."""

    step: int
    rollouts: int
    """How many at most."""


def cut_short(run: Run) -> tuple[CutShort, ...]:
    """Where processes of `run` ended early, and how many rollouts that may have cost in which step.

    Raises:
        EvidenceError: an event cannot be read.
    """
    events = [event for event in run.events() if _may_be_an_end(event)]
    if not events:
        return ()
    counts = _rollouts_of(run)
    world = processes_of(run)
    return tuple(each for number in _ended(events, counts) for each in _missing(number, counts, world))


def _may_be_an_end(event: RunEvent) -> bool:
    in_training = event.kind == "exception" and event.body.get("where") == "training"
    return in_training or (event.kind == "note" and ENDED_IN_STEP in event.body)


def _rollouts_of(run: Run) -> Counts:
    found: dict[int, Counter[int]] = {}
    for batch in run.batches(["step", "phase", "rank"]):
        rows = zip(*(batch.column(name).to_pylist() for name in ("rank", "step", "phase")), strict=True)
        for (number, step, phase), count in Counter(rows).items():
            if phase == "train":
                found.setdefault(number, Counter())[step] += count
    return found


def _ended(events: Iterable[RunEvent], counts: Counts) -> list[int]:
    """Numbers of processes of training that ended in the middle, in order.

    An error of training ends it only where no step came after the one in which it was raised; a note, only
    where its step is the last.
    """
    return sorted(
        {event.rank for event in events if event.rank in counts and _ended_in(event, counts[event.rank])}
    )


def _ended_in(event: RunEvent, steps: Collection[int]) -> bool:
    if event.body == STOPPED:
        return True
    if event.kind == "note":
        return bool(event.body[ENDED_IN_STEP] == max(steps))
    return len([step for step in steps if step > event.step]) == 1


def _missing(number: int, counts: Counts, world: int) -> Iterator[CutShort]:
    """What may be missing of the last step of a process, and of those that others went on to without it."""
    own = counts[number]
    beside = [of for other, of in counts.items() if other // world == number // world and other != number]
    last = max(own)
    before = Counter(own[step] for step in sorted(own)[-_BEFORE - 1 : -1])
    if not before:
        before = Counter(count for of in beside for count in of.values())
    share = max(before, key=lambda size: (before[size], size), default=0)
    if share > own[last]:
        yield CutShort(last, share - own[last])
    for step in sorted({step for of in beside for step in of if step > last}):
        yield CutShort(step, share)
