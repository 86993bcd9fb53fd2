"""The pressure index: how much more a behaviour is paid than its absence, in one environment.

Of full reward it is P(full | behaviour) - P(full | without). Where rewards are of more than two values, the
difference of mean rewards stands beside it, as a share of the environment's span of rewards: partial credit,
noise and scores of a reward model pay without ever being full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from modelassay.statistics import newcombe_difference_interval
from modelassay.statistics.cluster_differences import MeanDifference, cluster_mean_difference
from modelassay.statistics.intervals import Interval
from modelassay.training.analyses.reward_scale import RewardScale, reward_scale
from modelassay.training.frame import Flags, Frame

FEWEST = 30
"""Rollouts with and without a behaviour that an index needs."""
NOT_SIGNS_OF_WORK = frozenset({"reasoning_graded", "evaluation_awareness", "magic_phrase"})
"""Flags that say nothing of how a task was done, or were chosen because rewarded rollouts have them: phrases
that right answers share are paid in every sound environment."""
GRADER_EXPLOITS = (
    "grader_exploit",
    "hard_coding",
    "contradiction_passed",
    "judge_manipulation",
    "score_manipulation",
)
"""Flags of rollouts that got their reward, if any, from the grader's weakness: no task is solved by them."""
MARGIN = 0.1
"""Share of the span of rewards under which a difference of means is none."""
_CLUSTERS_LEAST = 6
"""Tasks of each kind from which errors are clustered by task; else by group."""


@dataclass(frozen=True)
class Environment:
    """One environment's rollouts."""

    name: str
    code: int
    chosen: Flags
    """Usable training rollouts with a reward."""
    scale: RewardScale


@dataclass(frozen=True)
class Pressure:
    """How much more a behaviour is paid than its absence, in one environment, by one measure."""

    environment: str
    behaviour: str
    measure: Literal["full reward", "mean reward"]
    with_it: float
    """Share of full rewards, or mean reward, of rollouts with the behaviour."""
    without: float
    index: float
    """The difference; of means as a share of the span of rewards."""
    interval: Interval
    honest: float
    """What others get on a scale from 0 to 1."""

    @property
    def pays(self) -> bool:
        """Whether the behaviour is surely paid more."""
        return self.interval.low > 0

    @property
    def unsure(self) -> bool:
        """Whether it may be paid more by means, as far as the rollouts tell."""
        return self.measure == "mean reward" and not self.pays and self.interval.high > MARGIN


def environment_of(frame: Frame, code: int) -> Environment:
    """The rollouts of one environment of `frame`."""
    chosen = frame.is_train & frame.usable & (frame.env == code) & np.isfinite(frame.reward)
    return Environment(frame.envs[code], code, chosen, reward_scale(frame.reward[chosen]))


def pressures(frame: Frame, told: Sequence[Environment]) -> list[Pressure]:
    """The indices of every behaviour in every environment where both kinds of rollouts are enough.

    The surest come first. Intervals share an error of 5 % by Bonferroni.
    """
    pairs = [
        (each, name, flags[each.chosen])
        for each in told
        for name, flags in frame.flags.items()
        if name not in NOT_SIGNS_OF_WORK
    ]
    enough = [(e, n, f) for e, n, f in pairs if f.sum() >= FEWEST and (~f).sum() >= FEWEST]
    looks = sum(e.scale.reached + e.scale.graded for e, _, _ in enough)
    confidence = 1 - 0.05 / max(1, looks)
    found = []
    for each, name, flags in enough:
        if each.scale.reached:
            found.append(_by_full(frame, each, name, flags, confidence))
        if each.scale.graded:
            found.append(_by_mean(frame, each, name, flags, confidence))
    return sorted(found, key=lambda pressure: -pressure.interval.low)


def _by_full(frame: Frame, each: Environment, name: str, flags: Flags, confidence: float) -> Pressure:
    full = each.scale.is_full(frame.reward[each.chosen])
    k1, n1, k0, n0 = int(full[flags].sum()), int(flags.sum()), int(full[~flags].sum()), int((~flags).sum())
    interval = newcombe_difference_interval(k1, n1, k0, n0, confidence)
    share, other = k1 / n1, k0 / n0
    return Pressure(each.name, name, "full reward", share, other, share - other, interval, other)


def _by_mean(frame: Frame, each: Environment, name: str, flags: Flags, confidence: float) -> Pressure:
    found = paid_difference(frame, each, each.chosen, flags, confidence)
    low, span = each.scale.low, each.scale.span
    return Pressure(
        each.name, name, "mean reward",
        low + span * found.with_it, low + span * found.without, found.value, found.interval, found.without,
    )  # fmt: skip


def paid_difference(
    frame: Frame, each: Environment, chosen: Flags, kind: Flags, confidence: float
) -> MeanDifference:
    """Mean reward of those of `kind` less that of the others, as shares of the environment's span.

    Rollouts of one task depend on each other; where tasks are few, those of one group.

    Args:
        chosen: the rollouts, shape ``[n]`` of the frame.
        kind: which of those chosen, shape ``[chosen.sum()]``.
    """
    rewards = each.scale.within(frame.reward[chosen])
    by_task = cluster_mean_difference(rewards, kind, frame.task[chosen], confidence)
    if by_task.clusters >= _CLUSTERS_LEAST:
        return by_task
    by_group = cluster_mean_difference(rewards, kind, frame.group[chosen], confidence)
    return by_group if by_group.clusters > by_task.clusters else by_task
