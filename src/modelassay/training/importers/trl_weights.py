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

from modelassay.training.advantages import ADVANTAGE_FORMULAE, Groups, followed
from modelassay.training.importers.rows import number
from modelassay.training.importers.trl_columns import numbers
from modelassay.training.importers.trl_files import Piece

WEIGHT_ERROR = 1e-5
"""Largest deviation of a logged reward from the weighted sum of its parts; float32 means agree to 1e-6."""
SPREAD_ERROR = 1e-4
"""Likewise of a logged deviation."""
PARDONED = 0.1
"""Share of logs that the weights of a run need not explain."""
FEWEST_TO_PARDON = 5
"""Logs from which on one need not be explained."""
FORMULAE = frozenset(("group", "centred", "batch", "leave one out"))
"""How TRL makes advantages of rewards."""

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
    """The weights that explain nearly every log; weights of 1, TRL's default, where others do no better.

    One log that was edited must not take the reward from a whole run: what few logs say otherwise is for
    reconciliation to name.

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
        solved = _best(*_logged(names, logs))
        return Weights(solved) if solved else unknown
    if told.totals:
        return _of_rollouts(told) or unknown
    # One function, or several that score the same rollouts: the means are enough to try weights of 1.
    ones = _ones(*_logged(names, logs))
    return unknown if told.mixed or ones is None else Weights(ones.weights)


def advantages_tell_ones(names: Sequence[str], batches: Iterable[Piece], size: int | None) -> bool:
    """Whether advantages follow, by a formula of TRL, from scores of weight 1: TRL's default.

    So a log that was edited throughout does not take the reward from a run, nor does one that is gone.

    Args:
        names: reward functions.
        batches: rollouts of training with the columns of `names` and their advantages.
        size: rollouts per prompt.
    """
    if not size or not names:
        return False
    whole = [piece for piece in batches if piece.table.num_rows % size == 0]
    if not whole:
        return False
    step = np.repeat([piece.step for piece in whole], [piece.table.num_rows for piece in whole])
    scores = np.hstack([np.stack([numbers(piece.table, name) for name in names]) for piece in whole])
    advantage = np.concatenate([numbers(piece.table, "advantage") for piece in whole])
    total = np.where(np.isnan(scores).all(axis=0), np.nan, np.nansum(scores, axis=0))
    groups = Groups.of(step, np.arange(len(step)) // size, total, advantage)
    steps = {int(each): np.flatnonzero(step == each) for each in np.unique(step)}
    told = followed(groups, steps, np.ones(len(step), np.bool_), ADVANTAGE_FORMULAE.keys() - FORMULAE)
    if told is None:
        return False
    telling = ~np.isnan(advantage) & (np.nan_to_num(groups.std)[groups.code] > 0)
    fits = np.abs(advantage - told.expected) <= told.allowed
    return bool(fits[telling].mean() >= 1 - PARDONED)


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
    ones = [(_ones(parts, totals), zero) for parts, zero in ((scored, False), (every, True))]
    solved = [(_solved(parts, totals), zero) for parts, zero in ((every, True), (scored, False))]
    fits = [(fit, zero) for fit, zero in (*ones, *solved) if fit is not None]
    fewest = min((fit.missed for fit, _ in fits), default=0)
    best = [(fit, zero) for fit, zero in fits if fit.missed == fewest]
    if best and best[0] in ones:
        return Weights(best[0][0].weights, unscored_is_zero=best[0][1])
    several = [
        Weights(weights, unscored_is_zero=zero)
        for weights, zero in {fit.weights: zero for fit, zero in best}.items()
    ]
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


@dataclass(frozen=True)
class _Fit:
    """Weights that explain the logged rewards."""

    weights: tuple[Decimal, ...]
    missed: int
    """Logs that they do not explain."""


def _best(parts: Parts, totals: Parts) -> tuple[Decimal, ...] | None:
    """The weights that give most of `totals`, 1 where others do no better; None where none do, or many."""
    fits = [fit for fit in (_ones(parts, totals), _solved(parts, totals)) if fit is not None]
    return min(fits, key=lambda fit: fit.missed).weights if fits else None


def _ones(parts: Parts, totals: Parts) -> _Fit | None:
    return _explain((Decimal(1),) * int(parts.shape[1]), parts, totals)


def _solved(parts: Parts, totals: Parts) -> _Fit | None:
    """The weights that give `totals`; those that fit least are left out one by one, as long as few are."""
    kept = np.arange(len(totals))
    least = max(len(totals) - _pardoned(len(totals)), 1)
    while len(kept) >= least:
        solution, _, rank, _ = np.linalg.lstsq(parts[kept], totals[kept], rcond=None)
        if rank < parts.shape[1] or (len(kept) < len(totals) and len(kept) <= rank):
            return None
        weights = tuple(Decimal(str(float(each))) for each in np.round(solution, 4))
        fit = _explain(weights, parts, totals)
        if fit is not None:
            return fit
        off = np.abs(parts[kept] @ solution - totals[kept])
        own = np.einsum("ij,ji->i", parts[kept], np.linalg.pinv(parts[kept]))
        kept = np.delete(kept, int((off / np.maximum(1 - own, 1e-9)).argmax()))
    return None


def _explain(weights: tuple[Decimal, ...], parts: Parts, totals: Parts) -> _Fit | None:
    """How well `weights` explain the logs; None where they leave out more than may have been written wrong.

    A log in which a function gave nothing tells nothing of its weight: of those that tell, of every function,
    most must be explained too.
    """
    if not len(totals):
        return None
    scale = max(1.0, float(np.abs(parts).max()))
    sums = parts @ np.array([float(each) for each in weights])
    missed = np.abs(sums - totals) > WEIGHT_ERROR * scale
    telling = parts != 0
    mostly_missed = 2 * (missed[:, None] & telling).sum(0) > telling.sum(0)
    if missed.sum() > _pardoned(len(totals)) or mostly_missed.any():
        return None
    return _Fit(weights, int(missed.sum()))


def _pardoned(logs: int) -> int:
    """Of so many logs, how many may be explained by no weights: these were written wrong, or edited since."""
    return max(int(PARDONED * logs), int(logs >= FEWEST_TO_PARDON))
