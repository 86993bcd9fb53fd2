"""What a hand-over says was not covered, by kind of candidate."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import msgspec
import pytest

from modelassay.artifacts.subjects import served_artifacts
from modelassay.canonical import Digest
from modelassay.config.presets import preset, preset_names
from modelassay.gate import tighten
from modelassay.handover import Handover, SealedFacts, hand_over
from modelassay.handover.facts import Audited
from modelassay.handover.stacks import STRICT, nowhere_milder
from modelassay.records import (
    Artifact,
    Declaration,
    ImportedRun,
    Lineage,
    ModelOrigin,
    Policy,
    Recipe,
    SequentialRecord,
)

DAY = date(2026, 1, 1)


def digest(letter: str) -> Digest:
    return Digest("sha256:" + letter * 64)


BASE = Artifact(kind="model", name="base", digest=digest("a"), details={"strength": "weights"})
ONE = Artifact(kind="adapter", name="one", digest=digest("1"), details={"order": "1", "weight": "1"})
TWO = Artifact(kind="adapter", name="two", digest=digest("2"), details={"order": "2", "weight": "0.5"})


def handed(
    facts: SealedFacts, *artifacts: Artifact, strength: str = "weights", **changes: object
) -> Handover:
    candidate = msgspec.structs.replace(facts.record.candidate, artifacts=artifacts, strength=strength)
    record = msgspec.structs.replace(facts.record, candidate=candidate, **changes)
    return hand_over(replace(facts, record=record), today=DAY)


def gaps(handover: Handover) -> dict[str, str]:
    return {gap.what: gap.why for gap in handover.pre_deployment.context.not_covered}


def test_a_served_model_is_known_by_name_and_its_providers_evaluations_are_not_mapped(
    facts: SealedFacts,
) -> None:
    served = served_artifacts(
        name="m", identity=digest("d"), strength="served name", system_prompt="Be kind."
    )
    handover = handed(facts, *served, strength="served name")
    assert handover.candidate.kind == "served"
    found = gaps(handover)
    assert "served name" in found["Identity"]
    assert {"The provider's own evaluations", "Weights and activations"} <= found.keys()
    assert "Weight and activation analysis" not in found
    (identity,) = [c for c in handover.post_deployment.expiry.causes if c.kind == "identity"]
    assert identity.values["system_prompt"] == served[1].digest


def test_open_weights_list_what_lineage_and_analysis_leave_out(facts: SealedFacts) -> None:
    handover = handed(facts, BASE)
    assert handover.candidate.kind == "weights"
    assert {"Weight and activation analysis", "Custom hyperparameters"} <= gaps(handover).keys()
    assert "Custom training data" not in gaps(handover)
    assert "Custom training data" in gaps(handed(facts, BASE, lineage=None))
    told = Lineage(declared=Declaration(recipe=Recipe(configuration=digest("e"))))
    assert "Custom hyperparameters" not in gaps(handed(facts, BASE, lineage=told))
    assert handover.pre_deployment.context.responsibility.startswith("All responsibility")


def test_each_stack_is_named_with_the_audits_of_exactly_that(facts: SealedFacts) -> None:
    other_weight = msgspec.structs.replace(TWO, details={"order": "1", "weight": "1"})
    known = [((BASE,), "base-audit"), ((BASE, ONE), "one-audit"), ((BASE, other_weight), "two-at-1")]
    known += [((BASE, TWO, ONE), "other-order"), ((BASE, ONE, TWO), "another")]
    audited = tuple(
        Audited(audit=audit, artifacts=parts, outcome="deploy", expires="2026-12-31")
        for parts, audit in known
    )
    handover = handed(replace(facts, audited=audited), BASE, ONE, TWO)
    assert handover.candidate.kind == "adapters"
    stacks = handover.pre_deployment.context.stacks
    assert {stack.name: [a.audit for a in stack.audits] for stack in stacks} == {
        "base": ["base-audit"],
        "base + one": ["one-audit"],
        "base + two": [],
        "base + one + two": sorted(["another", facts.record.id]),
    }
    assert "The stack base + two" in gaps(handover)
    assert "The stack base + one" not in gaps(handover)


def test_adapters_of_others_are_held_to_the_stricter_profile(facts: SealedFacts) -> None:
    assert facts.record.lineage is not None
    declared = facts.record.lineage.declared
    taken = ModelOrigin(name="two", digest=TWO.digest, source="https://hub.example/two")
    merged = ModelOrigin(name="three", source="https://hub.example/three")
    lineage = Lineage(declared=msgspec.structs.replace(declared, adapters=(taken, merged)))
    handover = handed(facts, BASE, ONE, TWO, lineage=lineage)
    sources = {s.name: s for s in handover.pre_deployment.context.adapter_sources}
    assert {name: s.community for name, s in sources.items()} == {"one": False, "two": True, "three": True}
    assert sources["two"].source == "https://hub.example/two"
    assert "The adapter two under the stricter profile" in gaps(handover)
    assert "The adapter one under the stricter profile" not in gaps(handover)
    strict = handed(facts, BASE, ONE, TWO, lineage=lineage, policy=preset(STRICT))
    assert all(s.strict_profile for s in strict.pre_deployment.context.adapter_sources)
    assert "The adapter two under the stricter profile" not in gaps(strict)
    undeclared = handed(facts, BASE, ONE, lineage=None)
    assert [s.community for s in undeclared.pre_deployment.context.adapter_sources] == [True]


def test_a_policy_is_as_strict_only_where_nothing_is_milder() -> None:
    strict = tighten(preset(STRICT))[0]
    assert nowhere_milder(strict, strict)
    assert not nowhere_milder(tighten(Policy())[0], strict)
    assert [name for name in preset_names() if nowhere_milder(tighten(preset(name))[0], strict)] == [STRICT]
    for change in (
        {"expires_days": strict.expires_days + 1},
        {"measures": {"refusal": "descriptive"}},
        {"slices": msgspec.structs.replace(strict.slices, required=())},
        {"scale": "absolute"},
    ):
        assert not nowhere_milder(msgspec.structs.replace(strict, **change), strict)


@pytest.mark.parametrize("kind", ["code", "imported"])
def test_what_was_not_asked_here_or_is_a_callable_says_so(facts: SealedFacts, kind: str) -> None:
    run = ImportedRun(side="candidate", tool="lm-eval", file="x.jsonl", digest=digest("f"), size=1)
    handover = handed(
        facts,
        *facts.record.candidate.artifacts,
        strength="source code",
        imported=(run,) if kind == "imported" else (),
    )
    assert handover.candidate.kind == kind
    expected = {"code": "What the callable calls", "imported": "That the models were asked as the files say"}
    assert expected[kind] in gaps(handover)


def test_a_sequential_audit_says_what_it_did_not_ask(facts: SealedFacts) -> None:
    assert "Exact rates" not in gaps(handed(facts, BASE))
    drawn = SequentialRecord(
        seed="1",
        batch=64,
        share="1",
        questions=600,
        asked=128,
        state="settled",
        populations=(),
        decisions=(),
    )
    handover = handed(facts, BASE, sequential=drawn)
    assert "472 questions" in gaps(handover)["Exact rates"]
    assert "128 of 600 questions" in handover.pre_deployment.context.tested[0]
    whole = msgspec.structs.replace(drawn, asked=600, state="exhausted")
    assert "Exact rates" not in gaps(handed(facts, BASE, sequential=whole))
