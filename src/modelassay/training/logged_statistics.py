"""What frameworks log of the rollouts of a step, recomputed, and how far float32 may be from it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from modelassay.training.advantages import NEEDS_WHOLE_STEP, OVER_GROUPS
from modelassay.training.trained import Train

UNIT = 2.0**-24
ZERO_VARIANCE: Final = "zero variance"
Rows = NDArray[np.int64]
Values = NDArray[np.float64]

STATISTICS: dict[str, str] = {
    "reward": "reward mean",
    "critic/score/mean": "reward mean",
    "critic/score/max": "reward max",
    "critic/score/min": "reward min",
    "reward/mean": "reward mean",
    "reward/all/mean": "group mean",
    "reward/all/max": "group max",
    "reward/all/min": "group min",
    "env/all/reward/total": "reward mean",
    "reward_std": "reward std",
    "frac_reward_zero_std": ZERO_VARIANCE,
    "completions/mean_length": "length mean",
    "completions/min_length": "length min",
    "completions/max_length": "length max",
    "response_length/mean": "length mean",
    "response_length/min": "length min",
    "response_length/max": "length max",
    "completions/clipped_ratio": "clipped",
    "response_length/clip_ratio": "clipped",
}
"""What frameworks log, by the names that they give it (TRL, verl, prime-rl, Tinker); ``group`` is of the mean
rewards of groups (prime-rl 0b9e252, `MetricsBuilder.build`)."""
FUNCTIONS: Final = "rewards/"
"""How TRL's names of statistics of one reward function begin."""
ALL_OF_AGENTS: Final = "train/agg/all/"
"""How names of prime-rl's statistics of all that was generated begin."""
COUNTS: Final = ("progress/rollouts", "progress/samples")
"""Of how many rollouts prime-rl says that its statistics are."""
WITHOUT_EMPTY: Final = "without empty completions"
UNSCORED_AS_ZERO: Final = "with 0 for rollouts that have no reward"

