"""What each pair adds to every claim, in whole numbers.

Scores are kept in millionths (`MILLION`), thresholds in hundredths of a percent (`WHOLE` of them are 1).
With B and C the baseline's and the candidate's score and δ the edge, Z is on the relative scale C − (1 −
δ)·B, in points C − B + δ, each times MILLION·WHOLE: a drop is at most δ exactly when the sum of Z is at
least 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelassay.errors import UsageError
from modelassay.gate.sequential.order import PairedScore
from modelassay.records import Percent

MILLION, WHOLE = 1_000_000, 10_000
UNIT = MILLION * WHOLE
RELATIVE, ABSOLUTE = 0, 1
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

_CELLS = 9
_SCORED_SUMS = 3


@dataclass(frozen=True)
class Columns:
    """Where in a row of numbers what stands; `edges` are in hundredths of a percent."""

    edges: tuple[int, ...]
    absolute_below: int

    @property
    def width(self) -> int:
        """Numbers in a row: worst Z and best Z by edge and scale, excess baseline, sums, cells."""
        return 4 * len(self.edges) + 1 + _SCORED_SUMS + _CELLS

    def worst(self, rows: Integers) -> Integers:
        """Least possible Z, shape ``[..., edges, scales]``."""
        e = len(self.edges)
        return rows[..., : 2 * e].reshape(*rows.shape[:-1], e, 2)

    def best(self, rows: Integers) -> Integers:
        """Largest possible Z, likewise."""
        e = len(self.edges)
        return rows[..., 2 * e : 4 * e].reshape(*rows.shape[:-1], e, 2)

    def excess(self, rows: Integers) -> Integers:
        """How far the baseline, unscored answers as wanted, is over `absolute_below`; times UNIT."""
        return rows[..., 4 * len(self.edges)]

    def sums(self, rows: Integers) -> Integers:
        """Of the pairs with both sides scored: baseline, candidate, number; shape ``[..., 3]``."""
        start = 4 * len(self.edges) + 1
        return rows[..., start : start + _SCORED_SUMS]

    def cells(self, rows: Integers) -> Integers:
        """Counts 00, 01, 0u, 10, 11, 1u, u0, u1, uu of yes/no scores; shape ``[..., 9]``."""
        return rows[..., -_CELLS:]

    def least(self) -> Integers:
        """Least Z of a single pair, shape ``[edges, scales]``."""
        low = [[-(WHOLE - edge) * MILLION] * 2 for edge in self.edges]
        return np.array(low, np.int64).reshape(-1, 2)

    def largest(self) -> Integers:
        """Largest Z of a single pair, likewise."""
        high = [[UNIT, (WHOLE + edge) * MILLION] for edge in self.edges]
        return np.array(high, np.int64).reshape(-1, 2)

    def rows(self, pairs: Sequence[PairedScore]) -> Integers:
        """A row for each pair, shape ``[pairs, width]``.

        Raises:
            UsageError: a score outside [0, 1].
        """
        baseline, has_baseline = _millionths([pair.baseline for pair in pairs], pairs)
        candidate, has_candidate = _millionths([pair.candidate for pair in pairs], pairs)
        both = has_baseline & has_candidate
        most = np.where(has_baseline, baseline, MILLION)
        worst = self._z(most, np.where(has_candidate, candidate, 0))
        best = self._z(np.where(has_baseline, baseline, 0), np.where(has_candidate, candidate, MILLION))
        # A pair that is left out adds 0: neither filling may look better for its claim than that.
        scored = both[:, None, None]
        worst = np.where(scored, worst, np.minimum(worst, 0))
        best = np.where(scored, best, np.maximum(best, 0))
        sums = np.stack([baseline * both, candidate * both, both.astype(np.int64)], axis=1)
        flat = [each.reshape(len(pairs), -1) for each in (worst, best)]
        excess = most * WHOLE - self.absolute_below * MILLION
        return np.hstack(
            [*flat, excess[:, None], sums, _cells(baseline, candidate, has_baseline, has_candidate)]
        )

    def _z(self, baseline: Integers, candidate: Integers) -> Integers:
        """Z by pair, edge and scale."""
        edges = np.array(self.edges, np.int64)
        relative = WHOLE * candidate[:, None] - (WHOLE - edges) * baseline[:, None]
        absolute = WHOLE * (candidate - baseline)[:, None] + edges * MILLION
        return np.stack([relative, absolute], axis=-1)


def columns(limits: Sequence[Percent], absolute_below: Percent) -> Columns:
    """Columns for all edges that any stream has."""
    edges = tuple(sorted({limit.basis_points for limit in limits}))
    return Columns(edges, absolute_below.basis_points)


def yes_or_no(baseline: float | None, candidate: float | None) -> bool:
    """Whether neither score is graded."""
    return baseline in (None, 0.0, 1.0) and candidate in (None, 0.0, 1.0)


def _millionths(scores: Sequence[float | None], pairs: Sequence[PairedScore]) -> tuple[Integers, Booleans]:
    values = np.array([0.0 if score is None else score for score in scores], np.float64)
    outside = ~((values >= 0.0) & (values <= 1.0))
    if outside.any():
        wrong = int(outside.argmax())
        raise UsageError(
            f"the pair {pairs[wrong].key!r} has a score of {scores[wrong]}", mend="scores lie in [0, 1]"
        )
    present = np.array([score is not None for score in scores], np.bool_)
    return np.rint(values * MILLION).astype(np.int64), present


def _cells(
    baseline: Integers, candidate: Integers, has_baseline: Booleans, has_candidate: Booleans
) -> Integers:
    """One 1 in each row; graded scores count as wanted from one half on, and are not reported by cell."""
    unscored = 2
    before = np.where(has_baseline, 2 * baseline >= MILLION, unscored).astype(np.int64)
    after = np.where(has_candidate, 2 * candidate >= MILLION, unscored).astype(np.int64)
    one_each: Integers = np.eye(_CELLS, dtype=np.int64)[3 * before + after]
    return one_each
