"""Steps that were taken twice: a run that is resumed from a checkpoint goes over some steps again.

What was logged of such a step last is of the last time; so are the rollouts that it is held against. The
recorder gives every resumed process a number of its own (the column ``rank``), which tells the times apart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
from numpy.typing import NDArray

from modelassay.records import RunEvent, RunMetrics
from modelassay.training.run import Run

Codes = NDArray[np.int64]
EVALUATED_AGAIN = "evaluated_again"
"""Key of the note of a process that goes on under another number only because a step was evaluated once more
after it was closed: training did not go back."""


def begins_number(event: RunEvent) -> bool:
    """Whether the process that tells it goes on, from there on, under the number that the event has."""
    return event.kind == "resumed" or (event.kind == "note" and EVALUATED_AGAIN in event.body)


def processes_of(run: Run) -> int:
    """Processes side by side, of which some may not have recorded: numbers of one that was resumed leave the
    same remainder.

    Of the whole run, for the steps after a resumption have rollouts of resumed processes alone.
    """
    resumed = {event.rank: event.body.get("world") for event in run.events() if begins_number(event)}
    if told := [world for world in resumed.values() if isinstance(world, int) and world > 0]:
        return max(told)
    first = {int(part.name.partition("-")[0]) for part in run.parts} - resumed.keys()
    return max(1, len(first) if resumed else max(first, default=0) + 1)


def stretches_of(run: Run) -> Codes:
    """For each rollout of `run`, in their order, how often the run had been resumed before it."""
    ranks = [np.asarray(batch.column("rank").to_numpy(), np.int64) for batch in run.batches(["rank"])]
    rank = np.concatenate(ranks) if ranks else np.empty(0, np.int64)
    if not any(begins_number(event) for event in run.events()):
        return np.zeros_like(rank)
    return rank // processes_of(run)


def last_times(step: Codes, stretch: Codes) -> NDArray[np.bool_]:
    """Which rollouts are of the last time that their step was taken."""
    if not len(step):
        return np.zeros(0, np.bool_)
    _, code = np.unique(step, return_inverse=True)
    newest = np.full(int(code.max()) + 1, -1, np.int64)
    np.maximum.at(newest, code, stretch)
    last: NDArray[np.bool_] = stretch == newest[code]
    return last


def rows_by_step(step: Codes, rows: Codes) -> dict[int, Codes]:
    """Those of `rows` that are of each step, in their order."""
    order = rows[np.argsort(step[rows], kind="stable")]
    values, starts = np.unique(step[order], return_index=True)
    parts = np.split(order, starts[1:]) if len(order) else []
    return dict(zip(values.tolist(), parts, strict=True))


def last_logs(metrics: Iterable[RunMetrics], repeated: Collection[int]) -> dict[int, dict[str, float]]:
    """Logs of training by step, in order; of the steps in `repeated` only what was logged the last time.

    A log of an earlier step than the one before it was written after a resume, which had begun with the first
    of the repeated steps around it: what was logged of these before is of rollouts that came to nothing.
    """
    found: dict[int, dict[str, float]] = {}
    before = -1
    for each in metrics:
        if each.phase != "train":
            continue
        if each.step < before:
            first = each.step
            while first - 1 in repeated:
                first -= 1
            for step in [step for step in found if step >= first and step in repeated]:
                del found[step]
        before = each.step
        found.setdefault(each.step, {}).update(each.values)
    return dict(sorted(found.items()))
