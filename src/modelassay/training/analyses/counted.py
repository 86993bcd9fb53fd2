"""How often a behaviour shows, position by position: steps, epochs or checkpoints.

Counted from rollouts, or taken from logs and audits that keep nothing but counts.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from modelassay.training.analyses.reward_scale import reward_scale
from modelassay.training.frame import Codes, Floats, Frame


@dataclass(frozen=True)
class BehaviourCounts:
    """Counts of one environment; arrays of shape ``[positions]``, positions rising."""

    position: Codes
    """Training step, epoch or checkpoint."""
    n: Codes
    """Rollouts, or answers of a checkpoint, that could be read."""
    flagged: Codes
    """Of them, those that show the behaviour."""
    flagged_rewarded: Codes | None = None
    """Of `flagged`, those that were rewarded; None where reward is not known."""
    rewarded: Codes | None = None
    environment: str = ""
    design_effect: float = 1.0
    """By how much dependence among answers of a position widens intervals; at least 1."""

    def __post_init__(self) -> None:
        rewards = [each for each in (self.flagged_rewarded, self.rewarded) if each is not None]
        arrays = [self.n, self.flagged, *rewards]
        if any(each.shape != self.position.shape for each in arrays) or (np.diff(self.position) <= 0).any():
            raise ValueError("need counts for each position, and positions that rise")
        if any(((each < 0) | (each > self.n)).any() for each in arrays):
            raise ValueError("counts must lie between 0 and their totals")

    def without(self, invalid: Collection[int]) -> BehaviourCounts:
        """The same without the positions that gates found invalid."""
        kept = ~np.isin(self.position, list(invalid))

        def of(values: Codes | None) -> Codes | None:
            return None if values is None else values[kept]

        return replace(
            self,
            position=self.position[kept],
            n=self.n[kept],
            flagged=self.flagged[kept],
            flagged_rewarded=of(self.flagged_rewarded),
            rewarded=of(self.rewarded),
        )


def counts_by_step(
    frame: Frame, behaviour: str, *, success: float | None = None, most: int = 400
) -> tuple[BehaviourCounts, ...]:
    """Counts of `behaviour` over the training steps, one for each environment.

    Args:
        success: the least reward that counts as rewarded; halfway between the ends of the environment's
            rewards, without the outermost 1 % on either side, when None.
        most: positions at most: longer runs are counted over as many stretches of equally many steps, each
            named by its first.
    """
    used = frame.is_train & frame.usable
    found = []
    for code, name in enumerate(frame.envs):
        chosen = used & (frame.env == code)
        if chosen.any():
            found.append(_of_environment(frame, behaviour, np.flatnonzero(chosen), name, success, most))
    return tuple(found)


def clustering(frame: Frame, behaviour: str) -> float:
    """Design effect of groups: how much more flags vary between groups of a step than independent ones."""
    used = frame.is_train & frame.usable
    if not used.any():
        return 1.0
    place = np.unique(frame.step[used], return_inverse=True)[1]
    return design_effect(frame.flags[behaviour][used], frame.group[used], place)


def _of_environment(
    frame: Frame, behaviour: str, rollouts: Codes, name: str, success: float | None, most: int
) -> BehaviourCounts:
    steps, place = np.unique(frame.step[rollouts], return_inverse=True)
    stretch = -(-len(steps) // most)
    place = place // stretch
    flags, reward = frame.flags[behaviour][rollouts], frame.reward[rollouts]
    finite = reward[np.isfinite(reward)]
    position = steps[::stretch]

    def count(which: NDArray[np.bool_]) -> Codes:
        return np.bincount(place[which], minlength=len(position))

    both = rewarded = None
    if finite.size:
        scale = reward_scale(finite)
        limit = success if success is not None else scale.middle
        # Where all rewards are equal nothing tells a success.
        paid = (reward >= limit) & (success is not None or scale.span > 0.0)
        both, rewarded = count(flags & paid), count(paid)
    effect = design_effect(flags, frame.group[rollouts], place)
    return BehaviourCounts(
        position, np.bincount(place, minlength=len(position)), count(flags), both, rewarded, name, effect
    )


def design_effect(flags: NDArray[np.bool_], group: Codes, place: Codes) -> float:
    """How much more flags vary between groups of a position than independent ones would; at least 1."""
    groups, member = np.unique(group, return_inverse=True)
    rate = np.bincount(place, weights=flags) / np.maximum(np.bincount(place), 1)
    residual: Floats = flags - rate[place]
    simple = float(residual @ residual)
    if not simple or len(groups) < 2:
        return 1.0
    sums = np.bincount(member, weights=residual)
    return max(1.0, float(sums @ sums) / simple)
