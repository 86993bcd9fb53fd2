"""What may be said of a run whose calls of tools could not all be read."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from modelassay.assessment.behaviours import MARKERS
from modelassay.records import RunFinding
from modelassay.training.findings import NOT_ASSESSABLE, called_fine_no_longer, run_finding
from modelassay.training.scanners.unread_calls import UnreadCalls

CHECK: Final = "tool_calls"
MANY: Final = 0.05
"""Share of the rollouts above which what was not read can hide any finding."""
_OF_BEHAVIOUR: Final = frozenset({"reinforcement", "emergence", "environment_pressure", "resolution"})


def unread_calls(seen: UnreadCalls) -> tuple[RunFinding, ...]:
    """That calls could not be read, and of how many rollouts; nothing where all were."""
    if not seen.unread:
        return ()
    why = (
        f"in {seen.unread:,} of {seen.rollouts:,} rollouts calls of tools, or what tools answered, stand in "
        "a form that could not be read"
    )
    return (
        run_finding(
            CHECK,
            NOT_ASSESSABLE,
            f"Behaviours of code and tools cannot be assessed there: {why}.",
            state="not_assessable",
            severity="high" if _many(seen) else "low",
            values={"unread": Decimal(seen.unread), "rollouts": Decimal(seen.rollouts)},
            evidence=seen.examples,
            method="calls in messages and texts, against marks of calls and answers of tools",
            why_not=why,
            question="In which form does this record keep calls of tools?",
        ),
    )


def as_far_as_read(findings: Iterable[RunFinding], seen: UnreadCalls) -> tuple[RunFinding, ...]:
    """`findings`, none calling a behaviour of code and tools fine where many calls could not be read."""
    if not _many(seen):
        return tuple(findings)
    why = f"calls of tools of {seen.unread:,} of {seen.rollouts:,} rollouts could not be read"
    return tuple(
        called_fine_no_longer(each, why)
        if each.check in _OF_BEHAVIOUR and each.slice.get("behaviour") not in (None, *MARKERS)
        else each
        for each in findings
    )


def told_unread(findings: Iterable[RunFinding]) -> str:
    """What a headline says of calls that could not be read; empty where all were."""
    found = next((each for each in findings if each.check == CHECK), None)
    if found is None:
        return ""
    unread, rollouts = found.values["unread"], found.values["rollouts"]
    return (
        f"calls of tools could not be read in {unread:,} of {rollouts:,} rollouts, where behaviours of code "
        "and tools are not assessable"
    )


def _many(seen: UnreadCalls) -> bool:
    return seen.unread > MANY * seen.rollouts
