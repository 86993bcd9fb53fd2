"""A behaviour over the steps of training: how often it shows, what pushes it, when that was evident."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from modelassay.statistics import ALARM_Z, GroupAlarm, group_alarm
from modelassay.training.analyses.grouped import Grouped, grouped
from modelassay.training.frame import Codes, Flags, Floats, Frame

PROVED_ALPHA = 0.01
"""Chance with which the anytime-valid alarm may ever be false."""


@dataclass(frozen=True)
class Course:
    """A behaviour over the steps of training; arrays of shape ``[steps]``."""

    step: Codes
    rollouts: Codes
    flagged: Codes
    """Usable training rollouts that show it."""
    flow: Floats
    """Mean of advantage times flag: the push on it per rollout; NaN where no advantage is known."""
    mixed: Codes
    """Groups with both kinds of rollouts."""
    saturated: Codes
    """Groups in which every rollout shows it."""
    alarm: GroupAlarm
    """Evidence of reinforcement after each step."""

    @property
    def rate(self) -> Floats:
        """Share of usable training rollouts that show it."""
        return np.asarray(self.flagged / self.rollouts, dtype=np.float64)

    @property
    def late_rate(self) -> float:
        """That share in the last tenth of the steps; 0 without steps."""
        late = slice(-max(1, len(self.step) // 10), None)
        return float(self.flagged[late].sum() / self.rollouts[late].sum()) if len(self.step) else 0.0

    @property
    def cumulative_flow(self) -> Floats:
        """Sum of `flow` so far; steps without advantage add nothing."""
        return np.cumsum(np.nan_to_num(self.flow))

    @property
    def alarm_step(self) -> int | None:
        """First step with Z at `ALARM_Z` or more."""
        look = self.alarm.first(ALARM_Z)
        return None if look is None else int(self.step[look])

    @property
    def proved_step(self) -> int | None:
        """First step at which the e-value has reached 1/`PROVED_ALPHA`."""
        look = self.alarm.first_proved(PROVED_ALPHA)
        return None if look is None else int(self.step[look])


def course(frame: Frame, behaviour: str) -> Course:
    """The course of `behaviour` over all training steps, its evidence by the total reward."""
    flags = frame.flags[behaviour]
    return course_of(frame, flags, grouped(frame, flags, frame.reward), np.ones(len(frame), np.bool_))


def course_of(frame: Frame, flags: Flags, groups: Grouped, chosen: Flags) -> Course:
    """The course over the rollouts that are `chosen`, `groups` being the groups among them."""
    used = frame.is_train & frame.usable & chosen
    steps, place = np.unique(frame.step[used], return_inverse=True)
    shown, advantage = flags[used], frame.advantage[used]
    known = np.isfinite(advantage)
    with_advantage = np.bincount(place[known], minlength=len(steps))
    push = np.bincount(place[known & shown], weights=advantage[known & shown], minlength=len(steps))
    look = np.searchsorted(steps, groups.step)
    table = groups.differences
    bound = 0.25 * float(table.n.max(initial=0.0)) * table.reward_range
    return Course(
        step=steps,
        rollouts=np.bincount(place, minlength=len(steps)),
        flagged=np.bincount(place[shown], minlength=len(steps)),
        flow=np.divide(push, with_advantage, out=np.full(len(steps), np.nan), where=with_advantage > 0),
        mixed=np.bincount(look[table.mixed], minlength=len(steps)),
        saturated=np.bincount(look[table.k == table.n], minlength=len(steps)),
        alarm=_at_every_step(group_alarm(table.product, look, bound), np.unique(look), len(steps)),
    )


def _at_every_step(evidence: GroupAlarm, looks: Codes, steps: int) -> GroupAlarm:
    """Steps without groups keep the evidence of the step before."""
    known = np.searchsorted(looks, np.arange(steps), side="right")

    def held(values: Any) -> Any:
        return np.concatenate([np.zeros(1, values.dtype), values])[known]

    return GroupAlarm(held(evidence.z), held(evidence.log_e), held(evidence.speaking))
