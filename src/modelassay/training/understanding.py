"""Which events of a run can be used as what they say.

One odd event takes nothing from the others: it alone is left out, and is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from modelassay.canonical import canonical_json
from modelassay.errors import EvidenceError
from modelassay.records import RunEvent
from modelassay.training.event_times import utc
from modelassay.training.happenings import BODIES, said

_HAPPENED: dict[str, Mapping[str, Any]] = {"alarm": {"metric": ""}, "fix": {}}
"""What stays at least of what cannot be understood: that an alarm rang, that something was changed."""
_PLACES = ("paths", "settings")
"""By what a fix is classed; one that hides them must not pass for one that says little."""

_OWN_CLASS = "overridden"
"""Only the assessor classes a fix, and in a file of their own (`assessment.classing`)."""


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

    An alarm or a fix whose words cannot all be understood stays with those that can be: that it happened is
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
            if event.kind == "fix" and event.body.get(_OWN_CLASS) is not None:
                unread.append(Unread(event, "a fix that classes itself", "that word of it is ignored"))
        elif event.kind in _HAPPENED:
            kept.append(msgspec.structs.replace(event, body=_readable_words(event)))
            unread.append(Unread(event, why, "it counts as one that says only what can be understood"))
        else:
            unread.append(Unread(event, why, "it is left out"))
    return tuple(kept), tuple(unread)


def _readable_words(event: RunEvent) -> dict[str, Any]:
    """Words of an alarm or a fix that can be understood each by itself."""
    least = _HAPPENED[event.kind]
    alone = {
        name: msgspec.structs.replace(event, body={**least, name: value})
        for name, value in event.body.items()
    }
    kept = {name: event.body[name] for name, one in alone.items() if not _not_said(one)}
    hidden = event.kind == "fix" and any(name in event.body and name not in kept for name in _PLACES)
    return {**least, **kept, **({"unreadable": True} if hidden else {})}


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
