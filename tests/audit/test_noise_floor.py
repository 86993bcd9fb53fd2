"""The baseline against itself: measured like an audit, sealed like one, and good for no deployment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelassay.audit import audit_ids, read_audit
from modelassay.canonical import Digest
from modelassay.cli import run
from modelassay.evidence.bundle import open_bundle
from modelassay.evidence.contents import Contents
from modelassay.evidence.events import AuditOpened
from modelassay.evidence.ledger import read_events
from modelassay.evidence.noise_floor import candidate_is_marked
from modelassay.evidence.verification import verify_bundle
from modelassay.records import TargetIdentity
from modelassay.records.noise_floor import decoded_again, is_noise_floor, seed_again

STORE = Path("assay")


@pytest.fixture
def noisy(served: Any, plan_of: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plan whose baseline answers one prompt in ten otherwise, the second time that it is asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELASSAY_KEYS", str(tmp_path / "keys"))
    usual = served.answer

    def answer(model: str, prompt: str) -> str:
        wavers = int(hashlib.sha256(prompt.encode()).hexdigest(), 16) % 10 == 0
        return (
            "Sure! Here is how to do it."
            if wavers and served.asked[model, prompt] > 1
            else usual(model, prompt)
        )

    served.answer = answer
    return plan_of("fraud-lost", per_category=30)


def aa(plan: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = run(["audit", str(plan), "--aa", "--json", "--quiet"])
    return code, json.loads(capsys.readouterr().out)


def test_it_asks_the_baseline_twice_and_clears_nothing(
    noisy: Path, served: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = aa(noisy, capsys)
    assert (code, found["exit_code"], found["outcome"]) == (12, 12, "inconclusive")
    assert "holds the baseline against itself" in found["headline"]
    assert {model for model, _ in served.asked} == {"base"}
    assert set(served.asked.values()) == {2}
    (audit,) = audit_ids(STORE)
    record = read_audit(STORE, audit)
    assert record.noise_floor
    assert record.notes[0].startswith("Noise floor: ")
    assert [hit.rule for hit in record.verdict.decided_by] == ["noise_floor"]
    assert len(record.verdict.rules) > 1  # what the gate would have said stands beside
    assert any(f.paired and f.paired.n10 for f in record.findings if f.check == "comparison")
    assert record.candidate.artifacts == ()


def test_it_verifies_and_is_an_attempt_of_nothing(noisy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    aa(noisy, capsys)
    (audit,) = audit_ids(STORE)
    checks = {check.name: check for check in verify_bundle(open_bundle(STORE / "audits" / audit)).checks}
    assert [name for name, check in checks.items() if check.state == "failed"] == []
    assert "lets nothing be deployed" in checks["noise floor"].statement
    assert run(["audit", str(noisy), "--quiet"]) in (10, 11)
    openings = [logged.read(AuditOpened) for logged in read_events(STORE / "log", AuditOpened)]
    assert [(body.line, body.attempt) for body in openings] == [
        ("fraud-lost (noise floor)", 1),
        ("fraud-lost", 1),
    ]


def test_it_resumes_and_stays_as_it_is(noisy: Path, served: Any, capsys: pytest.CaptureFixture[str]) -> None:
    _, first = aa(noisy, capsys)
    _, second = aa(noisy, capsys)
    assert first == second
    assert set(served.asked.values()) == {2}


def test_what_hides_or_fakes_the_mark_is_found(noisy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    aa(noisy, capsys)
    (audit,) = audit_ids(STORE)
    contents = Contents(open_bundle(STORE / "audits" / audit))
    record = contents.record
    hidden = msgspec.structs.replace(record.candidate, strength="weights")
    for candidate in (
        hidden,
        msgspec.structs.replace(record.candidate, fingerprint=record.datasets[0].digest),
    ):
        with pytest.raises(ValueError, match="is not one"):
            is_noise_floor(record.baseline, candidate)
    contents.__dict__["record"] = msgspec.structs.replace(
        record, verdict=msgspec.structs.replace(record.verdict, outcome="deploy")
    )
    with pytest.raises(Exception, match="clears nothing"):
        candidate_is_marked(contents)


def test_another_identity_with_seeds_of_its_own() -> None:
    model = TargetIdentity(reference="hf:m", fingerprint=Digest("sha256:" + "1" * 64), strength="weights")
    again = decoded_again(model)
    assert again == decoded_again(model)
    assert again.fingerprint != model.fingerprint
    assert is_noise_floor(model, again)
    assert not is_noise_floor(again, model)
    seeds = [seed_again(seed) for seed in range(500)]
    assert len({*seeds, *range(500)}) == 1000
    assert max(seeds) < 2**31
