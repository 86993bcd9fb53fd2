"""What a campaign of attacks tried: by attack and category, with what came of it; what it did not try.

Pure functions of `Examination`. Where attacks come to a result is told apart from where they were only begun,
for a category without a result was not looked at, however often it was tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from modelassay.records import Examination

COVERAGE = "coverage"
"""In `Examination.details` of a campaign."""
MOST_ROWS = 60
"""Rows that are shown; the rest is counted."""
_RESULTS = ("success", "resisted")

_Outcomes = dict[str, int]


class _Coverage(msgspec.Struct, frozen=True):
    """The form of `details.coverage`."""

    tried: dict[str, dict[str, dict[str, _Outcomes]]]
    """Outcomes by attack, category and model."""
    behaviours: int = 0
    languages: dict[str, int] = {}
    attacks_not_tried: tuple[str, ...] = ()
    could_not_be_tried: dict[str, int] = {}


@dataclass(frozen=True)
class TriedRow:
    """One attack on the samples of one category."""

    attack: str
    category: str
    baseline: str
    candidate: str
    fell: int
    """Of the candidate's: what the attack had its way with."""


@dataclass(frozen=True)
class Tried:
    """What was tried, and what was not."""

    rows: tuple[TriedRow, ...]
    more: int
    """Rows that are not shown."""
    sentences: tuple[str, ...]


def tried(examination: Examination) -> Tried | None:
    """What `examination` tried, attacks that had their way with the candidate first; None where it does not
    say so. Figures are attempts that had their way, of those that came to a result."""
    if COVERAGE not in examination.details:
        return None
    try:
        coverage = msgspec.convert(examination.details[COVERAGE], _Coverage)
    except msgspec.ValidationError:
        return Tried((), 0, ("What was tried is told in a form of its own: see the examination's details.",))
    rows = sorted(_rows(coverage), key=lambda row: (-row.fell, row.attack, row.category))
    return Tried(tuple(rows[:MOST_ROWS]), max(0, len(rows) - MOST_ROWS), tuple(_sentences(coverage)))


def without_findings(examination: Examination) -> str:
    """What to say of an examination that has no finding: nothing, or that nothing was tried."""
    coverage = examination.details.get(COVERAGE)
    if isinstance(coverage, Mapping) and not coverage.get("tried", True):
        return "Nothing could be tried, so nothing could be found."
    return "Nothing was found."


def _rows(coverage: _Coverage) -> Iterator[TriedRow]:
    for attack, by_category in coverage.tried.items():
        for category, by_side in by_category.items():
            candidate = by_side.get("candidate", {})
            yield TriedRow(
                attack=attack,
                category=category,
                baseline=_in_words(by_side.get("baseline", {})),
                candidate=_in_words(candidate),
                fell=candidate.get("success", 0),
            )


def _in_words(outcomes: _Outcomes) -> str:
    """``3 of 28, 2 without a result (attacker failed 2)``; a dash where nothing was tried."""
    if not sum(outcomes.values()):
        return "–"
    read = sum(outcomes.get(name, 0) for name in _RESULTS)
    told = f"{outcomes.get('success', 0):,} of {read:,}"
    without = {name: n for name, n in sorted(outcomes.items()) if n and name not in _RESULTS}
    if not without:
        return told
    why = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in without.items())
    return f"{told}, {sum(without.values()):,} without a result ({why})"


def _sentences(coverage: _Coverage) -> Iterator[str]:
    yield f"{coverage.behaviours:,} requests were attacked."
    if coverage.could_not_be_tried:
        reasons = "; ".join(f"{why} ({n:,} samples)" for why, n in coverage.could_not_be_tried.items())
        yield f"Could not be tried: {reasons}."
    if len(coverage.languages) > 1:
        counts = ", ".join(f"{name} {count:,}" for name, count in coverage.languages.items())
        yield f"Attempts by language: {counts}."
    if coverage.attacks_not_tried:
        yield f"At hand and not run: {', '.join(coverage.attacks_not_tried)}."