_OF_AGENTS = re.compile(r"train/agg/(all|effective)/(?:([^/]+)/)?reward/(mean|max|min)")
"""Of prime-rl: of all traces of an agent, or of those that were trained on (`Episodes.train_metrics`)."""
_OF_VERL = "critic/score/"
_SPEAKS_OF_REWARD = re.compile(r"(?:^|[^a-z])rewards?(?:$|[^a-z])", re.IGNORECASE)
_SOMETHING_ELSE = re.compile(
    r"(?:^|[^a-z])(?:eval\w*|val|valid\w*|test|held\w*|tim(?:e|ing)\w*|secs?|seconds|s|loss|lr|learning|weights?"
    r"|coef\w*|scale|kl|grad\w*|errors?|queue\w*|latency|model|std|var|dev|chosen|rejected|margins?|accurac\w+)"
    r"(?:$|[^a-z])",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Statistic:
    """What a logged number is a statistic of."""

    kind: str
    """See `STATISTICS`."""
    trained_on: bool = False
    """Whether only of rollouts that were trained on."""
    agent: str = ""
    """The agent whose rollouts alone it is of; empty of all."""

    @property
    def is_total(self) -> bool:
        """Whether it is a mean of total rewards."""
        return self.kind in ("reward mean", "group mean")


@dataclass(frozen=True)
class Recomputed:
    """A statistic of the rollouts."""

    value: float
    allowed: float
    """How far float32 may be from it."""
    way: str = ""
    """What was counted otherwise than usual."""


def statistic_named(name: str) -> Statistic | None:
    """What is logged under `name`; None for names that are not known, and for single reward functions."""
    if name in STATISTICS:
        return Statistic(STATISTICS[name])
    if found := _OF_AGENTS.fullmatch(name):
        return Statistic(f"reward {found[3]}", found[1] == "effective", found[2] or "")
    return None


def is_unknown_reward(name: str) -> bool:
    """Whether a name that is not known here speaks of rewards in training."""
    if statistic_named(name) is not None or name.startswith(FUNCTIONS):
        return False
    return bool(_SPEAKS_OF_REWARD.search(name)) and not _SOMETHING_ELSE.search(name)


def is_mean_of_function(name: str) -> bool:
    """Whether a name is TRL's of the mean of one reward function."""
    return name.startswith(FUNCTIONS) and name.endswith("/mean")


def recomputed(
    name: str, statistic: Statistic, train: Train, rows: Rows, formula: str
) -> Iterator[Recomputed]:
    """What a statistic of one step may be: first as every rollout counts, then in other ways that are in use.

    verl leaves responses of no tokens out of its scores (`compute_data_metrics`); which of the empty texts
    had some token is not recorded, so that any of them may be left out where their rewards are equal.
    prime-rl counts a trace without a reward as 0.

    Args:
        formula: of `ADVANTAGE_FORMULAE`, that advantages of the step follow; empty where it is not known.
    """
    chosen = _chosen(statistic, train, rows)
    if chosen is None or not len(chosen):
        return
    if statistic.kind == ZERO_VARIANCE:
        if (share := _zero_variance(train, chosen, formula)) is not None:
            yield Recomputed(*share)
        return
    rewards = train.groups.reward
    found = statistic_of(statistic.kind, train, rewards, chosen)
    if found is not None:
        yield Recomputed(*found)
    if name.startswith(_OF_VERL):
        for kept in _without_empty(train, chosen):
            if (found := statistic_of(statistic.kind, train, rewards, kept)) is not None:
                yield Recomputed(*found, WITHOUT_EMPTY)
    elif _OF_AGENTS.fullmatch(name):
        yield from _with_zeros(statistic.kind, rewards[chosen])


def _zero_variance(train: Train, rows: Rows, formula: str) -> tuple[float, float] | None:
    """Share of groups of equal rewards, as TRL counts it: by the deviation that advantages are scaled by.

    Which that is, only the advantages tell: one of rewards that were clipped, less a penalty or scaled by
    function is of numbers that are not in the record.
    """
    if formula == NEEDS_WHOLE_STEP:
        return train.groups.zero_variance_of_step(rows)
    return train.groups.zero_variance(rows) if formula in OVER_GROUPS else None


def _with_zeros(kind: str, values: Values) -> Iterator[Recomputed]:
    """Of rewards of which one, two, … that are missing count as 0."""
    silent = np.flatnonzero(np.isnan(values))
    for count in range(1, len(silent) + 1):
        counted = values.copy()
        counted[silent[:count]] = 0.0
        if (found := _of_values(kind.partition(" ")[2], counted[~np.isnan(counted)])) is not None:
            yield Recomputed(*found, UNSCORED_AS_ZERO)


def _chosen(statistic: Statistic, train: Train, rows: Rows) -> Rows | None:
    """The rollouts that a statistic is of; None where the record does not tell which these are."""
    if statistic.agent and train.agents is not None:
        rows = rows[train.agents[rows] == statistic.agent]
    if not statistic.trained_on:
        return rows
    known = train.trained_on[rows]
    return None if (known[~train.discarded[rows]] < 0).any() else rows[known == 1]


def _without_empty(train: Train, rows: Rows) -> Iterator[Rows]:
    """`rows` less one, two, … of the empty completions; less all where it matters which."""
    empty = rows[train.blank[rows]]
    if not len(empty) or len(empty) == len(rows):
        return
    equal = len(np.unique(train.groups.reward[empty])) == 1
    for count in range(1 if equal else len(empty), len(empty) + 1):
        yield rows[~np.isin(rows, empty[:count])]


def statistic_of(name: str, train: Train, of: Values, rows: Rows) -> tuple[float, float] | None:
    """A statistic of one step, and how far float32 may be from it; None when it cannot be known."""
    kind, _, which = name.partition(" ")
    if kind == "clipped":
        return (float(train.truncated[rows].mean()), UNIT) if train.truncated.any() else None
    values = (train.tokens if kind == "length" else of)[rows]
    if kind == "group":
        values = _group_means(values, train.groups.code[rows])
    return _of_values(which, values if kind == "length" else values[~np.isnan(values)])


def _of_values(which: str, values: Values) -> tuple[float, float] | None:
    if not len(values) or np.isnan(values).any():
        return None
    error = rounding(len(values), float(np.abs(values).max()))
    if which == "std":
        return (float(values.std(ddof=1)), error) if len(values) > 1 else None
    found = values.min() if which == "min" else values.max() if which == "max" else values.mean()
    return float(found), error


def _group_means(values: Values, codes: Rows) -> Values:
    """The mean of the numbers of each group; NaN where it has none."""
    _, place = np.unique(codes, return_inverse=True)
    known = ~np.isnan(values)
    count = np.bincount(place[known], minlength=int(place.max(initial=-1)) + 1)
    sums = np.bincount(place[known], values[known], minlength=len(count))
    means: Values = np.divide(sums, count, out=np.full(len(count), math.nan), where=count > 0)
    return means


def rounding(count: int, largest: float) -> float:
    """How far a float32 statistic over `count` numbers up to `largest` may be from the exact one."""
    return 4 * UNIT * (math.log2(max(count, 2)) + 2) * largest
