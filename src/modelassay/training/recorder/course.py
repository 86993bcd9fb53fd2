"""The course of training in one process: which steps are open or closed, and whether one comes again."""

from __future__ import annotations

from typing import Literal

from modelassay.training.recorder.items import Rollouts, StepDone

Again = Literal["", "training", "evaluation"]
"""What of a closed step comes again: then it is kept under another number. Only training has gone back."""


def steps_of(item: Rollouts | StepDone) -> list[int]:
    """The step of each rollout, or the one that is done."""
    return [item.step] if isinstance(item, StepDone) else item.columns.get("step") or [0] * item.count


class Course:
    """Sees what is said, in its order; a step is closed when it, or a later one, is done."""

    def __init__(self) -> None:
        self._open: set[tuple[str, int]] = set()
        self._closed: set[tuple[str, int]] = set()
        self._newest = -1
        """Step that was done last."""
        self._has_trained = False
        """Whether there were rollouts of training."""

    def take(self, item: Rollouts | StepDone) -> Again:
        """Take `item`; what of a closed step comes again with it."""
        if isinstance(item, StepDone):
            return self._done(item)
        phases = item.columns.get("phase") or ["train"] * item.count
        return self.begins_anew(set(zip(phases, steps_of(item), strict=True)))

    def has_closed(self, phase: str, step: int) -> bool:
        """Whether rollouts of `step` would be of one that is closed."""
        return (phase, step) in self._closed

    @property
    def open_step(self) -> int | None:
        """The newest step of training that has rollouts and is not done; None where there is none."""
        return max((step for phase, step in self._open if phase == "train"), default=None)

    def was_done(self, step: int) -> bool:
        """Whether `step` is done already, so that saying so once more begins nothing.

        Where a run has no rollouts, only its steps say that training goes back.
        """
        if ("train", step) not in self._closed:
            return False
        return step == self._newest or self._has_trained

    def begins_anew(self, named: set[tuple[str, int]]) -> Again:
        """Take phases and steps of rollouts that come now; what of a closed step comes again with them."""
        self._has_trained = self._has_trained or any(phase == "train" for phase, _ in named)
        again = self._again(named)
        self._open |= named
        return again

    def _again(self, named: set[tuple[str, int]]) -> Again:
        closed = named & self._closed
        if not closed:
            return ""
        self._open = set()
        if all(phase == "eval" for phase, _ in closed):
            self._closed = {(phase, step) for phase, step in self._closed if phase != "eval"}
            return "evaluation"
        self._closed, self._newest = set(), -1
        return "training"

    def _done(self, item: StepDone) -> Again:
        named = set() if item.again else {("train", item.step)}
        again = self._again(named)
        self._open |= named
        done = {(phase, step) for phase, step in self._open if step <= item.step}
        self._open -= done
        self._closed |= done
        self._newest = item.step if not item.again else self._newest
        return again
