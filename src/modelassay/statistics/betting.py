"""Betting on a bounded mean: evidence that may be looked at after every draw.

A bettor starts with wealth 1 and bets on draws against "the mean is at most m". While that is true the
wealth is a supermartingale, so it ever reaches 1/α with probability at most α (Ville), whenever and however
often one looks. Waudby-Smith and Ramdas (2024), Journal of the Royal Statistical Society B 86, 1–27; for
draws without replacement their section 5, and Stark (2023), ALPHA, Annals of Applied Statistics 17,
641–679.

How it is done here, for draws x_1, x_2, … of N units, none of which can be under `low`:

- Without replacement the remaining mean must be at most μ_t = (N·m − S_{t−1}) / (N − t + 1), S being the
  sum so far. One bet multiplies its wealth by 1 + c·(x_t − μ_t)/(μ_t − low); wealth is the average over the
  bets c ∈ `BETS`. With replacement μ_t = m.
- `low` is the *logical* least value. The least value seen is not one: with it, errors exceed α.
- The hypothesis is impossible, and the wealth infinite, only where even the least values could not keep the
  sum down to it: S_t + low·(left) > N·m, *strictly*. At a tie it is still possible.
- After the last draw the wealth is infinite if the mean is over m, so the answer is exact at exhaustion.
- Units of unequal size (clusters) enter as the *sum* over their members. Every unit is equally likely to come
  next, so the expectation of the next sum is that of the remaining total over the units left, and the total
  over all units is that over all members: the target is the mean over members, whatever the sizes. (Plain
  means of clusters would give small ones too much weight.) The least sum of the next unit is low·(largest
  size left), which is known before the draw.

Wealth is kept as a logarithm: it does not overflow, and ``-inf`` and ``inf`` mean what they say.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelassay.statistics.intervals import Interval

Floats = NDArray[np.float64]

BETS: Floats = np.linspace(0.1, 0.95, 8)
"""Shares of the largest bet that cannot lose everything; equal weight each."""

ROUNDING = 1e-9
"""Sums are told apart only beyond this much a unit, so that rounding cannot turn a tie into a proof."""

_AT_ONCE = 8192
_BLOCK = 16
"""Draws whose factors, each at most about 1/`ROUNDING`, are multiplied before a logarithm is taken."""
_STEPS = 60
"""Halvings of [0, 1] until the limit of an interval is as exact as a float."""


@dataclass(frozen=True)
class Draws:
    """What is known of units before they are drawn; one value each of a row of consecutive draws.

    With replacement (or from a population without end) `units_left` and `members_left` are infinite.
    """

    units_left: Floats
    """Units not yet drawn, the next one included, shape ``[t]``."""
    members_left: Floats
    """Members of all units that remain *after* the draw, shape ``[t]``."""
    largest: Floats
    """Size of the largest unit not yet drawn, the next one included, shape ``[t]``."""

    def part(self, start: int, stop: int) -> Draws:
        """Draws `start` to `stop`."""
        chosen = slice(start, stop)
        return Draws(self.units_left[chosen], self.members_left[chosen], self.largest[chosen])


def draws_with_replacement(count: int) -> Draws:
    """`count` independent draws of single members."""
    endless = np.full(count, math.inf)
    return Draws(endless, endless, np.ones(count))


def draws_of(population: int, count: int | None = None) -> Draws:
    """The first `count` draws (all, if None) of `population` single members without replacement."""
    left = population - np.arange(population if count is None else count, dtype=np.float64)
    return Draws(left, left - 1.0, np.ones(left.size))


def draws_of_clusters(sizes: ArrayLike) -> Draws:
    """All draws of clusters without replacement, `sizes` in the order in which they will be drawn.

    Only the multiset of the remaining sizes is used, never which size comes next.
    """
    ordered = np.asarray(sizes, dtype=np.float64)
    members = ordered.sum() - np.cumsum(ordered)
    largest = np.maximum.accumulate(ordered[::-1])[::-1]
    return Draws(ordered.size - np.arange(ordered.size, dtype=np.float64), members, largest)


@dataclass(frozen=True)
class Wealth:
    """Wealth of a row of bettors who watch the same draws, each against its own "the mean is at most 0"."""

    bets: Floats
    """Natural logarithm of the wealth by bettor and bet, shape ``[s, len(BETS)]``."""
    total: Floats
    """Sum of the values so far by bettor, shape ``[s]``."""
    units: int = 0
    """Draws so far."""

    @classmethod
    def start(cls, bettors: int) -> Wealth:
        """Wealth 1 each."""
        return cls(np.zeros((bettors, BETS.size)), np.zeros(bettors))

    @property
    def log(self) -> Floats:
        """Natural logarithm of each bettor's wealth, shape ``[s]``."""
        return _average(self.bets)

    def after(self, values: Floats, low: Floats, draws: Draws) -> tuple[Wealth, Floats]:
        """The wealth after further draws, and its logarithm after each of them.

        Args:
            values: a row for each draw, a column for each bettor, shape ``[t, s]``; the sum over its members
                where a unit has several.
            low: least value that a *member* can have, by bettor, shape ``[s]``.
            draws: what is known before each of these draws.
        """
        totals = self.total + np.cumsum(values, axis=0)
        before = np.vstack([self.total[None, :], totals[:-1]]) if len(values) else totals
        with np.errstate(invalid="ignore"):
            mean = -before / draws.units_left[:, None]
            room = mean - low * draws.largest[:, None]
            tolerance = ROUNDING * (self.units + np.arange(1, len(values) + 1))[:, None]
            reachable = totals + low * draws.members_left[:, None] <= tolerance
        open_ = room > ROUNDING
        ratio = np.where(open_, (values - mean) / np.where(open_, room, 1.0), 0.0)
        if not len(values):
            return self, np.empty((0, self.total.size))
        last, path = _compounded(self.bets, 1.0 + BETS * ratio[:, :, None])
        path[~reachable] = math.inf
        last[~reachable[-1]] = math.inf
        return Wealth(last, totals[-1], self.units + len(values)), path


