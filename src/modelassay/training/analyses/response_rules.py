"""Rules about how one alarm was answered; each states a fact, or nothing.

A1 not acknowledged in time · A2 fix without hypothesis · A3 symptom fixed · A4 verification missing or
narrow · A5 recurrence · A6 threshold loosened · A7 suite changed · A8 record missing around the alarm ·
A10 written down late · A11 closed without evidence · A12 noticed only after promotion · A13 acknowledged and
left open · A14 verification failed. (A9, runs not shown, is about the run.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import comb

from modelassay.canonical import digest_of
from modelassay.records import RunEvent
from modelassay.records.findings import Severity
from modelassay.training.analyses.fix_class import fix_class
from modelassay.training.happenings import (
    AlarmRaised,
    Episode,
    Fix,
    FixClass,
    Gap,
    Promoted,
    Said,
    SuiteChanged,
    ThresholdChanged,
    Verification,
    said,
)
from modelassay.training.understanding import not_logged, utc

SEVERITIES: tuple[Severity, ...] = ("none", "low", "medium", "high", "critical")
"""From harmless to gravest."""


@dataclass(frozen=True)
class ResponseContext:
    """What the rules need to know beside the events."""

    last_step: int
    missing_steps: Sequence[int] = ()
    """Training steps without a record."""
    logged: Mapping[str, str] = field(default_factory=dict)
    """When the log took in an event, by the digest of the event; nothing is known of those left out."""
    acknowledge_within_steps: int = 50
    recurrence_within_steps: int = 100
    window_steps: int = 5
    """Steps before and after an alarm whose records matter most."""
    clock_skew_s: int = 300
    runs_started: int = 1
    """Runs of this recipe that the log knows; likewise shown to the assessor."""
    runs_shown: int = 1
    unseen: Sequence[str] = ()
    """Further runs in the developer's log that the assessor was not shown, of this recipe or another."""
    classes: Mapping[tuple[str, int], Fix] = field(default_factory=dict)
    """Fixes that the assessor classed, by the alarm that their events name and their step."""


@dataclass(frozen=True)
class Fact:
    """One thing that a rule states."""

    rule: str
    severity: Severity
    what: str
    question: str


Rule = Callable[[Episode, tuple[RunEvent, ...], ResponseContext], Fact | None]


