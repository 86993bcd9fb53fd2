"""SARIF: one result per failed rule, stable over runs, inert, and valid for schema and validator."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from modelassay.exports.sarif import LEVELS, SarifReport, Waiver
from modelassay.exports.sealed import SealedAudit
from modelassay.records import AuditRecord


def run_of(record: AuditRecord, **options: Any) -> dict[str, Any]:
    data = SarifReport(**options).render(record)
    assert data == SarifReport(**options).render(record)
    log = json.loads(data)
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    return dict(run)


def test_every_failed_rule_is_a_result_and_nothing_else_is(plain: SealedAudit) -> None:
    record = plain.record
    results = run_of(record)["results"]
    failed = {(hit.rule, hit.finding) for hit in record.verdict.rules if hit.outcome != "deploy"}
    told = {(r["ruleId"], r["locations"][0]["logicalLocations"][0]["fullyQualifiedName"]) for r in results}
    assert failed
    assert {finding for _, finding in failed} <= {f.id for f in record.findings} | {""}
    assert {(rule, finding or record.id) for rule, finding in failed} <= told
    assert {rule for rule, _ in told} - {rule for rule, _ in failed} <= {"shown_harmful"}
    loud = [r["level"] for r in results]
    assert loud[0] == LEVELS["block"] == "error"
    assert loud == sorted(loud, key=["error", "warning", "note"].index)


def test_rules_are_declared_and_indexed(plain: SealedAudit) -> None:
    run = run_of(plain.record)
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(rules) == len(set(rules))
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]


def test_a_shown_harm_without_a_failed_rule_is_still_told(plain: SealedAudit) -> None:
    harmed = next(f for f in plain.record.findings if f.state == "shown_harmful" and f.slice)
    passed = tuple(
        msgspec.structs.replace(hit, outcome="deploy") if hit.finding == harmed.id else hit
        for hit in plain.record.verdict.rules
    )
    verdict = msgspec.structs.replace(plain.record.verdict, rules=passed)
    results = run_of(msgspec.structs.replace(plain.record, verdict=verdict))["results"]
    told = [r for r in results if r["ruleId"] == "shown_harmful"]
    assert [r["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] for r in told] == [harmed.id]


def test_results_point_to_the_plan_and_keep_their_fingerprint(plain: SealedAudit) -> None:
    first = run_of(plain.record, location="ci/plan one.yaml", line=7)["results"]
    place = first[0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "ci/plan%20one.yaml", "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {"startLine": 7}
    candidate = msgspec.structs.replace(
        plain.record.candidate, reference="other", fingerprint="sha256:" + "0" * 64
    )
    later = msgspec.structs.replace(
        plain.record, id="release-8", candidate=candidate, closed="2030-01-01T00:00:00Z"
    )
    again = run_of(later)["results"]
    assert [r["partialFingerprints"] for r in again] == [r["partialFingerprints"] for r in first]
    assert len({r["partialFingerprints"]["modelassay/v1"] for r in first}) == len(first)
    renamed = run_of(msgspec.structs.replace(plain.record, name="another line"))["results"]
    assert renamed[0]["partialFingerprints"] != first[0]["partialFingerprints"]


def test_waivers_suppress_in_sight(plain: SealedAudit) -> None:
    waiver = Waiver("Ann", "internal pilot", date(2027, 1, 31))
    results = run_of(plain.record, waivers=[waiver])["results"]
    for result in results:
        assert result["suppressions"][0]["status"] == "accepted"
        assert (
            "internal pilot (accepted by Ann until 2027-01-31)" in result["suppressions"][0]["justification"]
        )
    assert "suppressions" not in run_of(plain.record)["results"][0]


def test_hostile_text_makes_neither_links_nor_placeholders(plain: SealedAudit) -> None:
    hit = msgspec.structs.replace(
        plain.record.verdict.rules[0],
        outcome="block",
        statement="[click](http://example.invalid) {0} \u202e\x08",
    )
    verdict = msgspec.structs.replace(plain.record.verdict, rules=(hit,))
    [text, *_] = [
        r["message"]["text"]
        for r in run_of(msgspec.structs.replace(plain.record, verdict=verdict))["results"]
    ]
    assert text.startswith("\\[click\\](http://example.invalid) {{0}} ⟨U+202E⟩⟨U+0008⟩")


@pytest.fixture
def schema() -> dict[str, Any]:
    given = os.environ.get("MODELASSAY_TEST_SARIF_SCHEMA")
    if not given:
        pytest.skip("the OASIS schema is not at hand: set MODELASSAY_TEST_SARIF_SCHEMA to sarif-2.1.0.json")
    read: dict[str, Any] = json.loads(Path(given).read_text("utf-8"))
    return read


@pytest.mark.slow
def test_the_schema_accepts_it_and_refuses_a_broken_one(plain: SealedAudit, schema: dict[str, Any]) -> None:
    log = json.loads(SarifReport(waivers=[Waiver("Ann", "pilot", date(2027, 1, 31))]).render(plain.record))
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(log)] == []
    log["runs"][0]["results"][0]["level"] = "fatal"
    assert list(validator.iter_errors(log))


@pytest.mark.slow
def test_the_sarif_validator_finds_no_error(
    plain: SealedAudit, tool: Callable[[str, str, Sequence[str]], Sequence[str]], tmp_path: Path
) -> None:
    """Microsoft's multitool, with the rules of code hosts too."""
    file, told = tmp_path / "audit.sarif", tmp_path / "told.sarif"
    file.write_bytes(SarifReport().render(plain.record))
    arguments = ["validate", str(file), "--output", str(told), "--rule-kind", "Sarif;Ghas"]
    validator = tool("MODELASSAY_TEST_SARIF_MULTITOOL", "npm's @microsoft/sarif-multitool", arguments)
    environment = {**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    subprocess.run(validator, env=environment, check=True, capture_output=True)
    results = json.loads(told.read_text("utf-8-sig"))["runs"][0].get("results", [])
    assert [r for r in results if r.get("level", "warning") == "error"] == []
    # The one thing that it asks for is an address of the product.
    assert {r["ruleId"] for r in results if r.get("level", "warning") == "warning"} <= {"SARIF2005"}
