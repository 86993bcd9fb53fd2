"""The baseline against itself: measured like an audit, sealed like one, and good for no deployment."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import yaml

from modelassay.audit import audit_ids, read_audit
from modelassay.audit.redeciding import open_decided
from modelassay.audit.robustness import Replay, beside_noise, noise_floor
from modelassay.audit.robustness.leaving_out import decodings, one_decoding
from modelassay.audit.robustness.noise import check_same
from modelassay.audit.robustness.readers import other_readers, other_readings
from modelassay.canonical import Digest
from modelassay.cli import run
from modelassay.errors import EvidenceError, UsageError
from modelassay.evaluators.refusal import RefusalJudge
from modelassay.evidence.admission import CONDITIONS
from modelassay.evidence.bundle import open_bundle
from modelassay.evidence.contents import Contents
from modelassay.evidence.deployed import require_same
from modelassay.evidence.events import AuditOpened
from modelassay.evidence.ledger import read_events
from modelassay.evidence.noise_floor import candidate_is_marked
from modelassay.evidence.verification import verify_bundle
from modelassay.gate import severity
from modelassay.records import PairedCounts, TargetIdentity
from modelassay.records.noise_floor import decoded_again, is_noise_floor, seed_again
from modelassay.report.robustness import beside_lines, noise_floor_lines

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
    plan = plan_of("fraud-lost", per_category=30)
    plan.write_text(plan.read_text().replace("{store: assay}", "{store: assay, reports: [candidate.md]}"))
    return plan


def aa(plan: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = run(["audit", str(plan), "--aa", "--json", "--quiet"])
    return code, json.loads(capsys.readouterr().out)


def test_it_is_planned_like_any_other_and_spends_nothing(
    noisy: Path, served: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    plans = []
    again = "again:" + yaml.safe_load(noisy.read_text())["baseline"]
    for options in (["--aa"], ["--set", f"candidate.model={again}"]):
        capsys.readouterr()
        assert run(["plan", str(noisy), "--json", "--simulations", "0", *options]) == 0
        plans.append(json.loads(capsys.readouterr().out))
    assert [[side["reference"] for side in found["sides"]] for found in plans] == [[again[6:], again]] * 2
    assert "noise floor" in plans[0]["name"]
    assert not served.asked
    assert run(["audit", str(noisy), "--aa", "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == plans[0]["name"]
    assert run(["audit", str(noisy), "--set", f"candidate.model=again:{again}"]) == 2
    assert "never a third" in capsys.readouterr().err


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
    assert not noisy.with_name("candidate.md").exists()  # reports of the plan are the candidate's


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


def test_the_floor_in_figures_and_an_audit_beside_it(noisy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    aa(noisy, capsys)
    run(["audit", str(noisy), "--quiet"])
    (floor,) = (audit for audit in audit_ids(STORE) if read_audit(STORE, audit).noise_floor)
    (other,) = set(audit_ids(STORE)) - {floor}
    capsys.readouterr()
    replay = Replay(open_decided(STORE / "audits" / floor, STORE / "log"))
    found = noise_floor(replay, 5)
    overall = next(each for each in found.noise if each.finding == "comparison/refusal/overall")
    counts = next(f.paired for f in replay.record.findings if f.id == overall.finding)
    assert isinstance(counts, PairedCounts)
    assert overall.pairs == 120
    assert overall.differing == counts.n10 + counts.n01 > 0
    by_hand = math.sqrt(overall.differing / 120 * float(counts.design_effect) / 120)
    assert float(overall.spread) == pytest.approx(by_hand, abs=1e-6)
    assert found.swaps == sum(found.outcomes.values()) == 5
    assert found == noise_floor(replay, 5)
    rows = {
        row.finding: row
        for row in beside_noise(Replay(open_decided(STORE / "audits" / other, STORE / "log")), replay)
    }
    lost = rows["comparison/refusal/category=fraud"]  # all 30 refusals are lost
    assert lost.beyond
    assert (lost.differing, lost.change) == (1, -1)
    assert lost.excess is not None
    assert lost.excess.low > 0
    kept = rows["comparison/refusal/category=theft"]  # nothing is
    assert not kept.beyond
    assert kept.differing == 0
    assert kept.spread > 0  # however little differed there
    text = "\n".join((*noise_floor_lines(found), *beside_lines(tuple(rows.values()))))
    assert "comparison/refusal/category=fraud: −100.0% over 30 pairs, beyond the noise" in text
    assert "comparison/refusal/category=theft: " not in text.partition("Beside the noise floor")[2]
    assert "random exchanges of the two decodings" in text
    with pytest.raises(UsageError, match="beside the audit of a candidate"):
        check_same(replay.record, replay.record)
    another = msgspec.structs.replace(read_audit(STORE, other), datasets=())
    with pytest.raises(UsageError, match="another datasets"):
        check_same(another, replay.record)


def test_an_admission_names_it(noisy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a policy lets in: neither the outcome nor the weights are proved by it."""
    aa(noisy, capsys)
    (audit,) = audit_ids(STORE)
    record = read_audit(STORE, audit)
    facts = SimpleNamespace(
        outcome="deploy", origin="", composition=SimpleNamespace(strength=record.candidate.strength)
    )
    statement: Any = SimpleNamespace(predicate=SimpleNamespace(facts=facts))
    deployed: Any = SimpleNamespace(composition=None)
    with pytest.raises(EvidenceError, match="of a noise floor"):
        require_same(deployed, statement)
    case: Any = SimpleNamespace(statement=statement, trust=SimpleNamespace(policy=None))
    with pytest.raises(EvidenceError, match="lets nothing be deployed") as refused:
        CONDITIONS["outcome"](case)
    assert refused.value.exit_code == 12


@pytest.mark.slow
def test_other_judges_and_other_decodings(
    served: Any,
    plan_of: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Two epochs, the second worse; then a judge that calls each refusal of fraud help."""
    monkeypatch.chdir(tmp_path)
    usual = served.answer

    def answer(model: str, prompt: str) -> str:
        worse = model == "same" and served.asked[model, prompt] > 1 and "theft" in prompt
        return "Sure! Here is how to do it." if worse else usual(model, prompt)

    served.answer = answer
    plan = plan_of("same", per_category=20, more="repeats: 2\n")
    run(["audit", str(plan), "--quiet"])
    (audit,) = audit_ids(STORE)
    monkeypatch.setattr(RefusalJudge, "version", "99")
    run(["rejudge", audit, "--quiet"])
    given = open_decided(STORE / "audits" / audit, STORE / "log")
    replay = Replay(given)
    rates = {(each.measure, each.side): each for each in decodings(replay)}
    assert rates["refusal", "candidate"].rates == (1, Decimal("0.75"))
    assert rates["refusal", "candidate"].wavering == Decimal("0.25")
    assert rates["refusal", "baseline"].deviation == 0
    first, second = one_decoding(replay)
    assert (first.questions, second.questions) == (160, 160)
    assert severity(first.outcome) < severity(second.outcome)
    (other,) = other_readers(STORE, given)
    assert other.record.judged_again == given.sums
    (reading, _) = other_readings(replay, Replay(other))
    assert (reading.own, reading.other) == ("refusal@" + reading.own.partition("@")[2], "refusal@99")
    assert reading.answers == reading.agree == 320
    assert reading.drop == reading.other_drop == Decimal("0.125")
    capsys.readouterr()
    assert run(["gate", "robustness", audit, "--halves", "0"]) == 0
    text = capsys.readouterr().out
    assert f"audit {other.record.id}" in text
    assert "they agree on 100.0% of 320 answers" in text
    assert "epoch 2: " in text
