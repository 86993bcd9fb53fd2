"""Rollouts that were told before any step was named: which one they serve, the first that is done says.

A loop may count its steps from 0, and one that is resumed goes on from any: what was told without a step is
taken to be of step 1 only until then. It is kept in the writer's state meanwhile, so that nothing is lost
when a process is killed.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelassay.records import RunEvent
from modelassay.training.recorder.items import Rollouts, decode, encode
from modelassay.training.recorder.times import event_time

TOLD_WITHOUT_STEP = "told_without_step"
"""Key of the note that says how many rollouts are kept under another step than they were taken to be of."""
MOST_BYTES = 8 << 20
"""Held at most; beyond that rollouts are kept as they were taken to be."""


class Unnamed:
    """Holds them until their step is known.

    Args:
        held: of another writer, encoded.
        is_over: whether a step was named before.
        resumed: whether the process goes on with a run: its first step is any.
    """

    def __init__(self, held: Iterable[bytes], *, is_over: bool, resumed: bool) -> None:
        self.held = list(held)
        self.is_over = is_over
        self._resumed = resumed

    def take(self, item: Rollouts) -> list[Rollouts]:
        """What can be kept now that `item` has come, in the order of all."""
        if self.is_over or not (self.held or _waits(item)):
            return [item]
        self.held.append(encode(item))
        return self.release() if sum(map(len, self.held)) > MOST_BYTES else []

    def release(self) -> list[Rollouts]:
        """All of them, of the steps that they were taken to be of."""
        self.is_over = True
        held, self.held = [decode(data) for data in self.held], []
        return [item for item in held if isinstance(item, Rollouts)]

    def named(self, step: int) -> tuple[list[Rollouts], RunEvent | None]:
        """All of them, now that `step` is the first that is done; and what is to be said of it."""
        items = self.release()
        others = [item for item in items if self._serves(item, step)]
        if not others:
            return items, None
        body = {
            TOLD_WITHOUT_STEP: sum(item.count for item in others),
            "taken_to_be_of": min(item.columns["step"][0] for item in others),
            "kept_under": step,
        }
        moved = [_of_step(item, step) if item in others else item for item in items]
        return moved, RunEvent(time=event_time(), kind="note", step=step, body=body)

    def _serves(self, item: Rollouts, step: int) -> bool:
        """Whether rollouts are of `step`, and not of the one that they were taken to be of.

        A later one says nothing in a run that has just begun: who names every tenth step does so, too.
        """
        taken = item.columns["step"][0]
        return _waits(item) and (step < taken or (self._resumed and step > taken))


def _waits(item: Rollouts) -> bool:
    """Whether nobody named the step of training that rollouts serve."""
    return item.assumed and "eval" not in item.columns.get("phase", ())


def _of_step(item: Rollouts, step: int) -> Rollouts:
    return Rollouts(item.count, {**item.columns, "step": [step] * item.count}, item.more)
