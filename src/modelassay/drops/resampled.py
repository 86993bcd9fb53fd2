"""Names under which a finding keeps bounds by resampling, and a drop held by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from modelassay.drops.drop import Ceilings, Drop, Scale
from modelassay.records import Percent

LEAST = Decimal(-1000)
"""Stands for no lower bound, where so few clusters cannot give one; the largest drop is 1."""
_PREFIX = "resampled"


def resampled_name(scale: Scale, side: str, confidence: Percent) -> str:
    """Such as ``resampled_relative_high_9500``: scale, side, and the confidence in basis points."""
    return f"{_PREFIX}_{scale}_{side}_{confidence.basis_points}"


def resampled_interval(
    values: Mapping[str, Decimal], scale: Scale, confidence: Percent
) -> tuple[Decimal, Decimal] | None:
    """Both bounds at `confidence`; None when they were not computed."""
    low, high = (values.get(resampled_name(scale, side, confidence)) for side in ("low", "high"))
    return None if low is None or high is None else (low, high)


def held_by(drop: Drop, values: Mapping[str, Decimal]) -> Drop:
    """`drop` with the upper bounds by resampling that `values` of its finding hold, if any.

    Where bounds were computed and this scale has none (a baseline without anything wanted), no drop on it is
    shown to be within anything.
    """
    if not any(name.startswith(f"{_PREFIX}_") for name in values):
        return drop
    start = f"{_PREFIX}_{drop.scale}_high_"
    bounds = sorted(
        (int(name.removeprefix(start)), value) for name, value in values.items() if name.startswith(start)
    )
    return replace(drop, ceilings=Ceilings(tuple(bounds)))
