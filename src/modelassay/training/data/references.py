"""Rows of data as evidence of findings, and in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelassay.records import RolloutReference

if TYPE_CHECKING:
    from modelassay.training.data.review import RankedRow

EXAMPLES = 5
"""Rows that a finding shows."""


def row_reference(number: int, *, place: str = "", quote: str = "", note: str = "") -> RolloutReference:
    """A row that a finding rests on; no rollout of a run, so it has none's number.

    Args:
        number: of the row, from 0 over all files.
        place: its file and line, where they are at hand.
        quote: verbatim words of it.
    """
    where = f"row {number} of the data" + (f", {place}" if place else "")
    return RolloutReference(seq=-1, step=-1, group=where, quote=quote[:300], note=note[:300])


def row_references(rows: Sequence[RankedRow]) -> tuple[RolloutReference, ...]:
    """Rows as evidence: their number, their place, verbatim words."""
    return tuple(row_reference(row.number, place=row.place, quote=row.quote) for row in rows[:EXAMPLES])


def counted(count: int, rows: int, noun: str = "row") -> str:
    """Such as ``10 of 1,000 rows (1 %)``."""
    share = 100 * count / rows if rows else 0.0
    shown = f"{share:.2g}" if 0 < share < 10 else f"{share:.0f}"
    return f"{count:,} of {rows:,} {noun}{'' if rows == 1 else 's'} ({shown} %)"
