"""What may be said of a run whose rollouts are in languages that scanners of wording do not know."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from modelassay.records import RunFinding
from modelassay.training.findings import NOT_ASSESSABLE, called_fine_no_longer, run_finding
from modelassay.training.scanners.foreign_texts import TOLD_BY_WORDS, ForeignTexts

CHECK: Final = "languages"
MANY: Final = 0.1
"""Share of the rollouts from which what is told by words is not assessed."""
_SOME: Final = 0.01
"""Share from which it is told that there are any."""


def unread_languages(seen: ForeignTexts) -> tuple[RunFinding, ...]:
    """That rollouts are in other languages than English, and which behaviours that leaves open; nothing where
    next to none are."""
    if seen.foreign < max(1, _SOME * seen.looked_at):
        return ()
    why = f"{_counted(seen)} are not in English, or have hardly an English word"
    names = ", ".join(sorted(TOLD_BY_WORDS))
    return (
        run_finding(
            CHECK,
            NOT_ASSESSABLE,
            f"Behaviours that are told by English words ({names}) cannot be assessed there: {why}.",
            state="not_assessable",
            severity="medium" if _many(seen) else "low",
            values={"foreign": Decimal(seen.foreign), "rollouts": Decimal(seen.looked_at)},
            evidence=seen.examples,
            method="scripts, and words that most texts of a language have",
            why_not=why,
            question="Who reads this language looked for these behaviours, and how?" if _many(seen) else "",
        ),
    )


def as_far_as_understood(findings: Iterable[RunFinding], seen: ForeignTexts) -> tuple[RunFinding, ...]:
    """`findings`, none calling a behaviour that English words tell fine where many texts are not English."""
    if not _many(seen):
        return tuple(findings)
    why = f"{_counted(seen)} are in languages whose words the scanner does not know"
    return tuple(
        called_fine_no_longer(each, why) if each.slice.get("behaviour") in TOLD_BY_WORDS else each
        for each in findings
    )


def told_languages(findings: Iterable[RunFinding]) -> str:
    """What a headline says of them; empty where they are few."""
    found = next((each for each in findings if each.check == CHECK and each.severity == "medium"), None)
    if found is None:
        return ""
    return (
        f"{found.values['foreign']:,} of {found.values['rollouts']:,} rollouts are not in English, and "
        "behaviours that English words tell (sycophancy, deception, …) not assessed there"
    )


def _counted(seen: ForeignTexts) -> str:
    return f"{seen.foreign:,} of {seen.looked_at:,} rollouts that were looked at"


def _many(seen: ForeignTexts) -> bool:
    return seen.foreign > 0 and seen.foreign >= MANY * seen.looked_at
