"""The pressure index: how much more a behaviour is paid than its absence, in one environment.

Among rollouts of the same prompt it is D (`statistics.group_differential`) as a share of the environment's
span of rewards, over all steps and over their last third: what is paid after a fix, or no longer. Where too
few groups hold both kinds, it is P(full | behaviour) - P(full | without), and where rewards are of more than
two values the difference of mean rewards; these cannot tell what is paid from what easier prompts bring.
Where they are large, and many rollouts with the behaviour stand in groups that all show it, they are told as
well: an exploit that was taken up at once leaves no group in which it is paid beside honest work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from modelassay.statistics import newcombe_difference_interval, reward_differential
from modelassay.statistics.cluster_differences import MeanDifference, cluster_mean_difference
from modelassay.statistics.intervals import Interval
from modelassay.training.analyses.grouped import Grouped, grouped
from modelassay.training.analyses.reinforcement import MIXED_LEAST
from modelassay.training.analyses.reward_scale import RewardScale, reward_scale
from modelassay.training.frame import Flags, Floats, Frame

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
"""Share of the span of rewards, or of full rewards, under which a difference is none."""
MOST = 0.9
"""Share of a behaviour's rollouts that stand in groups with others, from which these groups speak for all."""
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
    measure: Literal["within groups", "full reward", "mean reward"]
    with_it: float
    """Share of full rewards, or mean reward, of rollouts with the behaviour; within groups its share of the
    span of rewards."""
    without: float
    index: float
    """The difference; within groups and of means as a share of the span of rewards."""
    interval: Interval
    honest: float
    """What others get on a scale from 0 to 1."""
    groups: int = 0
    """Groups with both kinds of rollouts that the index is from."""
    since: int | None = None
    """First step that it is from, where it is not of all."""

    @property
    def pays(self) -> bool:
        """Whether the behaviour is surely paid more than its absence for the same prompt."""
        return self.measure == "within groups" and self.interval.low > 0

    @property
    def common(self) -> bool:
        """Whether rollouts with it are surely paid more, for whatever reason."""
        return self.measure != "within groups" and self.interval.low > 0

    @property
    def unsure(self) -> bool:
        """Whether it may be paid more, as far as the rollouts tell."""
        return not self.pays and (self.measure != "within groups" or self.interval.high > MARGIN)


def environment_of(frame: Frame, code: int) -> Environment:
    """The rollouts of one environment of `frame`."""
    chosen = frame.is_train & frame.usable & (frame.env == code) & np.isfinite(frame.reward)
    return Environment(frame.envs[code], code, chosen, reward_scale(frame.reward[chosen]))


def pressures(frame: Frame, told: Sequence[Environment]) -> list[Pressure]:
    """The indices of every behaviour in every environment where both kinds of rollouts are enough.

    The surest come first. Intervals share an error of 5 % by Bonferroni.
    """
    shares = _shares(frame, told)
    asked = [
        (each, name, mixed)
        for name in frame.flags
        if name not in NOT_SIGNS_OF_WORK
        for each, mixed in _enough(frame, told, name, shares)
    ]
    looks = sum(2 * (mixed is not None) + e.scale.reached + e.scale.graded for e, _, mixed in asked)
    confidence = 1 - 0.05 / max(1, looks)
    found: list[Pressure] = []
    for each, name, mixed in asked:
        pooled = _pooled(frame, each, name, confidence)
        if mixed is None:
            found += pooled
            continue
        found += _within_groups(frame.flags[name], shares, each, name, mixed, confidence)
        if _beside_others(frame.flags[name] & each.chosen, mixed) < MOST:
            found += [one for one in pooled if one.interval.low > MARGIN]
    return sorted(found, key=lambda pressure: (not pressure.pays, -pressure.interval.low))


def _pooled(frame: Frame, each: Environment, name: str, confidence: float) -> list[Pressure]:
    """Of all rollouts together, whichever prompt they answer."""
    flags = frame.flags[name][each.chosen]
    found = [_by_full(frame, each, name, flags, confidence)] if each.scale.reached else []
    return [*found, _by_mean(frame, each, name, flags, confidence)] if each.scale.graded else found


def _beside_others(flagged: Flags, groups: Grouped) -> float:
    """Share of these rollouts that stand in groups which hold others too."""
    beside = groups.rollouts[groups.differences.mixed[groups.place]]
    return float(flagged[beside].sum() / max(1, flagged.sum()))


def _shares(frame: Frame, told: Sequence[Environment]) -> Floats:
    """Rewards as shares of the span of their environment, shape ``[n]``; elsewhere NaN."""
    shares = np.full(len(frame), np.nan)
    for each in told:
        shares[each.chosen] = each.scale.within(frame.reward[each.chosen])
    return shares


def _enough(
    frame: Frame, told: Sequence[Environment], name: str, shares: Floats
) -> Iterator[tuple[Environment, Grouped | None]]:
    """Environments in which a behaviour is seen and absent often enough; groups where these can tell."""
    flags = frame.flags[name]
    enough = [e for e in told if min(flags[e.chosen].sum(), (~flags[e.chosen]).sum()) >= FEWEST]
    if not enough:
        return
    groups = grouped(frame, flags, shares)
    for each in enough:
        here = groups.of(groups.env == each.code)
        yield each, here if int(here.differences.mixed.sum()) >= MIXED_LEAST else None


def _within_groups(
    flags: Flags, shares: Floats, each: Environment, name: str, groups: Grouped, confidence: float
) -> list[Pressure]:
    """Over all steps, and over the last third of the groups where these are enough by themselves."""
    late = groups.of(groups.step > int(np.quantile(groups.step, 2 / 3)))
    found = []
    for part in (groups, late):
        mixed = part.differences.mixed
        if int(mixed.sum()) < MIXED_LEAST:
            continue
        by_task = len(np.unique(part.task[mixed])) >= _CLUSTERS_LEAST
        d = reward_differential(part.differences, part.task if by_task else part.step, confidence)
        kind, paid = flags[part.rollouts], shares[part.rollouts]
        found.append(
            Pressure(
                environment=each.name,
                behaviour=name,
                measure="within groups",
                with_it=float(paid[kind].mean()),
                without=float(paid[~kind].mean()),
                index=d.value,
                interval=d.interval,
                honest=float(paid[~kind].mean()),
                groups=int(mixed.sum()),
                since=int(part.step.min()) if part is late else None,
            )
        )
    return found


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
