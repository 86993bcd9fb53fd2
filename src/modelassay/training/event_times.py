"""When events of a run were: times are held against each other as moments, never as texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from modelassay.records import RunEvent

CLOCK_SKEW_S = 300
"""Seconds by which clocks of one record may differ, unless told otherwise."""
_BACK = ("resumed", "rolled_back")
"""What tells that training went back, so that its steps come again."""


def utc(text: str) -> datetime:
    """A time of the record; one without a zone is in UTC, as all of a record are.

    Raises:
        ValueError: it is none.
    """
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


@lru_cache(maxsize=1 << 16)
def moment(text: str) -> datetime | None:
    """As `utc`; None where it cannot be read."""
    try:
        return utc(text)
    except ValueError:
        return None


def in_order(events: Iterable[RunEvent]) -> tuple[RunEvent, ...]:
    """Events in the order of time, and of writing within a moment.

    One whose time cannot be read stays behind what was written before it.
    """
    return tuple(event for _, event in sorted(_placed(events), key=lambda each: each[0]))


def _placed(events: Iterable[RunEvent]) -> Iterator[tuple[datetime, RunEvent]]:
    last = datetime.min.replace(tzinfo=UTC)
    for event in events:
        last = moment(event.time) or last
        yield last, event


def seconds_after(event: RunEvent, other: RunEvent) -> float | None:
    """How long after `other` an event was, by the times that they give; None where one cannot be read."""
    time, before = moment(event.time), moment(other.time)
    return None if time is None or before is None else (time - before).total_seconds()


def both_name_steps(event: RunEvent, other: RunEvent) -> bool:
    """Whether their steps can be held against each other."""
    return min(event.step, other.step) >= 0


def steps_after(event: RunEvent, other: RunEvent, events: Sequence[RunEvent]) -> int | None:
    """How many steps after `other` an event was; never 0.

    None where steps do not tell: one names none, both name the same, or training went back between their
    times, so that the later one may be at the lower step.
    """
    if not both_name_steps(event, other) or event.step == other.step:
        return None
    steps, time, before = event.step - other.step, moment(event.time), moment(other.time)
    if time is None or before is None or (time >= before if steps > 0 else time <= before):
        return steps
    return None if went_back(events, time, before) else steps


def went_back(events: Sequence[RunEvent], one: datetime, other: datetime) -> bool:
    """Whether training was resumed or rolled back between two moments, whichever was first."""
    times = (moment(event.time) for event in events if event.kind in _BACK)
    return any(min(one, other) <= time <= max(one, other) for time in times if time is not None)


def is_early(event: RunEvent, alarm: RunEvent, skew_s: int, *, placed_before: bool) -> bool:
    """Whether what names an alarm was there before it fired, by more than clocks may differ.

    Args:
        placed_before: whether it stands before the alarm; that decides where neither time nor step does, and
            within a moment of a fix, whose step may be an earlier one: the last before it was in force.
    """
    ahead = seconds_after(alarm, event)
    lower = both_name_steps(event, alarm) and event.step < alarm.step
    if ahead is None:
        return lower if both_name_steps(event, alarm) else placed_before
    if ahead == 0 and event.kind == "fix":
        return lower and placed_before
    return ahead >= 0 and (ahead > skew_s or lower)
