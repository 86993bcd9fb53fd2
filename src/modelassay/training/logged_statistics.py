"""What frameworks log of the rollouts of a step, recomputed, and how far float32 may be from it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from modelassay.training.trained import Train

UNIT = 2.0**-24

STATISTICS: dict[str, str] = {
    "reward": "reward mean",
    "critic/score/mean": "reward mean",
    "critic/score/max": "reward max",
    "critic/score/min": "reward min",
    "reward/mean": "reward mean",
    "env/all/reward/total": "reward mean",
    "reward_std": "reward std",
    "frac_reward_zero_std": "zero variance",
    "completions/mean_length": "length mean",
    "completions/min_length": "length min",
    "completions/max_length": "length max",
    "response_length/mean": "length mean",
    "response_length/min": "length min",
    "response_length/max": "length max",
    "completions/clipped_ratio": "clipped",
    "response_length/clip_ratio": "clipped",
}
"""What frameworks log, by the names that they give it (TRL, verl, prime-rl, Tinker)."""


def statistic_of(
    name: str, train: Train, of: NDArray[np.float64], rows: NDArray[np.int64]
) -> tuple[float, float] | None:
    """A statistic of one step, and how far float32 may be from it; None when it cannot be known."""
    kind, _, which = name.partition(" ")
    if kind == "zero":
        return train.groups.zero_variance(rows)
    if kind == "clipped":
        return (float(train.truncated[rows].mean()), UNIT) if train.truncated.any() else None
    values = (of if kind == "reward" else train.tokens)[rows]
    values = values[~np.isnan(values)] if kind == "reward" else values
    if not len(values) or np.isnan(values).any():
        return None
    error = rounding(len(values), float(np.abs(values).max()))
    if which == "std":
        return (float(values.std(ddof=1)), error) if len(values) > 1 else None
    found = values.min() if which == "min" else values.max() if which == "max" else values.mean()
    return float(found), error


def rounding(count: int, largest: float) -> float:
    """How far a float32 statistic over `count` numbers up to `largest` may be from the exact one."""
    return 4 * UNIT * (math.log2(max(count, 2)) + 2) * largest