def facts_of(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> tuple[Fact, ...]:
    """What each rule states about one alarm, the gravest first.

    Raises:
        EvidenceError: an event cannot be understood (`understanding.understood` leaves none of these).
    """
    facts = [fact for rule in _RULES if (fact := rule(episode, events, context)) is not None]
    return tuple(sorted(facts, key=lambda fact: -SEVERITIES.index(fact.severity)))


def chance_of_missing(steps: int, window: int, missing: int, missing_in_window: int) -> float:
    """P(at least this many of the missing steps fall into the window), if they were lost at random.

    Hypergeometric upper tail over `steps` steps of which `window` lie around alarms.
    """
    total = comb(steps, missing)
    return sum(
        comb(window, k) * comb(steps - window, missing - k) / total
        for k in range(missing_in_window, min(window, missing) + 1)
    )


def fix_classes(episode: Episode, context: ResponseContext) -> tuple[FixClass, ...]:
    """The class of each fix of `episode`; see `fix_class`."""
    return tuple(
        fix_class(said(event, Fix), told.overridden if (told := classed(event, context)) else None)
        for event in episode.events
        if event.kind == "fix"
    )


def classed(event: RunEvent, context: ResponseContext) -> Fix | None:
    """What the assessor says of the class of a fix; None without a word."""
    return context.classes.get((event.alarm, event.step))


# -- rules ----------------------------------------------------------------------------------------


def _acknowledged(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> Fact | None:
    answer, alarm = episode.first("acknowledged"), episode.alarm
    if answer is not None and answer.step < 0:
        return _acknowledged_sometime(alarm, answer, events)
    until = context.last_step if answer is None else answer.step
    promoted = _promotions(events, alarm.step, until)
    if answer is not None and not promoted and answer.step - alarm.step <= context.acknowledge_within_steps:
        return None
    what = (
        "was never acknowledged"
        if answer is None
        else f"was acknowledged {answer.step - alarm.step} steps later"
    )
    after = f", and {_checkpoint(promoted[0])} was promoted meanwhile" if promoted else ""
    if answer is None and not promoted and context.last_step - alarm.step < context.acknowledge_within_steps:
        return Fact("A1", "low", "is not yet acknowledged", "Who looks at this alarm?")
    severity: Severity = "high" if promoted or answer is None else "medium"
    return Fact("A1", severity, what + after, "Who saw this alarm, and when?")


def _acknowledged_sometime(alarm: RunEvent, answer: RunEvent, events: Sequence[RunEvent]) -> Fact:
    """Of an answer that names no step only the times tell what came before it."""
    promoted = [e for e in events if e.kind == "checkpoint.promoted" and alarm.time < e.time <= answer.time]
    what = "was acknowledged at a step that is not told"
    if promoted:
        what += f", after {_checkpoint(promoted[0])} had been promoted"
    return Fact("A1", "high" if promoted else "low", what, "Who saw this alarm, and at which step?")


def _explained(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> Fact | None:
    fix, hypothesis = episode.first("fix"), episode.first("hypothesis")
    if fix is None or (hypothesis is not None and hypothesis.time <= fix.time):
        return None
    return Fact(
        "A2", "medium", "was fixed before anybody wrote down its cause", "What was thought to be the cause?"
    )


def _at_cause(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> Fact | None:
    found = fix_classes(episode, context)
    if not found or "root cause" in found:
        return None
    places = sorted({place for fix in episode.each("fix", Fix) for place in (*fix.paths, *fix.settings)})
    where = f" ({', '.join(places)})" if places else ""
    if "symptom" in found:
        what = f"was answered at the symptom only{where}"
        return Fact("A3", "high", what, "What was done about what rewards the behaviour?")
    what = f"was answered by a change of unknown kind{where}"
    return Fact("A3", "low", what, "What does the change touch?")


def _verified(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> Fact | None:
    fixes = sum(event.kind == "fix" for event in episode.events)
    found = episode.verifications
    if not fixes or (found and not any(v.passed for v in found)):  # a failed one is told as that
        return None
    arms = {arm for v in found if v.passed for arm in v.arms}
    if not found:
        what = "was fixed and never verified" if fixes == 1 else "was not verified after its last fix"
        return Fact("A4", "high", what, "What shows that the fix works?")
    if arms <= {episode.raised.arm}:
        return Fact(
            "A4", "medium", f"was verified only where it fired ({episode.raised.arm})",
            "How does the model behave on held-out and paraphrased prompts, and in other environments?",
        )  # fmt: skip
    return None


def _verification_failed(
    episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext
) -> Fact | None:
    failed = [
        (event, body)
        for place, event in enumerate(episode.events)
        if event.kind == "verification"
        and not (body := said(event, Verification)).passed
        and not _passed_since(body, episode.events[place + 1 :])
    ]
    if not failed:
        return None
    event, body = failed[-1]
    where = f" ({', '.join(body.arms)})" if body.arms else ""
    return Fact(
        "A14", "high",
        f"has a verification that failed{_at(event)}{where}, and that did not pass after a later fix",
        "What was done after the verification failed?",
    )  # fmt: skip


def _passed_since(failed: Verification, later: Sequence[RunEvent]) -> bool:
    """Whether every arm of what failed passed in the end, after a further fix."""
    fixed = next((place for place, event in enumerate(later) if event.kind == "fix"), len(later))
    after = [said(event, Verification) for event in later[fixed:] if event.kind == "verification"]
    passed = [each for each in after if each.passed]
    return bool(passed) and set(failed.arms) <= {arm for each in passed for arm in each.arms}


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
        and event not in own
        and (
            place > since
            if event.alarm and event.alarm == episode.alarm.alarm
            else _follows(event, closure, context.recurrence_within_steps) and _same_metric(event, episode)
        )
    ]
    if not again:
        return None
    done = "closed" if closure.kind == "closure" else "fixed"
    what = f"came back{_at(again[0])}, after it was {done}{_at(closure)}"
    return Fact("A5", "high", what, "Why did the fix not hold?")


def _same_metric(alarm: RunEvent, episode: Episode) -> bool:
    metric = said(alarm, AlarmRaised).metric
    return bool(metric) and metric == episode.raised.metric


def _follows(event: RunEvent, earlier: RunEvent, within_steps: int) -> bool:
    """Whether `event` came after `earlier` and within so many steps; by their times where one has no step."""
    if min(event.step, earlier.step) < 0:
        return event.time > earlier.time
    return 0 < event.step - earlier.step <= within_steps


def _still_watched(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> Fact | None:
    for event in events:
        if event.kind != "threshold.changed" or event.time < episode.alarm.time:
            continue
        change = said(event, ThresholdChanged)
        if change.metric and change.metric == episode.raised.metric and _loosened(change):
            new = f"set from {change.old} to {change.new}" if change.new else "no longer watched"
            return Fact(
                "A6", "high", f"has its metric {new}{_at(event)}, after it fired",
                "Why was the threshold changed after the alarm?",
            )  # fmt: skip
    return None


def _same_suite(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> Fact | None:
    for event in events:
        if event.kind != "suite.changed" or event.time < episode.alarm.time:
            continue
        change = said(event, SuiteChanged)
        if change.removed and not change.old_suite_on_new_checkpoint:
            return Fact(
                "A7", "high", f"lost {change.removed} items of {change.suite}{_at(event)}",
                "What does the new checkpoint score on the removed items?",
            )  # fmt: skip
    return None


def _recorded(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> Fact | None:
    if episode.alarm.step < 0:
        return None
    lost = {step for step in context.missing_steps if 1 <= step <= context.last_step}
    for event in events:
        if event.kind == "gap":
            gap = said(event, Gap)
            lost.update(range(max(1, gap.first_step), min(gap.last_step, context.last_step) + 1))
    first = max(1, episode.alarm.step - context.window_steps)
    window = range(first, min(context.last_step, episode.alarm.step + context.window_steps) + 1)
    hit = [step for step in window if step in lost]
    if not hit:
        return None
    chance = chance_of_missing(context.last_step, len(window), len(lost), len(hit))
    severity: Severity = "high" if chance < 0.05 else "low"
    return Fact(
        "A8", severity,
        f"has {len(hit)} of the {len(lost)} steps without a full record around it "
        f"(chance if lost at random: {chance:.3g})",
        "What happened in these steps?",
    )  # fmt: skip


def _in_time(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> Fact | None:
    late = [
        event
        for event in episode.events
        if context.logged
        and not not_logged(event)
        and (logged := context.logged.get(digest_of(event)))
        and _seconds(event.time, logged) > context.clock_skew_s
    ]
    if not late:
        return None
    kinds = ", ".join(sorted({event.kind for event in late}))
    what = f"has entries logged well after the time that they give ({kinds})"
    return Fact("A10", "high", what, "When was it written?")


def _closed_on_evidence(
    episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext
) -> Fact | None:
    if episode.first("closure") is None or _rests(episode):
        return None
    return Fact("A11", "medium", "was closed without naming evidence", "On what was it closed?")


def _rests(episode: Episode) -> bool:
    """Whether a closure or verification names anything that it rests on."""
    bodies = (*episode.each("closure", Said), *episode.each("verification", Verification))
    return any(body.evidence for body in bodies)


def _left_open(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> Fact | None:
    answer, alarm = episode.first("acknowledged"), episode.alarm
    closed = episode.first("closure") is not None and _rests(episode)
    if answer is None or closed or episode.stopped or episode.first("fix") is not None:
        return None
    since = episode.events[episode.events.index(answer) :]
    again = next((e for e in since if e.kind == "alarm" and e != alarm), None)
    promoted = [e for e in events if e.kind == "checkpoint.promoted" and e.time > alarm.time]
    if not again and not promoted and context.last_step - alarm.step < context.acknowledge_within_steps:
        return Fact("A13", "low", "was acknowledged and is not yet answered", "What is done about it?")
    what = "was acknowledged and left open: no fix, no hold or rollback, no closure that rests on evidence"
    what += f"; it fired again{_at(again)}" if again else ""
    what += f"; {_checkpoint(promoted[0])} was promoted since" if promoted else ""
    severity: Severity = "high" if again or promoted else "medium"
    return Fact("A13", severity, what, "What was done about what the alarm showed?")


def _noticed_first(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> Fact | None:
    promoted = _promotions(events, -1, episode.alarm.step)
    if not promoted or any(event.kind == "checkpoint.promoted" for event in episode.events):
        return None
    since = [e for e in promoted if episode.alarm.step - e.step <= context.window_steps]
    if not since:
        return None
    return Fact(
        "A12",
        "low",
        f"fired only after {_checkpoint(since[-1])} had been promoted",
        "Was the alarm on before?",
    )


_RULES: tuple[Rule, ...] = (
    _acknowledged, _explained, _at_cause, _verified, _came_back, _still_watched, _same_suite, _recorded,
    _in_time, _closed_on_evidence, _noticed_first, _left_open, _verification_failed,
)  # fmt: skip


def _promotions(events: Sequence[RunEvent], after: int, until: int) -> list[RunEvent]:
    return [e for e in events if e.kind == "checkpoint.promoted" and after < e.step <= until]


def _checkpoint(event: RunEvent) -> str:
    return said(event, Promoted).checkpoint


def _at(event: RunEvent) -> str:
    """Where in training it was, to be put behind a verb; nothing where it names no step."""
    return f" at step {event.step}" if event.step >= 0 else ""


def _loosened(change: ThresholdChanged) -> bool:
    """Whether fewer values raise an alarm than before; what cannot be compared counts as loosened."""
    if not change.new:
        return True
    try:
        old, new = Decimal(change.old), Decimal(change.new)
    except ArithmeticError:
        return change.old != change.new
    if not (old.is_finite() and new.is_finite()):  # NaN is neither above nor below anything
        return change.old != change.new
    return new > old if change.alarm_when == "above" else new < old


def _seconds(earlier: str, later: str) -> float:
    return (utc(later) - utc(earlier)).total_seconds()
