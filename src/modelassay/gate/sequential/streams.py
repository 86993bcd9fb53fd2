"""One stream of the gate: the pairs of one category, or all of them, against every edge that it has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from modelassay.gate.sequential.contributions import (
    ABSOLUTE,
    MILLION,
    RELATIVE,
    UNIT,
    WHOLE,
    Booleans,
    Columns,
    Integers,
)
from modelassay.gate.sequential.table import Edge
from modelassay.statistics import Wealth, draws_of_clusters

Floats = NDArray[np.float64]

ROUTES = (math.log(0.9), math.log(0.1))
"""Logarithms of the shares of wealth: of the way that decides where baselines are not low, and the other."""


@dataclass(frozen=True)
class Standing:
    """What is known at each edge of a stream, smallest first; each shape ``[edges]``."""

    fine: Booleans
    harm: Booleans
    certain: Booleans
    """Whether it is known for certain rather than shown."""

    @cached_property
    def open(self) -> Booleans:
        """Neither."""
        return ~(self.fine | self.harm)


class Stream:
    """Units of one population in their committed order, and the wealth of its bettors."""

    def __init__(
        self, name: str, edges: Sequence[Edge], sizes: Integers, every: Columns, *, relative: bool
    ) -> None:
        """Before the first draw.

        Args:
            name: the category, empty for all pairs.
            edges: smallest limit first.
            sizes: pairs of each unit in the order of drawing.
            every: what rows hold, for these edges among others.
            relative: whether drops are relative where the baseline's rate is not low.
        """
        self.name, self.edges, self.sizes, self._every = name, tuple(edges), sizes, every
        self._chosen = [every.edges.index(edge.limit.basis_points) for edge in edges]
        self._relative = relative
        self._draws = draws_of_clusters(sizes)
        self._low = self._least_values()
        self.drawn = 0
        self.sums: Integers = np.zeros(every.width, np.int64)
        self._wealth = Wealth.start(self._low.size)
        self.fine, self.harm = np.zeros(len(edges)), np.zeros(len(edges))
        """Logarithm of the wealth for "within" and for "over" each edge, now."""
        self.highest_fine, self.highest_harm = self.fine.copy(), self.harm.copy()
        self._within, self._beyond = self._certain()
        self._known: tuple[tuple[int, float, float], Standing] | None = None

    @property
    def exhausted(self) -> bool:
        """Whether every unit is drawn."""
        return self.drawn == self.sizes.size

    @property
    def pairs_drawn(self) -> int:
        """Pairs of the units drawn."""
        return int(self.sizes[: self.drawn].sum())

    @property
    def pairs_left(self) -> int:
        """Pairs of the units not drawn."""
        return int(self.sizes[self.drawn :].sum())

    def draw(self, rows: Integers) -> None:
        """Take the next units; `rows` hold the sums over their pairs, shape ``[units, width]``."""
        if not len(rows):
            return
        values = self._values(rows) / UNIT
        draws = self._draws.part(self.drawn, self.drawn + len(rows))
        self._wealth, path = self._wealth.after(values, self._low, draws)
        fine, harm = self._combined(path)
        self.fine, self.harm = fine[-1], harm[-1]
        self.highest_fine = np.maximum(self.highest_fine, fine.max(axis=0))
        self.highest_harm = np.maximum(self.highest_harm, harm.max(axis=0))
        self.sums = self.sums + rows.sum(axis=0)
        self.drawn += len(rows)
        self._within, self._beyond = self._certain()

    def standing(self, fine: float, harm: float, closed: Booleans | None) -> Standing:
        """What is shown or certain.

        Args:
            fine: logarithm of the wealth that shows "within".
            harm: likewise "over".
            closed: edges at which "over" is shown by closed testing over several streams; None for none.
        """
        asked = (self.drawn, fine, harm)
        if closed is not None:
            return self._standing(fine, harm, closed)
        if self._known is None or self._known[0] != asked:
            self._known = (asked, self._standing(fine, harm, np.zeros(len(self.edges), np.bool_)))
        return self._known[1]

    def _standing(self, fine: float, harm: float, closed: Booleans) -> Standing:
        within, beyond = self._within, self._beyond
        if self.exhausted:
            return Standing(within, beyond, within | beyond)
        # Edges are tested in order, so all claims of a stream hold together at the level of one.
        ends = np.logical_and.accumulate((self.highest_fine >= fine)[::-1])[::-1]
        starts = np.logical_and.accumulate((self.highest_harm >= harm) | closed)
        shown_fine, shown_harm = ends & ~starts & ~beyond, starts & ~ends & ~within
        certain = within | beyond
        return Standing(within | shown_fine, beyond | shown_harm, certain)

    def over(self, edge: Edge) -> bool:
        """Whether the drop of the pairs drawn, both sides scored, is over `edge`."""
        before, after, pairs = (int(each) for each in self._every.sums(self.sums))
        whole = pairs * MILLION if self._is_absolute() else before
        drop = Fraction(before - after, whole) if whole else Fraction(0)
        return drop > Fraction(edge.limit.basis_points, WHOLE)

    def _is_absolute(self) -> bool:
        """Of the pairs drawn."""
        excess = int(self._every.excess(self.sums))
        none_wanted = excess == -self._every.absolute_below * MILLION * self.pairs_drawn
        return not self._relative or excess < 0 or none_wanted

    def _least_values(self) -> Floats:
        """Of the bettors, in the order of `_values`: within, over, low baseline rate shown, not low shown."""
        low = self._every.least()[self._chosen].ravel()
        high = self._every.largest()[self._chosen].ravel()
        below = self._every.absolute_below * MILLION
        return np.concatenate([low, -high, [below - UNIT], [-below]]) / UNIT

    def _values(self, rows: Integers) -> Integers:
        worst = self._every.worst(rows)[:, self._chosen].reshape(len(rows), -1)
        best = self._every.best(rows)[:, self._chosen].reshape(len(rows), -1)
        excess = self._every.excess(rows)[:, None]
        return np.hstack([worst, -best, -excess, excess])

    def _combined(self, path: Floats) -> tuple[Floats, Floats]:
        """The logarithm of the wealth at each edge over both scales, shape ``[t, edges]``."""
        e = len(self.edges)
        fine = path[:, : 2 * e].reshape(-1, e, 2)
        harm = path[:, 2 * e : 4 * e].reshape(-1, e, 2)
        if not self._relative:
            return fine[..., ABSOLUTE], harm[..., ABSOLUTE]
        is_low, not_low = path[:, -2, None], path[:, -1, None]
        main, other = ROUTES
        return (
            np.logaddexp(main + fine[..., RELATIVE], other + np.minimum(fine[..., ABSOLUTE], is_low)),
            np.logaddexp(main + np.minimum(harm[..., RELATIVE], not_low), other + harm[..., ABSOLUTE]),
        )

    def _certain(self) -> tuple[Booleans, Booleans]:
        """Edges that the drop is certainly within, and certainly over, whatever the pairs not drawn are."""
        left = self.pairs_left
        worst = self._every.worst(self.sums)[self._chosen] + left * self._every.least()[self._chosen]
        best = self._every.best(self.sums)[self._chosen] + left * self._every.largest()[self._chosen]
        within, beyond = worst >= 0, best < 0
        if not self._relative:
            return within[:, ABSOLUTE], beyond[:, ABSOLUTE]
        below = self._every.absolute_below * MILLION
        excess = int(self._every.excess(self.sums))
        is_low, not_low = excess + left * (UNIT - below) < 0, excess - left * below >= 0
        return (
            within[:, RELATIVE] | (within[:, ABSOLUTE] & is_low),
            beyond[:, ABSOLUTE] | (beyond[:, RELATIVE] & not_low),
        )
