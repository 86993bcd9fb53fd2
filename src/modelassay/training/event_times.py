"""When events of a run were: times are held against each other as moments, never as texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache

from modelassay.canonical import digest_of
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


@dataclass(frozen=True)
class Order:
    """What tells, beside the times that they give, which of two events of a run was there first."""

    events: Sequence[RunEvent] = ()
    """All of the run."""
    skew_s: int = CLOCK_SKEW_S
    places: Mapping[str, int] = field(default_factory=dict)
    """Where a log has what it took in as it happened, by the digest of the event."""

    def is_after(self, event: RunEvent, other: RunEvent) -> bool:
        """Whether `event` was surely after `other`, whatever the clocks say.

        The order of a log that took in both as they happened is what counts where there is one. Else a later
        process tells it, or a higher step while training did not go back.
        """
        place, before = self._place(event), self._place(other)
        if place is not None and before is not None:
            return place > before
        return self.process_of(event) > self.process_of(other) or (
            (steps_after(event, other, self.events) or 0) > 0
        )

    def process_of(self, event: RunEvent) -> int:
        """How often the run had been resumed before the process that wrote `event`."""
        world = self._worlds.get(event.rank, 0)
        return event.rank // world if world else 0

    @cached_property
    def _worlds(self) -> dict[int, int]:
        """Processes side by side, by the number of each process that resumed the run."""
        told = ((e.rank, e.body.get("world")) for e in self.events if e.kind == "resumed")
        return {rank: world for rank, world in told if type(world) is int and world > 0}

    def _place(self, event: RunEvent) -> int | None:
        if not self.places:
            return None
        try:
            return self.places.get(digest_of(event))
        except ValueError:  # it holds what has no digest, and stands in no log
            return None


def is_early(event: RunEvent, alarm: RunEvent, order: Order, *, placed_before: bool) -> bool:
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
    return ahead >= 0 and (ahead > order.skew_s or lower) and not order.is_after(event, alarm)
