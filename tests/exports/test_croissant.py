"""Croissant: every declared and asked dataset, as other tools read it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelassay.artifacts import resolve_lineage
from modelassay.canonical import Digest
from modelassay.exports.croissant import CONFORMS_TO, croissant, croissant_files
from modelassay.exports.sealed import SealedAudit
from modelassay.records import DatasetPin, Declaration, Lineage, TrainingData, Transform

PIN = DatasetPin(
    name="starter",
    digest=Digest("sha256:" + "a" * 64),
    rows=1_200,
    source="https://example.org/starter",
    licence="Apache-2.0",
    citation="Somebody (2026)",
)
WEB = TrainingData(
    name='web/<set> "ü"',
    path="web",
    licence="MIT OR Apache-2.0",
    source="https://example.org/web",
    consent="public licence",
    pii="removed",
    retention="ten years",
    rows=10,
)
SFT = TrainingData(
    name="sft",
    path="data/sft.jsonl",
    licence="CC-BY-4.0",
    parents=(WEB.name, "elsewhere"),
    transforms=(Transform(name="filter", code="c", parameters={"least": "3"}), Transform(name="shuffle")),
)
BARE = TrainingData(name="bare")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "a.txt").write_text("a")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sft.jsonl").write_text('{"text": "a"}\n')
    return tmp_path


@pytest.fixture
def lineage(folder: Path) -> Lineage:
    found = resolve_lineage(Declaration(training_data=(WEB, SFT, BARE)), folder)
    assert found is not None
    return found


def documents(lineage: Lineage) -> list[dict[str, Any]]:
    written = [croissant(entry, lineage) for entry in lineage.declared.training_data]
    return [json.loads(data) for data in (*written, croissant(PIN))]


def test_what_croissant_asks_for_is_there(lineage: Lineage) -> None:
    for document in documents(lineage):
        context = document["@context"]
        assert document["@type"] == "sc:Dataset"
        assert document["conformsTo"] == list(CONFORMS_TO)
        assert document["name"]
        assert document["description"]
        for key in {key for key in document if key[0] != "@"}:
            prefix = key.partition(":")[0]
            assert ":" not in key or prefix in context, key
        for file in document.get("distribution", []):
            assert file.keys() >= {"@type", "@id", "name", "contentUrl", "encodingFormat", "sha256"}


def test_files_are_described_by_the_digest_that_they_have(lineage: Lineage) -> None:
    web, sft, bare, pin = documents(lineage)
    assert web["distribution"][0]["contentUrl"] == "web/SHA256SUMS"
    assert "sha256:" + web["distribution"][0]["sha256"] == lineage.hashed["web"].digest == web["@id"]
    assert sft["distribution"][0]["encodingFormat"] == "application/jsonlines"
    assert "sha256:" + sft["distribution"][0]["sha256"] == lineage.hashed["data/sft.jsonl"].digest
    assert "distribution" not in bare
    assert (pin["@id"], pin["url"], pin["citeAs"]) == (PIN.digest, PIN.source, PIN.citation)


def test_handling_and_lineage_are_said_and_nothing_is_made_up(lineage: Lineage) -> None:
    web, sft, bare, _ = documents(lineage)
    assert web["license"] == "MIT OR Apache-2.0"
    assert web["rai:personalSensitiveInformation"] == "Personal data was removed."
    assert web["rai:dataReleaseMaintenancePlan"] == "Retention: ten years"
    assert "public licence" in web["rai:dataCollection"]
    assert sft["license"] == "https://spdx.org/licenses/CC-BY-4.0.html"
    assert sft["prov:wasDerivedFrom"] == [{"@id": web["@id"]}, {"@id": "elsewhere"}]
    assert sft["rai:dataPreprocessingProtocol"] == ["filter (least=3) by c", "shuffle"]
    assert bare.keys() == {"@context", "@type", "conformsTo", "name", "description", "rai:dataUseCases"}


def test_an_audit_gives_one_document_a_dataset(plain: SealedAudit, lineage: Lineage) -> None:
    record = msgspec.structs.replace(plain.record, lineage=lineage, datasets=(PIN,))
    files = croissant_files(record)
    assert list(files) == [
        "asked-1.croissant.json",
        "trained-on-1.croissant.json",
        "trained-on-2.croissant.json",
        "trained-on-3.croissant.json",
    ]
    assert files["trained-on-2.croissant.json"] == croissant(lineage.declared.training_data[1], lineage)


@pytest.mark.slow
def test_the_reference_validator_accepts_it_and_refuses_a_damaged_one(
    lineage: Lineage, folder: Path, tool: Callable[..., Sequence[str]]
) -> None:
    validator = tool("MODELASSAY_TEST_MLCROISSANT", "mlcroissant", ["validate"])

    def validated(document: dict[str, Any]) -> str:
        path = folder / "croissant.json"
        path.write_text(json.dumps(document))
        command = [*validator, "--jsonld", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    for document in documents(lineage):
        said = validated(document)
        assert "Done." in said
        assert "error(s)" not in said
        assert "not standard" not in said
        for file in document.get("distribution", []):
            del file["sha256"]
            assert "1 error(s)" in validated(document)
