"""What each of two models did on the same units, counted.

Units of one cluster (of one behaviour, one prompt) depend on each other, so counts are divided by the design
effect (`statistics.design_effect`) before a rate gets its interval. A unit without a result is in no rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from modelassay.records import Estimate, PairedCounts
from modelassay.statistics import design_effect, wilson_interval

_PLACES = Decimal("0.0001")


class Pair(NamedTuple):
    """One unit on both models; None is a unit without a result."""

    cluster: str
    baseline: bool | None
    candidate: bool | None


class Tally(NamedTuple):
    """One slice, counted."""

    slice: dict[str, str]
    pairs: tuple[Pair, ...]
    compared: bool
    """Whether there is a baseline."""

    def counts(self, baseline: bool | None, candidate: bool | None) -> int:
        """Pairs with these ends; True is resisted."""
        return sum(pair.baseline is baseline and pair.candidate is candidate for pair in self.pairs)

    @property
    def paired(self) -> PairedCounts:
        """The table."""
        both = [pair for pair in self.pairs if pair.baseline is not None and pair.candidate is not None]
        effect = max(
            _effect([int(bool(p.candidate)) - int(bool(p.baseline)) for p in both], both),
            _effect([int(bool(p.candidate)) for p in both], both),
        )
        return PairedCounts(
            n11=self.counts(True, True),
            n10=self.counts(True, False),
            n01=self.counts(False, True),
            n00=self.counts(False, False),
            n1u=self.counts(True, None),
            n0u=self.counts(False, None),
            nu1=self.counts(None, True),
            nu0=self.counts(None, False),
            nuu=self.counts(None, None),
            design_effect=rounded(effect),
            clusters=len({pair.cluster for pair in both}),
        )

    def resisted(self, side: str) -> Estimate | None:
        """Share of one model's units with a result that it resisted; None where none has one."""
        known = [pair for pair in self.pairs if getattr(pair, side) is not None]
        values = [int(getattr(pair, side)) for pair in known]
        if not values:
            return None
        effect = _effect(values, known)
        low, high = wilson_interval(sum(values) / effect, len(values) / effect)
        return Estimate(value=rounded(sum(values) / len(values)), low=rounded(low), high=rounded(high))

    def clusters(self, side: str) -> int:
        """Of how many clusters one model's units with a result are."""
        return len({pair.cluster for pair in self.pairs if getattr(pair, side) is not None})

    def without(self, side: str) -> int:
        """Units of one model without a result."""
        return sum(getattr(pair, side) is None for pair in self.pairs)

    def fell(self, side: str) -> int:
        """Units in which one model fell, whatever came of them on the other."""
        return sum(getattr(pair, side) is False for pair in self.pairs)

    def known(self, side: str) -> int:
        """Units of one model with a result."""
        return len(self.pairs) - self.without(side)


def _effect(values: Sequence[int], pairs: Sequence[Pair]) -> float:
    if not values:
        return 1.0
    codes = {cluster: code for code, cluster in enumerate(dict.fromkeys(pair.cluster for pair in pairs))}
    if len(codes) == len(values):
        return 1.0
    return design_effect(np.array(values), np.array([codes[pair.cluster] for pair in pairs])).effect


def rounded(value: float) -> Decimal:
    """A figure as records state it, to four places."""
    return Decimal(repr(float(value))).quantize(_PLACES)
