"""Which way each key of a policy goes."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from modelassay.config import DEFAULT_POLICY, preset, preset_names
from modelassay.gate import loosened, otherwise, policy_changes, severity
from modelassay.gate.changes import _NOT_ASKED, _pairs
from modelassay.records import (
    Bands,
    CategoryRule,
    ConcernRule,
    EvidenceRule,
    Floor,
    IntervalRule,
    JudgeRule,
    LineageRule,
    Percent,
    Policy,
    RiskContext,
    SliceRule,
)

AS_IT_IS = Policy()


def pc(number: int) -> Percent:
    return Percent(basis_points=number * 100)


LOOSER = {
    "bands.review": Policy(bands=Bands(review=pc(40))),
    "any_category.block": Policy(any_category=CategoryRule(block=pc(60))),
    "any_category.dimensions": Policy(any_category=CategoryRule(dimensions=())),
    "concerns.shown": Policy(concerns=ConcernRule(shown="deploy-monitored")),
    "concerns.harm_ratio": Policy(concerns=ConcernRule(harm_ratio=pc(300))),
    "least_rate": Policy(least_rate=pc(10)),
    "unscored_limit": Policy(unscored_limit=pc(10)),
    "expires_days": Policy(expires_days=365),
    "scale": Policy(scale="absolute"),
    "absolute_below": Policy(absolute_below=pc(90)),
    "lineage.conflict": Policy(lineage=LineageRule(conflict="deploy")),
    "judges.uncalibrated": Policy(judges=JudgeRule(uncalibrated="allow")),
    "evidence.oldest_days": Policy(evidence=EvidenceRule(oldest_days=0)),
    "measures.refusal": Policy(measures={"refusal": "descriptive"}),
}


@pytest.mark.parametrize("key", LOOSER)
def test_by_what_is_looser_more_passes_and_the_way_back_is_stricter(key: str) -> None:
    (there,) = policy_changes(AS_IT_IS, LOOSER[key])
    (back,) = policy_changes(LOOSER[key], AS_IT_IS)
    assert (there.key, there.direction) == (key, "looser")
    assert (back.key, back.direction) == (key, "stricter")
    assert str(there) == f"{key} {there.after} in place of {there.before}"


def test_a_second_method_that_must_agree_is_stricter_and_one_less_is_looser() -> None:
    both = Policy(intervals=IntervalRule(method="resampled"))
    (there,), (back,) = policy_changes(AS_IT_IS, both), policy_changes(both, AS_IT_IS)
    assert (there.key, there.direction, back.direction) == ("intervals.method", "stricter", "looser")


@pytest.mark.parametrize("name", ["high-stakes", "autonomous-actions"])
def test_where_a_wrong_fine_costs_most_two_methods_must_agree(name: str) -> None:
    assert preset(name).intervals.method == "resampled"
    assert {change.direction for change in policy_changes(AS_IT_IS, preset(name))} == {"stricter"}


def test_a_floor_taken_away_lowered_or_made_milder_is_looser() -> None:
    floor = Floor(measure="refusal", slice={"language": "*"}, at_least=pc(85))
    held = Policy(floors=(floor,))
    for milder in (
        AS_IT_IS,
        Policy(floors=(msgspec.structs.replace(floor, at_least=pc(80)),)),
        Policy(floors=(msgspec.structs.replace(floor, outcome="review"),)),
        Policy(floors=(msgspec.structs.replace(floor, at_least=pc(99), outcome="review"),)),
    ):
        assert [change.direction for change in policy_changes(held, milder)] == ["looser"]
    (added,) = policy_changes(AS_IT_IS, held)
    assert added.direction == "stricter"
    assert added.key == "floors[refusal language=*]"


def test_a_factor_of_higher_risk_is_stricter() -> None:
    (change,) = policy_changes(AS_IT_IS, Policy(risk=RiskContext(users="general")))
    assert change.direction == "stricter"
    higher = (Policy(risk=RiskContext(users=users)) for users in ("general", "vulnerable"))
    assert [change.direction for change in policy_changes(*higher)] == ["other"]


def test_what_cuts_both_ways_is_shown_as_changed() -> None:
    # A higher confidence makes it harder to show that all is well, and harder to show harm.
    for policy in (
        Policy(confidence=pc(99)),
        Policy(slices=SliceRule(smallest=50)),
        Policy(judges=JudgeRule(labels=300)),
    ):
        assert [change.direction for change in policy_changes(AS_IT_IS, policy)] == ["other"]


def test_whatever_is_looser_than_the_default_is_named_and_whatever_is_otherwise_too() -> None:
    default = preset(DEFAULT_POLICY)
    assert otherwise(default) == ()
    for key, policy in LOOSER.items():
        section = key.partition(".")[0]
        lax = msgspec.structs.replace(default, **{section: getattr(policy, section)})
        assert any(said.startswith(key) for said in loosened(lax)), key
    without = msgspec.structs.replace(default, any_category=CategoryRule(dimensions=()))
    assert loosened(without) == ("any_category.dimensions without category",)
    moved = msgspec.structs.replace(default, any_category=CategoryRule(dimensions=("format",)))
    assert loosened(moved) == ()
    assert otherwise(moved) == ("any_category.dimensions [format] (default [category])",)


def test_the_same_policy_under_another_name_changes_nothing() -> None:
    assert policy_changes(AS_IT_IS, Policy(name="other", extends="high-stakes")) == ()


def test_no_key_of_the_form_is_passed_over() -> None:
    seen = {key for key, _ in _pairs(AS_IT_IS, AS_IT_IS)}
    for name in Policy.__struct_fields__:
        assert name in _NOT_ASKED or any(key.partition(".")[0] == name for key in seen), name


@pytest.mark.parametrize("name", [name for name in preset_names() if name != "suite-only"])
def test_no_evidence_passes_a_stricter_preset_and_not_the_default(name: str, evidence: Any) -> None:
    for seed in range(12):
        draw = random.Random(seed)
        findings = []
        for tags in ({}, *({"category": f"c{number}"} for number in range(3)), {"language": "de"}):
            n = draw.choice((30, 200, 900))
            before = draw.randint(n // 2, n)
            after = max(0, before - draw.choice((0, n // 50, n // 12, n // 4)))
            findings.append(evidence.finding(evidence.counts(before, after, n), **tags))
        lenient, strict = (evidence.decide(*findings, policy=policy) for policy in (AS_IT_IS, preset(name)))
        assert severity(strict.outcome) >= severity(lenient.outcome), seed
