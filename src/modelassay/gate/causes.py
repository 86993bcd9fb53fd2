"""A likely cause of a block, as an investigation names it."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

import msgspec

Strength = Literal["measured", "possible"]


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Something that could have caused the block."""

    name: str
    """Such as ``concentrated_loss`` or ``other_settings``."""
    title: str
    strength: Strength
    share: str
    """Share of the loss, or of the answers, that it could account for, in percent; empty when unknown."""
    why: str
    findings: tuple[str, ...] = ()
    """Ids of those that it rests on."""
    next_step: str
    """What would confirm it or rule it out."""


def percent(share: Fraction) -> str:
    """Whole percents, as causes state a share."""
    return f"{round(share * 100)}%"
