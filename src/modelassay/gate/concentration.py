"""Whether a loss lies in few slices of a tag, or follows the share that each slice has of the prompts."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from modelassay.records import Finding
from modelassay.statistics import wilson_interval

CONCENTRATED = Fraction(1, 2)
"""Share of the lost answers in few slices from which on the loss is called concentrated …"""
TIMES = 2
"""… when it is also this many times their share of the prompts."""
_SURE = 0.99
"""Of several slices each must have lost more than the whole with so much confidence: the worst of many slices
hold much of any loss by chance."""


class Slice(NamedTuple):
    """One slice of a tag."""

    finding: Finding
    lost: int
    """Wanted answers lost, less those gained."""
    pairs: int

    @property
    def rate(self) -> Fraction:
        """Lost answers of its pairs."""
        return Fraction(self.lost, self.pairs) if self.pairs else Fraction(0)


class Held(NamedTuple):
    """What some slices hold."""

    slices: tuple[Slice, ...]
    """Those that lost most first."""
    share: Fraction
    """Of the lost answers."""
    own: Fraction
    """Of the prompts."""

    @property
    def concentrated(self) -> bool:
        """Whether it is most of the loss, in few of the prompts."""
        return self.share >= CONCENTRATED and self.share >= TIMES * self.own


def concentration(group: Sequence[Slice]) -> Held | None:
    """The one slice of `group` that holds most of the loss, or the few that do where that one does not; None
    where nothing was lost on the whole."""
    total = sum(max(each.lost, 0) for each in group)
    if not total:
        return None
    worst = _held(group, [max(group, key=lambda each: (each.lost, each.finding.id))], total)
    if worst.concentrated:
        return worst
    few = _held(group, _few(group, total), total)
    return few if few.slices and few.concentrated else worst


def _few(group: Sequence[Slice], total: int) -> list[Slice]:
    """Slices that lost more than the whole, from the worst on until they hold most of the loss, and those
    that lost as much as the last of them."""
    rate = total / sum(each.pairs for each in group)
    heavy = [each for each in group if each.lost > 0 and _low(each) > rate]
    heavy.sort(key=lambda each: (-each.rate, each.finding.id))
    found: list[Slice] = []
    for each in heavy:
        held = sum(one.lost for one in found)
        if found and Fraction(held, total) >= CONCENTRATED and each.rate < found[-1].rate:
            break
        found.append(each)
    return found


def _held(group: Sequence[Slice], found: Sequence[Slice], total: int) -> Held:
    lost, pairs = sum(each.lost for each in found), sum(each.pairs for each in found)
    own = Fraction(pairs, sum(each.pairs for each in group))
    return Held(tuple(found), Fraction(lost, total), own)


def _low(each: Slice) -> float:
    return wilson_interval(each.lost, each.pairs, _SURE).low
