"""Rules about what else the record shows around an alarm; each states a fact, or nothing.

A8 record missing around the alarm · A10 written down late · A12 noticed only after promotion · A15 answered
before it fired · A16 a hold or rollback that was not kept.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import comb
from typing import Literal

from modelassay.records import RunEvent
from modelassay.records.findings import Severity
from modelassay.training.analyses.response_context import (
    Fact,
    ResponseContext,
    at_step,
    checkpoint_of,
    logged_at,
    promoted_after,
    told_after,
)
from modelassay.training.event_times import moment, seconds_after, steps_after, utc
from modelassay.training.happenings import Episode, Gap, Said, said

_OF_THE_RUN = ("threshold.changed", "suite.changed", "checkpoint.promoted")
"""Kinds that matter to every alarm, whether they name one or not."""
_ANSWERS = ("acknowledged", "verification", "decision", "closure")
"""A fix may well name an earlier step: the last before it was in force."""
_BEGIN = datetime.min.replace(tzinfo=UTC)
_IN_FLIGHT = 1
"""Steps that may end after training was told to stop."""


def chance_of_missing(steps: int, window: int, missing: int, missing_in_window: int) -> float:
    """P(at least this many of the missing steps fall into the window), if they were lost at random.

    Hypergeometric upper tail over `steps` steps of which `window` lie around alarms; exact. The window is
    taken as what was drawn, since it is small where much is missing.
    """
    total = comb(steps, window)
    least, most = missing_in_window, min(window, missing)
    ways = sum(comb(missing, k) * comb(steps - missing, window - k) for k in range(least, most + 1))
    return ways / total


def rests(episode: Episode) -> bool:
    """Whether a closure or verification names anything that it rests on."""
    return any(_names_evidence(event) for event in episode.events)


def _names_evidence(event: RunEvent) -> bool:
    return event.kind in ("closure", "verification") and said(event, Said).rests


# -- what is missing, or came late -----------------------------------------------------------------------


def recorded(episode: Episode, events: Sequence[RunEvent], context: ResponseContext) -> Fact | None:
    """A8: the record lacks steps around the alarm."""
    if episode.alarm.step < 0:
        return None
    gaps = _gaps(events, context.last_step)
    first = max(1, episode.alarm.step - context.window_steps)
    window = range(first, min(context.last_step, episode.alarm.step + context.window_steps) + 1)
    hit = sum(_between(context.missing, step, step) or any(step in gap for gap in gaps) for step in window)
    if not hit:
        return None
    lost = len(context.missing) + sum(len(gap) - _between(context.missing, gap[0], gap[-1]) for gap in gaps)
    chance = chance_of_missing(context.last_step, len(window), lost, hit)
    severity: Severity = "high" if chance < 0.05 else "low"
    return Fact(
        "A8", severity,
        f"has {hit} of the {lost} steps without a full record around it "
        f"(chance if lost at random: {chance:.3g})",
        "What happened in these steps?",
    )  # fmt: skip


def _gaps(events: Sequence[RunEvent], last_step: int) -> list[range]:
    """Steps in which a recorder could not keep all, as ranges that share none."""
    told = [said(event, Gap) for event in events if event.kind == "gap"]
    found: list[range] = []
    for first, last in sorted((max(1, gap.first_step), min(gap.last_step, last_step)) for gap in told):
        begin = max(first, found[-1].stop) if found else first
        if begin <= last:
            found.append(range(begin, last + 1))
    return found


def _between(numbers: Sequence[int], first: int, last: int) -> int:
    """How many of sorted `numbers` lie from `first` to `last`."""
    return bisect_right(numbers, last) - bisect_left(numbers, first)


def in_time(episode: Episode, events: Sequence[RunEvent], context: ResponseContext) -> Fact | None:
    """A10: the log took in an event well after the time that it gives.

    That is no sign where nothing of the run was logged while it went on; it is a weak one of what a process
    wrote down last that was stopped before its entries were logged.
    """
    if not context.logged:
        return None
    own = [event for event in episode.all_events if _late(event, context)]
    of_run = [e for e in events if e.kind in _OF_THE_RUN and e not in own and _late(e, context)]
    if not own and not of_run:
        return None
    late = "logged well after the time that they give"
    told = [f"has entries {late} ({', '.join(sorted({e.kind for e in own}))})"] if own else []
    if of_run:
        places = ", ".join(dict.fromkeys(f"{event.kind}{at_step(event)}" for event in of_run))
        told.append(f"is in a run with entries {late} ({places})")
    severity, why = _why_late((*own, *of_run), events, context)
    return Fact("A10", severity, "; ".join(told) + why, "When was it written?")


def _why_late(
    late: Sequence[RunEvent], events: Sequence[RunEvent], context: ResponseContext
) -> tuple[Severity, str]:
    """How grave late entries are, and what in the record explains them, in words."""
    unknown = "so that it cannot be told when they were written"
    if _only_logged_afterwards(events, context):
        return "low", f"; nothing of the run was logged while it went on, {unknown}"
    if _cut_off(late, events, context):
        return "medium", f"; their process was stopped, and they were logged only afterwards, {unknown}"
    return "high", ""


def _only_logged_afterwards(events: Sequence[RunEvent], context: ResponseContext) -> bool:
    """Whether the log took in the run as a whole, after all that it has of it had happened."""
    opened = moment(context.log_opened)
    if opened is None:
        return False
    return all(utc(e.time) <= opened for e in reversed(events) if logged_at(e, context) is not None)


def _cut_off(late: Sequence[RunEvent], events: Sequence[RunEvent], context: ResponseContext) -> bool:
    """Whether late entries are the last that processes wrote before they were stopped.

    They are not where the log took in something later of the same process as it happened.
    """
    stopped = {event.rank for event in events if _tells_stop(event)}
    if not {event.rank for event in late} <= stopped:
        return False
    live: dict[int, datetime] = {}
    for event in events:
        known = event.rank in stopped and not _tells_stop(event) and logged_at(event, context) is not None
        if known and not _late(event, context):
            live[event.rank] = max(utc(event.time), live.get(event.rank, _BEGIN))
    return all(utc(event.time) >= live.get(event.rank, _BEGIN) for event in late)


def _tells_stop(event: RunEvent) -> bool:
    """Whether it tells that its process ended without saying so (`training.recorder.closing`)."""
    return event.kind == "exception" and event.body.get("error") == "Stopped"


def _late(event: RunEvent, context: ResponseContext) -> bool:
    taken = logged_at(event, context)
    return taken is not None and (taken - utc(event.time)).total_seconds() > context.clock_skew_s


def noticed_first(episode: Episode, events: Sequence[RunEvent], context: ResponseContext) -> Fact | None:
    """A12: a checkpoint had just been promoted when the alarm fired."""
    alarm = episode.alarm
    if any(event.kind == "checkpoint.promoted" for event in episode.events):
        return None
    before = [
        event
        for event in events
        if event.kind == "checkpoint.promoted"
        and 0 <= event.step <= alarm.step <= event.step + context.window_steps
        and not told_after(event, alarm, events)
    ]
    if not before:
        return None
    what = f"fired only after {checkpoint_of(before[-1])} had been promoted"
    return Fact("A12", "low", what, "Was the alarm on before?")


# -- answers that are none --------------------------------------------------------------------------------


def answered_after(episode: Episode, events: Sequence[RunEvent], context: ResponseContext) -> Fact | None:
    """A15: answers were written down before there was anything to answer, or give a step before it."""
    question = "How could it be answered before it fired?"
    if episode.early:
        missed = {event.kind for event in episode.early} - {event.kind for event in episode.events}
        severity: Severity = "medium" if missed & {*_ANSWERS, "fix"} else "low"
        what = f"was answered before it fired ({_listed(episode.early)}), which counts for nothing"
        return Fact("A15", severity, what, question)
    lower = [
        event
        for event in episode.events
        if event.kind in _ANSWERS and (steps_after(event, episode.alarm, events) or 0) < 0
    ]
    if not lower:
        return _by_another_clock(episode, context)
    what = f"has answers that give a step before it ({_listed(lower)}), "
    what += "and nothing shows that training went back"
    return Fact("A15", "low", what, question)


def _by_another_clock(episode: Episode, context: ResponseContext) -> Fact | None:
    """Answers that give a time before the alarm, and yet were after it by the log, process or step."""
    ahead = [
        event
        for event in episode.events
        if event.kind != "alarm" and (seconds_after(episode.alarm, event) or 0) > context.clock_skew_s
    ]
    if not ahead:
        return None
    what = f"has answers that give a time before it ({_listed(ahead)}), though by the log, their process or "
    what += "their step they came after it"
    return Fact("A15", "low", what, "Which clock was wrong, and by how much?")


def _listed(events: Sequence[RunEvent]) -> str:
    return ", ".join(dict.fromkeys(f"{event.kind}{at_step(event)}" for event in events))


@dataclass(frozen=True)
class Stop:
    """A decision to stop or to go back, as far as the record bears it out."""

    choice: Literal["", "hold", "rollback"] = ""
    """Empty where none counts."""
    against: Fact | None = None
    """What the record says against it."""


def stop_of(episode: Episode, events: Sequence[RunEvent], context: ResponseContext) -> Stop:
    """What was decided about an alarm, held against what was trained and promoted since."""
    choice, decision = episode.stop
    if choice == "hold":
        return _held(episode, decision, events, context)
    if choice == "rollback":
        return _rolled_back(episode, decision, events, context)
    return Stop()


def stop_kept(episode: Episode, events: Sequence[RunEvent], context: ResponseContext) -> Fact | None:
    """A16: it was decided to stop, and the record does not show it."""
    return stop_of(episode, events, context).against


def _held(episode: Episode, hold: RunEvent, events: Sequence[RunEvent], context: ResponseContext) -> Stop:
    """A hold counts while nothing is trained or promoted, until a fix or a closure on evidence."""
    later = episode.events[episode.events.index(hold) + 1 :]
    end = next((e for e in later if e.kind == "fix" or (e.kind == "closure" and _names_evidence(e))), None)
    until = context.last_step if end is None else end.step
    steps = until - max(hold.step, episode.alarm.step, 0)
    promoted = [
        event for event in promoted_after(hold, events) if end is None or not told_after(event, end, events)
    ]
    done = [f"training went on to step {until}"] if steps > 0 else []
    if end is not None and end.step < 0 and context.last_step > max(hold.step, episode.alarm.step, 0):
        what = f"was to be held, training went on to step {context.last_step}, and what ended the hold "
        what += "names no step"
        return Stop("", Fact("A16", "medium", what, "At which step was it let go on?"))
    if not done and end is None and _went_on_again(hold, events, context):
        done = ["training was resumed"]
    done += [f"{checkpoint_of(promoted[0])} was promoted"] if promoted else []
    if not done:
        return Stop("hold")
    under_way = 0 < steps <= _IN_FLIGHT and not promoted
    where = at_step(hold) or " at a step that is not told"
    what = f"was to be held{where}, yet {' and '.join(done)} "
    what += "without a go, a fix or a closure that rests on evidence"
    fact = Fact("A16", "low" if under_way else "high", what, "Who let it go on, and why?")
    return Stop("hold" if under_way else "", fact)


def _went_on_again(hold: RunEvent, events: Sequence[RunEvent], context: ResponseContext) -> bool:
    """Whether steps may have come again since; a run is also resumed only to note something."""
    resumed = any(event.kind == "resumed" and told_after(event, hold, events) for event in events)
    return resumed and bool(context.repeated_steps)


def _rolled_back(
    episode: Episode, decision: RunEvent, events: Sequence[RunEvent], context: ResponseContext
) -> Stop:
    """A rollback counts where the record shows that training went back (`_taken_again`)."""
    at, fired = max(decision.step, episode.alarm.step), moment(episode.alarm.time)
    if _taken_again(at, fired, events, context):
        return Stop("rollback")
    promoted = promoted_after(decision, events)
    done = [f"training went on to step {context.last_step}"] if context.last_step > max(at, 0) else []
    done += [f"{checkpoint_of(promoted[0])} was promoted"] if promoted else []
    what = (
        f"was to be rolled back{at_step(decision)}, and nothing in the record shows that training went back"
    )
    what += f", but {' and '.join(done)}" if done else ""
    question = "To which checkpoint did training go back, and where is that recorded?"
    alone = bool(done) and episode.first("fix") is None  # what was fixed does not rest on it
    return Stop("" if done else "rollback", Fact("A16", "medium" if alone else "low", what, question))


def _taken_again(
    at: int, fired: datetime | None, events: Sequence[RunEvent], context: ResponseContext
) -> bool:
    """Whether training went back from step `at`: whoever passes that step afterwards takes it again.

    A recorder is also opened again only to note something, and an earlier crash has steps of its own.
    """
    later = () if fired is None else tuple(e for e in events if (moment(e.time) or fired) > fired)
    again = [step for step in context.repeated_steps if at < 0 or step <= at]
    if at in again or (again and context.last_step <= at) or (again and at < 0):
        return True
    if any(event.kind == "rolled_back" for event in later):
        return True
    resumed = any(event.kind == "resumed" for event in later)
    return resumed and (context.last_step <= at or bool(context.repeated_steps))
