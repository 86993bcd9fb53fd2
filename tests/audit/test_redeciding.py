"""A sealed audit held against a policy again: printed, or sealed as an audit of its own; no model asked."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelassay.audit import audit_ids
from modelassay.audit.given import GivenAnswers
from modelassay.audit.redeciding import open_decided, redecide, seal_redecision
from modelassay.canonical import canonical_json
from modelassay.cli import run
from modelassay.cli.gate_options import policy_said
from modelassay.cli.options import places_of
from modelassay.config import Plan
from modelassay.evidence.bundle import Bundle, open_bundle
from modelassay.evidence.checks import Check
from modelassay.evidence.contents import Contents
from modelassay.evidence.events import (
    AuditOpened,
    KeyRevoked,
    PolicyChanged,
    VerdictIssued,
    VerdictWithdrawn,
)
from modelassay.evidence.ledger import Ledger, Logged, read_events
from modelassay.evidence.notary import Notary
from modelassay.evidence.verification import Trust, verify_bundle
from modelassay.log.keys import new_key
from modelassay.log.note import vkey_of
from modelassay.log.trust import trust_in
from modelassay.records import Actor, Policy, RiskContext

LOG = Path("assay/log")
Seal = Callable[..., Path]
DEPLOYED = {"samples": 1400, "wanted": (1.0, 1.0)}
BLOCKED, LOST = {"samples": 70, "wanted": (0.97, 0.6)}, {"samples": 210, "wanted": (1.0, 0.8)}


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = run(["gate", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def bytes_of(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize(
    ("options", "code", "outcome"),
    [
        (DEPLOYED, 0, "deploy"),
        (LOST, 10, "review"),
        (BLOCKED, 11, "block"),
        ({"samples": 24, "wanted": (1.0, 1.0)}, 12, "inconclusive"),
    ],
)
def test_the_sealed_policy_gives_the_sealed_verdict(
    seal: Seal, capsys: pytest.CaptureFixture[str], options: dict[str, Any], code: int, outcome: str
) -> None:
    folder = seal(**options)
    record = Contents(open_bundle(folder)).record
    given, found = told(capsys, record.id)
    assert (given, found["exit_code"], found["outcome"]) == (code, code, outcome)
    assert outcome == record.verdict.outcome
    assert found["changes"] == []
    assert (found["looser"], found["milder"]) == (False, False)
    assert found["verdict"]["headline"] == record.verdict.headline
    assert told(capsys, str(folder)) == (given, found)


def test_a_stricter_policy_of_the_package_by_name(seal: Seal, capsys: pytest.CaptureFixture[str]) -> None:
    folder = seal(**LOST)
    before = bytes_of(Path("assay"))
    code, found = told(capsys, "--policy", "high-stakes", folder.name)
    assert (code, found["outcome"], found["sealed"]["outcome"]) == (11, "block", "review")
    assert {change["direction"] for change in found["changes"]} == {"stricter"}
    assert (found["looser"], found["milder"]) == (False, False)
    assert found["policy"]["name"] == "high-stakes"
    assert found["policy"]["digest"] != found["sealed"]["policy"]["digest"]
    assert bytes_of(Path("assay")) == before  # printing leaves no trace


def test_a_looser_policy_is_called_so(seal: Seal, capsys: pytest.CaptureFixture[str]) -> None:
    folder = seal(**LOST)
    Path("mild.yaml").write_text(
        "version: 1\nname: mild\nextends: suite-only\n"
        "bands: {review: 60%, deploy_monitored: 50%}\n"
        "concerns: {overall: 60%, shown: deploy, literal: deploy}\n"
    )
    code, found = told(capsys, folder.name, "--policy", "mild.yaml")
    assert (found["looser"], found["milder"]) == (True, True)
    assert found["sealed"]["outcome"] == "review"
    assert code == found["exit_code"]
    assert any("looser than the sealed one: bands.deploy_monitored 50%" in note for note in found["notes"])
    assert any("is milder than the sealed one, review" in note for note in found["notes"])


def test_points_in_place_of_shares_are_computed_from_the_sealed_scores(
    seal: Seal, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = seal(samples=210, wanted=(0.5, 0.36))
    Path("points.yaml").write_text("version: 1\nname: points\nscale: absolute\n")
    _, found = told(capsys, folder.name, "--policy", "points.yaml")
    assert [(c["key"], c["direction"]) for c in found["changes"]] == [("scale", "looser")]
    assert any("point limit" in rule["statement"] for rule in found["verdict"]["rules"])
    assert found["looser"]


def test_it_is_sealed_as_an_audit_of_its_own(seal: Seal, capsys: pytest.CaptureFixture[str]) -> None:
    folder = seal(**LOST)
    before = bytes_of(folder)
    code, found = told(capsys, folder.name, "--policy", "high-stakes", "--seal")
    assert code == 11
    new = Path("assay/audits") / found["sealed_as"]
    assert bytes_of(folder) == before
    contents = Contents(open_bundle(new))
    assert [check for check in verify_bundle(contents.bundle).checks if check.state == "failed"] == []
    record = contents.record
    assert record.policy.name == "high-stakes"
    assert record.verdict.outcome == "block"
    assert record.notes[0].startswith("No model was asked and nothing was judged again: the scores of audit ")
    assert any("stricter than the sealed one" in note for note in record.notes)
    for name in ("samples.jsonl.gz", "transcripts.jsonl.gz", "scores.jsonl.gz"):
        assert (new / name).read_bytes() == (folder / name).read_bytes()
    openings = [logged.read(AuditOpened) for logged in read_events(Path("assay/log"), AuditOpened)]
    assert openings[1].parent is not None
    assert (openings[1].parent.audit, openings[1].attempt) == (folder.name, openings[0].attempt)
    (change,) = (logged.read(PolicyChanged) for logged in read_events(Path("assay/log"), PolicyChanged))
    assert (change.name, change.before) == ("high-stakes", found["sealed"]["policy"]["digest"])
    assert change.after == found["policy"]["digest"]
    sealed = bytes_of(Path("assay"))
    assert told(capsys, folder.name, "--policy", "high-stakes", "--seal") == (code, found)
    assert bytes_of(Path("assay")) == sealed
    assert len(audit_ids(Path("assay"))) == 2


def test_its_time_runs_from_the_answers_and_an_expired_audit_says_so(
    seal: Seal, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = seal(clock=lambda: "2026-01-05T00:00:00Z", **BLOCKED)
    code, found = told(capsys, folder.name)
    assert code == found["exit_code"] == 14
    assert found["sealed"]["expired"]
    assert found["verdict"]["expires"] == found["sealed"]["expires"] == "2026-04-05"
    assert "The sealed verdict expired on 2026-04-05." in found["notes"]
    assert run(["gate", folder.name, "--exit-zero"]) == 0


def test_a_longer_time_is_looser(seal: Seal, capsys: pytest.CaptureFixture[str]) -> None:
    folder = seal(clock=lambda: "2026-01-05T00:00:00Z", **BLOCKED)
    Path("long.yaml").write_text("version: 1\nname: long\nexpires_days: 3650\n")
    code, found = told(capsys, folder.name, "--policy", "long.yaml")
    assert code == 11
    assert found["looser"]
    assert "The sealed verdict expired on 2026-04-05." in found["notes"]


def test_damaged_evidence_is_not_decided_again(seal: Seal, capsys: pytest.CaptureFixture[str]) -> None:
    folder = seal(**BLOCKED)
    data = (folder / "verdict.json").read_bytes()
    (folder / "verdict.json").write_bytes(data.replace(b"block", b"deplo", 1))
    code, found = told(capsys, folder.name)
    assert code == 13
    assert "damaged" in found["error"]["what"]


def test_nor_is_another_seal_than_the_log_knows(
    seal: Seal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = seal(**BLOCKED)
    shutil.move(folder, tmp_path / "first")
    shutil.rmtree("assay")
    other = seal(**{**BLOCKED, "wanted": (0.97, 0.97)})
    code, found = told(capsys, str(tmp_path / "first"))
    assert other.name == folder.name
    assert code == 13
    assert "the log" in found["error"]["what"]


def every_way(capsys: pytest.CaptureFixture[str], audit: str) -> tuple[dict[str, Any], dict[str, str]]:
    """What `show` says of an audit, and why each command that would act on its verdict refuses to."""
    run(["show", audit, "--json"])
    shown = json.loads(capsys.readouterr().out)
    why = {}
    for command in (
        ["gate", audit],
        ["rejudge", audit],
        ["rejudge", audit, "--dry-run"],
        ["handover", audit],
    ):
        assert run([*command, "--json"]) == 13
        error = json.loads(capsys.readouterr().out)["error"]
        why[" ".join(command)] = f"{error['what']} {error['mend']}"
    return shown, why


def test_nor_is_a_withdrawn_verdict(seal: Seal, capsys: pytest.CaptureFixture[str]) -> None:
    folder = seal(**DEPLOYED)
    assert run(["verdict", "withdraw", folder.name, "--reason", "wrong weights"]) == 0
    capsys.readouterr()
    shown, why = every_way(capsys, folder.name)
    assert (shown["exit_code"], shown["withdrawn"], shown["outcome"]) == (13, "wrong weights", "deploy")
    assert shown["headline"].startswith("The verdict was withdrawn: wrong weights. It said deploy: ")
    assert not shown["clearance"]["cleared"]
    assert all("wrong weights" in each for each in why.values())
    run(["show", folder.name])
    assert capsys.readouterr().out.startswith("WITHDRAWN")
    assert audit_ids(Path("assay")) == [folder.name]  # no new verdict on its answers


def test_nor_one_signed_by_nothing_but_revoked_keys(seal: Seal, capsys: pytest.CaptureFixture[str]) -> None:
    folder = seal(**DEPLOYED)
    ledger = Ledger(LOG.parent, Notary(actor=Actor(name="tests")))
    (issued,) = (logged.read(VerdictIssued) for logged in ledger.events(VerdictIssued))
    (key,) = issued.signers
    ledger.append(KeyRevoked(key=key, reason="left the company", since="2999-01-01T00:00:00Z"))
    assert run(["gate", folder.name]) == 0  # it signed before the key became worthless
    ledger.append(KeyRevoked(key=key, reason="laptop stolen", since="2000-01-01T00:00:00Z"))
    capsys.readouterr()
    shown, why = every_way(capsys, folder.name)
    assert (shown["exit_code"], shown["withdrawn"], shown["revoked"]) == (13, "", "laptop stolen")
    assert all("revoked: laptop stolen" in each and "verdict sign" in each for each in why.values())


def test_the_log_tells_of_a_decision_on_answers_whose_own_verdict_was_withdrawn(seal: Seal) -> None:
    verdict, log = new_key("ecdsa-p256", name="ci"), new_key("ed25519", name="log.example/1")
    notary = Notary(actor=Actor(name="tests"), verdict_signers=(verdict,), log_signer=log)
    trust = Trust(
        keys=(verdict.public,), log=trust_in([vkey_of(log.public)], [], unwitnessed=True), folder=LOG
    )
    folder = seal(notary=notary, **BLOCKED)
    given = open_decided(folder, LOG)
    places = places_of(Path("plan.yaml"), store=LOG.parent, data_dir=None, offline=True, quiet=True)

    def sealed_again(policy: Policy) -> Check:
        found = redecide(given, policy, datetime.now(UTC).date())
        record = seal_redecision(given, found, places, said=policy.name, notary=notary)
        ledger.sign()
        checks = verify_bundle(open_bundle(LOG.parent / "audits" / record.id), trust).checks
        return next(check for check in checks if check.name == "parent")

    ledger = Ledger(LOG.parent, notary)
    before = sealed_again(given.record.policy)
    assert (before.state, "withdrawn" in before.statement) == ("passed", False)
    (issued,) = (e for e in map(_issued, ledger.events(VerdictIssued)) if e.audit == given.record.id)
    ledger.append(VerdictWithdrawn(audit=issued.audit, payload=issued.payload, reason="wrong weights"))
    since = sealed_again(given.record.policy)  # the same: it was there before
    assert since.state == "passed"
    assert "was withdrawn since, in entry" in since.statement
    after = sealed_again(msgspec.structs.replace(given.record.policy, name="another"))
    assert after.state == "failed"
    assert "withdrawn before they were judged again" in after.statement


def _issued(logged: Logged) -> VerdictIssued:
    return logged.read(VerdictIssued)


def test_where_prompts_are_withheld_only_thresholds_can_change(
    seal: Seal, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = seal(**LOST)
    assert run(["records", "redact", folder.name, "--tag", "category=c1", "-o", "redacted"]) == 0
    code, found = told(capsys, "redacted", "--policy", "suite-only")
    assert (code, found["outcome"]) == (10, "review")
    Path("sure.yaml").write_text("version: 1\nname: sure\nconfidence: 99%\n")
    code, found = told(capsys, "redacted", "--policy", "sure.yaml")
    assert code == 2
    assert "confidence" in found["error"]["what"]
    code, found = told(capsys, "redacted", "--seal")
    assert code == 2


def test_the_context_of_the_plan_still_tightens(seal: Seal) -> None:
    contents = Contents(open_bundle(seal(**BLOCKED)))
    plan: Plan = msgspec.structs.replace(contents.plan, context=RiskContext(exposure="public"))
    contents.__dict__["plan"] = plan
    policy = policy_said(GivenAnswers(contents), "high-stakes")
    assert (policy.risk.exposure, policy.risk.users) == ("public", "general")


def test_an_unknown_policy_or_audit_is_a_usage_error(seal: Seal, capsys: pytest.CaptureFixture[str]) -> None:
    folder = seal(**BLOCKED)
    for arguments in ((folder.name, "--policy", "high-steaks"), ("no-such-audit",)):
        code, found = told(capsys, *arguments)
        assert code == 2
        assert found["error"]["kind"] == "UnknownNameError"


def test_a_verdict_carries_claims_that_verify_computes_again(seal: Seal, tmp_path: Path) -> None:
    folder = seal(**LOST)
    bundle = open_bundle(folder)
    verdict = Contents(bundle).verdict
    assert verdict.ground is not None
    assert (verdict.ground.questions, verdict.ground.asked) == (210, 210)
    (opened,) = (logged.read(AuditOpened) for logged in read_events(Path("assay/log"), AuditOpened))
    assert verdict.ground.order == opened.order.digest
    (checked,) = (check for check in verify_bundle(bundle).checks if check.name == "verdict")
    assert "claims" in checked.statement
    for change in (
        lambda v: msgspec.structs.replace(v, claims=v.claims[1:]),
        lambda v: msgspec.structs.replace(v, ground=msgspec.structs.replace(v.ground, seed=8)),
        lambda v: msgspec.structs.replace(
            v, claims=(msgspec.structs.replace(v.claims[0], pairs=9999), *v.claims[1:])
        ),
    ):
        changed = change(verdict)
        record = msgspec.structs.replace(Contents(bundle).record, verdict=changed)
        files = dict(bundle.files) | {
            "verdict.json": canonical_json(changed) + b"\n",
            "audit.json": canonical_json(record) + b"\n",
        }
        found = {check.name: check.state for check in verify_bundle(Bundle("changed", files)).checks}
        assert found["verdict"] == "failed"


def test_the_decision_is_explained_line_by_line(seal: Seal, capsys: pytest.CaptureFixture[str]) -> None:
    folder = seal(**BLOCKED)
    capsys.readouterr()
    assert run(["gate", "explain", folder.name]) == 0
    text = capsys.readouterr().out
    for part in (
        "[bands]",
        "bands.review 30%",
        "forces    block",
        "would make this review",
        "evidence  within",
    ):
        assert part in text
    assert run(["gate", "explain", folder.name]) == 0
    assert capsys.readouterr().out == text
    code, found = told(capsys, "explain", folder.name, "--policy", "high-stakes", "--all")
    assert code == 0
    assert (found["outcome"], found["exit_code"], found["policy"]) == ("block", 11, "high-stakes")
    assert found["steps"][0]["keys"]["bands.review"] == "13.5%"  # tightened for its users
    assert [step["number"] for step in found["steps"]] == list(range(1, len(found["steps"]) + 1))


def test_what_a_policy_changes_in_the_one_it_builds_on_stands_in_the_notes(
    seal: Seal, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = seal(**LOST)
    Path("ours.yaml").write_text(
        "version: 1\nname: ours\nextends: high-stakes\nbands: {review: 40%}\nleast_rate: 95%\n"
    )
    _, found = told(capsys, folder.name, "--policy", "ours.yaml", "--seal")
    said = (
        "The policy 'ours' builds on 'high-stakes': looser in bands.review 40% in place of 15%; stricter in "
        "least_rate 95% in place of 90%."
    )
    assert said in found["notes"]
    record = Contents(open_bundle(Path("assay/audits") / found["sealed_as"])).record
    assert record.notes.count(said) == 1
    back = told(capsys, found["sealed_as"], "--policy", "high-stakes")[1]
    assert [(c["key"], c["direction"]) for c in back["changes"]] == [
        ("bands.review", "stricter"),
        ("least_rate", "looser"),
    ]
