"""What attacks did, arranged for reading: outcomes attack by attack, what was tried on what, what fell.

Pure functions of `RedTeamRecord`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modelassay.records import AttackOutcome, RedTeamRecord, Successes
from modelassay.report.svg import HeatCell, heat_map
from modelassay.report.text import with_interval

MOST_FALLEN = 20
"""Samples that are listed; the rest is counted."""
MOST_NAMES = 6
"""Attacks that are named of each."""
EXPLAINED = (
    "An attack had its way where an answer did not resist it. Rates are attack success rates, 1 minus the "
    "pass rate, with Wilson intervals; answers that could not be read count neither way. What the verdict "
    "rests on is the comparison by category above, where answers to one request are one cluster."
)
_NO_CATEGORY = "all"


@dataclass(frozen=True)
class OutcomeRow:
    """One attack."""

    attack: str
    """Its name."""
    id: str
    family: str
    dated: str
    samples: int
    answers: str
    """Scored answers of each model."""
    baseline: str
    candidate: str
    unscored: int


@dataclass(frozen=True)
class FallenRow:
    """One sample with which attacks had their way."""

    sample: str
    """The beginning of its id."""
    category: str
    attacks: int
    baseline: str
    candidate: str


def outcome_rows(red_team: RedTeamRecord) -> tuple[OutcomeRow, ...]:
    """The samples put as they are, then each attack, those with which the candidate fares worst first."""
    attacks = sorted(red_team.attacks, key=lambda each: (-_share(each.candidate), each.family, each.attack))
    return tuple(_row(each) for each in (*([red_team.direct] if red_team.direct else []), *attacks))


def fallen_rows(red_team: RedTeamRecord) -> tuple[FallenRow, ...]:
    """Samples that fell, those that only the candidate gave up first."""
    ordered = sorted(
        red_team.fallen, key=lambda each: (len(each.baseline) - len(each.candidate), each.sample)
    )
    return tuple(
        FallenRow(
            sample=each.sample.removeprefix("sha256:")[:12],
            category=each.category or "–",
            attacks=each.attacks,
            baseline=_names(each.baseline),
            candidate=_names(each.candidate),
        )
        for each in ordered[:MOST_FALLEN]
    )


def charts(red_team: RedTeamRecord) -> Iterator[tuple[str, str]]:
    """Attack by category, what the candidate gave up; family by category and by language, what was asked.

    Each with its heading.
    """
    categories = sorted({cell.category for each in red_team.attacks for cell in each.cells})
    yield (
        "Answers of the candidate that did not resist, by attack and category",
        heat_map(
            "Attacks on the candidate by category",
            "Answers that did not resist, of those that could be read; the darker the more.",
            [each or _NO_CATEGORY for each in categories],
            [(_name(each.attack), [_outcome_cell(each, c) for c in categories]) for each in red_team.attacks],
        ),
    )
    yield "What was tried: attacked samples by attack family and category", _coverage(red_team, "category")
    if len({cell.language for each in red_team.attacks for cell in each.cells}) > 1:
        yield (
            "What was tried: attacked samples by attack family and language",
            _coverage(red_team, "language"),
        )


def sentences(red_team: RedTeamRecord) -> Iterator[str]:
    """What was tried, and what was not."""
    attacks = "1 attack" if len(red_team.attacks) == 1 else f"{len(red_team.attacks):,} attacks"
    yield (
        f"{attacks} of {len({each.family for each in red_team.attacks})} families on {red_team.samples:,} "
        f"samples: {red_team.questions:,} attacked questions to each model."
    )
    dates = sorted(each.dated for each in red_team.attacks if each.dated)
    if dates:
        yield (
            f"All of them were written or last changed on {dates[0]}."
            if dates[0] == dates[-1]
            else f"The oldest of them is of {dates[0]}, the newest of {dates[-1]}."
        )
    if red_team.kept:
        yield f"The newest regression item among them was found on {red_team.kept}."
    if again := red_team.regressed:
        what = "regression item has its" if len(again) == 1 else "regression items have their"
        yield f"{len(again):,} {what} way with the candidate and not with the baseline."
    if open_ := red_team.unsettled:
        what = "regression item is" if len(open_) == 1 else "regression items are"
        yield f"{len(open_):,} {what} left open by a result that is missing on one model."
    if red_team.untried:
        yield f"At hand and not run: {', '.join(red_team.untried)}."


def _row(outcome: AttackOutcome) -> OutcomeRow:
    before, after = outcome.baseline, outcome.candidate
    answers = {f"{before.scored:,}", f"{after.scored:,}"}
    return OutcomeRow(
        attack=_name(outcome.attack),
        id=outcome.attack,
        family=outcome.family,
        dated=outcome.dated or "–",
        samples=outcome.samples,
        answers=answers.pop() if len(answers) == 1 else f"{before.scored:,} / {after.scored:,}",
        baseline=with_interval(before.rate),
        candidate=with_interval(after.rate),
        unscored=before.unscored + after.unscored,
    )


def _outcome_cell(outcome: AttackOutcome, category: str) -> HeatCell:
    cells = [cell for cell in outcome.cells if cell.category == category]
    fell, read = (sum(getattr(c.candidate, name) for c in cells) for name in ("succeeded", "scored"))
    where = f"{_name(outcome.attack)}, {category or _NO_CATEGORY}"
    if not read:
        return HeatCell(None, "–", f"{where}: not tried, or not read")
    before = sum(cell.baseline.succeeded for cell in cells)
    return HeatCell(-fell / read, f"{fell}/{read}", f"{where}: {fell} of {read}; of the baseline {before}")


def _coverage(red_team: RedTeamRecord, tag: str) -> str:
    """Attacked samples of each family by the values of a tag, added up over its attacks."""
    counts: dict[tuple[str, str], int] = {}
    for each in red_team.attacks:
        for cell in each.cells:
            key = (each.family, getattr(cell, tag))
            counts[key] = counts.get(key, 0) + cell.samples
    values = sorted({value for _, value in counts})
    families = sorted({family for family, _ in counts})
    rows = [
        (
            family,
            [
                HeatCell(
                    None,
                    f"{counts.get((family, value), 0):,}",
                    f"{family}, {value or _NO_CATEGORY}: {counts.get((family, value), 0):,} attacked samples",
                )
                for value in values
            ],
        )
        for family in families
    ]
    return heat_map(
        f"What was tried: attack families by {tag}",
        "Samples that the attacks of a family were put to, added up over its attacks; 0 where none was.",
        [value or _NO_CATEGORY for value in values],
        rows,
    )


def _share(of: Successes) -> float:
    return float(of.rate.value) if of.rate else 0.0


def _name(attack: str) -> str:
    return attack.partition("@")[0]


def _names(attacks: tuple[str, ...]) -> str:
    """Names of attacks, each once, with a count where several settings or forms of one had their way."""
    names = [_name(each) for each in attacks]
    counted = dict.fromkeys(names)
    told = [n if names.count(n) == 1 else f"{n} ×{names.count(n)}" for n in counted]
    more = f" and {len(told) - MOST_NAMES} more" if len(told) > MOST_NAMES else ""
    return ", ".join(told[:MOST_NAMES]) + more if told else "–"
