"""What full reward is in one environment, and what a middling one: told from the rewards that were given.

Graders of pass or fail give their highest reward to everything that passes. Scores of a reward model, and
rewards with noise, reach their highest once: there the share of rollouts with full reward is 0 of everything,
whatever is paid, and only means tell what pays. A single outlier may stand far outside all other rewards, so
that ends are taken at the 1 % and the 99 % quantile.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelassay.training.frame import Flags, Floats

COMMON = 0.05
"""Share of rollouts with the highest reward from which that is full reward."""
REPEATED = 10
"""Rollouts with exactly the highest reward from which it is full reward too: a grade, not a chance value."""
_OUTER = 0.01
_EQUAL = 1e-9


@dataclass(frozen=True)
class RewardScale:
    """How the rewards of one environment lie."""

    full: float
    """The highest reward of any rollout."""
    reached: bool
    """Whether `full` is a grade that rollouts reach; else it is an outlier, or one value of many."""
    low: float
    """1 % quantile, or the lowest reward where that equals `high`."""
    high: float
    """99 % quantile, or the highest."""
    graded: bool
    """Whether there are more than two rewards, so that full reward is not all that can be paid."""

    @property
    def middle(self) -> float:
        """Halfway between the two ends."""
        return 0.5 * (self.low + self.high)

    @property
    def span(self) -> float:
        """From one end to the other; 0 where all rewards are equal."""
        return self.high - self.low

    @property
    def paid_from(self) -> float:
        """Full reward, or half of the span where there is none."""
        return self.full if self.reached else self.middle

    def is_full(self, rewards: Floats) -> Flags:
        """Which of `rewards` are full; none where full reward is not known."""
        return np.asarray((rewards >= self.full - _EQUAL) & self.reached)

    def within(self, rewards: Floats) -> Floats:
        """`rewards` as shares of the span, those beyond an end set to it; 0 where all are equal."""
        if self.span <= 0.0:
            return np.zeros(len(rewards))
        return np.asarray((np.clip(rewards, self.low, self.high) - self.low) / self.span, np.float64)


def reward_scale(rewards: Floats) -> RewardScale:
    """The scale of these rewards, all finite; of none of them everything is 0."""
    if not rewards.size:
        return RewardScale(0.0, False, 0.0, 0.0, False)
    lowest, highest = float(rewards.min()), float(rewards.max())
    low, high = (float(q) for q in np.quantile(rewards, (_OUTER, 1.0 - _OUTER)))
    if high - low <= _EQUAL:
        low, high = lowest, highest
    at_top = int((rewards >= highest - _EQUAL).sum())
    ends = at_top + int((rewards <= lowest + _EQUAL).sum())
    graded = ends < len(rewards)
    reached = not graded or at_top >= COMMON * len(rewards) or at_top >= REPEATED
    return RewardScale(highest, reached, low, high, graded)
