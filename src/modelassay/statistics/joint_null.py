"""Several statistics of one candidate beside those of the same harmless fine-tunes: is any unusual?"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def joint_p_values(
    values: ArrayLike, null: ArrayLike, *, matters: ArrayLike | None = None
) -> NDArray[np.float64]:
    """p-values that control the chance of any false alarm over all statistics, whatever their dependence.

    The greatest of a family (Westfall & Young 1993, Resampling-Based Multiple Testing, §2.3). The score of a
    fine-tune in a statistic is how far it lies beyond the median of all others, in units of how far the
    greatest of those does; above 1 is beyond all of them. Its score in all is the greatest of these. The
    p-value of a statistic is the share, among the fine-tunes and the candidate, of scores in all that reach
    the candidate's in that statistic.

    Everyone's score is taken in the same way, so where candidate and fine-tunes are exchangeable the chance
    that any p-value is at most *a* is at most *a*. 19 fine-tunes allow 0.05 for however many statistics;
    Bonferroni's correction would need 20 times their number. What could raise no alarm anyway, a value below
    that from which it `matters`, counts in nobody's score in all, so that numbers which are harmless however
    they vary take no power from the others.

    Args:
        values: the candidate's, shape ``[k]``, higher is worse.
        null: those of ``n`` fine-tunes, shape ``[n, k]``.
        matters: the least value of each statistic that could raise an alarm, shape ``[k]``; minus infinity
            where any could. The p-value of a candidate's value below it is 1.

    Raises:
        ValueError: shapes that do not fit, no fine-tune, or a value that is no number.
    """
    candidate = np.asarray(values, dtype=np.float64)
    others = np.asarray(null, dtype=np.float64)
    if candidate.ndim != 1 or others.ndim != 2 or others.shape[1] != candidate.size or not len(others):
        raise ValueError(f"{others.shape} values of fine-tunes do not fit {candidate.shape} of a candidate")
    pool = np.vstack([others, candidate])
    if not np.isfinite(pool).all():
        raise ValueError("every value must be a number")
    if not candidate.size:
        return np.empty(0)
    least = np.full(candidate.size, -np.inf) if matters is None else np.asarray(matters, dtype=np.float64)
    if least.shape != candidate.shape or np.isnan(least).any():
        raise ValueError(f"{least.shape} values that matter do not fit {candidate.shape} of a candidate")
    scores = np.where(pool >= least, _beyond_others(pool), -np.inf)
    greatest = scores.max(axis=1)
    counted = np.where(np.isfinite(scores[-1]), scores[-1], -np.inf)
    slack = np.where(np.isfinite(counted), _TIE * np.maximum(1.0, np.abs(counted)), 0.0)
    return np.asarray((greatest[:, None] >= (counted - slack)[None, :]).mean(axis=0))


_TIE = 1e-9
"""Scores this close, relative to their size, are equal: a tie counts against the candidate."""


def _beyond_others(pool: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each value of a column lies beyond the median of the others, by how far their greatest does."""
    size = len(pool)
    ordered = np.sort(pool, axis=0)
    ranks = pool.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")

    def without(place: int) -> NDArray[np.float64]:
        """What stands at `place` of the others' order, for each value that is left out."""
        return np.asarray(np.where(ranks <= place, ordered[min(place + 1, size - 1)], ordered[place]))

    middle = (without((size - 2) // 2) + without((size - 1) // 2)) / 2
    reach = without(size - 2) - middle
    # Where all others agree, whatever differs from them is beyond any of them.
    return np.asarray((pool - middle) / np.where(reach > 0, reach, np.finfo(np.float64).tiny ** 0.5))
