"""Two training runs side by side: what moved between them, and what was changed."""

from __future__ import annotations

from decimal import Decimal
from html import escape
from typing import Literal

import msgspec

from modelassay.records.judging import Estimate
from modelassay.records.training import RunCoverage

Moved = Literal["up", "down", "not shown", "not compared"]


class RunMove(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One quantity in both runs."""

    quantity: Literal["late rate", "reward differential", "late reward"]
    """Of a behaviour its rate in the last tenth of training, or what reward pays for it within groups; or the
    mean reward in that tenth."""
    behaviour: str = ""
    environment: str = ""
    """Empty for the whole run."""
    unit: Literal["", "range of rewards"] = ""
    """Of a differential where rewards are on other scales: shares of each run's own range of rewards."""
    before: Decimal | None = None
    """None where it was not seen, or not asked."""
    after: Decimal | None = None
    difference: Estimate | None = None
    """After minus before; intervals of one quantity hold together at 95 %."""
    moved: Moved = "not compared"
    """Whether the interval excludes 0; of a differential also where it is a share of the range of rewards."""


class RunChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A setting, reward, library or piece of code that is not the same."""

    kind: Literal["configuration", "code", "library", "reward", "scanner", "run"]
    name: str
    before: str = ""
    """Empty where only the other run has it."""
    after: str = ""


class RunDifference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What two runs have in common, and what not."""

    before: str
    """Id of the run."""
    after: str
    moves: tuple[RunMove, ...]
    """What moved first."""
    changes: tuple[RunChange, ...]
    coverage: tuple[RunCoverage | None, RunCoverage | None]
    warnings: tuple[str, ...] = ()
    """What makes the two hard to compare."""
    late_rollouts: tuple[int, int] = (0, 0)
    """Usable training rollouts in the last tenth of each run: what late rates rest on."""

    @property
    def is_inconclusive(self) -> bool:
        """Whether one of the runs has no rollouts to compare."""
        return 0 in self.late_rollouts

    @property
    def uncompared(self) -> tuple[RunMove, ...]:
        """Behaviours that one run shows and of which the other has no rate."""
        return tuple(
            move
            for move in self.moves
            if move.quantity == "late rate"
            and move.moved == "not compared"
            and (move.before or 0) + (move.after or 0) > 0
        )

    @property
    def regressions(self) -> tuple[RunMove, ...]:
        """Behaviours that surely show more, or are surely paid more."""
        return tuple(
            move
            for move in self.moves
            if move.moved == "up"
            and (
                move.quantity == "late rate"
                or (move.quantity == "reward differential" and (move.after or 0) > 0)
            )
        )

    def to_columns(self) -> dict[str, list[str]]:
        """Moves as equally long columns of text."""
        columns: dict[str, list[str]] = {
            name: []
            for name in (
                "quantity",
                "unit",
                "behaviour",
                "environment",
                "before",
                "after",
                "low",
                "high",
                "moved",
            )
        }
        for each in self.moves:
            low, high = (each.difference.low, each.difference.high) if each.difference else (None, None)
            row = {
                "quantity": each.quantity,
                "unit": each.unit,
                "behaviour": each.behaviour,
                "environment": each.environment,
                "before": _text(each.before),
                "after": _text(each.after),
                "low": _text(low),
                "high": _text(high),
                "moved": each.moved,
            }
            for name, value in row.items():
                columns[name].append(value)
        return columns

    def _repr_html_(self) -> str:
        """Moves as a table for notebooks; everything in it is escaped."""
        columns = self.to_columns()
        head = "".join(f"<th>{name}</th>" for name in columns)
        rows = "".join(
            f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>"
            for row in zip(*columns.values(), strict=True)
        )
        caption = escape(f"{self.before} → {self.after}")
        return f"<table><caption>{caption}</caption><tr>{head}</tr>{rows}</table>"


def _text(value: Decimal | None) -> str:
    return "" if value is None else str(value)