def log_wealth(x: ArrayLike, low: float, draws: Draws) -> Floats:
    """Natural logarithm of the wealth after each draw, against "the mean of the members is at most 0".

    Args:
        x: values in the order drawn, shape ``[t]``; sums over members for units with several.
        low: least value that a member can have, below 0.
        draws: what is known before each draw, for at least as many.

    Raises:
        ValueError: `low` is not negative, or the values are not one row.
    """
    values = np.asarray(x, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"values must be one-dimensional, not {values.ndim}-dimensional")
    if not low < 0.0:
        raise ValueError(f"the least value must be under 0, the mean that is bet against, not {low!r}")
    state, floor = Wealth.start(1), np.array([low])
    paths = []
    for start in range(0, values.size, _AT_ONCE):
        stop = min(start + _AT_ONCE, values.size)
        state, path = state.after(values[start:stop, None], floor, draws.part(start, stop))
        paths.append(path[:, 0])
    return np.concatenate(paths) if paths else np.empty(0)


def betting_interval(
    x: ArrayLike, confidence: float = 0.95, *, low: float = 0.0, high: float = 1.0
) -> Interval:
    """Interval for the mean of independent draws that holds at every look, so it may be stopped at will.

    All means against which neither side's bettor ever reached 2/(1 − confidence). Of no draws it is
    [low, high].

    Raises:
        ValueError: values outside [low, high], or a confidence outside (0, 1).
    """
    values = _within(x, low, high)
    found = _ends(values, low, high, confidence, draws_with_replacement(values.size))
    return Interval(min(found), max(found))


def betting_interval_finite(
    x: ArrayLike, population: int, confidence: float = 0.95, *, low: float = 0.0, high: float = 1.0
) -> Interval:
    """Interval for the mean of a finite population from draws without replacement, in random order.

    As `betting_interval`, and never wider than what is logically possible; a point once all are drawn.

    Raises:
        ValueError: more draws than the population has; otherwise as `betting_interval`.
    """
    values = _within(x, low, high)
    if not 0 < population >= values.size:
        raise ValueError(f"{values.size} draws of a population of {population}")
    ends = _ends(values, low, high, confidence, draws_of(population, values.size))
    total, left = float(values.sum()), population - values.size
    least, most = (total + left * low) / population, (total + left * high) / population
    # Early draws can mislead, with the error's probability; what later ones make certain goes before that.
    found = [min(max(end, least), most) for end in ends]
    return Interval(min(found), max(found))


def _ends(values: Floats, low: float, high: float, confidence: float, draws: Draws) -> tuple[float, float]:
    """Least and largest mean that its bettor left; the other way round where every mean was refuted."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie in (0, 1), not {confidence!r}")
    limit = math.log(2.0 / (1.0 - confidence))

    def over(mean: float) -> bool:
        return mean > low and _highest(values - mean, low - mean, draws) < limit

    def under(mean: float) -> bool:
        return mean < high and _highest(mean - values, mean - high, draws) < limit

    if values.size == 0:
        return low, high
    return _boundary(over, low, high), _boundary(under, high, low)


def _highest(values: Floats, low: float, draws: Draws) -> float:
    return float(log_wealth(values, low, draws).max())


def _boundary(accepted: Callable[[float], bool], refused: float, kept: float) -> float:
    """The end nearest to `refused` of the means that are accepted; wealth falls as the mean rises."""
    start = refused
    for _ in range(_STEPS):
        middle = 0.5 * (refused + kept)
        if accepted(middle):
            kept = middle
        else:
            refused = middle
    return start if abs(refused - start) <= 1e-12 else refused


def _within(x: ArrayLike, low: float, high: float) -> Floats:
    values = np.asarray(x, dtype=np.float64)
    if values.ndim != 1 or not np.all((values >= low) & (values <= high)):
        raise ValueError(f"values must be one row in [{low}, {high}]")
    return values


def _compounded(before: Floats, factors: Floats) -> tuple[Floats, Floats]:
    """Logarithms of wealth by bet after all `factors`, and of the average over bets after each of them.

    Multiplied in short blocks, which cannot overflow, and carried from block to block as logarithms: a
    twentieth of the logarithms that a sum of them would take.

    Args:
        before: logarithm of the wealth by bettor and bet, shape ``[s, j]``.
        factors: above 0, shape ``[t, s, j]``, t at least 1.
    """
    count, bettors, bets = factors.shape
    block = min(_BLOCK, count)
    padded = np.ones((-(-count // block) * block, bettors, bets))
    padded[:count] = factors
    grown = np.cumprod(padded.reshape(-1, block, bettors, bets), axis=1)
    ends = before + np.cumsum(np.log(grown[:, -1]), axis=0)
    starts = np.concatenate([before[None], ends[:-1]])
    top = starts.max(axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    shares = np.exp(starts - top)[:, None]
    with np.errstate(invalid="ignore"):
        path = np.log((shares * grown).mean(axis=-1)) + top[:, None, :, 0]
    return ends[-1], path.reshape(-1, bettors)[:count]


def _average(log: NDArray[Any]) -> Floats:
    """Logarithm of the mean over the last axis of what these are logarithms of."""
    top = log.max(axis=-1, keepdims=True)
    shift = np.where(np.isfinite(top), top, 0.0)
    averaged: Floats = np.log(np.exp(log - shift).mean(axis=-1)) + shift[..., 0]
    return averaged
