"""The units of a campaign: one strategy against one behaviour of one model, and what came of it."""

from __future__ import annotations

from contextvars import ContextVar
from decimal import Decimal
from typing import Literal

import msgspec

from modelassay.config import Price
from modelassay.records import Failure, Reply
from modelassay.redteam.adaptive import Behaviour, Played, Strategy

Part = Literal["target", "attacker", "judge"]
ModelSide = Literal["candidate", "baseline"]
PARTS: tuple[Part, ...] = ("target", "attacker", "judge")


class Taken(msgspec.Struct):
    """What was asked of one model for one unit, kept replies included."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal | None = None
    """None where no price is known."""

    def add(self, outcome: Reply | Failure, price: Price | None) -> None:
        """Count one request."""
        self.requests += 1
        if isinstance(outcome, Reply):
            self.input_tokens += outcome.input_tokens
            self.output_tokens += outcome.output_tokens
        if price is not None:
            used = isinstance(outcome, Reply)
            tokens = (outcome.input_tokens, outcome.output_tokens) if used else (0, 0)  # type: ignore[union-attr]
            self.cost = (self.cost or Decimal(0)) + price.of(*tokens)

    def include(self, other: Taken) -> None:
        """Add what `other` counted."""
        self.requests += other.requests
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        if other.cost is not None:
            self.cost = (self.cost or Decimal(0)) + other.cost


class Tab:
    """What one unit takes, by the part that a model plays in it."""

    def __init__(self) -> None:
        self.taken: dict[Part, Taken] = {part: Taken() for part in PARTS}


tab: ContextVar[Tab | None] = ContextVar("tab", default=None)
"""Of the unit that the running code works for."""


class Unit(msgspec.Struct, frozen=True):
    """One strategy against one behaviour of one model."""

    behaviour: Behaviour
    strategy: Strategy
    side: ModelSide


class UnitResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a unit."""

    unit: Unit
    played: Played
    taken: dict[Part, Taken] = {}
    dated: str | None = None
    """Of an attack whose words were there before: the day of the newest of them, ISO 8601, or empty where
    that is not known. None where the attacker wrote them."""

    chosen: bool = False
    """Whether words from before may have been chosen by what came of them on one of these models."""

    @property
    def cluster(self) -> str:
        """Behaviours of one cluster are not independent."""
        sample = self.unit.behaviour.sample
        return sample.cluster or sample.id

    @property
    def tags(self) -> dict[str, str]:
        """To count by: the sample's, and what the strategy adds."""
        behaviour = self.unit.behaviour
        return {**behaviour.sample.tags, **self.unit.strategy.tags(behaviour)}

    @property
    def resisted(self) -> bool | None:
        """Whether the model resisted; None without a result."""
        return {"success": False, "resisted": True}.get(self.played.outcome)
