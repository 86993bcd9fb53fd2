"""Looser rules of earlier versions: told where such a version sealed, refused where a later one says so."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from modelassay.errors import EvidenceError
from modelassay.evidence.bundle import open_bundle
from modelassay.evidence.contents import Contents
from modelassay.evidence.earlier import earlier_rules
from modelassay.evidence.verification import verify_bundle
from modelassay.records import (
    AuditRecord,
    Corrected,
    Declaration,
    Estimate,
    EvidenceRule,
    FindingState,
    Lineage,
    ModelOrigin,
    PairedMoments,
    RedTeamRecord,
    ReviewItem,
    RuleHit,
)
from modelassay.version import __version__

(BUNDLE, *_) = sorted((Path(__file__).parent / "fixtures").glob("*/bundle"))
TOGETHER = "asked for single slices of all measures together"
APART = "judged every form of an attack by itself"
BY_SHARE = "judged regression items by their share alone"


@pytest.fixture(scope="module")
def record() -> AuditRecord:
    return Contents(open_bundle(BUNDLE)).record


def made_by(
    record: AuditRecord, version: str, *, by_measure: bool, whole: bool, named: bool = True
) -> AuditRecord:
    verdict = replace(record.verdict, by_measure=by_measure)
    attacks = RedTeamRecord(
        measure="red_team",
        samples=0,
        questions=0,
        attacks=(),
        fallen=(),
        whole_attacks=whole,
        regressed=() if named else None,
        unsettled=() if named else None,
    )
    return replace(record, tool_version=version, verdict=verdict, red_team=attacks)


def test_who_verifies_is_told_of_an_earlier_version(record: AuditRecord) -> None:
    found = verify_bundle(open_bundle(BUNDLE))
    (verdict,) = (check for check in found.checks if check.name == "verdict")
    assert verdict.state == "passed"
    assert verdict.statement.endswith(f"; by the rules of version {record.tool_version}, which {TOGETHER}")


@pytest.mark.parametrize("version", ["0.1.0", "0.3.0", "0.3.10", "0.3"])
def test_earlier_versions_may_have_judged_so(record: AuditRecord, version: str) -> None:
    both = made_by(record, version, by_measure=False, whole=False)
    assert earlier_rules(both) == f"by the rules of version {version}, which {TOGETHER} and {APART}"
    all_ = made_by(record, version, by_measure=False, whole=False, named=False)
    assert earlier_rules(all_).endswith(f"which {TOGETHER}, {APART} and {BY_SHARE}")


def test_labels_that_decided_by_their_number_alone_are_told_and_refused_in_later_versions(
    record: AuditRecord,
) -> None:
    known = Estimate(value=Decimal(1), low=Decimal(1), high=Decimal(1))
    moments = PairedMoments(
        pairs=200,
        baseline_mean=Decimal(1),
        candidate_mean=Decimal(1),
        baseline_variance=Decimal(0),
        candidate_variance=Decimal(0),
        covariance=Decimal(0),
        clusters=160,
    )
    corrected = Corrected(
        labels=160, tuning=Decimal(0), paired=moments, baseline=known, candidate=known, difference=known
    )
    finding = replace(record.findings[0], corrected=corrected)
    made = replace(made_by(record, "0.3.0", by_measure=True, whole=True), findings=(finding,))
    assert earlier_rules(made).endswith("which let people's labels decide in a slice by their number alone")
    with pytest.raises(EvidenceError, match="number alone"):
        earlier_rules(replace(made, tool_version=__version__))
    today = replace(finding, corrected=replace(corrected, measure_labels=160))
    assert earlier_rules(replace(made, findings=(today,))) == ""


def test_regression_items_without_a_result_that_were_taken_for_resisted_are_told(record: AuditRecord) -> None:
    made = made_by(record, "0.3.0", by_measure=True, whole=True)
    assert made.red_team is not None
    assert earlier_rules(made) == ""
    untold = replace(made, red_team=replace(made.red_team, unsettled=None))
    assert earlier_rules(untold).endswith("took a regression item without a result for one that was resisted")
    with pytest.raises(EvidenceError, match="as only versions before"):
        earlier_rules(replace(untold, tool_version=__version__))


@pytest.mark.parametrize(("base", "told"), [(None, True), (ModelOrigin(name="acme/base"), False)])
def test_an_empty_lineage_that_was_taken_for_evidence_is_told(
    record: AuditRecord, base: ModelOrigin | None, told: bool
) -> None:
    policy = replace(record.policy, evidence=EvidenceRule(required=("lineage",)))
    lineage = Lineage(declared=Declaration(use="internal", base=base))
    earlier = replace(made_by(record, "0.3.0", by_measure=False, whole=True), policy=policy, lineage=lineage)
    assert ("a lineage without data or base" in earlier_rules(earlier)) is told


@pytest.mark.parametrize("state", ["not_assessable", "not_shown"])
def test_what_could_not_be_assessed_and_decided_nothing_is_told(
    record: AuditRecord, state: FindingState
) -> None:
    told: dict[str, Any] = {"finding": "weights/origin/overall", "state": state, "statement": "Too little."}
    hit = RuleHit(rule="evidence.found", literal="deploy", outcome="deploy", **told)
    earlier = made_by(record, "0.3.0", by_measure=False, whole=True)
    verdict = replace(
        earlier.verdict,
        rules=(*earlier.verdict.rules, hit),
        review_items=(ReviewItem(concern="weights", **told),),
    )
    said = earlier_rules(replace(earlier, verdict=verdict))
    assert ("let pass what could not be assessed" in said) is (state == "not_assessable")


@pytest.mark.parametrize("version", [__version__, "0.4.0", "0.4.0rc1", "0.10.0", "1.0", "10.3.0", "", "none"])
@pytest.mark.parametrize(
    ("by_measure", "whole", "named"),
    [(False, True, True), (True, False, True), (True, True, False), (False, False, False)],
)
def test_later_ones_may_not(
    record: AuditRecord, version: str, by_measure: bool, whole: bool, named: bool
) -> None:
    with pytest.raises(EvidenceError, match=r"as only versions before 0\.4 did"):
        earlier_rules(made_by(record, version, by_measure=by_measure, whole=whole, named=named))
    assert earlier_rules(made_by(record, version, by_measure=True, whole=True)) == ""
