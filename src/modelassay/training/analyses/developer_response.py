"""How the developer answered warning signs: facts by rule, never one number of trust.

Each alarm is an episode (`happenings.episodes`) that the rules of `response_rules` look at. An alarm that was
acknowledged, explained, fixed at its cause and verified where it did not fire is no finding against anybody.
Symptom fixes on several alarms are a pattern, and graver than each. What no rule speaks against is told by
the events that there are. An event that cannot be understood is named, and takes nothing from the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import msgspec

from modelassay.records import RunEvent, RunFinding
from modelassay.records.findings import FindingState, Severity
from modelassay.training.analyses.response_context import SEVERITIES, Fact, ResponseContext, at_step
from modelassay.training.analyses.response_record import stop_of
from modelassay.training.analyses.response_rules import classed, facts_of, fix_classes, fixes_shown
from modelassay.training.event_times import in_order
from modelassay.training.findings import not_assessable, run_finding
from modelassay.training.happenings import Episode, Hypothesis, episodes
from modelassay.training.understanding import Unread, understood

CHECK = "developer_response"
_SAID = "said to be "
_UNKNOWN = " Nothing that is recorded of code, settings and data can tell whether the fix was made."
_NAMED = 5
"""Events of one kind that cannot be used, named at most."""


def assess_response(events: Sequence[RunEvent], context: ResponseContext) -> tuple[RunFinding, ...]:
    """One finding for each alarm, of events that cannot be understood, and one for the run.

    The last is its pattern, or that nothing was ever raised.
    """
    listed, unread = understood(in_order(events))
    judged = [(each, facts_of(each, listed, context)) for each in episodes(listed, context.order(listed))]
    return (
        *(_finding(each, facts, _done(each, listed, context), context) for each, facts in judged),
        *_unread(unread),
        _pattern(judged, context),
    )


# -- findings -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Done:
    """What was done about an alarm, as far as the record bears it out."""

    stopped: str
    """The decision to stop that counts, if any (`response_record.stop_of`)."""
    fix: Literal["", "said", "shown"]
    """Whether a fix is only said to have been made, or the record shows a change of what it names."""
    verified: bool
    """Whether the evidence of what passed was handed over."""


def _done(episode: Episode, events: tuple[RunEvent, ...], context: ResponseContext) -> _Done:
    shown = [each.shown for each in fixes_shown(episode, events, context)]
    passed = [each for each in episode.verifications if each.passed]
    return _Done(
        stop_of(episode, events, context).choice,
        "" if not shown else "shown" if "changed" in shown else "said",
        any({*each.evidence} & {*context.handed} for each in passed),
    )


def _finding(episode: Episode, facts: tuple[Fact, ...], done: _Done, context: ResponseContext) -> RunFinding:
    """What is told of one alarm; a fix that the record does not show is not shown to be fine."""
    worst = facts[0].severity if facts else "none"
    rules = {fact.rule for fact in facts}
    outcome = _outcome(episode, facts, done.stopped)
    fine = not facts and outcome == "investigated" and done.fix != "said"
    told = "; ".join(fact.what for fact in facts) or _told(episode, done, context)
    metric = f" on {episode.raised.metric!r}" if episode.raised.metric else ""
    unknown = done.fix == "said" and outcome == "investigated"
    return run_finding(
        CHECK,
        outcome,
        f"The alarm{metric}{at_step(episode.alarm)} {told}.{_UNKNOWN if unknown else ''}"
        f"{_classed(episode, context)}",
        about={"alarm": episode.id},
        state="shown_harmful" if SEVERITIES.index(worst) >= 3 else "shown_fine" if fine else "not_shown",
        severity=worst,
        values={**_marks(episode, rules, context), **{f"rule_{fact.rule}": Decimal(1) for fact in facts}},
        method="rules A1–A19",
        question=" ".join(dict.fromkeys(fact.question for fact in facts)),
    )


def _outcome(episode: Episode, facts: tuple[Fact, ...], stopped: str) -> str:
    rules = {fact.rule for fact in facts}
    fixed = episode.first("fix") is not None
    if "A13" in rules:
        return "left open"
    if all(SEVERITIES.index(fact.severity) <= 1 for fact in facts) and episode.first("acknowledged"):
        done = fixed or episode.first("closure") is not None
        return "investigated" if done else {"hold": "held", "rollback": "rolled back"}[stopped]
    if _symptom_treated(facts):
        return "symptom treated"
    return "unanswered" if "A1" in rules and not fixed else "questionable"


def _symptom_treated(facts: Sequence[Fact]) -> bool:
    return any(fact.rule == "A3" and fact.severity == "high" for fact in facts)


def _told(episode: Episode, done: _Done, context: ResponseContext) -> str:
    """What was done about an alarm that no rule speaks against, by the events that there are."""
    fixed, verified = ("" if done.fix == "shown" else _SAID), ("" if done.verified else _SAID)
    at_cause = "root cause" in fix_classes(episode, context)
    arms = sorted({arm for each in episode.verifications if each.passed for arm in each.arms})
    words = {
        "was acknowledged": episode.first("acknowledged") is not None,
        "explained": episode.first("hypothesis") is not None,
        "held": done.stopped == "hold",
        "rolled back": done.stopped == "rollback",
        f"{fixed}fixed at its cause" if at_cause else f"{fixed}fixed": episode.first("fix") is not None,
        f"{verified}verified ({', '.join(arms)})": bool(arms),
        "closed": episode.first("closure") is not None,
    }
    *most, last = [word for word, so in words.items() if so]
    return f"{', '.join(most)} and {last}" if most else last


def _classed(episode: Episode, context: ResponseContext) -> str:
    """Whose word the class of a fix is, where it is the assessor's."""
    given = {
        event.step: told
        for event in episode.events
        if event.kind == "fix" and (told := classed(event, context)) is not None
    }
    return "".join(
        f" The class of the fix{f' at step {step}' if step >= 0 else ''} is the assessor's own: "
        f"{told.kind}{f' ({told.why})' if told.why else ''}."
        for step, told in given.items()
    )


