"""Total rewards of rollouts of which only the scores of reward functions were told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelassay.training.columns import REWARD_PREFIX
from modelassay.training.importers.rows import number
from modelassay.training.recorder.plain_values import scalar

if TYPE_CHECKING:
    from modelassay.training.recorder.recorder import RunRecorder

ONLY_FUNCTION = "weight_of_only_reward_function"
"""Key of the note that says whose weight nobody had said, so that it was taken to be 1."""


class Totals:
    """Weighs scores as the manifest says; the only function of a run counts once where nothing says more."""

    def __init__(self, recorder: RunRecorder) -> None:
        self._recorder = recorder
        self._known: set[str] = set()
        """Reward functions met so far."""
        self._told = False

    def know(self, names: Iterable[str]) -> None:
        """Say that there are reward functions called `names`."""
        self._known.update(names)

    def of(self, scores: Mapping[str, float | None], given: float | None = None) -> float | None:
        """Total of one rollout: as `given`, else by its scores by function; None where it is not known."""
        if given is not None:
            self._known |= scores.keys()
            return given
        return self.column({REWARD_PREFIX + name: [score] for name, score in scores.items()}, 1)[0]

    def added(self, columns: Mapping[str, list[Any]], count: int) -> Mapping[str, list[Any]]:
        """`columns` with a column of totals, where they have none."""
        return columns if "reward" in columns else {**columns, "reward": self.column(columns, count)}

    def column(self, columns: Mapping[str, Sequence[Any]], count: int) -> list[float | None]:
        """Total of each of `count` rollouts, from their columns of scores; None where it is not known."""
        scored = {name: values for name, values in columns.items() if name.startswith(REWARD_PREFIX)}
        weights = self._weights([name.removeprefix(REWARD_PREFIX) for name in scored])
        if weights is None:
            return [None] * count
        totals: list[float | None] = []
        for row in range(count):
            scores = [number(scalar(values[row])) for values in scored.values()]
            known = [w * score for w, score in zip(weights, scores, strict=True) if score is not None]
            totals.append(sum(known) if known else None)
        return totals

    def _weights(self, scored: Sequence[str]) -> list[float] | None:
        """Weight of each function in `scored`; None where one is not known."""
        said = {each.name: each.weight for each in self._recorder.manifest.rewards}
        self._known |= {*said, *scored}
        weights = [said.get(name) for name in scored]
        known = [float(each) for each in weights if each is not None]
        if len(known) == len(weights):
            return known
        if len(self._known) > 1:
            return None
        if not self._told and not self._recorder.is_foreign:
            self._told = True
            body: dict[str, Any] = {ONLY_FUNCTION: scored[0], "taken_as": 1}
            self._recorder.event("note", **body)
        return [1.0]
