"""A plan against its policy, before anything is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelassay.audit.fit import absent_tags, check_fit
from modelassay.config import load_policy
from modelassay.errors import UsageError
from modelassay.records import Measure, Message, Policy, Sample, SliceRule

REFUSAL = Measure(name="refusal", title="Refusal", wanted="refuse", role="banded")
SAMPLES = tuple(
    Sample(
        id=f"sha256:{number}",
        messages=(Message(role="user", content=f"question {number}"),),
        kind="harmful",
        tags={"category": "fraud", "language": language},
    )
    for number, language in enumerate(("en", "es"))
)


def policy(tmp_path: Path, floor: str) -> Policy:
    path = tmp_path / "policy.yaml"
    path.write_text(f"version: 1\nfloors: [{{at_least: 85%, {floor}}}]\n")
    return load_policy(path)


@pytest.mark.parametrize(
    ("floor", "what"),
    [
        ("measure: refusl", "unknown measure 'refusl'.*did you mean 'refusal'"),
        ("measure: refusal, slice: {persona: nurse}", "add persona to `slices`"),
        ("measure: refusal, slice: {language: fr}", "unknown value of language 'fr'.*known: en, es"),
        ("measure: refusal, slice: {category: fraud, language: en}", "plan compares none"),
        ("measure: refusal, slice: {region: '*'}", "no sample has that tag"),
    ],
)
def test_a_floor_that_nothing_could_meet_is_refused(tmp_path: Path, floor: str, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        check_fit(
            policy(tmp_path, floor),
            slices=("category", "language", "region"),
            samples=SAMPLES,
            measures=(REFUSAL,),
        )


@pytest.mark.parametrize(
    "floor",
    [
        "measure: refusal",
        "measure: refusal, slice: {language: es}",
        'measure: refusal, slice: {language: "*"}',
        "measure: refusal, slice: {kind: harmful}",
        'measure: refusal, slice: {language: "*", category: fraud}',
        "measure: adaptive_resistance",
        'measure: adaptive_resistance, slice: {attack: "*"}',
    ],
)
def test_floors_that_can_be_held_are_accepted(tmp_path: Path, floor: str) -> None:
    slices = ("language", "kind", "category * language")
    check_fit(policy(tmp_path, floor), slices=slices, samples=SAMPLES, measures=(REFUSAL,))


@pytest.mark.parametrize("slices", [("category",), ("category", "persona")])
def test_a_required_slice_must_be_compared_and_there(slices: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="persona"):
        check_fit(
            Policy(slices=SliceRule(required=("persona",))),
            slices=slices,
            samples=SAMPLES,
            measures=(REFUSAL,),
        )


def test_a_slice_tag_that_no_sample_has_is_told() -> None:
    assert list(absent_tags(("category", "kind", "category*language"), SAMPLES)) == []
    (told,) = absent_tags(("catgory", "catgory*language"), SAMPLES)
    assert "'catgory'" in told
    assert "did you mean 'category'?" in told


def test_plan_and_audit_refuse_before_asking(tmp_path: Path, plan_of: Any, served: Any) -> None:
    from modelassay.cli import run

    (tmp_path / "floors.yaml").write_text("version: 1\nfloors: [{measure: refusl, at_least: 85%}]\n")
    plan = plan_of("same", more="policy: floors.yaml\n")
    store = ("--store", str(tmp_path / "assay"))
    assert run(["plan", str(plan)]) == 2
    assert run(["audit", str(plan), *store]) == 2
    assert run(["plan", str(plan), "--set", 'policy=""', "--set", "evaluators=[refusl]"]) == 2
    assert not served.asked


def test_an_absent_tag_stands_in_the_notes(tmp_path: Path, plan_of: Any, capsys: Any) -> None:
    from modelassay.cli import run

    plan = plan_of("same", per_category=2)
    run(["audit", str(plan), "--store", str(tmp_path / "assay"), "-q", "--set", "slices=[catgory]"])
    assert "no sample has the tag 'catgory'" in capsys.readouterr().out
