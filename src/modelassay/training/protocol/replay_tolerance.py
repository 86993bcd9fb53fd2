"""How far a replay may be from the record: what the developer's own replays of the segment say of it.

A share that is estimated from a few rollouts of one replay is uncertain, and nought of 64 is not never. So a
count of rollouts accuses only where it is beyond the tolerance and clearly exceeds, by an exact test of two
counts, that of every replay of the developer's. The test takes rollouts to differ each for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from modelassay.statistics.two_counts import chance_of_so_many
from modelassay.training.protocol.rollout_comparison import RolloutComparison
from modelassay.training.protocol.weight_distance import WeightDeviation

SLACK = 2.0
"""The tolerance is so many times the largest deviation among the developer's own replays (a convention)."""
TELLING = 0.5
"""From this tolerance on, a replay could not be told from other training: nothing is concluded."""
LEVEL = 0.01
"""A count clearly exceeds another where chance gives as many no oftener than this, one-sided."""

Excess = Literal["within", "open", "clear"]
"""A count within the tolerance; beyond it, as chance may have it; beyond it, as chance hardly has it."""


def tolerance_of(own: Sequence[WeightDeviation]) -> float:
    """The deviation of weights that is allowed, from replays that the developer made of the same segment."""
    return SLACK * max((each.ratio for each in own), default=0.0)


def rollout_tolerance(own: Sequence[RolloutComparison]) -> float:
    """The share of rollouts that may differ, from what the developer's own replays share with this one.

    The record plays no part in it: else one that was made up would differ from every replay, and so allow
    itself to.
    """
    return SLACK * max((1 - each.share for each in own), default=0.0)


def differing_excess(rollouts: RolloutComparison, own: Sequence[RolloutComparison]) -> Excess:
    """How the count of rollouts that differ stands to those of the developer's own replays."""
    return _excess(_differing(rollouts), [_differing(each) for each in own])


def rescored_excess(rollouts: RolloutComparison, own: Sequence[RolloutComparison]) -> Excess:
    """Like `differing_excess`, of other scores among rollouts that are the same but for them."""
    return _excess(_rescored(rollouts), [_rescored(each) for each in own])


def open_excess_told(rollouts: RolloutComparison, differing: Excess, rescored: Excess) -> str:
    """Which counts are beyond the developer's own as chance may have it, in words; empty for none."""
    counts = []
    if differing == "open":
        counts.append(f"rollouts that differ ({_differing(rollouts)[0]:,})")
    if rescored == "open":
        counts.append(f"other scores ({rollouts.other_scores:,})")
    if not counts:
        return ""
    return f"{' and '.join(counts)} are more than the developer's own replays allow, and may yet be by chance"


def _differing(rollouts: RolloutComparison) -> tuple[int, int]:
    compared = max(rollouts.recorded, rollouts.replayed)
    return compared - rollouts.equal, compared


def _rescored(rollouts: RolloutComparison) -> tuple[int, int]:
    return rollouts.other_scores, rollouts.equal + rollouts.other_scores


def _excess(found: tuple[int, int], own: Sequence[tuple[int, int]]) -> Excess:
    """Each a count and what it is of; one of nothing allows nothing, and is exceeded by nothing."""
    count, of = found
    if not count or any(items and count * items <= SLACK * other * of for other, items in own):
        return "within"
    chance = max((chance_of_so_many(count, of, *each) for each in own), default=1.0)
    return "clear" if chance <= LEVEL else "open"
