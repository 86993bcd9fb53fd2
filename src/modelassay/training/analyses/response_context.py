"""What rules about answers to alarms know beside the events, what they state, and what came after what."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from modelassay.canonical import digest_of
from modelassay.records import RunEvent
from modelassay.records.findings import Severity
from modelassay.training.analyses.fix_class import FixClassed
from modelassay.training.analyses.fix_in_record import Recorded
from modelassay.training.event_times import (
    CLOCK_SKEW_S,
    Order,
    both_name_steps,
    moment,
    seconds_after,
    steps_after,
)
from modelassay.training.happenings import Promoted, said
from modelassay.training.understanding import not_logged

SEVERITIES: tuple[Severity, ...] = ("none", "low", "medium", "high", "critical")
"""From harmless to gravest."""


@dataclass(frozen=True)
class ResponseContext:
    """What the rules need to know beside the events."""

    last_step: int
    missing_steps: Sequence[int] = ()
    """Training steps without a record."""
    repeated_steps: Sequence[int] = ()
    """Training steps that were taken again, after training went back."""
    logged: Mapping[str, str] = field(default_factory=dict)
    """When the log took in an event, by the digest of the event; nothing is known of those left out."""
    acknowledge_within_steps: int = 50
    recurrence_within_steps: int = 100
    window_steps: int = 5
    """Steps before and after an alarm whose records matter most."""
    clock_skew_s: int = CLOCK_SKEW_S
    runs_started: int = 1
    """Runs of this recipe that the log knows; likewise shown to the assessor."""
    runs_shown: int = 1
    unseen: Sequence[str] = ()
    """Further runs in the developer's log that the assessor was not shown, of this recipe or another."""
    classes: Sequence[FixClassed] = ()
    """Classes that the assessor gave fixes."""
    environments: Collection[str] = ()
    """Names of environments of the run."""
    recorded: Recorded = field(default_factory=Recorded)
    """What is known of its code, settings and data (`fix_in_record.recorded_of`)."""
    handed: Collection[str] = ()
    """Digests of evaluations and findings that the assessor was handed."""
    places: Mapping[str, int] = field(default_factory=dict)
    """Where a log has what it took in as it happened, by the digest of the event."""
    log_opened: str = ""
    """When the log took in the first of the run; empty where that is not known."""

    def order(self, events: Sequence[RunEvent]) -> Order:
        """What tells the order of `events` beside their times."""
        return Order(events, self.clock_skew_s, self.places)

    @cached_property
    def missing(self) -> tuple[int, ...]:
        """`missing_steps` that are steps of the run, sorted, each once."""
        return tuple(sorted({step for step in self.missing_steps if 1 <= step <= self.last_step}))


@dataclass(frozen=True)
class Fact:
    """One thing that a rule states."""

    rule: str
    severity: Severity
    what: str
    question: str


def logged_at(event: RunEvent, context: ResponseContext) -> datetime | None:
    """When the log took in `event`; None where that is not known."""
    if not context.logged or not_logged(event):
        return None
    return moment(context.logged.get(digest_of(event), ""))


def told_after(event: RunEvent, other: RunEvent, events: Sequence[RunEvent]) -> bool:
    """Whether `event` came after `other` by what it says itself: its time, or its step.

    Where neither can be held against the other, nothing says that it came before. What one process wrote in
    the same moment of the same step came in the order of writing.
    """
    seconds, steps = seconds_after(event, other), steps_after(event, other, events)
    if seconds is None and steps is None:
        return True
    if seconds == 0 and steps is None and event.rank == other.rank and event in events and other in events:
        return events.index(event) > events.index(other)
    return (seconds or 0) > 0 or (steps or 0) > 0


def logged_after(event: RunEvent, other: RunEvent, context: ResponseContext) -> bool:
    """Whether the log took in `event` after `other`, or after the time of one that the log does not know."""
    taken = logged_at(event, context)
    before = logged_at(other, context) or moment(other.time)
    return (
        taken is not None and before is not None and (taken - before).total_seconds() > context.clock_skew_s
    )


def since(event: RunEvent, other: RunEvent, events: Sequence[RunEvent], context: ResponseContext) -> bool:
    """Whether its time, its step or the log has `event` after `other`, or its time at the same moment.

    At the same moment an earlier step is before it.
    """
    at_once = seconds_after(event, other) == 0 and not (
        both_name_steps(event, other) and event.step < other.step
    )
    return at_once or told_after(event, other, events) or logged_after(event, other, context)


def promoted_after(event: RunEvent, events: Sequence[RunEvent]) -> tuple[RunEvent, ...]:
    """Promotions of checkpoints after `event`, by what they say; what is logged late is told apart."""
    return tuple(e for e in events if e.kind == "checkpoint.promoted" and told_after(e, event, events))


def promoted_between(first: RunEvent, last: RunEvent, events: Sequence[RunEvent]) -> tuple[RunEvent, ...]:
    """Promotions after `first` and not after `last`: by their steps, or else by their times."""

    def by_steps(event: RunEvent) -> bool:
        begun, ended = steps_after(event, first, events), steps_after(event, last, events)
        return begun is not None and ended is not None and begun > 0 > ended

    def by_times(event: RunEvent) -> bool:
        known = seconds_after(event, last) is not None
        return known and not told_after(event, last, events) and told_after(event, first, events)

    promotions = (event for event in events if event.kind == "checkpoint.promoted")
    return tuple(event for event in promotions if by_steps(event) or by_times(event))


def checkpoint_of(promotion: RunEvent) -> str:
    """The name of what was promoted."""
    return said(promotion, Promoted).checkpoint


def at_step(event: RunEvent) -> str:
    """Where in training it was, to be put behind a verb; nothing where it names no step."""
    return f" at step {event.step}" if event.step >= 0 else ""
