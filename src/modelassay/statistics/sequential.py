"""One threshold on a drop, decided while pairs come in: shown fine, shown harmful, or not shown yet.

A drop of at most δ is a mean of one bounded number a pair that is at least 0: relative to the baseline Z =
Y_c − (1 − δ)·Y_b in [−(1 − δ), 1], in points Z = Y_c − Y_b + δ in [−(1 − δ), 1 + δ], Y being a score in [0,
1] or the mean over repeats. Two bettors (`betting`) watch Z and −Z. Only one of the hypotheses is true, so
both may use the whole of α.

Drawn without replacement in an order that was fixed before the first result, this is a risk-limiting audit of
the suite (Stark 2020, SHANGRLA): it never needs more than all pairs, and with all of them it is exact. A pair
that could not be scored is never left out: use its least possible Z for "fine" and its largest for "harmful".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelassay.statistics.betting import (
    ROUNDING,
    Draws,
    draws_of,
    draws_of_clusters,
    draws_with_replacement,
    log_wealth,
)

Floats = NDArray[np.float64]
Shown = Literal["shown_fine", "shown_harmful", "not_shown"]


@dataclass(frozen=True)
class SequentialTest:
    """What the draws show about "the mean is at least 0", and how the evidence grew."""

    state: Shown
    decided_at: int | None
    """Draws after which it was first shown; None while it is not."""
    log_wealth_fine: Floats
    """Logarithm of the wealth against "the mean is at most 0" after each draw; infinite where that became
    impossible."""
    log_wealth_harm: Floats
    """Likewise against "the mean is at least 0"."""


def sequential_paired_test(
    z: ArrayLike,
    population: int | None,
    alpha: float = 0.05,
    *,
    lower: float,
    upper: float = 1.0,
    worst: ArrayLike | None = None,
    sizes: ArrayLike | None = None,
) -> SequentialTest:
    """Decide whether the mean of Z is at least 0 ("fine") as soon as the evidence allows.

    With ``population`` the draws are without replacement from so many pairs and the claim is about their
    mean; at the last it is exact, a mean of 0 being fine. Without, they are independent and the claim is
    about where they come from; a mean of exactly 0 may then be shown neither way.

    Args:
        z: a value for each pair in the order drawn, shape ``[t]``; for clusters the *sum* over its pairs.
            Of unscored pairs the largest possible value.
        population: pairs there are in all; None for independent draws.
        alpha: largest probability of a wrong claim, however often one looks.
        lower: least value that a pair can have *logically*, −(1 − δ) for a drop of δ; below 0.
        upper: largest likewise, above 0.
        worst: as `z`, but with the least possible value of unscored pairs; `z` itself if absent.
        sizes: pairs of each cluster of the whole population in the order of drawing; clusters of one if
            absent.

    Raises:
        ValueError: bounds that do not enclose 0, values outside them, an alpha outside (0, 1), more draws
            than the population has, or sizes that do not add up to it.
    """
    best = np.asarray(z, dtype=np.float64)
    least = best if worst is None else np.asarray(worst, dtype=np.float64)
    draws = _draws(best, population, sizes)
    _check(best, least, lower, upper, alpha, sizes)
    fine = log_wealth(least, lower, draws)
    harm = log_wealth(-best, -upper, draws)
    exhausted = population is not None and best.size == draws.units_left.size
    limit = -math.log(alpha)
    first = [_first(fine >= limit), _first(harm >= limit)]
    if exhausted and first == [None, None]:
        slack = ROUNDING * best.size
        first = [
            best.size if least.sum() >= -slack else None,
            best.size if best.sum() < -slack else None,
        ]
    return SequentialTest(*_settled(*first), fine, harm)


def _draws(values: Floats, population: int | None, sizes: ArrayLike | None) -> Draws:
    if population is None:
        if sizes is not None:
            raise ValueError("clusters need a population that they are drawn from")
        return draws_with_replacement(values.size)
    if sizes is None:
        draws = draws_of(population)
    else:
        draws = draws_of_clusters(sizes)
        if int(np.sum(sizes)) != population:
            raise ValueError(f"clusters of {int(np.sum(sizes))} pairs in a population of {population}")
    if values.size > draws.units_left.size:
        raise ValueError(f"{values.size} draws of a population of {draws.units_left.size}")
    return draws


def _check(
    best: Floats, least: Floats, lower: float, upper: float, alpha: float, sizes: ArrayLike | None
) -> None:
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha must lie in (0, 1), not {alpha!r}")
    if not lower < 0.0 < upper:
        raise ValueError(f"the bounds of a pair must enclose 0, not [{lower}, {upper}]")
    if best.ndim != 1 or best.shape != least.shape:
        raise ValueError(f"values of shape {best.shape} and worst values of shape {least.shape}")
    size = np.ones(best.size) if sizes is None else np.asarray(sizes, dtype=np.float64)[: best.size]
    slack = ROUNDING * size
    inside = (least >= lower * size - slack) & (best <= upper * size + slack) & (least <= best + slack)
    if not np.all(inside):
        raise ValueError(f"every pair must lie in [{lower}, {upper}], its worst value not over its best")


def _first(crossed: NDArray[np.bool_]) -> int | None:
    """Draws until it is first so."""
    return int(crossed.argmax()) + 1 if crossed.any() else None


def _settled(fine: int | None, harm: int | None) -> tuple[Shown, int | None]:
    """What was shown first; in doubt, harm."""
    if harm is not None and (fine is None or harm <= fine):
        return "shown_harmful", harm
    return ("not_shown", None) if fine is None else ("shown_fine", fine)
