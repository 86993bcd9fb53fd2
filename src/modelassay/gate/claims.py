"""What a verdict claims of the evidence, question by question, so that a third party can compute it again.

The questions are those that the rules put (`bands`, `concerns`): of a fixed number of answers, each at its
own level, families of slices corrected by Holm. Everything follows from the cells that stand in the claim:
`drops` says how, by the score tests of `statistics`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from modelassay.drops import Drop, figure, harm_p_value, total_pairs
from modelassay.gate.bands import BANDS
from modelassay.gate.case import ANY_DROP, Case, Subject
from modelassay.gate.single_slices import CATEGORY_BLOCK
from modelassay.records import Claim, ClaimTest, MeasureRole, Percent
from modelassay.statistics import holm

_JUDGED: tuple[MeasureRole, ...] = ("banded", "concern")
OVERALL, CATEGORY, SLICE, HARM = (
    f"concerns.{name}" for name in ("overall", "category", "slice", "harm_ratio")
)


def claims_of(case: Case) -> tuple[Claim, ...]:
    """A claim for every measure and slice that is judged, in the findings' order."""
    tests: dict[str, list[ClaimTest]] = defaultdict(list)
    for finding, test in _tests(case):
        tests[finding].append(test)
    return tuple(
        Claim(
            finding=subject.finding.id,
            pairs=total_pairs(subject.paired),
            cells=subject.paired,
            drop=figure(subject.drop.value),
            judge=subject.finding.judge,
            tests=tuple(tests[subject.finding.id]),
        )
        for subject in case.subjects(*_JUDGED)
        if tests[subject.finding.id]
    )


def _tests(case: Case) -> Iterator[tuple[str, ClaimTest]]:
    policy = case.policy
    bands, single = policy.bands, policy.any_category
    for subject in _judged(case.overall("banded")):
        for edge in (bands.deploy, bands.deploy_monitored, bands.review):
            yield subject.finding.id, _within(case, subject, BANDS, edge)
    for subject in _judged(case.overall(*_JUDGED)):
        yield from _beyond(case, [subject], OVERALL, policy.concerns.overall)
        if subject.finding.measure.harm:
            yield subject.finding.id, _harm(case, subject)
    for family in case.categories("banded"):
        for subject in _judged(family):
            yield subject.finding.id, _within(case, subject, CATEGORY_BLOCK, single.block)
    for family in case.categories(*_JUDGED):
        judged = _judged(family)
        for edge in dict.fromkeys((ANY_DROP, single.concern)):
            yield from _beyond(case, judged, CATEGORY, edge)
    for family in case.other_slices(*_JUDGED):
        judged = _judged(family)
        for edge in dict.fromkeys((ANY_DROP, single.concern, single.block)):
            yield from _beyond(case, judged, SLICE, edge)


def _judged(subjects: Iterable[Subject]) -> list[Subject]:
    return [subject for subject in subjects if subject.assessable]


def _within(case: Case, subject: Subject, rule: str, edge: Percent) -> ClaimTest:
    upper = subject.drop.upper(case.fine)
    fine = subject.drop.within(edge, case.fine)
    return ClaimTest(
        rule=rule,
        claims="within",
        limit=edge,
        scale=subject.drop.scale,
        alpha=_alpha(case.fine),
        figure=upper,
        shown=fine and not case.doubts(subject.finding),
    )


def _beyond(
    case: Case, subjects: Sequence[Subject], rule: str, edge: Percent
) -> Iterator[tuple[str, ClaimTest]]:
    """The question of one family, Holm's correction over its members."""
    drops: list[Drop] = [subject.drop for subject in subjects]
    adjusted = holm([drop.p_value(edge) for drop in drops]).tolist()
    for subject, p_value in zip(subjects, adjusted, strict=True):
        yield (
            subject.finding.id,
            ClaimTest(
                rule=rule,
                claims="beyond",
                limit=edge,
                scale=subject.drop.scale,
                alpha=_alpha(case.harm),
                family=len(subjects),
                figure=figure(p_value),
                shown=case.shows(p_value) and not case.doubts(subject.finding),
            ),
        )


def _harm(case: Case, subject: Subject) -> ClaimTest:
    edge = case.policy.concerns.harm_ratio
    p_value = harm_p_value(subject.paired, edge)
    return ClaimTest(
        rule=HARM,
        claims="beyond",
        limit=edge,
        scale="harm_ratio",
        alpha=_alpha(case.harm),
        figure=figure(p_value),
        shown=case.shows(p_value) and not case.doubts(subject.finding),
    )


def _alpha(confidence: float) -> Decimal:
    """The one-sided error of a claim made with `confidence`."""
    return figure(1.0 - confidence)
