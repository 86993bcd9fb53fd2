"""Which events of a run can be used as what they say, and which word of them counts.

One odd event takes nothing from the others: it alone is left out, and is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from modelassay.canonical import canonical_json
from modelassay.errors import EvidenceError
from modelassay.records import RunEvent
from modelassay.training.event_times import in_order, utc
from modelassay.training.happenings import BODIES, Fix, said

_HAPPENED: dict[str, Mapping[str, Any]] = {"alarm": {"metric": ""}, "fix": {}}
"""What stays at least of what cannot be understood: that an alarm rang, that something was changed."""
_PLACES = ("paths", "settings")
"""By what a fix is classed; one that hides them must not pass for one that says little."""


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
    return in_order((*own, *further)), classes
