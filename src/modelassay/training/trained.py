"""Training rollouts as a log is held against them: by step, each time that a step was taken on its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelassay.training.advantages import Groups
from modelassay.training.frame import Frame
from modelassay.training.stretches import last_times, rows_by_step


@dataclass(frozen=True)
class Train:
    """Training rollouts, and where each step stands among them."""

    groups: Groups
    step: NDArray[np.int64]
    task: NDArray[np.int64]
    tokens: NDArray[np.float64]
    prompt_tokens: NDArray[np.float64] | None
    truncated: NDArray[np.bool_]
    blank: NDArray[np.bool_]
    """Completions without a single character."""
    trained_on: NDArray[np.int8]
    """1 trained on, 0 filtered out, -1 unknown."""
    agents: NDArray[np.str_] | None
    """Whose rollout each is; None where the run has one agent, or does not tell."""
    rewards: Mapping[str, NDArray[np.float64]]
    discarded: NDArray[np.bool_]
    """Rollouts that failed and have no reward: training took others in their place, or ended."""
    steps: Mapping[int, NDArray[np.int64]]
    """Rows of each step, of the last time that it was taken."""
    every: Mapping[int, NDArray[np.int64]]
    """Likewise, of all times."""

    @property
    def again(self) -> frozenset[int]:
        """Steps that were surely taken more than once."""
        return frozenset(step for step, rows in self.every.items() if len(rows) > len(self.steps[step]))

    @classmethod
    def of(
        cls,
        frame: Frame,
        chosen: NDArray[np.int64],
        prompts: NDArray[np.float64] | None,
        taken: NDArray[np.int64],
        agents: NDArray[np.str_] | None = None,
    ) -> Train:
        """Training rollouts `chosen` of a frame; each time that a step was taken (`taken`) on its own."""
        step = frame.step[chosen]
        times = int(taken.max(initial=0)) + 1
        return cls(
            groups=Groups.of(
                step * times + taken,
                frame.group[chosen] * times + taken,
                frame.reward[chosen],
                frame.advantage[chosen],
            ),
            step=step,
            task=frame.task[chosen],
            tokens=frame.tokens[chosen],
            prompt_tokens=None if prompts is None else prompts[chosen],
            truncated=frame.truncated[chosen],
            blank=frame.empty[chosen] & (frame.characters[chosen] == 0),
            trained_on=frame.trained_on[chosen],
            agents=None if agents is None else agents[chosen],
            discarded=frame.failed[chosen] & np.isnan(frame.reward[chosen]),
            rewards={name: each[chosen] for name, each in frame.rewards.items()},
            steps=rows_by_step(step, np.flatnonzero(last_times(step, taken))),
            every=rows_by_step(step, np.arange(len(step))),
        )


def unclear_steps(train: Train, again: Collection[int], part: Mapping[int, int]) -> set[int]:
    """Steps of `again` that have not as many rollouts as is usual: of which time each is cannot be told.

    Args:
        part: for each step, how many changes of sizes came before it.
    """
    sizes: dict[int, list[int]] = {}
    for step, rows in train.steps.items():
        if step not in again:
            sizes.setdefault(part[step], []).append(len(rows))
    usual = {each: int(np.bincount(of).argmax()) for each, of in sizes.items()}
    return {
        step for step in again if step in train.steps and len(train.steps[step]) != usual.get(part[step], 0)
    }
