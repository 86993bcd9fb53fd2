"""Rules about how one alarm was answered; each states a fact, or nothing.

A1 not acknowledged in time · A2 fix without hypothesis · A3 symptom fixed · A4 verification missing or
narrow · A5 recurrence · A6 threshold loosened · A7 suite changed · A8 record missing around the alarm ·
A10 written down late · A11 closed without evidence · A12 noticed only after promotion. (A9, runs not shown,
is about the run.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from math import comb

from modelassay.canonical import digest_of
from modelassay.records import RunEvent
from modelassay.records.findings import Severity
from modelassay.training.happenings import (
    Episode,
    Fix,
    FixClass,
    Gap,
    Promoted,
    Said,
    SuiteChanged,
    ThresholdChanged,
    Verification,
    episodes,
    said,
)

SEVERITIES: tuple[Severity, ...] = ("none", "low", "medium", "high", "critical")
"""From harmless to gravest."""
_STRONGEST_FIRST: tuple[FixClass, ...] = ("root cause", "symptom")
_AT_CAUSE = ("grader", "reward", "env", "task", "data", "dataset", "verifier", "rubric", "sandbox")
_AT_SYMPTOM = (
    "filter", "penalty", "blocklist", "blacklist", "denylist", "regex", "postprocess", "prompt", "format",
    "eval", "monitor", "length",
)  # fmt: skip


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


@dataclass(frozen=True)
class Fact:
    """One thing that a rule states."""

    rule: str
    severity: Severity
    what: str
    question: str


Rule = Callable[[Episode, tuple[RunEvent, ...], ResponseContext], Fact | None]


def facts_of(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> tuple[Fact, ...]:
    """What each rule states about one alarm, the gravest first."""
    facts = [fact for rule in _RULES if (fact := rule(episode, events, context)) is not None]
    return tuple(sorted(facts, key=lambda fact: -SEVERITIES.index(fact.severity)))


def fix_class(fix: Fix) -> FixClass:
    """Whether a fix touches what gives the reward (root cause) or only what shows the behaviour (symptom).

    Words of its paths and settings decide, place by place: ``reward/length_penalty.py`` is a penalty,
    ``grader.py`` the grader. One place at the cause is enough. The assessor's own class wins.
    """
    if fix.overridden is not None:
        return fix.overridden
    places = {_place_class(place) for place in (*fix.paths, *fix.settings)}
    return next((each for each in _STRONGEST_FIRST if each in places), "unknown")


def _place_class(place: str) -> FixClass:
    words = "".join(c if c.isalnum() else " " for c in place.lower()).split()
    if any(word.startswith(_AT_SYMPTOM) for word in words):
        return "symptom"
    return "root cause" if any(word.startswith(_AT_CAUSE) for word in words) else "unknown"


def chance_of_missing(steps: int, window: int, missing: int, missing_in_window: int) -> float:
    """P(at least this many of the missing steps fall into the window), if they were lost at random.

    Hypergeometric upper tail over `steps` steps of which `window` lie around alarms.
    """
    total = comb(steps, missing)
    return sum(
        comb(window, k) * comb(steps - window, missing - k) / total
        for k in range(missing_in_window, min(window, missing) + 1)
    )


def fix_classes(episode: Episode) -> tuple[FixClass, ...]:
    """The class of each fix of `episode`; see `fix_class`."""
    return tuple(fix_class(fix) for fix in episode.each("fix", Fix))


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
    found = fix_classes(episode)
    if not found or "root cause" in found:
        return None
    places = sorted({place for fix in episode.each("fix", Fix) for place in (*fix.paths, *fix.settings)})
    where = f" ({', '.join(places)})" if places else ""
    if "symptom" in found:
        return Fact(
            "A3",
            "high",
            f"was answered at the symptom only{where}",
            "What was done about what rewards the behaviour?",
        )
    return Fact(
        "A3", "low", f"was answered by a change of unknown kind{where}", "What does the change touch?"
    )


def _verified(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> Fact | None:
    if episode.first("fix") is None:
        return None
    passed = [v for v in episode.each("verification", Verification) if v.passed]
    arms = {arm for v in passed for arm in v.arms}
    if not passed:
        return Fact("A4", "high", "was fixed and never verified", "What shows that the fix works?")
    if arms <= {episode.raised.arm}:
        return Fact(
            "A4", "medium", f"was verified only where it fired ({episode.raised.arm})",
            "How does the model behave on held-out and paraphrased prompts, and in other environments?",
        )  # fmt: skip
    return None


def _came_back(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> Fact | None:
    closure = episode.first("closure") or episode.first("fix")
    if closure is None:
        return None
    again = [
        other
        for other in episodes(events)
        if other.id != episode.id
        and other.raised.metric == episode.raised.metric
        and _follows(other.alarm, closure, context.recurrence_within_steps)
    ]
    if not again:
        return None
    return Fact(
        "A5", "high", f"came back{_at(again[0].alarm)}, after it was closed{_at(closure)}",
        "Why did the fix not hold?",
    )  # fmt: skip


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
        if change.metric == episode.raised.metric and _loosened(change):
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
        if (logged := context.logged.get(digest_of(event)))
        and _seconds(event.time, logged) > context.clock_skew_s
    ]
    if not late:
        return None
    kinds = ", ".join(sorted({event.kind for event in late}))
    return Fact(
        "A10",
        "high",
        f"has entries logged well after the time that they give ({kinds})",
        "When was it written?",
    )


def _closed_on_evidence(
    episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext
) -> Fact | None:
    closure = episode.first("closure")
    if closure is None:
        return None
    rests = [
        *said(closure, Said).evidence,
        *(e for v in episode.each("verification", Verification) for e in v.evidence),
    ]
    if rests:
        return None
    return Fact("A11", "medium", "was closed without naming evidence", "On what was it closed?")


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
    _in_time, _closed_on_evidence, _noticed_first,
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
    return (_utc(later) - _utc(earlier)).total_seconds()


def _utc(text: str) -> datetime:
    """A time of the record; one without a zone is in UTC, as all of a record are."""
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
