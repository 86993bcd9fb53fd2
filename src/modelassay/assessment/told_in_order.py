"""Step records against the events that tell what is in force, process by process.

The records of one process name, one after another, what its events told, in the order in which they told
it: not all of it, since two changes may come within a step, but nothing else. What a process goes on with
that only came back to steps which were closed stays in force, untold. A process that resumes the run says
what is in force as it begins, and what of it differs from what was in force last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from modelassay.canonical import digest_of
from modelassay.records import RunEvent, StepRecord
from modelassay.training.stretches import begins_number

_CHANGE: Final = "configuration.changed"
_BEGINNING: Final = "configuration"


@dataclass(frozen=True)
class Untold:
    """What of step records no event tells."""

    records: tuple[StepRecord, ...]
    """That name what was not told where it came into force, in their order."""
    why_not_known: str = ""
    """Why it is not known of others whether it was told; empty where it is."""


def untold(
    named: Sequence[StepRecord], name: str, told: Sequence[RunEvent], events: Sequence[RunEvent]
) -> Untold:
    """What of `named` no event tells.

    Args:
        named: step records that say what was in force, of each process in their order.
        name: the field of theirs that says it.
        told: events that tell it, in order; of all `events`.
    """
    processes = sorted({each.rank for each in named} | {event.rank for event in told})
    begun = [each for each in events if begins_number(each) and each.body.get("process") == each.rank]
    resumed = {event.rank: event.body for event in begun}
    said = _said(processes, told, resumed)
    missing: list[StepRecord] = []
    unknown = ""
    for process in processes:
        records = [each for each in named if each.rank == process]
        strange = _out_of_order(records, name, said[process])
        if name == "configuration" and not strange and records:
            strange, why = _unsaid_return(records, process, named, told, resumed, said)
            unknown = unknown or why
        missing += strange
    return Untold(tuple(missing), unknown)


def digest_of_event(event: RunEvent) -> str:
    """The digest of what an event says to be in force; empty where it does not say."""
    if digest := event.body.get("digest"):
        return str(digest)
    try:
        return digest_of(event.body["digests"]) if "digests" in event.body else ""
    except ValueError:
        return ""  # it holds what has no digest


def _said(
    processes: Iterable[int], told: Sequence[RunEvent], resumed: Mapping[int, Mapping[str, Any]]
) -> dict[int, list[str]]:
    """What each process told to be in force, in order; it begins with what was, where one only went on."""
    said: dict[int, list[str]] = {}
    for process in processes:
        before = said.get(_number(resumed.get(process, {}).get("continues")), [])
        own = [digest for event in told if event.rank == process and (digest := digest_of_event(event))]
        said[process] = before[-1:] + own
    return said


def _out_of_order(records: Sequence[StepRecord], name: str, said: Sequence[str]) -> list[StepRecord]:
    """Records that name what was not told, or not again after something else had been in force."""
    at, strange = 0, []
    for record in records:
        try:
            at = said.index(getattr(record, name), at)
        except ValueError:
            strange.append(record)
    return strange


def _unsaid_return(
    records: Sequence[StepRecord],
    process: int,
    named: Sequence[StepRecord],
    told: Sequence[RunEvent],
    resumed: Mapping[int, Mapping[str, Any]],
    said: Mapping[int, Sequence[str]],
) -> tuple[list[StepRecord], str]:
    """Records of a resumed process whose settings came into force with it, though no event says what changed.

    With why that is not known, where it is not.
    """
    digest = str(records[0].configuration)
    own = [event for event in told if event.rank == process and digest_of_event(event) == digest]
    if any(event.kind == _CHANGE for event in own) or not own:
        return [], ""
    strange = [each for each in records if each.configuration == digest]
    kept = str(own[0].body.get("before", ""))
    if kept and kept != digest:
        return strange, ""
    world = _number(resumed.get(process, {}).get("world"))
    earlier = [
        each for each in named if each.rank < process and world > 0 and (process - each.rank) % world == 0
    ]
    last = [each for each in earlier if each.rank == max(each.rank for each in earlier)][-1:]
    if not last or digest in (last[0].configuration, *said[last[0].rank][-1:]):
        return [], ""
    where = f"{records[0].phase} step {records[0].step}"
    if kept:
        return [], f"settings came into force before {where} of which no event is here"
    first = {digest_of_event(e) for e in told if e.kind == _BEGINNING and e.rank not in resumed}
    if digest in first:
        return [], (
            f"settings of the run's first process are in force again from {where} on, and recorders of "
            "earlier versions told changes only against those"
        )
    return strange, ""


def _number(value: object) -> int:
    """A number of processes, or of one, as an event says it; -1 where it says none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else -1