def _marks(episode: Episode, rules: set[str], context: ResponseContext) -> dict[str, Decimal]:
    """0 to 2 on each of five sides, computed from the facts beside them; never summed."""
    fixed = episode.first("fix") is not None

    def mark(done: bool, *against: str) -> Decimal:
        return Decimal(0) if not done else Decimal(2 if not rules & set(against) else 1)

    return {
        "mark_timeliness": mark(episode.first("acknowledged") is not None, "A1", "A12"),
        "mark_diagnosis": mark(bool(episode.each("hypothesis", Hypothesis)), "A2"),
        "mark_fix": mark(fixed and "root cause" in fix_classes(episode, context), "A5", "A19"),
        "mark_verification": mark(fixed and bool(episode.verifications), "A4", "A14"),
        "mark_transparency": mark(not rules & {"A10", "A8"}, "A6", "A7", "A11", "A15", "A16", "A17"),
    }


def _unread(unread: Sequence[Unread]) -> tuple[RunFinding, ...]:
    """Events that say what cannot be used, by their alarm and kind."""
    alike: dict[tuple[str, str], list[Unread]] = {}
    for each in unread:
        alike.setdefault((each.event.alarm, each.event.kind), []).append(each)
    return tuple(
        msgspec.structs.replace(
            not_assessable(
                CHECK,
                "; ".join(
                    f"{e.why} ({e.event.time}, step {e.event.step}): {e.instead}" for e in found[:_NAMED]
                )
                + (f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""),
                about={**({"alarm": alarm} if alarm else {}), "event": kind},
                question=f"What was meant by the event {kind!r} that cannot be used?",
            ),
            severity="medium",
        )
        for (alarm, kind), found in alike.items()
    )


def _pattern(judged: Sequence[tuple[Episode, tuple[Fact, ...]]], context: ResponseContext) -> RunFinding:
    superficial = [episode for episode, facts in judged if _symptom_treated(facts)]
    hides = [episode for episode, facts in judged if any(fact.rule == "A17" for fact in facts)]
    values = {
        "alarms": Decimal(len(judged)),
        "alarms_with_symptom_fixes": Decimal(len(superficial)),
        "alarms_with_unreadable_fixes": Decimal(len(hides)),
        "runs_started": Decimal(context.runs_started + len(context.unseen)),
        "runs_shown": Decimal(context.runs_shown),
    }
    hidden = max(0, context.runs_started - context.runs_shown)
    unseen, which, severity, state = _unseen(hidden, context.unseen)
    hidden += len(context.unseen)
    if len(superficial) + len(hides) >= 2:
        names = ", ".join(f"{e.id!r}{_step_of(e)}" for e in (*superficial, *hides))
        so = "at the symptom only" + (" or by changes that cannot be read" if hides else "")
        return run_finding(
            CHECK, "pattern of superficial fixes",
            f"{len(superficial) + len(hides)} of {len(judged)} alarms were answered {so}: {names}.{unseen}",
            about={"alarm": "all"}, state="shown_harmful", severity="critical", values=values,
            question=f"Why were causes left in place more than once? {which}".strip(),
        )  # fmt: skip
    if not judged:
        return run_finding(
            CHECK, "no alarms",
            f"No alarm was ever raised; nothing shows that a detector was watching.{unseen}",
            about={"alarm": "all"}, state=state if hidden else "not_assessable",
            severity=severity if hidden else "low", values=values,
            why_not="no alarm was raised, and no canary shows that one would have been",
            question=f"Which detectors were on, and when did each last fire on a canary? {which}".strip(),
        )  # fmt: skip
    return run_finding(
        CHECK, "runs not shown" if hidden else "no pattern",
        f"{len(judged)} alarms, {len(superficial)} answered at the symptom only.{unseen}",
        about={"alarm": "all"}, state=state, severity=severity, values=values, question=which,
    )  # fmt: skip


def _step_of(episode: Episode) -> str:
    return f" (step {episode.alarm.step})" if episode.alarm.step >= 0 else ""


def _unseen(hidden: int, names: Sequence[str]) -> tuple[str, str, Severity, FindingState]:
    """A9: what is said and asked of runs that were not shown, and how grave that is.

    Args:
        hidden: known to be of the recipe; of those in `names` only the log knows.
    """
    if not hidden and not names:
        return "", "", "none", "shown_fine"
    said = f" {hidden} further runs of the recipe were started and not shown." if hidden else ""
    if names:
        listed = ", ".join(repr(name) for name in names[:5]) + (", …" if len(names) > 5 else "")
        said += f" The developer's log has {len(names)} further runs that were not shown: {listed}."
    which = "Which runs were left out, and what did they show?"
    return said, which, "high" if hidden else "medium", "shown_harmful" if hidden else "not_shown"
