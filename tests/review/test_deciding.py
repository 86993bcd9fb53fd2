"""People decide on a real verdict from the command line: exit codes before and after, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelassay.audit import read_audit
from modelassay.cli import deciding, gate_options, run
from modelassay.evidence import clearance_files, verification
from modelassay.evidence.bundle import open_bundle
from modelassay.evidence.clearance_files import clearance_at
from modelassay.evidence.redaction import redact
from modelassay.evidence.verification import verify_bundle
from modelassay.gate import exit_code

Call = Callable[..., tuple[int, Any]]
MONITORED = "any_category: {dimensions: [nothing]}\njudges: {uncalibrated: allow}\n"
REVIEWED = (
    "lineage: {required: [licences]}\njudges: {uncalibrated: allow}\nreview: {signoffs: 2, roles: [safety]}\n"
)


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command with ``--json`` in a folder with keys of a pipeline and two persons."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELASSAY_KEYS", "keys")
    monkeypatch.setenv("MODELASSAY_VERDICT_KEY", "ci")

    def command(*arguments: str) -> tuple[int, Any]:
        code = run([*arguments, "--json"])
        return code, json.loads(capsys.readouterr().out)

    assert command("keys", "new", "ci", "--unencrypted")[0] == 0
    for name, person in (("anna", "Anna Weber"), ("omar", "Omar Haddad")):
        new = ("keys", "new", name, "--use", "verdict", "--person", person, "--unencrypted")
        assert command(*new)[0] == 0
    return command


def audited(call: Call, plan_of: Callable[..., Path], policy: str, candidate: str = "same") -> Any:
    """What auditing under `policy` says."""
    Path("policy.yaml").write_text(f"version: 1\n{policy}")
    plan = plan_of(candidate, more="policy: policy.yaml\n")
    code, told = call("audit", str(plan), "-q")
    assert code == told["exit_code"]
    return told


def test_a_monitored_deployment_exits_10_until_its_risk_is_accepted(
    call: Call, plan_of: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    told = audited(call, plan_of, MONITORED)
    audit = told["audit"]
    assert (told["outcome"], told["exit_code"]) == ("deploy-monitored", 10)
    assert "gate accept-risk" in told["clearance"]["missing"]
    soon = (datetime.now(UTC).date() + timedelta(days=7)).isoformat()
    accept = ("gate", "accept-risk", audit, "--reason", "pilot", "--expires", soon)
    assert call(*accept)[0] == 2  # the pipeline's own key
    assert call("review", "sign", audit, "--key", "anna")[0] == 2
    assert call(*accept, "--key", "anna", "--owner", "Omar Haddad")[0] == 2
    assert call(*accept, "--key", "anna")[0] == 0
    assert [call(*again)[0] for again in (("audit", "plan.yaml", "-q"), ("gate", audit))] == [0, 0]
    assert run(["gate", audit]) == 0
    assert f"people's decision: deploy-monitored; risk accepted by Anna Weber until {soon}: pilot" in (
        capsys.readouterr().out
    )
    code, found = call("gate", audit, "--policy", "high-stakes")
    assert (code == 0, found["clearance"]["words"]) == (False, [])
    shown = call("show", audit)[1]
    assert (shown["exit_code"], shown["clearance"]["until"]) == (0, soon)
    folder, key = f"assay/audits/{audit}", "keys/anna.verdict.pub.pem"
    keys = ("--key", "keys/ci.verdict.pub.pem", "--key", key, "--log-key", "keys/ci.log.vkey", "--no-witness")
    code, found = call("verify", folder, *keys, "--log", "assay/log")
    assert (code, found["people"][0]["holder"], found["clearance"]["missing"]) == (0, "Anna Weber", "")
    assert run(["verify", folder, *keys]) == 0
    assert (
        f"risk accepted by Anna Weber on {date.today():%Y-%m-%d}, until {soon}: pilot"
        in capsys.readouterr().out
    )
    record = read_audit(Path("assay"), audit)
    later = datetime.fromisoformat(f"{soon}T00:00:00+00:00")
    over = clearance_at(Path(folder), Path("assay"), record.verdict, now=later)
    assert "expired" in over.sentence
    assert exit_code(record.verdict, later.date(), cleared=over.cleared) == 10
    assert call("review", "withdraw", audit, "--reason", "incident", "--key", "anna")[0] == 0
    assert call("show", audit)[1]["exit_code"] == 10


def on_day(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """Have everything that decides by the date believe that so many days have passed."""

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(days=days)

    for module in (deciding, gate_options, clearance_files, verification):
        monkeypatch.setattr(module, "datetime", Later)


def test_an_accepted_risk_that_is_over_is_10_again_in_every_command(
    call: Call,
    plan_of: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    audit = audited(call, plan_of, MONITORED)["audit"]
    soon = (datetime.now(UTC).date() + timedelta(days=7)).isoformat()
    accept = ("gate", "accept-risk", audit, "--reason", "pilot", "--key", "anna", "--expires")
    assert call(*accept, soon)[0] == 0
    folder = f"assay/audits/{audit}"
    ours = (
        "--key",
        "keys/ci.verdict.pub.pem",
        "--log-key",
        "keys/ci.log.vkey",
        "--no-witness",
        "--log",
        "assay/log",
    )
    hers = (*ours, "--key", "keys/anna.verdict.pub.pem")
    assert call("verify", folder, *ours)[1]["clearance"]["missing"].startswith("no key of a person was given")
    assert run(["verify", folder, *ours]) == 0
    assert f"until {soon}: pilot (not shown to count)" in capsys.readouterr().out
    on_day(monkeypatch, 6)
    assert [call(*each)[0] for each in (("gate", audit), ("audit", "plan.yaml", "-q"))] == [0, 0]
    assert call("verify", folder, *hers)[1]["clearance"]["missing"] == ""
    on_day(monkeypatch, 7)
    assert [call(*each)[0] for each in (("gate", audit), ("audit", "plan.yaml", "-q"))] == [10, 10]
    assert call("show", audit)[1]["exit_code"] == 10
    code, found = call("verify", folder, *hers)
    assert (code, found["state"]) == (0, "verified"), "the verdict itself holds for longer"
    assert "nobody's acceptance of its risk counts" in found["clearance"]["missing"]
    assert found["clearance"]["not_counted"] == [
        f"waiver 1 does not count: what Anna Weber said expired on {soon}"
    ]
    assert call(*accept, soon)[0] == 2  # a day that is over
    assert call(*accept, (datetime.now(UTC).date() + timedelta(days=9)).isoformat())[0] == 0
    assert call("gate", audit)[0] == 0


def test_what_was_taken_back_can_be_said_again_and_what_stands_is_not_said_twice(
    call: Call, plan_of: Callable[..., Path]
) -> None:
    audit = audited(call, plan_of, MONITORED)["audit"]
    soon = (datetime.now(UTC).date() + timedelta(days=7)).isoformat()
    accept = ("gate", "accept-risk", audit, "--reason", "pilot", "--expires", soon, "--key", "anna")
    assert call(*accept)[0] == 0
    code, again = call(*accept)
    assert (code, "already" in again["error"]["what"]) == (2, True)
    assert len(list(Path(f"assay/audits/{audit}/waivers").iterdir())) == 1
    assert call("review", "withdraw", audit, "--reason", "doubts", "--key", "anna")[0] == 0
    assert call("show", audit)[1]["exit_code"] == 10
    assert call(*accept)[0] == 0
    assert call("show", audit)[1]["exit_code"] == 0
    assert call(*accept[:-1], "nobody")[1]["error"]["what"] == "unknown verdict key 'nobody'"


def answered(template: str, but: str = "") -> str:
    """The template with an answer below each heading, `but` one."""
    lines = []
    for line in template.splitlines():
        lines.append(line)
        if line.startswith("## ") and line != f"## {but}":
            lines.append("We looked; it is bounded.")
    return "\n".join(lines) + "\n"


def test_a_review_exits_10_until_it_is_assessed_and_signed_off(
    call: Call, plan_of: Callable[..., Path]
) -> None:
    told = audited(call, plan_of, REVIEWED)
    audit = told["audit"]
    assert (told["outcome"], told["exit_code"]) == ("review", 10)
    asked = call("review", "sign", audit, "--template")[1]
    names = [question["name"] for question in asked["questions"]]
    assert (names[0], names[-1]) == ("Use", "Residual risk")
    assert any(name.startswith("lineage") for name in names)
    text = Path("assessment.md")
    sign = ("review", "sign", audit, "--assessment", "assessment.md")
    for but in names:
        text.write_text(answered(asked["template"], but))
        code, refused = call(*sign, "--key", "anna")
        assert (code, refused["error"]["what"]) == (2, f"does not answer {but!r}")
    text.write_text(answered(asked["template"]))
    assert call(*sign, "--key", "ci")[0] == 2
    assert (
        call("gate", "accept-risk", audit, "--reason", "x", "--expires", told["expires"], "--key", "anna")[0]
        == 2
    )
    code, one = call(*sign, "--key", "anna")
    assert (code, one["cleared"], "1 of 2 persons" in one["missing"]) == (0, False, True)
    assert call("show", audit)[1]["exit_code"] == 10
    other = Path("other.md")
    other.write_text(answered(asked["template"]) + "More.\n")
    assert call(*sign[:3], "--assessment", "other.md", "--key", "omar", "--role", "sales")[0] == 2
    assert len(list(Path(f"assay/audits/{audit}/assessments").iterdir())) == 1
    code, twice = call(*sign, "--key", "anna")
    assert (code, "already" in twice["error"]["what"]) == (2, True)
    assert call("review", "sign", audit, "--key", "omar", "--role", "sales")[0] == 2
    code, two = call("review", "sign", audit, "--key", "omar", "--role", "safety")
    assert (code, two["cleared"], two["assessment"]) == (0, True, one["assessment"])
    assert call("show", audit)[1]["exit_code"] == 0
    keys = [word for name in ("ci", "anna", "omar") for word in ("--key", f"keys/{name}.verdict.pub.pem")]
    verify = ("verify", f"assay/audits/{audit}", *keys, "--log-key", "keys/ci.log.vkey", "--no-witness")
    code, found = call(*verify, "--log", "assay/log")
    assert (code, found["clearance"]["missing"], len(found["people"])) == (0, "", 2)
    redacted = redact(open_bundle(Path(f"assay/audits/{audit}")), {})
    assert (redacted.assessments, len(redacted.waivers)) == ((), 2)
    assert verify_bundle(redacted).intact
    Path(one["assessment"]).write_text("## Use\nAll is well.\n")
    code, forged = call(*verify)
    wrong = [check for check in forged["checks"] if check["state"] == "failed"]
    assert (code, [check["name"] for check in wrong]) == (13, ["waivers"])
    assert call("show", audit)[1]["exit_code"] == 10


def test_no_word_makes_up_for_evidence_that_is_missing_under_a_review(
    call: Call, plan_of: Callable[..., Path]
) -> None:
    told = audited(call, plan_of, f"{REVIEWED}evidence: {{required: [red_team, injection]}}\n")
    audit = told["audit"]
    assert (told["outcome"], told["exit_code"]) == ("review", 10)
    missing = told["clearance"]["missing"]
    assert missing.startswith("not enough evidence: The evidence that the policy requires on red team")
    assert ("on injection is missing" in missing, missing.endswith("no word clears that")) == (True, True)
    for asked in (("--template",), ("--assessment", "assessment.md", "--key", "anna")):
        code, refused = call("review", "sign", audit, *asked)
        assert (code, refused["error"]["what"]) == (2, missing)
        assert f"modelassay show {audit}" in refused["error"]["mend"]
    code, decided = call("gate", audit)
    assert (code, decided["missing"]) == (10, missing)
    keys = ("--key", "keys/ci.verdict.pub.pem", "--log-key", "keys/ci.log.vkey", "--no-witness")
    code, found = call("verify", f"assay/audits/{audit}", *keys, "--log", "assay/log")
    assert (code, found["clearance"]["missing"]) == (0, missing)
    record = read_audit(Path("assay"), audit)
    assert exit_code(record.verdict, date.today(), cleared=True) == 10


def test_a_revoked_key_and_a_withdrawn_verdict_clear_nothing(
    call: Call, plan_of: Callable[..., Path]
) -> None:
    audit = audited(call, plan_of, MONITORED)["audit"]
    soon = (datetime.now(UTC).date() + timedelta(days=7)).isoformat()
    accept = ("gate", "accept-risk", audit, "--reason", "pilot", "--expires", soon, "--key")
    code, accepted = call(*accept, "anna")
    assert code == 0
    assert call("keys", "revoke", accepted["key"], "--reason", "lost")[0] == 0
    assert call("show", audit)[1]["exit_code"] == 10
    assert call(*accept, "omar")[0] == 0
    assert call("show", audit)[1]["exit_code"] == 0
    assert call("verdict", "withdraw", audit, "--reason", "incident")[0] == 0
    shown = call("show", audit)[1]
    assert (shown["exit_code"], shown["withdrawn"]) == (13, "incident")
    assert shown["clearance"]["missing"] == "the verdict was withdrawn: incident"
    assert call("audit", "plan.yaml", "-q")[0] == 13  # whoever runs the pipeline again releases nothing


def test_a_block_opens_an_investigation(
    call: Call, plan_of: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    told = audited(call, plan_of, "judges: {uncalibrated: allow}\n", "fraud-lost")
    assert (told["outcome"], told["exit_code"]) == ("block", 11)
    causes = told["investigation"]["causes"]
    assert (causes[0]["name"], causes[0]["share"]) == ("concentrated_loss", "100%")
    assert causes[0]["title"] == "The loss is concentrated in category fraud"
    assert causes[-1]["name"] == "training"
    assert set(causes[0]["findings"]) <= {
        finding.id for finding in read_audit(Path("assay"), told["audit"]).findings
    }
    assert "Investigation" in Path(told["report"]).read_text()
    assert run(["gate", "explain", told["audit"]]) == 0
    assert "1. The loss is concentrated in category fraud (measured)" in capsys.readouterr().out
    record = read_audit(Path("assay"), told["audit"])
    assert clearance_at(Path(told["folder"]), Path("assay"), record.verdict).cleared is False
    milder = msgspec.structs.replace(record.verdict, outcome="inconclusive")
    assert exit_code(milder, date.today(), cleared=True) == 12
