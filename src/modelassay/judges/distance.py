"""How far what is audited is from what a judge was calibrated on, in sentences with figures.

A judge's error belongs to the answers that it was measured on. Each sentence names one way in which these
differ: language, category, length, who answered, how common the positive answer is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from modelassay.judges.calibration import Calibration, Lengths
from modelassay.records import JudgeError

PREVALENCE = Decimal("0.2")
"""Shares of positive answers that differ by more are said to differ."""
MOST_NAMED = 5
_UNHEARD = ", of which the set has none"


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the answers that an audit's evaluator read."""

    datasets: tuple[str, ...]
    models: tuple[str, ...]
    """References of both models."""
    languages: Mapping[str, int]
    """Samples by language; those that state none are not counted."""
    categories: Mapping[str, int]
    samples: int
    lengths: Lengths
    wanted: Mapping[str, tuple[int, int]]
    """By measure: readings over a half, and all of them."""


def distance_of(calibration: Calibration, audited: Audited) -> tuple[str, ...]:
    """How `audited` differs from the set of `calibration`, most telling first."""
    return tuple(
        sentence
        for sentence in (
            _data(calibration, audited),
            _languages(calibration, audited),
            _categories(calibration, audited),
            _models(calibration, audited),
            _length(calibration, audited),
            _prevalence(calibration, audited),
        )
        if sentence
    )


def _data(calibration: Calibration, audited: Audited) -> str:
    folder = calibration.set.partition("/")[0]
    others = [name for name in audited.datasets if folder not in name]
    return f"other prompts: {_named(others)}, not {calibration.set}" if others else ""


def _languages(calibration: Calibration, audited: Audited) -> str:
    known = {_code(name) for name in calibration.spoken}
    new = {name: count for name, count in audited.languages.items() if _code(name) not in known}
    if not new:
        return ""
    return (
        f"{_share(sum(new.values()), audited.samples)} of the samples are in {_named(_ranked(new))}{_UNHEARD}"
    )


def unheard(error: JudgeError) -> str:
    """What share of an audit's samples are in languages that a labelled set has none of, and which; empty
    when it has all."""
    return next((each.removesuffix(_UNHEARD) for each in error.distance if each.endswith(_UNHEARD)), "")


def _categories(calibration: Calibration, audited: Audited) -> str:
    new = {name: count for name, count in audited.categories.items() if name not in calibration.kinds}
    if not new or not calibration.kinds:
        return ""
    return f"{_share(sum(new.values()), audited.samples)} of the samples are of categories that the set does \
not name: {_named(_ranked(new))}"


def _models(calibration: Calibration, audited: Audited) -> str:
    if not calibration.models:
        return "the set does not say whose answers it holds"
    new = [
        name
        for name in audited.models
        if not any(known.lower() in name.lower() for known in calibration.models)
    ]
    return f"answers of {_named(new)}; the set has those of {_named(calibration.models)}" if new else ""


def _length(calibration: Calibration, audited: Audited) -> str:
    here, there = audited.lengths, calibration.lengths
    if there.low <= here.middle <= there.high:
        return ""
    return f"half of the answers have {here.low}–{here.high} words, in the set {there.low}–{there.high}"


def _prevalence(calibration: Calibration, audited: Audited) -> str:
    wanted, total = (
        sum(audited.wanted.get(measure, (0, 0))[at] for measure in calibration.measures) for at in (0, 1)
    )
    if not total or not calibration.overall.rows:
        return ""
    positive = wanted if calibration.positive == "wanted" else total - wanted
    here = Decimal(positive) / total
    there = Decimal(calibration.overall.positives) / calibration.overall.rows
    if abs(here - there) <= PREVALENCE:
        return ""
    kind = f"{calibration.positive} answers"
    return f"it reads {here:.0%} {kind}; people found {there:.0%} in the set"


def _code(language: str) -> str:
    return language.partition("-")[0].lower()


def _ranked(counts: Mapping[str, int]) -> list[str]:
    return [name for name, _ in Counter(counts).most_common()]


def _named(names: Sequence[str]) -> str:
    shown = list(dict.fromkeys(names))
    more = f" and {len(shown) - MOST_NAMED} more" if len(shown) > MOST_NAMED else ""
    return ", ".join(shown[:MOST_NAMED]) + more


def _share(part: int, whole: int) -> str:
    return f"{Decimal(part) / max(whole, 1):.0%}"
