"""An explanation in words, line by line; the same input gives the same lines."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from modelassay.drops import counts_phrase
from modelassay.gate.explaining import Explanation, Step, Turn
from modelassay.records import AuditRecord, ClaimTest
from modelassay.report.judges import judge_sentences
from modelassay.report.text import STATE_WORDS, percent, visible

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
    for rule, group in groupby(found.steps, key=lambda step: step.hit.rule):
        steps = list(group)
        yield ""
        yield f"{_TITLES.get(rule, rule)}  [{rule}]"
        if keys := steps[0].keys:
            yield f"  policy: {', '.join(f'{key} {value}' for key, value in keys.items())}"
        told = [step for step in steps if everything or step.decides or step.hit.outcome != "deploy"]
        told = (
            told if everything or found.outcome != "deploy" else [s for s in told if s.turns or s.tests][:6]
        )
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
    yield f"     so far    {STATE_WORDS[hit.state]}"
    measure = hit.finding.split("/")[1] if hit.finding.count("/") >= 2 else ""
    for sentence in judge_sentences(record, measure) if step.decides and measure else ():
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


def _turn(turn: Turn) -> str:
    way = "answered as wanted" if turn.direction == "milder" else "not answered as wanted"
    which = "not answered" if turn.direction == "milder" else "answered"
    prompt = "prompt" if turn.pairs == 1 else "prompts"
    return f"{turn.pairs:,} {prompt} more {way}, of {turn.of:,} {which} so, would make this {turn.outcome}"
