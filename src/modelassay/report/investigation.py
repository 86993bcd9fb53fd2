"""The investigation that a block opens, in words that every form of a report shows."""

from __future__ import annotations

from collections.abc import Iterator

from modelassay.gate.causes import Cause
from modelassay.gate.investigation import investigate
from modelassay.records import AuditRecord

TITLE = "Investigation: likeliest causes first"


def causes_of(record: AuditRecord) -> tuple[Cause, ...]:
    """What to look into, the likeliest first; nothing unless the verdict blocks."""
    investigation = investigate(record)
    return investigation.causes if investigation else ()


def investigation_lines(record: AuditRecord) -> Iterator[str]:
    """A line for each cause, and what would confirm it."""
    for number, cause in enumerate(causes_of(record), 1):
        yield f"{number}. {cause.title} ({cause.strength}). {cause.why} Next: {cause.next_step}."
