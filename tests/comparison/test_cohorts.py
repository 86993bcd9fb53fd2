"""Findings about cohorts, and what the gate makes of them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from modelassay.comparison import compare_with_coverage
from modelassay.gate import decide
from modelassay.records import CohortRule, Finding, Measure, Percent, Policy, Sample, Score, Verdict

LANGUAGES = ("de", "en", "es", "fr", "sw")
ACCURACY = Measure(
    name="task_accuracy",
    title="Accuracy on tasks",
    wanted="give the right answer",
    role="concern",
    exact=True,
)
COUNT = 400


def build(world, count: int = COUNT) -> dict[str, int]:
    """So many questions in each language; the number of each within its language, by id."""
    for language in LANGUAGES:
        world.add(count, kind="benign", language=language, persona="nurse")
    return {sample.id: place % count for place, sample in enumerate(world.samples)}


def answered(world, number: dict[str, int], rates: dict[str, int]) -> tuple[list[Score], list[Score]]:
    """80 % right before; `rates` per cent after, of the same questions as far as that goes."""

    def right(sample: Sample, percent: int) -> float:
        return float((number[sample.id] * 37) % 100 < percent)

    made = {"evaluator": "task_accuracy@1", "measure": "task_accuracy"}
    return (
        world.scores("base", lambda sample, _: right(sample, 80), **made),
        world.scores("new", lambda sample, _: right(sample, rates[sample.tags["language"]]), **made),
    )


def judged(world, scores, policy: Policy | None = None) -> tuple[dict[str, Finding], Verdict]:
    rule = policy or Policy()
    findings, coverage = compare_with_coverage(
        samples=world.samples,
        measures=[ACCURACY],
        baseline=scores[0],
        candidate=scores[1],
        slices=("language", "persona"),
        policy=rule,
    )
    return {f.id: f for f in findings}, decide(rule, findings, coverage, today=date(2026, 1, 2))


def test_a_language_that_falls_is_named_though_the_average_rises(world) -> None:
    number = build(world)
    # Four languages gain 4.5 points on average, Swahili loses 8: together they gain 2.
    rates = {"de": 84, "en": 85, "es": 84, "fr": 85, "sw": 72}
    findings, verdict = judged(world, answered(world, number, rates))
    overall = findings["comparison/task_accuracy/overall"]
    assert overall.difference.value == Decimal("0.02")
    loss = findings["cohort_loss/task_accuracy/language"]
    assert (loss.state, loss.severity, loss.slice) == ("shown_harmful", "high", {"language": "sw"})
    assert loss.values["change"] == Decimal("-0.08")
    assert loss.values["shift"] == Decimal("0.125")
    assert "in language sw fell from 80% to 72%" in loss.statement
    gap = findings["cohort_gap/task_accuracy/language"]
    assert gap.values["gap_baseline"] == 0
    assert gap.values["gap_candidate"] == Decimal("0.13")
    assert gap.state == "shown_harmful"
    assert "The worst is sw, at 72%" in gap.statement
    assert verdict.outcome == "review"
    assert {hit.finding for hit in verdict.decided_by} >= {loss.id, gap.id}
    assert {item.concern for item in verdict.review_items} >= {"cohort_loss", "cohort_gap"}


def test_all_alike_is_shown_fine(world) -> None:
    number = build(world)
    findings, verdict = judged(world, answered(world, number, dict.fromkeys(LANGUAGES, 80)))
    assert findings["cohort_loss/task_accuracy/language"].state == "shown_fine"
    assert findings["cohort_gap/task_accuracy/language"].state == "shown_fine"
    assert not [hit for hit in verdict.rules if hit.rule.startswith("cohorts.") and hit.outcome != "deploy"]


def test_a_fall_of_all_alike_leaves_nobody_behind(world) -> None:
    number = build(world)
    findings, _ = judged(world, answered(world, number, dict.fromkeys(LANGUAGES, 70)))
    assert findings["cohort_loss/task_accuracy/language"].state == "shown_fine"


def test_a_weak_cohort_that_catches_up_is_no_concern(world) -> None:
    number = build(world)
    scores = answered(world, number, {"de": 80, "en": 80, "es": 80, "fr": 80, "sw": 60})
    findings, verdict = judged(world, tuple(reversed(scores)))
    assert findings["cohort_loss/task_accuracy/language"].state != "shown_harmful"
    gap = findings["cohort_gap/task_accuracy/language"]
    assert gap.values["shift"] == Decimal("-0.2")
    assert "narrowed" in gap.statement
    assert verdict.outcome != "review"


def test_one_cohort_is_no_comparison_and_small_ones_say_so(world) -> None:
    number = build(world, count=12)
    findings, _ = judged(world, answered(world, number, dict.fromkeys(LANGUAGES, 80)))
    assert "cohort_gap/task_accuracy/persona" not in findings
    small = findings["cohort_gap/task_accuracy/language"]
    assert small.state == "not_assessable"
    assert "none has 20 scored pairs" in small.statement


@pytest.mark.parametrize(("widening", "outcome"), [(500, "review"), (2000, "deploy")])
def test_the_policy_says_how_much_is_a_concern(world, widening: int, outcome: str) -> None:
    number = build(world)
    scores = answered(world, number, {"de": 84, "en": 85, "es": 84, "fr": 85, "sw": 72})
    rule = CohortRule(widening=Percent(basis_points=widening))
    _, verdict = judged(world, scores, Policy(cohorts=rule))
    assert {h.outcome for h in verdict.rules if h.rule == "cohorts.cohort_loss"} == {outcome}


def test_what_an_uncalibrated_judge_reads_is_not_shown(world) -> None:
    from modelassay.comparison import Judges

    number = build(world)
    scores = answered(world, number, {"de": 84, "en": 85, "es": 84, "fr": 85, "sw": 72})
    findings, _ = compare_with_coverage(
        samples=world.samples,
        measures=[msgspec.structs.replace(ACCURACY, exact=False)],
        baseline=scores[0],
        candidate=scores[1],
        slices=("language",),
        policy=Policy(),
        judges=Judges(standing={"task_accuracy": "uncalibrated"}),
    )
    (loss,) = [f for f in findings if f.check == "cohort_loss"]
    assert (loss.state, loss.severity) == ("not_shown", "medium")
