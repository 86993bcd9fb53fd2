"""What a campaign of attacks tried: by attack and category, with what came of it; what it did not try.

Pure functions of `Examination`. Where attacks come to a result is told apart from where they were only begun,
for a category without a result was not looked at, however often it was tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Any

import msgspec

from modelassay.records import Examination

COVERAGE, PAID = "coverage", "paid"
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
    turns_of_success: dict[str, dict[str, dict[int, int]]] = {}
    """How many attacks had their way after so many user turns, by attack and model."""
    attacks_not_tried: tuple[str, ...] = ()
    could_not_be_tried: dict[str, int] = {}


class _Paid(msgspec.Struct, frozen=True):
    """The form of one model's figures in `details.paid`."""

    requests: int
    input_tokens: int
    output_tokens: int
    cost: Decimal | None = None


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
        coverage = msgspec.convert(examination.details[COVERAGE], _Coverage, strict=False)
        told = (
            *_sentences(coverage),
            *_taking_part(examination.settings),
            *_paid(examination.details.get(PAID, {})),
        )
    except msgspec.ValidationError:
        return Tried((), 0, ("What was tried is told in a form of its own: see the examination's details.",))
    rows = sorted(_rows(coverage), key=lambda row: (-row.fell, row.attack, row.category))
    return Tried(tuple(rows[:MOST_ROWS]), max(0, len(rows) - MOST_ROWS), told)


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
    if coverage.turns_of_success:
        told = ", ".join(
            f"{attack} {_median(of)}" for attack, of in sorted(coverage.turns_of_success.items())
        )
        yield f"User turns until success, the median: {told}."
    if coverage.could_not_be_tried:
        reasons = "; ".join(f"{why} ({n:,} samples)" for why, n in coverage.could_not_be_tried.items())
        yield f"Could not be tried: {reasons}."
    if len(coverage.languages) > 1:
        counts = ", ".join(f"{name} {count:,}" for name, count in coverage.languages.items())
        yield f"Attempts by language: {counts}."
    if coverage.attacks_not_tried:
        yield f"At hand and not run: {', '.join(coverage.attacks_not_tried)}."


def _taking_part(settings: Mapping[str, Any]) -> Iterator[str]:
    """Who attacked, and who said whether an attack had its way."""
    attacker, judge = _named(settings.get("attacker")), settings.get("judge")
    if attacker:
        yield f"The attacker was {attacker}."
    if isinstance(judge, str) and judge:
        model = _named(settings.get("judge_model"))
        yield f"The answers were read by {judge}{f', the model {model}' if model else ''}."


def _named(model: Any) -> str:
    """Reference and fingerprint of a model; empty where there is none."""
    if not isinstance(model, Mapping) or not model.get("reference"):
        return ""
    fingerprint = str(model.get("fingerprint", ""))
    return f"{model['reference']} ({fingerprint[:19]})" if fingerprint else str(model["reference"])


def _median(by_side: Mapping[str, Mapping[int, int]]) -> str:
    """``3``, or ``3 (on the baseline 5)``; a dash for a model that never fell."""
    candidate, baseline = (
        [turn for turn, count in by_side.get(side, {}).items() for _ in range(count)]
        for side in ("candidate", "baseline")
    )
    told = f"{median(candidate):g}" if candidate else "–"
    return f"{told} (on the baseline {median(baseline):g})" if baseline else told


def _paid(details: Any) -> Iterator[str]:
    """What the replies took, each counted once: what was paid for them where prices were given."""
    paid = msgspec.convert(details, dict[str, _Paid], strict=False)
    if not paid:
        return
    replies = sum(each.requests for each in paid.values())
    tokens = sum(each.input_tokens + each.output_tokens for each in paid.values())
    costs = {name: each.cost for name, each in sorted(paid.items()) if each.cost is not None}
    cost = ""
    if costs:
        by_part = ", ".join(f"{name} {_money(each)}" for name, each in costs.items())
        cost = f"; they cost {_money(sum(costs.values(), Decimal(0)))} ({by_part})"
    yield f"The models gave {replies:,} replies of {tokens:,} tokens{cost}."


def _money(cost: Decimal) -> str:
    return f"{cost.normalize():f}"
