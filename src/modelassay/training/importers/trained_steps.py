"""Up to which step a run was trained, by all that names one: rollouts whose end was removed leave a gap so.

Rollouts alone would say that a run ends where they do, and half a run would look whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TypeVar

from modelassay.records import RunCheckpoint, RunDataset, RunEvent, RunMetrics

_AnyRecord = TypeVar("_AnyRecord", bound=RunMetrics | RunCheckpoint | RunEvent | RunDataset)


class Trained:
    """Steps that metrics of training and checkpoints name, gathered while they are read.

    Args:
        names: how names of metrics begin that only training logs; any metric counts when there are none.
    """

    def __init__(self, names: tuple[str, ...] = ()) -> None:
        self._names = names
        self.logged: set[int] = set()
        self.saved: set[int] = set()

    def noted(self, records: Iterable[_AnyRecord]) -> Iterator[_AnyRecord]:
        """`records` as they are, with their steps noted on the way."""
        for record in records:
            if isinstance(record, RunMetrics) and self._is_training(record):
                self.logged.add(record.step)
            elif isinstance(record, RunCheckpoint):
                self.saved.add(record.step)
            yield record

    def _is_training(self, metrics: RunMetrics) -> bool:
        return not self._names or any(name.startswith(self._names) for name in metrics.values)

    def last(self, steps: Collection[int]) -> tuple[int, str]:
        """The last step that was trained, and what says so where rollouts of `steps` end before it."""
        here = max(steps, default=0)
        found = max((here, *self.logged, *self.saved))
        if found == here:
            return found, ""
        return found, " in the metrics" if found in self.logged else " in the checkpoints"
