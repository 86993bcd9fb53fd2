"""Rules about how one alarm was answered; each states a fact, or nothing.

A1 not acknowledged in time · A2 fix without hypothesis · A3 symptom fixed · A4 verification missing or
narrow · A5 recurrence · A11 closed without evidence · A13 acknowledged and left open · A14 verification
failed · A17 fix that cannot be read · A18 fired elsewhere after the fix · A19 fix that the record does not
show. What was changed after an alarm is asked in `response_changes` (A6, A7), what else the record shows
around it in `response_record` (A8, A10, A12, A15, A16). (A9, runs not shown, is about the run.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from modelassay.records import RunEvent
from modelassay.records.findings import Severity
from modelassay.training.analyses.arms import arm_called, arm_kind
from modelassay.training.analyses.fix_class import FixClassed, fix_class, is_inert
from modelassay.training.analyses.fix_in_record import InRecord, fix_in_record
from modelassay.training.analyses.response_changes import same_suite, still_watched
from modelassay.training.analyses.response_context import (
    SEVERITIES,
    Fact,
    ResponseContext,
    at_step,
    checkpoint_of,
    promoted_after,
    promoted_between,
    told_after,
)
from modelassay.training.analyses.response_record import (
    answered_after,
    in_time,
    noticed_first,
    recorded,
    rests,
    stop_kept,
    stop_of,
)
from modelassay.training.event_times import both_name_steps, seconds_after
from modelassay.training.happenings import AlarmRaised, Episode, Fix, FixClass, Verification, said

Rule = Callable[[Episode, tuple[RunEvent, ...], ResponseContext], Fact | None]


def facts_of(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> tuple[Fact, ...]:
    """What each rule states about one alarm, the gravest first.

    Raises:
        EvidenceError: an event cannot be understood (`understanding.understood` leaves none of these).
    """
    facts = [fact for rule in _RULES if (fact := rule(episode, events, context)) is not None]
    return tuple(sorted(facts, key=lambda fact: -SEVERITIES.index(fact.severity)))


def fix_classes(episode: Episode, context: ResponseContext) -> tuple[FixClass, ...]:
    """The class of each fix of `episode`; see `fix_class`."""
    return tuple(fix_class(fix, told.kind if told else None) for fix, told in _fixes(episode, context))


def _fixes(episode: Episode, context: ResponseContext) -> list[tuple[Fix, FixClassed | None]]:
    """Each fix, and what the assessor says of its class."""
    fixes = (event for event in episode.events if event.kind == "fix")
    return [(said(event, Fix), classed(event, context)) for event in fixes]


def classed(event: RunEvent, context: ResponseContext) -> FixClassed | None:
    """What the assessor says of the class of a fix, of its very step first; None without a word."""
    told = [each for each in context.classes if each.speaks_of(event)]
    return min(told, key=lambda each: each.step is None, default=None)


def fixes_shown(
    episode: Episode, events: Sequence[RunEvent], context: ResponseContext
) -> tuple[InRecord, ...]:
    """What the record says of each fix of `episode`."""
    fixes = [(place, event) for place, event in enumerate(episode.events) if event.kind == "fix"]
    if not fixes:
        return ()
    order, found = context.order(events), []
    for place, event in fixes:
        later = (each for each in episode.events[place + 1 :] if each.kind == "verification")
        until = next((each for each in later if said(each, Verification).passed), None)
        shown = fix_in_record(said(event, Fix), episode.alarm, until, context.recorded, order)
        ended = event.step >= context.last_step and not context.repeated_steps  # nothing was trained since
        found.append(InRecord("not recorded") if ended and shown.shown != "changed" else shown)
    return tuple(found)


# -- rules ----------------------------------------------------------------------------------------


def _acknowledged(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> Fact | None:
    answer, alarm = episode.first("acknowledged"), episode.alarm
    if answer is None:
        return _never_acknowledged(alarm, events, context)
    promoted = promoted_between(alarm, answer, events)
    steps = answer.step - max(alarm.step, 0)  # below 0 where training went back (else A15)
    if answer.step >= 0 and not promoted and steps <= context.acknowledge_within_steps:
        return None
    if not both_name_steps(alarm, answer):
        return _acknowledged_sometime(alarm, answer, promoted)
    what = f"was acknowledged {f'{steps} steps later' if steps >= 0 else f'at step {answer.step}'}"
    what += f", and {checkpoint_of(promoted[0])} was promoted meanwhile" if promoted else ""
    return Fact("A1", "high" if promoted else "medium", what, "Who saw this alarm, and when?")


def _never_acknowledged(alarm: RunEvent, events: Sequence[RunEvent], context: ResponseContext) -> Fact:
    promoted = promoted_after(alarm, events)
    if not promoted and _steps_since(alarm, context) < context.acknowledge_within_steps:
        return Fact("A1", "low", "is not yet acknowledged", "Who looks at this alarm?")
    after = f", and {checkpoint_of(promoted[0])} was promoted meanwhile" if promoted else ""
    return Fact("A1", "high", f"was never acknowledged{after}", "Who saw this alarm, and when?")


def _steps_since(alarm: RunEvent, context: ResponseContext) -> int:
    """How far training went after an alarm; at most that far where it names no step."""
    return context.last_step - max(alarm.step, 0)


def _acknowledged_sometime(alarm: RunEvent, answer: RunEvent, promoted: Sequence[RunEvent]) -> Fact:
    """Where a step is not told only the times tell what came before the answer."""
    seconds = seconds_after(answer, alarm)
    if alarm.step >= 0 or seconds is None:
        what = "was acknowledged at a step that is not told"
    else:
        what = f"fired at a step that is not told and was acknowledged {_span(seconds)} later"
    if promoted:
        what += f", after {checkpoint_of(promoted[0])} had been promoted"
    return Fact("A1", "high" if promoted else "low", what, "Who saw this alarm, and at which step?")


def _span(seconds: float) -> str:
    """A length of time in the largest unit of which there is one; clocks that differ make none."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{max(0, round(seconds))} seconds"


