"""Rollouts of a run summed up by group: what every question about reward within groups begins with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from modelassay.statistics import GroupDifferences, group_differences
from modelassay.training.frame import Codes, Flags, Floats, Frame


@dataclass(frozen=True)
class Grouped:
    """Training groups in the order in which they were generated; arrays of shape ``[groups]``."""

    differences: GroupDifferences
    step: Codes
    task: Codes
    env: Codes
    first: Codes
    """Number of the group's first rollout in the run (`seq`)."""
    all_flagged_at_most: Flags
    """Groups with flagged rollouts, all of which get the largest reward seen in their environment."""
    rollouts: Codes
    """Numbers of the rollouts that take part, shape ``[n]``."""
    place: Codes
    """Which of these groups each of `rollouts` belongs to, shape ``[n]``."""
    mingled: int
    """Groups left out because their rollouts are of several tasks or steps, so that they are no groups."""
    lone: int
    """Groups left out because only one rollout of them can be used."""

    def __len__(self) -> int:
        return len(self.step)

    def of(self, chosen: Flags) -> Grouped:
        """Some of the groups."""
        kept = chosen[self.place]
        return replace(
            self,
            differences=self.differences.of(chosen),
            step=self.step[chosen],
            task=self.task[chosen],
            env=self.env[chosen],
            first=self.first[chosen],
            all_flagged_at_most=self.all_flagged_at_most[chosen],
            rollouts=self.rollouts[kept],
            place=(np.cumsum(chosen) - 1)[self.place[kept]],
        )


def grouped(frame: Frame, flags: Flags, reward: Floats) -> Grouped:
    """Sum up the training groups of `frame` under one behaviour and one reward.

    Rollouts with an infrastructure failure, or without this reward, take no part. A group must be of one task
    and one step; others are counted and left out, as are those with a single rollout.
    """
    used = np.flatnonzero(frame.is_train & frame.usable & np.isfinite(reward))
    used = used[np.argsort(frame.step[used], kind="stable")]
    place, first = _in_order(frame.group[used])
    strange = (frame.task[used] != frame.task[used[first]][place]) | (
        frame.step[used] != frame.step[used[first]][place]
    )
    size = np.bincount(place, minlength=len(first))
    mingled = np.bincount(place, weights=strange, minlength=len(first)) > 0
    lone = (size == 1) & ~mingled
    kept = ~mingled & ~lone
    chosen = kept[place]
    rollouts, place = used[chosen], (np.cumsum(kept) - 1)[place[chosen]]
    heads = used[first][kept]
    return Grouped(
        differences=group_differences(reward[rollouts], flags[rollouts], place),
        step=frame.step[heads],
        task=frame.task[heads],
        env=frame.env[heads],
        first=heads,
        all_flagged_at_most=_all_at_most(frame, flags, reward, rollouts, place, len(heads)),
        rollouts=rollouts,
        place=place,
        mingled=int(mingled.sum()),
        lone=int(lone.sum()),
    )


def _in_order(codes: Codes) -> tuple[Codes, Codes]:
    """New codes in order of first appearance, and the place of each one's first."""
    if not len(codes):
        return codes, codes
    first = np.full(int(codes.max()) + 1, len(codes))
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    present = np.sort(first[first < len(codes)])
    renumbered = np.empty(len(first), np.int64)
    renumbered[codes[present]] = np.arange(len(present))
    return renumbered[codes], present


def _all_at_most(
    frame: Frame, flags: Flags, reward: Floats, rollouts: Codes, place: Codes, groups: int
) -> Flags:
    flagged = flags[rollouts]
    most = np.full(len(frame.envs), -np.inf)
    np.maximum.at(most, frame.env[rollouts], reward[rollouts])
    below = flagged & (reward[rollouts] < most[frame.env[rollouts]])
    any_flagged = np.bincount(place[flagged], minlength=groups) > 0
    any_below = np.bincount(place[below], minlength=groups) > 0
    return np.asarray(any_flagged & ~any_below)
