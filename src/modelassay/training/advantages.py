"""How advantages come from rewards: the formulae in use, and which of them a run follows.

- ``group``: (r − mean)/(std + 10⁻⁴) within the group: GRPO as TRL has it; ``group 1e-6`` as verl has it, and
  NeMo-RL without its leave-one-out baseline; ``group 0`` as NeMo-RL had it before.
- ``group of n``: (r − mean)/(population std + 10⁻⁸): the default of open-instruct (``standard``).
- ``centred``: r − mean (Dr. GRPO; TRL's ``scale_rewards="none"``; prime-rl; open-instruct's ``centered``).
- ``batch``: (r − mean of the group)/(std of the step + 10⁻⁴) (TRL's ``scale_rewards="batch"``).
- ``leave one out``: r − mean of the others (RLOO).
- ``leave one out, scaled``: that, divided by the std of the others + 10⁻⁶ where it is not 0: the default of
  NeMo-RL (`calculate_baseline_and_std_per_prompt`); earlier versions added nothing.
- ``by the mean``: (r − mean)/mean (MaxRL, of open-instruct and prime-rl).

Deviations are sample deviations (n − 1) but for ``group of n``. A rollout that nobody scored has advantage 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
UNIT = 2.0**-24
ROUNDED_APART = 0.01
"""What advantages in groups of equal rewards may come to where float32 has a deviation of them that is all
rounding, at least 2⁻¹² of the reward, and nothing damps it."""
AGREEING = 0.5
"""Share of rollouts that must follow a formula before it is taken to be the run's."""


