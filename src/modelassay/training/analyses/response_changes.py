"""Rules about what was changed after an alarm that shows less from then on; each states a fact, or nothing.

A6 threshold loosened · A7 suite changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from modelassay.records import RunEvent
from modelassay.training.analyses.arms import plain_name
from modelassay.training.analyses.response_context import SEVERITIES, Fact, ResponseContext, at_step, since
from modelassay.training.event_times import moment
from modelassay.training.happenings import AlarmRaised, Episode, SuiteChanged, ThresholdChanged, said


def still_watched(episode: Episode, events: Sequence[RunEvent], context: ResponseContext) -> Fact | None:
    """A6: the threshold was loosened after the alarm, or is said to have been another than it fired at."""
    found = [
        fact
        for event in events
        if event.kind == "threshold.changed"
        and since(event, episode.alarm, events, context)
        and (fact := _less_watched(event, episode, events)) is not None
    ]
    return max(found, key=lambda fact: SEVERITIES.index(fact.severity), default=None)


def _less_watched(event: RunEvent, episode: Episode, events: Sequence[RunEvent]) -> Fact | None:
    change, raised = said(event, ThresholdChanged), episode.raised
    if not raised.is_of(change.metric):
        return None
    misquoted = _misquoted(change, raised) and not _was_another(change, event, events)
    when = f"{at_step(event)}, after it fired"
    if _loosened(change, _side(change, raised)):
        new = f"set from {change.old} to {change.new}" if change.new else "no longer watched"
        what = f"has its metric {new}{when}{_said_before(event, episode)}"
        what += f" (at {raised.threshold}, not {change.old})" if misquoted else ""
        return Fact("A6", "high", what, "Why was the threshold changed after the alarm?")
    own = msgspec.structs.replace(change, old=raised.threshold)
    if not (misquoted and change.alarm_when == raised.fired_when and _loosened(own, raised.fired_when)):
        return None
    what = f"fired at {raised.threshold}, and has its metric set to {change.new}{when}"
    return Fact(
        "A6", "medium", f"{what}{_said_before(event, episode)}, as if from {change.old}",
        f"Is there another threshold of {change.old}, and is that of {raised.threshold} still watched?",
    )  # fmt: skip


def _misquoted(change: ThresholdChanged, raised: AlarmRaised) -> bool:
    """Whether the threshold that was changed is said to have been another than that at which it fired."""
    try:
        fired, old = Decimal(raised.threshold), Decimal(change.old)
        return fired.is_finite() and old.is_finite() and fired != old
    except ArithmeticError:  # no numbers
        return False


def _was_another(change: ThresholdChanged, at: RunEvent, events: Sequence[RunEvent]) -> bool:
    """Whether the metric has a further threshold as the change quotes it, by an event before `at`."""
    for event in events[: events.index(at)]:
        if event.kind == "alarm":
            raised = said(event, AlarmRaised)
            told = raised.threshold if raised.is_of(change.metric) else ""
        elif event.kind == "threshold.changed":
            other = said(event, ThresholdChanged)
            told = other.new if plain_name(other.metric) == plain_name(change.metric) else ""
        else:
            continue
        if told and told.strip() == change.old.strip():
            return True
    return False


def same_suite(episode: Episode, events: Sequence[RunEvent], context: ResponseContext) -> Fact | None:
    """A7: items were taken out of a suite after the alarm, and nobody is known to have asked them again."""
    found = [
        fact
        for event in events
        if event.kind == "suite.changed"
        and since(event, episode.alarm, events, context)
        and (fact := _less_asked(event, episode)) is not None
    ]
    return max(found, key=lambda fact: SEVERITIES.index(fact.severity), default=None)


def _less_asked(event: RunEvent, episode: Episode) -> Fact | None:
    change = said(event, SuiteChanged)
    where = f"{at_step(event)}{_said_before(event, episode)}"
    if change.removed:
        what = f"lost {change.removed} items of {change.suite}{where}"
        question = "What does the new checkpoint score on the removed items?"
        if not change.old_suite_on_new_checkpoint:
            return Fact("A7", "high", what, question)
        what += ", which are said to have been asked of the new checkpoint, without evidence"
        return None if change.rests else Fact("A7", "medium", what, question)
    if not (change.before and change.after) or change.before == change.after:
        return None
    counted = bool(change.added) and "removed" in event.body
    what = f"has another {change.suite}{where}, "
    what += "of which it is only said that nothing was taken out" if counted else (
        "and how many items were taken out is not said"
    )  # fmt: skip
    return Fact(
        "A7", "low" if counted else "medium", what, f"Which items did {change.suite} have before and after?"
    )


def _said_before(event: RunEvent, episode: Episode) -> str:
    """That its own time is before the alarm, where its step or the log has it after."""
    time, fired = moment(event.time), moment(episode.alarm.time)
    if time is None or fired is None:
        return " (one of the times cannot be read)"
    if time >= fired:
        return ""
    return f" as its step or the log has it, though it says {event.time}, before that"


def _side(change: ThresholdChanged, raised: AlarmRaised) -> str:
    """On which side of the threshold that was changed the alarm fired; empty of another threshold.

    A metric may have one for values too high and one for values too low.
    """
    try:
        if raised.threshold and Decimal(raised.threshold) != Decimal(change.old):
            return ""
    except ArithmeticError:
        pass  # no numbers: what the alarm fired on cannot tell it from another threshold
    return msgspec.structs.replace(raised, threshold=change.old).fired_when


def _loosened(change: ThresholdChanged, fired_when: str) -> bool:
    """Whether fewer values raise an alarm than before; what cannot be compared counts as loosened.

    Args:
        fired_when: the side of its threshold on which the alarm fired, which tells more than what the change
            says of itself; empty where it is not known.
    """
    if not change.new:
        return True
    try:
        old, new = Decimal(change.old), Decimal(change.new)
    except ArithmeticError:
        return change.old != change.new
    if not (old.is_finite() and new.is_finite()):  # NaN is neither above nor below anything
        return change.old != change.new
    return new > old if (fired_when or change.alarm_when) == "above" else new < old
