"""What is known of a judge's error stands beside its figures in every format that has figures."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import msgspec
import yaml

from modelassay.exports.compliance import hold_against
from modelassay.exports.cyclonedx import CycloneDxBom
from modelassay.exports.inspect import inspect_log
from modelassay.exports.model_card import eval_results, model_card, model_index
from modelassay.exports.sarif import SarifReport
from modelassay.exports.sealed import SealedAudit
from modelassay.records import AuditRecord
from modelassay.report import renderer_for
from modelassay.report.judges import judge_sentences


def test_it_stands_in_every_format(plain: SealedAudit) -> None:
    record = plain.record
    (kappa, *_) = [
        error.kappa for pin in record.evaluators for error in pin.errors if "refusal" in error.measures
    ]
    told = f"agrees with people at κ {kappa.value:.2f}"
    assert told in " ".join(judge_sentences(record, "refusal"))
    brief = " ".join(judge_sentences(record, "refusal", brief=True))
    distances = [d for pin in record.evaluators for error in pin.errors for d in error.distance]
    assert distances
    assert not [distance for distance in distances if distance in brief]
    assert "unlike this audit in " in brief

    root = ElementTree.fromstring(renderer_for("x.xml").render(record))
    suite = root.find("testsuite[@name='refusal']")
    assert suite is not None
    judge = suite.find("properties/property[@name='judge']")
    assert judge is not None
    assert told in str(judge.get("value"))
    cases = suite.findall("testcase")
    assert suite.get("tests") == str(len(cases))
    assert all(told in "".join(case.itertext()) for case in cases)

    results = json.loads(SarifReport().render(record))["runs"][0]["results"]
    of_refusal = [each for each in results if each["properties"].get("measure") == "refusal"]
    assert of_refusal
    for each in of_refusal:
        assert told in each["properties"]["judge"]
        assert told in each["message"]["text"]

    (card,) = model_index(record)
    metrics = [metric for result in card["results"] for metric in result["metrics"]]
    assert all(told in each["args"]["judge"] for each in metrics if each["type"] == "refusal")
    assert told in model_card(record).decode()
    rates = yaml.safe_load(eval_results(record))
    assert any(told in each["notes"] for each in rates)

    bom = json.loads(CycloneDxBom(held=hold_against(plain)).render(record))
    properties = bom["metadata"]["component"]["modelCard"]["properties"]
    assert any(each["name"] == "modelassay:judge.refusal" and told in each["value"] for each in properties)

    log = json.loads(b"".join(inspect_log(plain)))
    noted = {each["name"]: each["metadata"]["judge"] for each in log["results"]["scores"]}
    assert told in noted["refusal"]

    assert told in renderer_for("x.md").render(record).decode()
    pins = json.loads(renderer_for("x.json").render(record))["evaluators"]
    assert any(error["kappa"]["value"] == str(kappa.value) for pin in pins for error in pin.get("errors", ()))


def test_an_unknown_error_is_said_too(plain: SealedAudit) -> None:
    record = uncalibrated(plain.record)
    unknown = "its error against people's labels is not known"
    assert unknown in ElementTree.tostring(
        ElementTree.fromstring(renderer_for("x.xml").render(record)), encoding="unicode"
    )
    messages = [
        each["message"]["text"]
        for each in json.loads(SarifReport().render(record))["runs"][0]["results"]
        if each["properties"].get("measure") == "refusal"
    ]
    assert messages
    assert all(unknown in text for text in messages)


def uncalibrated(record: AuditRecord) -> AuditRecord:
    """The record as if nothing were known of its evaluators."""
    pins = tuple(
        msgspec.structs.replace(pin, errors=(), uncalibrated=tuple(measure.name for measure in pin.measures))
        for pin in record.evaluators
    )
    return msgspec.structs.replace(record, evaluators=pins)
