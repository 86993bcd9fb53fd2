"""Sealed assessments: the same bytes again, every change found, made again from the run alone."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest

from modelassay.assessment.assess import assess
from modelassay.assessment.inputs import sealed_inputs
from modelassay.assessment.request import Request
from modelassay.assessment.sealing import assessment_ids, issue_assessment, seal_assessment
from modelassay.assessment.statement import read_statement
from modelassay.assessment.verifying import Trusted, VerifiedAssessment, verify_assessment
from modelassay.evidence.ledger import Ledger
from modelassay.evidence.notary import Notary
from modelassay.evidence.statements import PAYLOAD_TYPE
from modelassay.log.dsse import read_envelope, sign_envelope
from modelassay.log.keys import PemSigner, new_key
from modelassay.log.note import vkey_of
from modelassay.log.trust import trust_in
from modelassay.records import Actor, Assessment
from modelassay.report.assessments import assessment_page
from modelassay.training.run import Run


@dataclass(frozen=True)
class Sealed:
    folder: Path
    store: Path
    run: Run
    record: Assessment
    request: Request
    key: PemSigner
    log: PemSigner

    @property
    def notary(self) -> Notary:
        return Notary(
            actor=Actor(name="Ada"),
            verdict_signers=(self.key,),
            log_signer=self.log,
            clock=lambda: "2026-06-01T00:00:00Z",
        )

    def verify(self, **settings: object) -> VerifiedAssessment:
        trusted = {
            "keys": (self.key.public,),
            "log": trust_in([vkey_of(self.log.public)], unwitnessed=True),
            **settings,
        }
        return verify_assessment(self.folder, Trusted(**trusted), assessment_page)  # type: ignore[arg-type]

    def bytes(self) -> dict[str, bytes]:
        return {str(p): p.read_bytes() for p in sorted(self.folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def issued(
    story: Run, request_for: Callable[..., Request], tmp_path_factory: pytest.TempPathFactory
) -> Sealed:
    store = tmp_path_factory.mktemp("store")
    request = request_for(profile="annex-xi", logged={"sha256:" + "0" * 64: "2026-05-01T10:00:00Z"})
    record = assess(story, request)
    folder = seal_assessment(store, record, sealed_inputs(request), assessment_page)
    found = Sealed(
        folder, store, story, record, request,
        new_key("ecdsa-p256", name="ada"), new_key("ed25519", name="ada.example/log"),
    )  # fmt: skip
    issue_assessment(Ledger(store, found.notary), record, folder)
    return found


@pytest.fixture
def sealed(issued: Sealed, tmp_path: Path) -> Sealed:
    """A copy of its own for each test."""
    store = Path(shutil.copytree(issued.store, tmp_path / "store"))
    return replace(issued, store=store, folder=store / "assessments" / issued.record.id)


def failed(found: VerifiedAssessment) -> dict[str, str]:
    return {check.name: check.where for check in found.checks if check.state == "failed"}


def test_it_verifies_and_comes_out_again(sealed: Sealed) -> None:
    found = sealed.verify(run=sealed.run.folder)
    assert [(c.name, c.state) for c in found.checks] == [
        (name, "passed") for name in ("files", "record", "logged", "signature", "recomputed")
    ]
    assert found.state == "verified"
    assert sealed.verify().state == "verified"  # without the run: all but the recomputation, which is said
    assert sealed.verify(keys=()).state == "incomplete"
    assert assessment_ids(sealed.store) == [sealed.record.id]


def test_doing_it_again_changes_no_byte(sealed: Sealed) -> None:
    before = sealed.bytes()
    record = assess(sealed.run, sealed.request)
    folder = seal_assessment(sealed.store, record, sealed_inputs(sealed.request), assessment_page)
    issue_assessment(Ledger(sealed.store, sealed.notary), record, folder)
    assert folder == sealed.folder
    assert sealed.bytes() == before


def test_what_is_signed_is_about_the_run(sealed: Sealed) -> None:
    said = read_statement(read_envelope((sealed.folder / "assessment.dsse.json").read_bytes()).payload)
    assert said.subject[0].name == "story"
    assert said.subject[0].digest["sha256"] == sealed.record.inputs[0].digest[7:]
    assert said.predicate.tier == "T2"
    assert said.predicate.severities["critical"] == len(sealed.record.critical)


@pytest.mark.parametrize(
    "name",
    [
        "assessment.json", "timeline.json", "report.html", "SHA256SUMS", "assessment.dsse.json",
        "log/assessed.json", "proof.tlog-proof", "inputs/0-patterns.yaml", "inputs/logged.json",
    ],
)  # fmt: skip
def test_one_changed_byte_in_any_file_is_found(sealed: Sealed, name: str) -> None:
    path = sealed.folder / name
    data = bytearray(path.read_bytes())
    place = len(data) // 2
    data[place] = ord("x") if data[place] != ord("x") else ord("y")
    path.write_bytes(data)
    assert sealed.verify().state == "wrong"


def test_a_softened_finding_is_found_even_when_the_sums_are_made_anew(sealed: Sealed) -> None:
    text = (sealed.folder / "assessment.json").read_text()
    (sealed.folder / "assessment.json").write_text(text.replace('"critical"', '"low"'))
    lines = [
        f"{hashlib.sha256((sealed.folder / n).read_bytes()).hexdigest()}  {n}\n"
        for n in sorted(
            line.split("  ")[1] for line in (sealed.folder / "SHA256SUMS").read_text().splitlines()
        )
    ]
    (sealed.folder / "SHA256SUMS").write_text("".join(lines))
    wrong = failed(sealed.verify())
    assert "files" not in wrong
    assert wrong["record"] == "report.html"


def test_findings_that_an_assessor_made_up_do_not_come_out_again(sealed: Sealed, tmp_path: Path) -> None:
    """Signed, logged, and a lie: whoever has the run sees it."""
    kind = msgspec.structs.replace
    softened = tuple(kind(f, severity="none") for f in sealed.record.findings)
    lie = kind(sealed.record, findings=softened, headline="Nothing found.")
    store = tmp_path / "other"
    folder = seal_assessment(store, lie, sealed_inputs(sealed.request), assessment_page)
    issue_assessment(Ledger(store, sealed.notary), lie, folder)
    other = Sealed(folder, store, sealed.run, lie, sealed.request, sealed.key, sealed.log)
    assert other.verify().state == "verified"
    found = other.verify(run=sealed.run.folder)
    assert list(failed(found)) == ["recomputed"]


def test_another_run_is_not_the_one_assessed(
    sealed: Sealed, tmp_path: Path, write_run: Callable[..., Run]
) -> None:
    other = write_run(tmp_path / "runs" / "story", steps=10)
    found = sealed.verify(run=other.folder)
    (check,) = [c for c in found.checks if c.state == "failed"]
    assert "not the run that was assessed" in check.statement


def test_another_key_or_statement_is_refused(sealed: Sealed) -> None:
    other = new_key("ecdsa-p256", name="eve")
    assert "signature" in failed(sealed.verify(keys=(other.public,)))
    path = sealed.folder / "assessment.dsse.json"
    plain = json.loads(read_envelope(path.read_bytes()).payload)
    plain["predicate"]["tier"] = "T4"
    payload = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    path.write_bytes(sign_envelope(payload, PAYLOAD_TYPE, (sealed.key,)))
    assert "signature" in failed(sealed.verify())


def test_a_stray_file_is_refused(sealed: Sealed) -> None:
    (sealed.folder / "inputs" / "more.json").write_text("{}")
    assert failed(sealed.verify())["files"] == "inputs/more.json"


def test_a_hostile_run_id_stays_in_the_store(
    tmp_path: Path, write_run: Callable[..., Run], request_for: Callable[..., Request]
) -> None:
    run = write_run(tmp_path / "runs" / "x", steps=10)
    data = json.loads((run.folder / "run.json").read_bytes())
    data["id"] = "../../outside"
    (run.folder / "run.json").write_text(json.dumps(data))
    record = assess(Run(run.folder), request_for())
    folder = seal_assessment(tmp_path / "store", record, {}, assessment_page)
    assert folder.parent == tmp_path / "store" / "assessments"
    assert "/" not in record.id
