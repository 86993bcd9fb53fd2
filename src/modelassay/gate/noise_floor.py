"""A model held against itself: whatever its figures say, such a verdict clears nothing."""

from __future__ import annotations

from modelassay.gate.case import Held
from modelassay.records import RuleHit

NOISE_FLOOR = "noise_floor"
_STATEMENT = (
    "This audit holds the baseline against itself, decoded twice, to measure how much differs by chance; no "
    "candidate was asked, so it lets nothing be deployed."
)


def measured_noise() -> Held:
    """The one rule that decides; the others stand beside it, as what the gate would have said of noise."""
    return Held(
        hit=RuleHit(
            rule=NOISE_FLOOR,
            finding="",
            literal="inconclusive",
            state="not_assessable",
            outcome="inconclusive",
            statement=_STATEMENT,
            settle="an audit of the candidate itself",
        )
    )
