"""Which events of a run can be used as what they say, and which word of them counts.

One odd event takes nothing from the others: it alone is left out, and is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from modelassay.canonical import canonical_json
from modelassay.errors import EvidenceError
from modelassay.records import RunEvent
from modelassay.training.happenings import BODIES, Fix, said

_HAPPENED: dict[str, Mapping[str, Any]] = {"alarm": {"metric": ""}, "fix": {}}
"""What stays of events whose words cannot be understood: that an alarm rang, that something was changed."""


@dataclass(frozen=True)
class Unread:
    """An event that says something which cannot be used."""

    event: RunEvent
    why: str
    """What is wrong with it."""
    instead: str
    """What it counts as."""


def understood(events: Iterable[RunEvent]) -> tuple[tuple[RunEvent, ...], tuple[Unread, ...]]:
    """Events that can be used, in their order, and what is wrong with others.

    An alarm or a fix whose words cannot be understood stays as one that says nothing: that it happened is
    known. Any other such event is left out.
    """
    kept: list[RunEvent] = []
    unread: list[Unread] = []
    for event in events:
        why = _not_said(event)
        if not why:
            kept.append(event)
            if event.kind in BODIES and (why := not_logged(event)):
                unread.append(Unread(event, why, "when it was written down is not known"))
        elif event.kind in _HAPPENED:
            kept.append(msgspec.structs.replace(event, body=dict(_HAPPENED[event.kind])))
            unread.append(Unread(event, why, "it counts as one that says nothing"))
        else:
            unread.append(Unread(event, why, "it is left out"))
    return tuple(kept), tuple(unread)


def _not_said(event: RunEvent) -> str:
    """Why an event is not what events of its kind are; empty when it is."""
    if event.kind not in BODIES:
        return ""
    try:
        said(event, BODIES[event.kind])
    except EvidenceError as error:
        return error.what
    return ""


def not_logged(event: RunEvent) -> str:
    """Why no log can tell when `event` was written down; empty where one can.

    What holds floats has no digest, and a time that is none is neither before nor after another.
    """
    try:
        canonical_json(event)
        utc(event.time)
    except ValueError as error:
        return f"an event {event.kind!r} cannot be held against a log: {error}"
    return ""


def utc(text: str) -> datetime:
    """A time of the record; one without a zone is in UTC, as all of a record are.

    Raises:
        ValueError: it is none.
    """
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def by_assessor(
    own: Sequence[RunEvent], told: Sequence[RunEvent]
) -> tuple[tuple[RunEvent, ...], dict[tuple[str, int], Fix]]:
    """Events of the run and those that the assessor hands over, in order of time, and the assessor's classes.

    A fix that is handed over with `Fix.overridden`, at the alarm and step of a fix of the run, is a word
    about that fix and none of its own.

    Returns:
        events, and of each fix that the assessor classed, by its alarm and step, what they say.

    Raises:
        EvidenceError: a fix that was handed over cannot be understood.
    """
    fixes = {(event.alarm, event.step) for event in own if event.kind == "fix"}
    classes: dict[tuple[str, int], Fix] = {}
    further: list[RunEvent] = []
    for event in told:
        place, fix = (event.alarm, event.step), said(event, Fix) if event.kind == "fix" else Fix()
        if fix.overridden is not None:
            classes[place] = fix
        if fix.overridden is None or place not in fixes:
            further.append(event)
    return tuple(sorted((*own, *further), key=lambda event: event.time)), classes
