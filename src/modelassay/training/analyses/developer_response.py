"""How the developer answered warning signs: facts by rule, never one number of trust.

Each alarm is an episode (`happenings.episodes`) that the rules of `response_rules` look at. An alarm that was
acknowledged, explained, fixed at its cause and verified where it did not fire is no finding against anybody.
Symptom fixes on several alarms are a pattern, and graver than each.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from modelassay.records import RunEvent, RunFinding
from modelassay.records.findings import FindingState, Severity
from modelassay.training.analyses.response_rules import (
    SEVERITIES,
    Fact,
    ResponseContext,
    facts_of,
    fix_classes,
)
from modelassay.training.findings import run_finding
from modelassay.training.happenings import Episode, Hypothesis, Verification, episodes

CHECK = "developer_response"


def assess_response(events: Sequence[RunEvent], context: ResponseContext) -> tuple[RunFinding, ...]:
    """One finding for each alarm, and one for the run: its pattern, or that nothing was ever raised.

    Raises:
        EvidenceError: an event cannot be understood.
    """
    listed = tuple(events)
    found = episodes(listed)
    judged = [(each, facts_of(each, listed, context)) for each in found]
    return (*(_finding(each, facts) for each, facts in judged), _pattern(judged, context))


# -- findings -------------------------------------------------------------------------------------


def _finding(episode: Episode, facts: tuple[Fact, ...]) -> RunFinding:
    worst = facts[0].severity if facts else "none"
    rules = {fact.rule for fact in facts}
    outcome = (
        "investigated" if SEVERITIES.index(worst) <= 1 and episode.first("acknowledged")
        else "symptom treated" if "A3" in rules and worst == "high"
        else "unanswered" if "A1" in rules and not episode.first("fix")
        else "questionable"
    )  # fmt: skip
    told = (
        "; ".join(fact.what for fact in facts)
        or "was acknowledged, explained, fixed at its cause and verified"
    )
    return run_finding(
        CHECK,
        outcome,
        f"The alarm on {episode.raised.metric!r} at step {episode.alarm.step} {told}.",
        about={"alarm": episode.id},
        state="shown_harmful" if SEVERITIES.index(worst) >= 3 else "not_shown" if facts else "shown_fine",
        severity=worst,
        values={**_marks(episode, rules), **{f"rule_{fact.rule}": Decimal(1) for fact in facts}},
        method="rules A1–A12",
        question=" ".join(dict.fromkeys(fact.question for fact in facts)),
    )


def _marks(episode: Episode, rules: set[str]) -> dict[str, Decimal]:
    """0 to 2 on each of five sides, computed from the facts beside them; never summed."""
    fixed = episode.first("fix") is not None

    def mark(done: bool, *against: str) -> Decimal:
        return Decimal(0) if not done else Decimal(2 if not rules & set(against) else 1)

    return {
        "mark_timeliness": mark(episode.first("acknowledged") is not None, "A1", "A12"),
        "mark_diagnosis": mark(bool(episode.each("hypothesis", Hypothesis)), "A2"),
        "mark_fix": mark(fixed and "root cause" in fix_classes(episode), "A5"),
        "mark_verification": mark(fixed and bool(episode.each("verification", Verification)), "A4"),
        "mark_transparency": mark(not rules & {"A10", "A8"}, "A6", "A7", "A11"),
    }


def _pattern(judged: Sequence[tuple[Episode, tuple[Fact, ...]]], context: ResponseContext) -> RunFinding:
    superficial = [e for e, facts in judged if any(f.rule == "A3" and f.severity == "high" for f in facts)]
    values = {
        "alarms": Decimal(len(judged)),
        "alarms_with_symptom_fixes": Decimal(len(superficial)),
        "runs_started": Decimal(context.runs_started + len(context.unseen)),
        "runs_shown": Decimal(context.runs_shown),
    }
    hidden = max(0, context.runs_started - context.runs_shown)
    unseen, which, severity, state = _unseen(hidden, context.unseen)
    hidden += len(context.unseen)
    if len(superficial) >= 2:
        names = ", ".join(f"{e.id!r} (step {e.alarm.step})" for e in superficial)
        return run_finding(
            CHECK, "pattern of superficial fixes",
            f"{len(superficial)} of {len(judged)} alarms were answered at the symptom only: {names}.{unseen}",
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