def _explained(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> Fact | None:
    fix = episode.first("fix")
    thought = next((event for event in episode.all_events if event.kind == "hypothesis"), None)
    if fix is None or (thought is not None and not _later(thought, fix, episode)):
        return None
    return Fact(
        "A2", "medium", "was fixed before anybody wrote down its cause", "What was thought to be the cause?"
    )


def _later(event: RunEvent, other: RunEvent, episode: Episode) -> bool:
    """Whether `event` was after `other` by their times; where one cannot be read, by their places."""
    seconds = seconds_after(event, other)
    if seconds is None:
        return episode.all_events.index(event) > episode.all_events.index(other)
    return seconds > 0


def _at_cause(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> Fact | None:
    found = fix_classes(episode, context)
    unread = [fix for fix, told in _fixes(episode, context) if told is None and fix.unreadable]
    if not found or "root cause" in found or ("symptom" not in found and unread):
        return None
    places = sorted({place for fix in episode.each("fix", Fix) for place in (*fix.paths, *fix.settings)})
    where = f" ({', '.join(places)})" if places else ""
    if "symptom" in found:
        what = f"was answered at the symptom only{where}"
        return Fact("A3", "high", what, "What was done about what rewards the behaviour?")
    what = f"was answered by a change of unknown kind{where}"
    if inert := bool(places) and all(is_inert(place) for place in places):
        what = f"was answered in tests of code or documents only{where}"
    if not places:
        what += ", which names no file and no setting"
    severity: Severity = "low" if places and not inert else "medium"
    return Fact("A3", severity, what, "What does the change touch?")


def _made(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> Fact | None:
    """A19: the code, settings and data of the record are the same as before the fix."""
    shown = fixes_shown(episode, events, context)
    against = [each for each in shown if each.shown in ("unchanged", "elsewhere")]
    if not against or any(each.shown == "changed" for each in shown):
        return None
    question = "Where in the record is this change, and since which step was it in force?"
    same = next((each for each in against if each.shown == "unchanged"), None)
    if same is not None:
        what = "is said to be fixed, yet in the record nothing of it changed since it fired "
        what += f"({', '.join(same.names)})"
        return Fact("A19", "high", what, question)
    what = "is said to be fixed, yet what changed in the record since it fired is something else "
    what += f"({', '.join(against[0].names)})"
    return Fact("A19", "medium", what, question)


def _readable(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> Fact | None:
    """A17: as grave as a symptom fix, since nothing tells that it was more."""
    unread = [fix for fix, told in _fixes(episode, context) if told is None and fix.unreadable]
    if not unread or {"root cause", "symptom"} & set(fix_classes(episode, context)):
        return None
    what = "was answered by a change of which it cannot be read what it touches"
    return Fact("A17", "high", what, "What does the change touch?")


def _verified(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> Fact | None:
    fixes = sum(event.kind == "fix" for event in episode.events)
    found = episode.verifications
    if not fixes or (found and not any(v.passed for v in found)):  # a failed one is told as that
        return None
    if not found:
        what = "was fixed and never verified" if fixes == 1 else "was not verified after its last fix"
        return Fact("A4", "high", what, "What shows that the fix works?")
    passed = [each for each in found if each.passed]
    return _narrow(episode, passed, context) or _before_training(episode, passed, events, context)


def _narrow(episode: Episode, passed: Sequence[Verification], context: ResponseContext) -> Fact | None:
    """Whether what passed was asked only where the alarm fired, or where training asks anyway."""
    question = "How does the model behave on held-out and paraphrased prompts, and in other environments?"
    arms = {arm_called(arm, context.environments): arm for each in passed for arm in each.arms}
    fired = arm_called(episode.raised.arm, context.environments)
    others = {called: arm for called, arm in arms.items() if called not in ("seen", fired, "")}
    if not others:
        where = ", ".join(sorted(arms.values())) or episode.raised.arm
        if fired in arms or not arms:
            what = f"was verified only where it fired ({where})"
        else:
            what = f"was verified only where training asks ({where})"
        return Fact("A4", "medium", what, question)
    unknown = [
        arm for called, arm in others.items()
        if context.environments and arm_kind(called, [arm_called(e) for e in context.environments]) is None
    ]  # fmt: skip
    if len(unknown) < len(others):
        return None
    what = f"was verified in what is no known arm and no environment of the run ({', '.join(unknown)})"
    return Fact("A4", "low", what, "What was asked there, and was it trained on?")


def _before_training(
    episode: Episode, passed: Sequence[Verification], events: Sequence[RunEvent], context: ResponseContext
) -> Fact | None:
    """Whether nothing can have been trained between the fix and all that verifies it."""
    if all(each.before.strip() and each.before.strip() == each.after.strip() for each in passed):
        what = f"was verified by a checkpoint held against itself ({passed[0].after})"
        return Fact("A4", "medium", what, "What did the checkpoint before the fix show?")
    fix = next(event for event in reversed(episode.events) if event.kind == "fix")
    told = (event for event in episode.since_last("fix") if event.kind == "verification")
    verified = [event for event in told if said(event, Verification).passed]
    again = bool(context.repeated_steps) or any(e.kind in ("resumed", "rolled_back") for e in events)
    if again or not all(both_name_steps(e, fix) and e.step == fix.step for e in verified):
        return None
    what = f"was verified{at_step(fix)}, at which it was fixed, before anything was trained since"
    return Fact("A4", "medium", what, "Which model was asked, and what was it trained on?")


def _verification_failed(
    episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext
) -> Fact | None:
    failed = [
        (event, body)
        for place, event in enumerate(episode.events)
        if event.kind == "verification"
        and not (body := said(event, Verification)).passed
        and not _passed_since(body, episode.events[place + 1 :], context)
    ]
    if not failed:
        return None
    event, body = failed[-1]
    where = f" ({', '.join(body.arms)})" if body.arms else ""
    return Fact(
        "A14", "high",
        f"has a verification that failed{at_step(event)}{where}, and that did not pass after a later fix",
        "What was done after the verification failed?",
    )  # fmt: skip


def _passed_since(failed: Verification, later: Sequence[RunEvent], context: ResponseContext) -> bool:
    """Whether every arm of what failed passed in the end, after a further fix."""
    fixed = next((place for place, event in enumerate(later) if event.kind == "fix"), len(later))
    after = [said(event, Verification) for event in later[fixed:] if event.kind == "verification"]
    passed = [each for each in after if each.passed]
    asked = {arm_called(arm, context.environments) for each in passed for arm in each.arms}
    return bool(passed) and {arm_called(arm, context.environments) for arm in failed.arms} <= asked


def _came_back(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> Fact | None:
    closure = episode.first("closure") or episode.first("fix")
    if closure is None:
        return None
    own = [event for event in episode.events if event.kind == "alarm"]
    since = events.index(closure) if closure in events else -1
    again = [
        event
        for place, event in enumerate(events)
        if event.kind == "alarm"
        and (
            place > since
            if event.alarm and event.alarm == episode.alarm.alarm
            else _follows(event, closure, events, context) and _same_metric(event, episode)
        )
        and event not in own
    ]
    if not again:
        return None
    done = f"after it was {'closed' if closure.kind == 'closure' else 'fixed'}{at_step(closure)}"
    same = next((event for event in again if _same_place(event, episode, context)), None)
    if same is not None:
        return Fact("A5", "high", f"came back{at_step(same)}, {done}", "Why did the fix not hold?")
    where = said(again[0], AlarmRaised).arm
    what = f"fired in {where} too{at_step(again[0])}, {done} in {episode.raised.arm}"
    return Fact(
        "A18", "low", what, f"Does {where} share the cause, and was it looked at when this was fixed?"
    )


def _same_place(alarm: RunEvent, episode: Episode, context: ResponseContext) -> bool:
    """Whether an alarm is the same one again, or of the same arm: another environment's is one of its own."""
    if alarm.alarm and alarm.alarm == episode.alarm.alarm:
        return True
    arms = (said(alarm, AlarmRaised).arm, episode.raised.arm)
    return len({arm_called(arm, context.environments) for arm in arms}) == 1


def _same_metric(alarm: RunEvent, episode: Episode) -> bool:
    return episode.raised.is_of(said(alarm, AlarmRaised).metric)


def _follows(
    event: RunEvent, earlier: RunEvent, events: Sequence[RunEvent], context: ResponseContext
) -> bool:
    """Whether `event` came after `earlier`, and within so many steps where both name one."""
    steps = event.step - earlier.step if both_name_steps(event, earlier) else 0
    return steps <= context.recurrence_within_steps and told_after(event, earlier, events)


def _closed_on_evidence(
    episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext
) -> Fact | None:
    if episode.first("closure") is None or rests(episode):
        return None
    return Fact("A11", "medium", "was closed without naming evidence", "On what was it closed?")


def _left_open(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> Fact | None:
    answer, alarm = episode.first("acknowledged"), episode.alarm
    closed = episode.first("closure") is not None and rests(episode)
    fixed = episode.first("fix") is not None
    if answer is None or closed or fixed or stop_of(episode, events, context).choice:
        return None
    since = episode.events[episode.events.index(answer) :]
    again = next((e for e in since if e.kind == "alarm" and e != alarm), None)
    promoted = promoted_after(alarm, events)
    soon = _steps_since(alarm, context) < context.acknowledge_within_steps
    if not again and not promoted and soon:
        return Fact("A13", "low", "was acknowledged and is not yet answered", "What is done about it?")
    kept = " that the record bears out" if episode.stop[0] else ""
    what = f"was acknowledged and left open: no fix, no hold or rollback{kept}, "
    what += "no closure that rests on evidence"
    what += f"; it fired again{at_step(again)}" if again else ""
    what += f"; {checkpoint_of(promoted[0])} was promoted since" if promoted else ""
    severity: Severity = "high" if again or promoted else "medium"
    return Fact("A13", severity, what, "What was done about what the alarm showed?")


_RULES: tuple[Rule, ...] = (
    _acknowledged, _explained, _at_cause, _readable, _made, _verified, _came_back, still_watched, same_suite,
    recorded, in_time, _closed_on_evidence, noticed_first, answered_after, _left_open, stop_kept,
    _verification_failed,
)  # fmt: skip
