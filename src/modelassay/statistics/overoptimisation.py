"""Proxy against held-out reward: trends, ranks within groups, and the laws of Gao et al.

Gao, Schulman and Hilton (2023), "Scaling laws for reward model overoptimization" (arXiv:2210.10760): with d
the square root of the KL divergence from the initial policy, the gold reward gained is d·(α − β·log d) under
reinforcement learning and d·(α − β·d) under best-of-n sampling.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelassay.statistics.distributions import check_confidence, student_quantile
from modelassay.statistics.intervals import Interval

Floats = NDArray[np.float64]
GaoForm = Literal["reinforcement_learning", "best_of_n"]


class Slope(NamedTuple):
    """A straight line through points."""

    value: float
    interval: Interval
    points: int


class GaoFit(NamedTuple):
    """A fitted law of over-optimisation."""

    alpha: float
    beta: float
    peak: float
    """d at which the gold reward is largest, √KL; infinite where it only rises."""
    explained: float
    """Share of the variation of the gold reward, R²; at most 1."""


def slope(x: ArrayLike, y: ArrayLike, confidence: float = 0.95) -> Slope:
    """Least-squares slope of `y` on `x` with Student's t interval; errors of points taken as independent.

    With fewer than three points, or `x` all equal, it is 0 with an interval without ends.

    Raises:
        ValueError: shapes differ, values are not finite, or a bad confidence.
    """
    check_confidence(confidence)
    across, along = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if across.ndim != 1 or across.shape != along.shape:
        raise ValueError(f"need one y per x: {across.shape} and {along.shape}")
    if not (np.isfinite(across).all() and np.isfinite(along).all()):
        raise ValueError("points must be finite")
    centred = across - across.mean() if across.size else across
    spread = float(centred @ centred)
    if across.size < 3 or spread <= 0.0:
        return Slope(0.0, Interval(-math.inf, math.inf), across.size)
    value = float(centred @ along) / spread
    residual = along - along.mean() - value * centred
    error = math.sqrt(float(residual @ residual) / (across.size - 2) / spread)
    half = student_quantile(0.5 + 0.5 * confidence, across.size - 2) * error
    return Slope(value, Interval(value - half, value + half), across.size)


def group_rank_correlations(x: ArrayLike, y: ArrayLike, group: ArrayLike) -> Floats:
    """Spearman's rank correlation of `x` and `y` within each group, ties at their mean rank.

    Args:
        x: finite values, shape ``[n]``.
        y: likewise.
        group: code of each one's group, dense from 0.

    Returns:
        Shape ``[groups]``; NaN where either does not vary.

    Raises:
        ValueError: shapes differ.
    """
    first, second, codes = np.asarray(x, np.float64), np.asarray(y, np.float64), np.asarray(group)
    if first.ndim != 1 or not first.shape == second.shape == codes.shape:
        raise ValueError("need one x, y and group each")
    if not codes.size:
        return np.empty(0)
    size = np.bincount(codes)
    middle = 0.5 * (size[codes] - 1.0)
    a, b = (_ranks(values, codes) - middle for values in (first, second))
    both, one, other = (np.bincount(codes, weights=w) for w in (a * b, a * a, b * b))
    scale = np.sqrt(one * other)
    found: Floats = np.divide(both, scale, out=np.full(len(size), np.nan), where=scale > 0.0)
    return found


def gao_fit(kl: ArrayLike, gold: ArrayLike, form: GaoForm) -> GaoFit | None:
    """Fit a law to gold reward *gained* since the initial policy; None of fewer than 4 points with KL > 0.

    Both laws are linear in α and β, so that least squares are exact. The gold reward peaks at d = exp(α/β −
    1) under reinforcement learning and at α/(2β) under best-of-n; they are different laws, and the one must
    not be fitted to data of the other.

    Raises:
        ValueError: shapes differ, a negative KL, or values that are not finite.
    """
    divergence, gained = np.asarray(kl, dtype=np.float64), np.asarray(gold, dtype=np.float64)
    if divergence.ndim != 1 or divergence.shape != gained.shape:
        raise ValueError("need one gold reward per KL divergence")
    if not (np.isfinite(divergence).all() and np.isfinite(gained).all() and (divergence >= 0.0).all()):
        raise ValueError("KL divergences must be finite and not negative, rewards finite")
    d, y = np.sqrt(divergence[divergence > 0.0]), gained[divergence > 0.0]
    if d.size < 4 or np.unique(d).size < 3:
        return None
    second = d * np.log(d) if form == "reinforcement_learning" else d * d
    (alpha, negative), *_ = np.linalg.lstsq(np.stack([d, second], axis=1), y, rcond=None)
    beta = -float(negative)
    residual = y - d * alpha - second * negative
    total = float(((y - y.mean()) ** 2).sum())
    explained = 1.0 - float(residual @ residual) / total if total > 0.0 else 0.0
    return GaoFit(float(alpha), beta, _peak(float(alpha), beta, form), explained)


def best_of_n_kl(n: ArrayLike) -> Floats:
    """KL divergence of best-of-n sampling: log n − (n − 1)/n (an upper bound; Beirami et al. 2024)."""
    drawn = np.asarray(n, dtype=np.float64)
    return np.asarray(np.log(drawn) - (drawn - 1.0) / drawn, dtype=np.float64)


def _peak(alpha: float, beta: float, form: GaoForm) -> float:
    if beta <= 0.0:
        return math.inf
    if form == "best_of_n":
        return max(alpha / (2.0 * beta), 0.0)
    return math.exp(min(alpha / beta - 1.0, 700.0))


def _ranks(values: Floats, codes: NDArray[np.int64]) -> Floats:
    """Rank of each value within its group from 0, ties at their mean."""
    order = np.lexsort((values, codes))
    ordered, member = values[order], codes[order]
    new = np.r_[True, (ordered[1:] != ordered[:-1]) | (member[1:] != member[:-1])]
    run = np.cumsum(new) - 1
    begins = np.flatnonzero(new)
    length = np.diff(np.r_[begins, len(values)])
    opens = np.r_[True, member[1:] != member[:-1]]
    start = np.flatnonzero(opens)[np.cumsum(opens) - 1]
    ranks = np.empty(len(values))
    ranks[order] = (begins + 0.5 * (length - 1.0))[run] - start
    return ranks
