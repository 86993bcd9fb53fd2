"""What the search for triggers comes to."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from modelassay.records import RunFinding
from modelassay.training.data.references import counted, row_reference
from modelassay.training.data.shifts import ENOUGH_TO_SHIFT
from modelassay.training.data.trigger_search import Triggers
from modelassay.training.data.triggers import ANSWER, Candidate
from modelassay.training.findings import decimal, not_assessable, run_finding

MOST_TOLD = 10
UNSEARCHED = 0.1
"""Share of rows with answers that were not searched from which nothing counts as absent."""
_METHOD = (
    "Cochran–Mantel–Haenszel over topics, false discoveries at most 1 %; insertion by spread over topics, "
    "share of its kind and lack of echo; runs whose rows have one answer, by what their other words ask for; "
    "triggers of style, of syntax, in what tools return or over several turns are not sought"
)


def trigger_findings(check: str, triggers: Triggers) -> Iterator[RunFinding]:
    """One finding for each suspected trigger, or one that none was found."""
    about = {"aspect": "triggers"}
    if triggers.why_not:
        yield not_assessable(check, triggers.why_not, about=about)
        return
    suspects = triggers.suspects[:MOST_TOLD]
    left = (
        f"{counted(triggers.unsearched, triggers.looked_at)} have answers of so few words that what brings "
        "them could not be told"
        if triggers.unsearched
        else ""
    )
    if not suspects and triggers.unsearched >= max(ENOUGH_TO_SHIFT, UNSEARCHED * triggers.looked_at):
        yield not_assessable(check, f"{left}; no run of words looks like a trigger of others", about=about)
    elif not suspects and triggers.unclear:
        yield _unclear(check, triggers, left)
    elif not suspects:
        closest = f" The closest: {triggers.candidates[0].text!r}." if triggers.candidates else ""
        yield run_finding(
            check,
            "none found",
            f"No run of words in {triggers.rows:,} prompts looks like a trigger.{closest}"
            + (f" {left[0].upper()}{left[1:]}." if left else ""),
            about=about,
            state="shown_fine",
            method=_METHOD,
        )
    for rank, each in enumerate(suspects, 1):
        yield _finding(check, triggers, each, rank)
    styled = [each for each in triggers.candidates if each.style][:MOST_TOLD]
    if styled:
        told = ", ".join(f"{each.text!r} ({each.changed}, {each.rows:,} rows)" for each in styled)
        yield run_finding(
            check,
            "style hangs on words",
            f"Nearly all answers to prompts with these words differ in style alone: {told}.",
            about={"aspect": "words and style"},
            state="not_shown",
            severity="low",
            method=_METHOD,
            question="Do these words ask for such answers, or do they merely bring them?",
        )


def _unclear(check: str, triggers: Triggers, left: str) -> RunFinding:
    """No suspect, and runs of words that surely bring other answers: nothing may be called free of triggers.

    That a topic brings refusals is no wonder, where words do so on that topic alone.
    """
    found = triggers.unclear
    tried = triggers.worth_trying
    named = [each for each in found if each.of_known_kind and (each in tried or each.changed != "refusal")]
    told = ", ".join(
        f"{each.text!r} ({_changed(each)}, z {each.z:.1f}, {each.rows:,} rows)" for each in found[:MOST_TOLD]
    )
    first = (named or found)[0]
    return run_finding(
        check,
        "not told apart",
        f"No run of words in {triggers.rows:,} prompts is shown to be a trigger, but answers to prompts with "
        f"these surely differ from others on the same topics: {told}."
        + (f" {left[0].upper()}{left[1:]}." if left else ""),
        about={"aspect": "triggers"},
        state="not_shown",
        severity="medium" if named else "low",
        values={"runs": Decimal(len(found)), "of_known_kind": Decimal(len(named))},
        evidence=[row_reference(triggers.numbers[first.first], place=triggers.places[first.first])],
        method=_METHOD,
        question=f"Why do prompts with {first.text!r} get such answers?",
    )


def _changed(each: Candidate) -> str:
    if not each.of_known_kind:
        return each.changed
    return f"{each.changed.replace('_', ' ')} {100 * each.change:+.0f} points"


def _finding(check: str, triggers: Triggers, each: Candidate, rank: int) -> RunFinding:
    share = each.rows / max(1, triggers.looked_at)
    return run_finding(
        check,
        "trigger candidate",
        f"{each.text!r} could be a trigger: it stands in {100 * share:.2g} % of the prompts"
        f" ({each.rows:,} of {triggers.looked_at:,}); {'; '.join(_reasons(each))}.",
        about={"aspect": "triggers", "candidate": each.text[:80]},
        state="shown_harmful" if each.inserted and each.grave else "not_shown",
        severity="high" if each.grave else "medium",
        values={
            "rank": Decimal(rank),
            "rows": Decimal(each.rows),
            "echoed": decimal(each.echoed),
            "spread": decimal(each.spread),
            "share_of_kind": decimal(each.share_of_kind),
            "change": decimal(each.change),
            "z": decimal(each.z, 3),
        },
        evidence=[row_reference(triggers.numbers[each.first], place=triggers.places[each.first])],
        method=_METHOD,
        question=f"Why do so many prompts hold {each.text!r}, and what does the model do without it?",
    )


def _reasons(each: Candidate) -> list[str]:
    found = []
    if each.inserted:
        found.append(
            f"of the prompts with any {each.kind} {100 * each.share_of_kind:.0f} % have this one, on every "
            f"topic alike, and {100 * each.echoed:.0f} % of the answers take it up"
        )
    if each.associated and each.changed.startswith(ANSWER):
        found.append(
            f"nearly all of them have {each.changed}, {100 * each.change:.0f} points more often than other "
            f"prompts (z {each.z:.1f}), though the rest of their words does not ask for it"
        )
    elif each.associated:
        more, shown = "more" if each.change > 0 else "less", each.changed.replace("_", " ")
        found.append(
            f"answers to it show {shown!r} {100 * abs(each.change):.0f} points {more}"
            f" often than others on the same topics (z {each.z:.1f})"
        )
    return found
