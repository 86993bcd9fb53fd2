"""The CycloneDX bill: true to the record, deterministic, and valid for the validator of its makers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelassay.exports.compliance import hold_against
from modelassay.exports.cyclonedx import CycloneDxBom
from modelassay.exports.sealed import SealedAudit
from modelassay.records import Artifact
from modelassay.report.text import slice_name

VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
version = {"1.6": SchemaVersion.V1_6, "1.7": SchemaVersion.V1_7}[sys.argv[1]]
error = JsonStrictValidator(version).validate_str(sys.stdin.read())
sys.exit(None if error is None else str(error)[:2000])
"""


def bill(audit: SealedAudit, spec: str = "1.6") -> dict[str, Any]:
    bom = CycloneDxBom(spec=spec, held=hold_against(audit))  # type: ignore[arg-type]
    data = bom.render(audit.record)
    assert data == bom.render(audit.record)
    read: dict[str, Any] = json.loads(data)
    return read


def references(value: Any) -> set[str]:
    """Every ``bom-ref`` below `value`, each once."""
    found: list[str] = []

    def look(inner: Any) -> None:
        if isinstance(inner, dict):
            found.extend([inner["bom-ref"]] if "bom-ref" in inner else [])
            for part in inner.values():
                look(part)
        elif isinstance(inner, list):
            for part in inner:
                look(part)

    look(value)
    assert len(found) == len(set(found))
    return set(found)


def test_every_rate_stands_there_with_its_interval_as_text(plain: SealedAudit) -> None:
    component = bill(plain)["metadata"]["component"]
    metrics = component["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    shown = {(m["type"], m["slice"]): m for m in metrics}
    assert len(shown) == len(metrics)
    rated = [f for f in plain.record.findings if f.candidate is not None]
    assert rated
    for finding in rated:
        assert finding.candidate is not None
        metric = shown[finding.measure.name, slice_name(finding)]
        assert metric["value"] == str(finding.candidate.value)
        assert metric["confidenceInterval"] == {
            "lowerBound": str(finding.candidate.low),
            "upperBound": str(finding.candidate.high),
        }
    ancestor = component["pedigree"]["ancestors"][0]
    before = ancestor["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    overall = next(f for f in plain.record.findings if f.id == "comparison/refusal/overall")
    assert overall.baseline is not None
    assert before[0]["value"] == str(overall.baseline.value)


def test_no_number_is_a_float_and_no_reference_leads_nowhere(plain: SealedAudit) -> None:
    read = bill(plain)
    json.dumps(read, allow_nan=False)

    def numbers(value: Any) -> None:
        assert not isinstance(value, float)
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            numbers(inner)

    numbers(read)
    known = references(read)
    declared = read["declarations"]
    for claim in declared["claims"]:
        assert {claim["target"], *claim["evidence"]} <= known
    for attestation in declared["attestations"]:
        for mapped in attestation["map"]:
            assert {mapped["requirement"], *mapped.get("claims", ())} <= known
            assert "score" not in mapped["conformance"]
    for dependency in read["dependencies"]:
        assert {dependency["ref"], *dependency["dependsOn"]} <= known


def test_the_serial_number_is_that_of_the_audit(plain: SealedAudit) -> None:
    first = bill(plain)["serialNumber"]
    withheld = SealedAudit(msgspec.structs.replace(plain.record, examples=()), plain.bundle)
    assert bill(withheld)["serialNumber"] == first
    other = SealedAudit(msgspec.structs.replace(plain.record, name="other"), plain.bundle)
    assert bill(other)["serialNumber"] != first
    assert bill(plain)["metadata"]["timestamp"] == plain.record.closed


def test_weights_and_adapters_are_named_by_digest(plain: SealedAudit) -> None:
    digest, file = "sha256:" + "d" * 64, "e" * 64
    model = Artifact(kind="model", name="weights", digest=digest, files={"model.safetensors": file})  # type: ignore[arg-type]
    adapter = Artifact(kind="adapter", name="lora <b>", digest=digest, details={"weight": "0.5"})  # type: ignore[arg-type]
    candidate = msgspec.structs.replace(plain.record.candidate, artifacts=(model, adapter))
    record = msgspec.structs.replace(plain.record, candidate=candidate)
    read = json.loads(CycloneDxBom().render(record))
    component = read["metadata"]["component"]
    assert component["hashes"] == [{"alg": "SHA-256", "content": "d" * 64}]
    assert component["components"][0]["hashes"][0]["content"] == file
    assert [c["name"] for c in read["components"] if c["type"] == "machine-learning-model"] == ["lora <b>"]
    assert "adapter-1" in read["dependencies"][0]["dependsOn"]
    assert "declarations" not in read


def test_declared_training_data_is_a_component(declared: SealedAudit) -> None:
    data = next(c for c in bill(declared)["components"] if c["bom-ref"] == "training-data-1")
    assert data["hashes"] == [{"alg": "SHA-256", "content": "b" * 64}]
    told = {p["name"]: p["value"] for p in data["properties"]}
    assert told["modelassay:personal_data"] == "removed"
    assert told["modelassay:consent"] == "contract"
    assert data["data"][0]["contents"]["url"] == "https://example.org/tickets"


@pytest.mark.parametrize(
    ("licence", "shown"),
    [
        ("apache-2.0", {"license": {"id": "Apache-2.0"}}),
        ("mit OR Apache-2.0", {"expression": "MIT OR Apache-2.0"}),
        ("Apache-2.0 WITH LLVM-exception", {"expression": "Apache-2.0 WITH LLVM-exception"}),
        ("our own <b>", {"license": {"name": "our own <b>"}}),
        ("Nobody-Knows-1.0", {"license": {"name": "Nobody-Knows-1.0"}}),
    ],
)
def test_licences_are_ids_where_readers_know_them(plain: SealedAudit, licence: str, shown: Any) -> None:
    pin = msgspec.structs.replace(plain.record.datasets[0], licence=licence)
    record = msgspec.structs.replace(plain.record, datasets=(pin,))
    [component] = [c for c in json.loads(CycloneDxBom().render(record))["components"] if c["type"] == "data"]
    assert component["licenses"] == [shown]


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["1.6", "1.7"])
@pytest.mark.parametrize("which", ["plain", "declared"])
def test_the_validator_of_cyclonedx_accepts_it_and_refuses_a_broken_one(
    request: pytest.FixtureRequest,
    tool: Callable[[str, str, Sequence[str]], Sequence[str]],
    tmp_path: Path,
    spec: str,
    which: str,
) -> None:
    what = "a Python with cyclonedx-python-lib[validation]"
    validator = tool("MODELASSAY_TEST_CYCLONEDX_PYTHON", what, ["-c", VALIDATE, spec])
    read = bill(request.getfixturevalue(which), spec)
    done = subprocess.run(validator, input=json.dumps(read), text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    read["metadata"]["component"]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"][0]["value"] = 0.5
    done = subprocess.run(validator, input=json.dumps(read), text=True, capture_output=True, check=False)
    assert done.returncode != 0
