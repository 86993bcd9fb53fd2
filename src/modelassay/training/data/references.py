"""Rows of data as evidence of findings."""

from __future__ import annotations

from modelassay.records import RolloutReference


def row_reference(number: int, *, place: str = "", quote: str = "", note: str = "") -> RolloutReference:
    """A row that a finding rests on; no rollout of a run, so it has none's number.

    Args:
        number: of the row, from 0 over all files.
        place: its file and line, where they are at hand.
        quote: verbatim words of it.
    """
    where = f"row {number} of the data" + (f", {place}" if place else "")
    return RolloutReference(seq=-1, step=-1, group=where, quote=quote[:300], note=note[:300])
