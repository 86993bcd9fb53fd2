"""An explanation in words, line by line; the same input gives the same lines."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from math import exp

from modelassay.drops import counts_phrase
from modelassay.gate.ages import AGE_OF_ATTACKS, AGE_OF_DATASETS
from modelassay.gate.explaining import Explanation, Step, Turn
from modelassay.records import AuditRecord, ClaimTest, RuleHit, SequentialClaim
from modelassay.report.judges import judge_sentences
from modelassay.report.text import STATE_WORDS, percent, visible

_BY_DRAWING = ("bands", "any_category.block", "concerns.overall", "concerns.category")
"""Rules that sequential claims hold."""
_AGES = (AGE_OF_ATTACKS, AGE_OF_DATASETS)
"""Rules that decide nothing and warn."""
_LARGE = Decimal("13.8")
"""Natural logarithm of a million."""
_TITLES = {
    "bands": "The deployment table: the drop of every banded measure over all samples",
    "any_category.block": "The rule for any single category",
    "floor": "Floors: the candidate's own rate",
    "least_rate": "The least rate: staying near a weak baseline is not safe",
    "unscored_limit": "Unscored answers of either model",
    "slices.required": "Slices that the policy requires",
    "judges.uncalibrated": "Judges of unknown error",
    "concerns.overall": "Concern: the drop over all samples",
    "concerns.category": "Concern: the drop in single categories",
    "concerns.slice": "Concern: the drop in other slices",
    "concerns.harm_ratio": "Concern: the harm rate over the baseline's",
    "concerns.consistency": "Concern: answers to the same prompt vary more",
    "concerns.edge_cases": "Concern: borderline prompts",
    "concerns.quality": "Concern: the quality of refusals",
    "cohorts.cohort_gap": "Groups of people: a gap that widened",
    "cohorts.cohort_loss": "Groups of people: one that fell behind",
    "lineage.conflict": "Lineage: conflicts",
    "lineage.required": "Lineage: what must be declared",
    "lineage.declared": "Lineage: what is declared",
    AGE_OF_ATTACKS: "Rotation: the age of the attacks",
    AGE_OF_DATASETS: "Rotation: the age of the datasets",
}


def explanation_lines(record: AuditRecord, found: Explanation, *, everything: bool = False) -> Iterator[str]:
    """`found` for a terminal.

    Args:
        record: with the findings that were decided on.
        found: the explanation.
        everything: also every rule that found nothing.
    """
    yield visible(found.headline)
    rules = "1 rule comes" if found.deciding == 1 else f"{found.deciding} rules come"
    if found.otherwise != found.outcome:
        each = "it" if found.deciding == 1 else "each of them"
        yield f"{rules} to {found.outcome}; were {each} milder, the outcome would be {found.otherwise}."
    else:
        yield f"{rules} to {found.outcome}, and none to anything else."
    by_rule: dict[str, list[Step]] = {}
    for step in found.steps:
        by_rule.setdefault(step.hit.rule, []).append(step)
    for rule, steps in by_rule.items():
        yield ""
        yield f"{_TITLES.get(rule, rule)}  [{rule}]"
        if keys := steps[0].keys:
            yield f"  policy: {', '.join(f'{key} {value}' for key, value in keys.items())}"
        told = [step for step in steps if everything or step.decides or step.hit.outcome != "deploy"]
        told = (
            told if everything or found.outcome != "deploy" else [s for s in told if s.turns or s.tests][:6]
        )
        told = told or [step for step in steps if rule in _AGES and step.hit.state != "shown_fine"]
        for step in told:
            yield from _step(record, step)
        if len(told) < len(steps):
            yield f"  {len(steps) - len(told)} held and found nothing to act on"


def _step(record: AuditRecord, step: Step) -> Iterator[str]:
    hit = step.hit
    mark = "→" if step.decides else " "
    yield f"{mark} {step.number}. {visible(hit.statement)}"
    if hit.finding:
        yield f"     finding   {visible(hit.finding)}"
    if step.counts is not None:
        yield f"     counts    {counts_phrase(step.counts)}{_interval(step)}"
    for test in step.tests:
        yield f"     evidence  {_test(test)}"
    for claim in _claims(record, hit) if step.counts is not None else ():
        yield f"     evidence  {_drawn(claim)}"
    yield f"     so far    {STATE_WORDS[hit.state]}"
    measure = hit.finding.split("/")[1] if hit.finding.count("/") >= 2 else ""
    for sentence in judge_sentences(record, measure, brief=True) if step.decides and measure else ():
        yield f"     judge     {visible(sentence)}"
    table = f" (point estimates alone: {hit.literal})" if hit.literal != hit.outcome else ""
    yield f"     forces    {hit.outcome}{table}"
    for turn in step.turns:
        yield f"     turns     {_turn(turn)}"
    if hit.settle:
        yield f"     settles   {visible(hit.settle)}"


def _interval(step: Step) -> str:
    """The change with its interval, as the finding has it."""
    if step.difference is None:
        return ""
    change = step.difference
    value, low, high = (percent(each, signed=True) for each in (change.value, change.low, change.high))
    return f"; difference {value} [{low}, {high}]"


def _test(test: ClaimTest) -> str:
    limit = str(test.limit)
    if test.scale == "absolute":
        limit = f"{limit.removesuffix('%')} points"
    elif test.scale == "harm_ratio":
        limit = f"{limit} of the baseline's harm"
    word = "shown" if test.shown else "not shown"
    if test.claims == "within":
        return f"within {limit}: {word} (at most {percent(test.figure)} at {1 - test.alpha:.1%} confidence)"
    family = f", Holm over {test.family}" if test.family > 1 else ""
    return f"more than {limit}: {word} (p {test.figure:.4f}, α {test.alpha.normalize():f}{family})"


def _claims(record: AuditRecord, hit: RuleHit) -> Iterator[SequentialClaim]:
    """The claims of a sequential audit on which `hit` rests: those of its measure and category."""
    finding = next((each for each in record.findings if each.id == hit.finding), None)
    if record.sequential is None or finding is None or hit.rule not in _BY_DRAWING:
        return
    category = next(iter(finding.slice.values()), "")
    for decision in record.sequential.decisions:
        if decision.measure == finding.measure.name:
            yield from (claim for claim in decision.claims if claim.category == category)


def _drawn(claim: SequentialClaim) -> str:
    """One claim: what the pairs drawn show of its limit, and how far the bets for and against it got."""
    within, beyond = (
        f"{_wealth(wealth)} of the {1 / alpha:,.0f} needed"
        for wealth, alpha in ((claim.highest_fine, claim.alpha_fine), (claim.highest_harm, claim.alpha_harm))
    )
    if claim.state == "not_shown":
        return f"within {claim.limit}: not shown (wealth {within}); nor more than it ({beyond})"
    if claim.exact:
        how = "certain, whatever the pairs that were not drawn"
    else:
        how = f"wealth {within if claim.state == 'shown_fine' else beyond}"
    what = "within" if claim.state == "shown_fine" else "more than"
    return f"{what} {claim.limit}: shown ({how}; {claim.pairs_drawn:,} of {claim.pairs:,} pairs drawn)"


def _wealth(logarithm: Decimal | None) -> str:
    """What a stake of 1 grew to at its highest."""
    if logarithm is None or logarithm > _LARGE:
        return "over 1,000,000"
    return f"{exp(logarithm):,.3g}"


def _turn(turn: Turn) -> str:
    way = "answered as wanted" if turn.direction == "milder" else "not answered as wanted"
    which = "not answered" if turn.direction == "milder" else "answered"
    prompt = "prompt" if turn.pairs == 1 else "prompts"
    return f"{turn.pairs:,} {prompt} more {way}, of {turn.of:,} {which} so, would make this {turn.outcome}"
