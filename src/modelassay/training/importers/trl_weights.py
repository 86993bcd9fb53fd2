"""The weights of TRL's reward functions, which none of its files tells.

TRL logs of each function the mean over the rollouts that it scored, and as ``reward`` the mean of the
weighted sums over the functions that scored (TRL 1.16.0, `GRPOTrainer._generate_and_score_completions`).
Where functions score some rollouts only, as in runs of several tasks, the one does not follow from the other
by the weights alone; so the sums are taken from the rollouts of those batches that their log describes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelassay.training.importers.rows import number
from modelassay.training.importers.trl_columns import numbers
from modelassay.training.importers.trl_files import Piece

WEIGHT_ERROR = 1e-5
"""Largest deviation of a logged reward from the weighted sum of its parts; float32 means agree to 1e-6."""
SPREAD_ERROR = 1e-4
"""Likewise of a logged deviation."""

Parts = NDArray[np.float64]
"""A row for each log, a column for each function."""


@dataclass(frozen=True)
class Weights:
    """How the total reward comes of its parts."""

    values: tuple[Decimal | None, ...]
    """By function; None where they cannot be told."""
    unscored_is_zero: bool = False
    """Whether rollouts that no function scored counted as 0, as before TRL left them out."""


@dataclass
class _Batches:
    """What rollouts say of the batches that their logs describe."""

    scored: list[Parts] = field(default_factory=list)
    """Sums by function, over the number of rollouts that any function scored."""
    every: list[Parts] = field(default_factory=list)
    """Likewise, over the number of all."""
    totals: list[float] = field(default_factory=list)
    scores: list[Parts] = field(default_factory=list)
    """By function and rollout."""
    deviations: list[float | None] = field(default_factory=list)
    """Standard deviation of the reward, as logged."""
    partial: bool = False
    """Whether any function left a rollout without a score."""
    mixed: bool = False
    """Whether another function scored such a rollout."""


def reward_weights(
    names: Sequence[str], logs: Mapping[int, Mapping[str, Any]], batches: Iterable[Piece]
) -> Weights:
    """The weights that explain every log; weights of 1, TRL's default, are tried first.

    Args:
        names: reward functions.
        logs: of training, by step.
        batches: rollouts with the columns of `names`.
    """
    unknown = Weights((None,) * len(names))
    if not names or not logs:
        return unknown
    told = _told(names, logs, batches)
    if not told.partial:
        solved = _solved(*_logged(names, logs))
        return Weights(solved) if solved else unknown
    if told.totals:
        return _of_rollouts(told) or unknown
    # One function, or several that score the same rollouts: the means are enough to try weights of 1.
    parts, totals = _logged(names, logs)
    return unknown if told.mixed or not _ones(parts, totals) else Weights((Decimal(1),) * len(names))


def _told(names: Sequence[str], logs: Mapping[int, Mapping[str, Any]], batches: Iterable[Piece]) -> _Batches:
    told = _Batches()
    for piece in batches:
        values = np.stack([numbers(piece.table, name) for name in names])
        gone = np.isnan(values)
        told.partial |= bool(gone.any())
        told.mixed |= bool((gone.any(axis=0) & ~gone.all(axis=0)).any())
        log, scored = logs.get(piece.step, {}), int((~gone.all(axis=0)).sum())
        total = number(log.get("reward"))
        if total is None or not scored or not _describes(log, names, values):
            continue
        sums = np.nansum(values, axis=1)
        told.scored.append(sums / scored)
        told.every.append(sums / values.shape[1])
        told.totals.append(total)
        told.scores.append(values)
        told.deviations.append(number(log.get("reward_std")))
    return told


def _describes(log: Mapping[str, Any], names: Sequence[str], values: Parts) -> bool:
    """Whether the logged means are those of these rollouts, not of several batches or of another."""
    for name, scores in zip(names, values, strict=True):
        logged, known = number(log.get(f"rewards/{name}/mean")), scores[~np.isnan(scores)]
        if logged is None or not len(known):
            if logged is not None or len(known):
                return False
        elif abs(logged - known.mean()) > WEIGHT_ERROR * max(1.0, float(np.abs(known).max())):
            return False
    return True


def _of_rollouts(told: _Batches) -> Weights | None:
    """None where no weights explain the totals, or several do.

    Where functions score a constant share, rollouts without a score may be left out or count as 0: other
    weights explain the means in each case, but not the logged deviations.
    """
    scored, every, totals = np.array(told.scored), np.array(told.every), np.array(told.totals)
    count = int(scored.shape[1])
    for parts, zero in ((scored, False), (every, True)):
        if _ones(parts, totals):
            return Weights((Decimal(1),) * count, unscored_is_zero=zero)
    found = {
        solved: zero
        for parts, zero in ((every, True), (scored, False))
        if (solved := _solved(parts, totals)) is not None
    }
    several = [Weights(solved, unscored_is_zero=zero) for solved, zero in found.items()]
    if len(several) > 1:
        several = [weights for weights in several if _spreads(weights, told)]
    return several[0] if len(several) == 1 else None


def _spreads(weights: Weights, told: _Batches) -> bool:
    """Whether the logged deviations, one at least, are those of the weighted sums."""
    by_function = np.array([float(weight or 0) for weight in weights.values])
    compared = 0
    for scores, logged in zip(told.scores, told.deviations, strict=True):
        sums = np.nansum(scores * by_function[:, None], axis=0)
        kept = sums if weights.unscored_is_zero else sums[~np.isnan(scores).all(axis=0)]
        if logged is None or len(kept) < 2:
            continue
        if abs(logged - kept.std(ddof=1)) > SPREAD_ERROR * max(1.0, float(np.abs(kept).max())):
            return False
        compared += 1
    return compared > 0


def _logged(names: Sequence[str], logs: Mapping[int, Mapping[str, Any]]) -> tuple[Parts, Parts]:
    """Means by function and the reward, of every log that has all of them."""
    rows = [
        [number(log.get(f"rewards/{name}/mean")) for name in names] + [number(log.get("reward"))]
        for log in logs.values()
    ]
    known = np.array([row for row in rows if None not in row], np.float64).reshape(-1, len(names) + 1)
    return known[:, :-1], known[:, -1]


def _solved(parts: Parts, totals: Parts) -> tuple[Decimal, ...] | None:
    """The weights that give `totals`; None where none do, or many."""
    if _ones(parts, totals):
        return (Decimal(1),) * int(parts.shape[1])
    if not len(totals):
        return None
    solution, _, rank, _ = np.linalg.lstsq(parts, totals, rcond=None)
    rounded = np.round(solution, 4)
    if rank < parts.shape[1] or not _explain(parts @ rounded, parts, totals):
        return None
    return tuple(Decimal(str(float(weight))) for weight in rounded)


def _ones(parts: Parts, totals: Parts) -> bool:
    return len(totals) > 0 and _explain(parts.sum(axis=1), parts, totals)


def _explain(sums: Parts, parts: Parts, totals: Parts) -> bool:
    scale = max(1.0, float(np.abs(parts).max()))
    return float(np.abs(sums - totals).max()) <= WEIGHT_ERROR * scale