@dataclass(frozen=True)
class Groups:
    """Rollouts with the statistics of their groups."""

    code: NDArray[np.int64]
    """Group of each rollout, dense from 0."""
    step_code: NDArray[np.int64]
    reward: Floats
    advantage: Floats
    size: NDArray[np.int64]
    """Rollouts by group."""
    mean: Floats
    """Mean reward by group, of those that were scored."""
    std: Floats
    """Sample deviation by group; NaN where fewer than two were scored."""
    largest: Floats
    """Largest magnitude of a reward by group."""

    @classmethod
    def of(
        cls, step: NDArray[np.int64], group: NDArray[np.int64], reward: Floats, advantage: Floats
    ) -> Groups:
        """Group rollouts by `group`; steps are needed for deviations over a step."""
        _, code = np.unique(group, return_inverse=True)
        _, step_code = np.unique(step, return_inverse=True)
        count = int(code.max()) + 1 if len(code) else 0
        mean, std = _moments(code, reward, count)
        largest = np.zeros(count)
        np.maximum.at(largest, code, np.abs(np.nan_to_num(reward)))
        size = np.bincount(code, minlength=count)
        return cls(code, step_code, reward, advantage, size, mean, std, largest)

    def zero_variance(self, rows: NDArray[np.int64]) -> tuple[float, float] | None:
        """Share of rollouts in groups of equal rewards, and what rounding may change of it.

        Counted by rollout, as TRL does; a deviation that is all rounding may count either way in float32.
        """
        spread = self.std[self.code[rows]]
        if np.isnan(spread).any():
            return None
        unsure = (spread > 0) & (spread <= 8 * UNIT * self.largest[self.code[rows]])
        rounded = (spread == 0) & ~_exact(self.mean[self.code[rows]])
        return float((spread == 0).mean()), float((unsure | rounded).mean()) + UNIT

    def zero_variance_of_step(self, rows: NDArray[np.int64]) -> tuple[float, float] | None:
        """1 where all rewards of a step are equal, else 0, and what rounding may change of it.

        That is what TRL counts where it scales by the deviation of the step.
        """
        values = self.reward[rows][~np.isnan(self.reward[rows])]
        if len(values) < 2:
            return None
        spread = 0.0 if (values == values[0]).all() else float(values.std(ddof=1))
        if spread == 0:
            return 1.0, UNIT if _exact(values[:1]).all() else 1 + UNIT
        return 0.0, 1 + UNIT if spread <= 8 * UNIT * float(np.abs(values).max()) else UNIT

    def mixed(self, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
        """By group: whether its rollouts differ in `labels`."""
        low = np.full(len(self.size), np.iinfo(np.int64).max)
        high = np.full(len(self.size), np.iinfo(np.int64).min)
        np.minimum.at(low, self.code, labels)
        np.maximum.at(high, self.code, labels)
        mixed: NDArray[np.bool_] = low != high
        return mixed


def _exact(values: Floats) -> NDArray[np.bool_]:
    """Whether float32 sums of equal numbers of this value round to nothing: few significant bits."""
    return np.asarray(np.round(values * 4096) == values * 4096, np.bool_)


def _moments(code: NDArray[np.int64], values: Floats, count: int) -> tuple[Floats, Floats]:
    """Mean and sample deviation by code, over numbers; two passes, so that equal values have deviation 0."""
    known = ~np.isnan(values)
    n = np.bincount(code[known], minlength=count).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(code[known], values[known], minlength=count) / n
        first = np.full(count, math.nan)
        first[code[known][::-1]] = values[known][::-1]
        equal = np.ones(count, np.bool_)
        np.logical_and.at(equal, code[known], values[known] == first[code[known]])
        mean = np.where(equal, first, mean)
        squares = np.bincount(code[known], (values[known] - mean[code[known]]) ** 2, minlength=count)
        std = np.sqrt(squares / (n - 1))
    return mean, np.where(n > 1, std, math.nan)


def _scored(groups: Groups, advantage: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """`advantage` with 0 for the unscored, and how far float32 may be from it."""
    size = np.log2(np.maximum(groups.size, 2))[groups.code] + 2
    error = 2 * UNIT * size * groups.largest[groups.code]
    expected = np.where(np.isnan(groups.reward), 0.0, advantage)
    allowed = error / scale * (1 + np.abs(expected)) + 8 * UNIT * np.abs(expected)
    return expected, np.where(np.isnan(allowed), 0.0, allowed) + UNIT


def _by_group(small: float) -> Callable[[Groups], tuple[Floats, Floats]]:
    def formula(groups: Groups) -> tuple[Floats, Floats]:
        scale = np.nan_to_num(groups.std)[groups.code] + small
        scale = np.where(scale > 0, scale, 1.0)
        return _scored(groups, (groups.reward - groups.mean[groups.code]) / scale, scale)

    return formula


def _undamped(groups: Groups) -> tuple[Floats, Floats]:
    expected, allowed = _by_group(0.0)(groups)
    rounded = (np.nan_to_num(groups.std) == 0)[groups.code] & ~_exact(groups.mean[groups.code])
    return expected, np.where(rounded, np.maximum(allowed, ROUNDED_APART), allowed)


def _of_population(groups: Groups) -> tuple[Floats, Floats]:
    """In float64, so that rounding leaves next to nothing in groups of equal rewards."""
    scored = _scored_of(groups)
    spread = np.nan_to_num(groups.std) * np.sqrt(np.maximum(scored - 1, 0) / np.maximum(scored, 1))
    scale = np.where(spread > 0, spread + 1e-8, 1.0)[groups.code]
    return _scored(groups, (groups.reward - groups.mean[groups.code]) / scale, scale)


def _scored_of(groups: Groups) -> Floats:
    """By group: how many rollouts were scored."""
    known = ~np.isnan(groups.reward)
    return np.bincount(groups.code[known], minlength=len(groups.size)).astype(np.float64)


def _centred(groups: Groups) -> tuple[Floats, Floats]:
    return _scored(groups, groups.reward - groups.mean[groups.code], np.ones(len(groups.reward)))


def _by_step(groups: Groups) -> tuple[Floats, Floats]:
    steps = int(groups.step_code.max()) + 1 if len(groups.step_code) else 0
    _, std = _moments(groups.step_code, groups.reward, steps)
    scale = np.nan_to_num(std)[groups.step_code] + 1e-4
    return _scored(groups, (groups.reward - groups.mean[groups.code]) / scale, scale)


def _leave_one_out(groups: Groups) -> tuple[Floats, Floats]:
    """The others are those that were scored; a rollout that alone was scored has advantage 0."""
    scored = _scored_of(groups)[groups.code]
    factor = np.divide(scored, scored - 1, out=np.ones_like(scored), where=scored > 1)
    return _scored(groups, factor * (groups.reward - groups.mean[groups.code]), np.ones(len(groups.reward)))


def _leave_one_out_scaled(groups: Groups) -> tuple[Floats, Floats]:
    """Float32 takes the variance of the others as the difference of two means of squares: where it is 0 that
    may come to little instead, and then nobody can tell the advantage."""
    scored = _scored_of(groups)
    off = groups.reward - groups.mean[groups.code]
    squares = np.bincount(groups.code, np.nan_to_num(off) ** 2, minlength=len(groups.size))
    n = scored[groups.code]
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = ((squares[groups.code] - off**2) / (n - 1) - (off / (n - 1)) ** 2) * (n - 1) / (n - 2)
        variance = np.where(n > 2, np.nan_to_num(variance), 0.0)
        others = groups.mean[groups.code] - off / (n - 1)
    lost = 16 * UNIT * groups.largest[groups.code] ** 2
    told = variance > lost
    scale = np.where(told, np.sqrt(np.maximum(variance, 0.0)), 1.0)
    expected, allowed = _scored(
        groups, _leave_one_out(groups)[0] / (scale + np.where(told, 1e-6, 0.0)), scale
    )
    allowed = allowed + np.abs(expected) * np.where(told, lost / scale**2 + 1e-6 / scale, 0.0)
    unsure = ~told & (n > 2) & ~_exact(others) & ~np.isnan(groups.reward)
    equal = np.abs(off) <= lost
    return expected, np.where(unsure, np.where(equal, ROUNDED_APART, math.inf), allowed)


def _by_the_mean(groups: Groups) -> tuple[Floats, Floats]:
    mean = groups.mean[groups.code]
    scale = np.where(mean > 0, mean, 1.0)
    return _scored(groups, np.where(mean > 0, (groups.reward - mean) / scale, 0.0), scale)


ADVANTAGE_FORMULAE: dict[str, Callable[[Groups], tuple[Floats, Floats]]] = {
    "group": _by_group(1e-4),
    "group 1e-6": _by_group(1e-6),
    "centred": _centred,
    "batch": _by_step,
    "leave one out": _leave_one_out,
    "group of n": _of_population,
    "leave one out, scaled": _leave_one_out_scaled,
    "group 0": _undamped,
    "by the mean": _by_the_mean,
}
"""By name: expected advantages, and how far float32 may be from each."""


NEEDS_WHOLE_STEP = "batch"
"""The formula that takes all rollouts of a step, not of a group alone."""
OVER_GROUPS = frozenset(("group", "group 1e-6", "centred", "leave one out"))
"""Formulae with which the share of groups of equal rewards is counted by the deviation of each group."""


@dataclass(frozen=True)
class Followed:
    """How advantages of a run come from rewards."""

    formulae: tuple[tuple[int, str], ...]
    """First step and formula, of each stretch of steps that follow one."""
    expected: Floats
    """Advantage of each rollout by the formula of its step."""
    allowed: Floats
    """How far float32 may be from it."""
    by_step: Mapping[int, str]
    """The formula of each step."""

    @property
    def formula(self) -> str:
        """The one that most steps follow."""
        used = list(self.by_step.values())
        return max(dict.fromkeys(used), key=used.count)


def followed(
    groups: Groups,
    steps: Mapping[int, NDArray[np.int64]],
    asked: NDArray[np.bool_],
    without: Collection[str] = (),
) -> Followed | None:
    """The formula that advantages follow, step by step; None when half of the telling ones follow none.

    Advantages of 0 tell nothing: every formula gives 0 in groups of equal rewards. A step keeps the formula
    of the step before, and has another one only when all that tells of it follows that.

    Args:
        steps: rows of each step.
        asked: rollouts that can be recomputed.
        without: formulae that are not tried.
    """
    telling = asked & ~np.isnan(groups.advantage) & (np.nan_to_num(groups.std)[groups.code] > 0)
    if not telling.any():
        return None
    fits = {
        name: np.abs(groups.advantage - expected) <= allowed
        for name, formula in ADVANTAGE_FORMULAE.items()
        if name not in without
        for expected, allowed in [formula(groups)]
    }
    main = max(fits, key=lambda name: float(fits[name][telling].mean()))
    chosen, current = {}, main
    for step, rows in sorted(steps.items()):
        here = rows[telling[rows]]
        current = next((n for n in (current, main, *fits) if fits[n][here].all()), current)
        chosen[step] = current
    share = sum(int(fits[chosen[step]][rows[telling[rows]]].sum()) for step, rows in steps.items())
    if share < AGREEING * telling.sum():
        return None
    return _followed(groups, steps, chosen)


def _followed(groups: Groups, steps: Mapping[int, NDArray[np.int64]], chosen: dict[int, str]) -> Followed:
    expected, allowed = np.full((2, len(groups.reward)), math.nan)
    for name in dict.fromkeys(chosen.values()):
        by_name, error = ADVANTAGE_FORMULAE[name](groups)
        rows = np.concatenate([steps[step] for step in steps if chosen[step] == name])
        expected[rows], allowed[rows] = by_name[rows], error[rows]
    ordered = sorted(chosen.items())
    begun = [
        (step, name)
        for place, (step, name) in enumerate(ordered)
        if not place or ordered[place - 1][1] != name
    ]
    return Followed(tuple(begun), expected, allowed, chosen)
