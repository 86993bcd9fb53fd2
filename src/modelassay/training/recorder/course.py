"""The course of training in one process: which steps are open or closed, and whether one comes again."""

from __future__ import annotations

from modelassay.training.recorder.items import Rollouts, StepDone


class Course:
    """Sees what is said, in its order; a step is closed when it, or a later one, is done."""

    def __init__(self) -> None:
        self._open: set[tuple[str, int]] = set()
        self._closed: set[tuple[str, int]] = set()

    def comes_again(self, item: Rollouts | StepDone) -> bool:
        """Take `item`; whether it is of a step that was closed, so that the course begins anew with it."""
        if isinstance(item, StepDone):
            named = {("train", item.step)}
        else:
            steps = item.columns.get("step") or [0] * item.count
            phases = item.columns.get("phase") or ["train"] * item.count
            named = set(zip(phases, steps, strict=True))
        again = self.begins_anew(named)
        if isinstance(item, StepDone):
            done = {(phase, step) for phase, step in self._open if step <= item.step}
            self._open -= done
            self._closed |= done
        return again

    def has_closed(self, phase: str, step: int) -> bool:
        """Whether rollouts of `step` would be of one that is closed."""
        return (phase, step) in self._closed

    def begins_anew(self, named: set[tuple[str, int]]) -> bool:
        """Take phases and steps that come now; whether one was closed, so that the course begins anew."""
        again = not named.isdisjoint(self._closed)
        if again:
            self._open, self._closed = set(), set()
        self._open |= named
        return again
