"""Conflicts and required parts of a declared lineage go to people; nothing that is missing helps."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelassay.artifacts import lineage_findings
from modelassay.artifacts.claims import MEASURES, claim
from modelassay.canonical import Digest
from modelassay.gate import loosened
from modelassay.records import (
    Artifact,
    Declaration,
    EvidenceRule,
    FindingState,
    Lineage,
    LineagePart,
    LineageRule,
    ModelOrigin,
    Outcome,
    Policy,
    Recipe,
    Severity,
    TrainingData,
)

ORDER = get_args(Outcome)
STATES = get_args(FindingState)
PARTS = get_args(LineagePart)
CONFLICTING = Lineage(
    declared=Declaration(use="commercial", training_data=(TrainingData(name="sft", licence="CC-BY-NC-4.0"),))
)


ADAPTER = Artifact(kind="adapter", name="style", digest=Digest(f"sha256:{'1' * 64}"))
REQUIRED = Policy(evidence=EvidenceRule(required=("lineage",)))


def fine(evidence):
    counts = evidence.counts(480, 480, 500)
    return evidence.finding(counts), evidence.finding(counts, category="plain")


def verdict(evidence, *findings, **rule):
    return evidence.decide(*fine(evidence), *findings, policy=Policy(lineage=LineageRule(**rule)))


@pytest.mark.parametrize(
    ("declared", "outcome"),
    [
        (None, "inconclusive"),
        (Declaration(), "inconclusive"),
        (Declaration(use="internal", licence="MIT"), "inconclusive"),
        (Declaration(recipe=Recipe(command="python train.py")), "inconclusive"),
        (Declaration(adapters=(ModelOrigin(name="acme/style"),)), "inconclusive"),
        (Declaration(base=ModelOrigin(name="acme/base")), "deploy"),
        (Declaration(base=ModelOrigin(name="acme/base", digest=f"sha256:{'0' * 64}")), "deploy"),
        (Declaration(training_data=(TrainingData(name="sft"),)), "deploy"),
    ],
)
def test_lineage_that_is_required_says_what_the_candidate_was_made_from(evidence, declared, outcome):
    found = lineage_findings(Lineage(declared=declared) if declared is not None else None)
    loaded = lineage_findings(Lineage(declared=declared), [ADAPTER]) if declared is not None else found
    for findings in (found, loaded):
        decided = evidence.decide(*fine(evidence), *findings, policy=REQUIRED)
        assert decided.outcome == outcome
        if outcome == "inconclusive":
            said = "is missing" if declared is None else "names neither training data nor a base model"
            assert f"lineage {said}." in decided.headline
    earlier = evidence.decide(*fine(evidence), *found, policy=REQUIRED, by_measure=False)
    assert (earlier.outcome == "inconclusive") is (declared is None)


def test_nothing_declared_is_an_item_for_people_and_changes_no_outcome(evidence):
    before = verdict(evidence)
    after = verdict(evidence, *lineage_findings(None))
    assert before.outcome == after.outcome == "deploy"
    assert [item.concern for item in after.review_items] == ["lineage"]
    assert before.review_items == ()


@pytest.mark.parametrize("part", PARTS)
def test_nothing_declared_is_for_review_where_any_part_is_required(evidence, part):
    decided = verdict(evidence, *lineage_findings(None), required=(part,))
    assert decided.outcome == "review"
    assert decided.decided_by[0].rule == "lineage.required"


def test_a_required_part_of_which_nothing_was_found_is_for_review(evidence):
    assert verdict(evidence, required=("recipe",)).outcome == "review"
    assert verdict(evidence, claim("recipe", "shown_fine", "none", "All."), required=("recipe",)).outcome == (
        "deploy"
    )


@pytest.mark.parametrize("conflict", ["deploy-monitored", "review", "block"])
def test_a_conflict_has_the_outcome_of_the_policy(evidence, conflict):
    decided = verdict(evidence, *lineage_findings(CONFLICTING), conflict=conflict)
    assert decided.outcome == conflict
    assert decided.decided_by[0].rule == "lineage.conflict"
    assert "CC-BY-NC-4.0" in decided.headline
    assert decided.literal == "deploy"


def test_a_mild_policy_on_conflicts_is_named_and_does_not_undo_a_requirement(evidence):
    mild = Policy(lineage=LineageRule(conflict="deploy"))
    assert "lineage.conflict deploy (default review)" in loosened(mild)
    assert loosened(Policy(lineage=LineageRule(conflict="block"))) == loosened(Policy())
    findings = lineage_findings(CONFLICTING)
    assert verdict(evidence, *findings, conflict="deploy").outcome == "deploy"
    assert verdict(evidence, *findings, conflict="deploy", required=("licences",)).outcome == "review"


def test_a_measure_that_the_policy_only_describes_is_not_judged_unless_it_is_required(evidence):
    findings = lineage_findings(CONFLICTING)

    def decided(**rule):
        policy = Policy(measures={"licences": "descriptive"}, lineage=LineageRule(**rule))
        return evidence.decide(*fine(evidence), *findings, policy=policy)

    assert decided().outcome == "deploy"
    assert decided(required=("licences",)).outcome == "review"


def test_unknowns_that_nobody_requires_are_one_item_a_measure(evidence):
    unknown = [claim("training_data", "not_assessable", "medium", f"{n}.", aspect=str(n)) for n in range(3)]
    (item,) = verdict(evidence, *unknown).review_items
    assert item.statement == "0. And 2 more on training data."
    assert len(verdict(evidence, *unknown, required=("training_data",)).review_items) == 3
    conflicts = [claim("licences", "shown_harmful", "high", f"{n}.", part=str(n)) for n in range(3)]
    assert len(verdict(evidence, *unknown, *conflicts).review_items) == 4


def test_notes_are_listed_among_the_rules_alone(evidence):
    note = claim("training_data", "not_shown", "low", "A note.", aspect="code")
    decided = verdict(evidence, note, required=("training_data",))
    assert decided.outcome == "deploy"
    assert decided.review_items == ()
    assert [hit.statement for hit in decided.rules if hit.rule == "lineage.declared"] == ["A note."]


claims = st.builds(
    lambda measure, state, severity: (measure, state, severity),
    st.sampled_from(sorted(MEASURES)),
    st.sampled_from(STATES),
    st.sampled_from(get_args(Severity)),
)


def built(chosen):
    return [
        claim(measure, state, severity, "Something.", part=str(number))
        for number, (measure, state, severity) in enumerate(chosen)
    ]


@settings(max_examples=60, deadline=None)
@given(
    chosen=st.lists(claims, max_size=5),
    more=st.lists(claims, max_size=3),
    required=st.lists(st.sampled_from(PARTS), unique=True),
    further=st.sampled_from(PARTS),
    strictness=st.tuples(st.sampled_from(ORDER), st.sampled_from(ORDER)),
)
def test_more_claims_more_demands_and_a_stricter_policy_never_judge_more_mildly(
    evidence, chosen, more, required, further, strictness
):
    mild, strict = sorted(strictness, key=ORDER.index)

    def severity(findings, **rule):
        return ORDER.index(verdict(evidence, *findings, **rule).outcome)

    spoken = {*required} & {measure for measure, _, _ in chosen}
    least = severity(built(chosen), required=required, conflict=mild)
    assert least <= severity(built(chosen), required=required, conflict=strict)
    assert least <= severity(built(chosen), required=[*required, further], conflict=mild)
    if spoken == {*required}:  # a first finding on a required part ends its absence
        assert least <= severity(built([*chosen, *more]), required=required, conflict=mild)
    worse = [(measure, "shown_harmful", "high") for measure, _, _ in chosen]
    assert least <= severity(built(worse), required=required, conflict=mild)
