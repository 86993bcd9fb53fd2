"""How ``modelassay inspect`` and ``redteam`` end: nothing assessed, nowhere to write, limits of nothing."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelassay.canonical import digest_of
from modelassay.cli import run
from modelassay.cli.inspect_options import concluded, finish
from modelassay.cli.nulls_command import _distinct
from modelassay.cli.redteam_options import exit_code, too_little
from modelassay.errors import ExitCode, StoreError, UsageError
from modelassay.log import durable
from modelassay.records import Examination, Finding, Measure, TargetIdentity
from modelassay.redteam.campaign.results import ADAPTIVE
from modelassay.redteam.counted import Pair, Tally
from modelassay.redteam.tallies import Claim, findings_from

DIGEST = digest_of({"model": "a"})


def examined(*states: str, role: Any = "concern", severity: Any = "none") -> Examination:
    identity = TargetIdentity(reference="hf:a", fingerprint=DIGEST, strength="weights")
    findings = tuple(
        Finding(
            id=f"watched/gap/{number}",
            check="watched",
            measure=Measure(name="watched_gap", title="Gap", wanted="is none", role=role),
            state=state,  # type: ignore[arg-type]
            severity=severity if state == "not_assessable" else "none",
            statement="It was looked at.",
            method="",
            rests_on=(DIGEST,),
        )
        for number, state in enumerate(states)
    )
    return Examination(
        kind="watched",
        tool_version="1",
        started="2026-01-01T00:00:00Z",
        finished="2026-01-01T00:00:00Z",
        baseline=identity,
        candidate=identity,
        findings=findings,
    )


def test_what_could_not_be_assessed_is_no_clean_bill() -> None:
    assert concluded(examined("not_assessable", "not_assessable")) is ExitCode.INCONCLUSIVE
    assert concluded(examined("not_assessable", "shown_harmful")) is ExitCode.REVIEW
    assert concluded(examined("not_assessable", "not_shown")) is ExitCode.ALLOWED
    assert concluded(examined("shown_fine")) is ExitCode.ALLOWED
    assert concluded(examined("not_assessable", role="descriptive")) is ExitCode.ALLOWED


@pytest.mark.parametrize("beside", ["shown_fine", "not_shown"])
def test_one_concern_that_could_not_be_assessed_is_hidden_by_no_other(beside: str) -> None:
    for severity in ("medium", "high"):
        assert concluded(examined(beside, "not_assessable", severity=severity)) is ExitCode.INCONCLUSIVE
    assert concluded(examined(beside, "not_assessable", severity="low")) is ExitCode.ALLOWED
    harmful = examined(beside, "not_assessable", "shown_harmful", severity="medium")
    assert concluded(harmful) is ExitCode.REVIEW
    described = examined(beside, "not_assessable", severity="medium", role="descriptive")
    assert concluded(described) is ExitCode.ALLOWED


def test_what_people_have_to_look_at_is_no_clean_bill_though_nothing_is_shown() -> None:
    def found(severity: Any, role: Any = "concern") -> Examination:
        given = examined("not_shown", "shown_fine", role=role)
        grave = msgspec.structs.replace(given.findings[0], severity=severity)
        return msgspec.structs.replace(given, findings=(grave, *given.findings[1:]))

    assert {severity: concluded(found(severity)) for severity in ("low", "medium", "high", "critical")} == {
        "low": ExitCode.ALLOWED,
        "medium": ExitCode.ALLOWED,
        "high": ExitCode.REVIEW,
        "critical": ExitCode.REVIEW,
    }
    assert concluded(found("critical", role="descriptive")) is ExitCode.ALLOWED


def test_a_campaign_that_is_no_evidence_is_inconclusive_unless_it_speaks_against_the_candidate() -> None:
    def campaign(candidate: bool | None, units: int, without: int = 0) -> tuple[str, ExitCode]:
        pairs = [Pair(f"{n}", True, candidate if n >= without else None) for n in range(units)]
        findings = findings_from([Tally({}, tuple(pairs), compared=True)], Claim("red_team", ADAPTIVE))
        made = msgspec.structs.replace(examined(), kind="red_team", findings=tuple(findings))
        little = too_little(made)
        return little, exit_code(made, little=little)

    assert campaign(True, 100) == ("", ExitCode.ALLOWED)
    few, code = campaign(True, 12)
    assert ("12 attacks" in few, code) == (True, ExitCode.INCONCLUSIVE)
    none, code = campaign(None, 100)
    assert ("100 of 100 attacks had no result" in none, code) == (True, ExitCode.REVIEW)
    assert campaign(False, 12)[1] is ExitCode.REVIEW
    assert exit_code(examined(), stopped=True) is ExitCode.INCONCLUSIVE


def test_a_full_disk_loses_no_examination(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(durable, "write_atomic", full)
    options = {"out": tmp_path / "x.json", "as_json": True}
    assert finish(examined("shown_fine"), options) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["error"]["kind"] == "StoreError"
    assert told["findings"][0]["statement"] == "It was looked at."
    with pytest.raises(StoreError, match="No space left"):
        finish(examined("shown_fine"), options | {"as_json": False})
    assert "It was looked at." in capsys.readouterr().out


def test_where_nothing_can_be_written_nothing_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    out = str(tmp_path / "file" / "x.json")
    for look in (["margin", "base", "tuned"], ["suffixes", "base"]):
        assert run(["inspect", *look, "--out", out, "--json"]) == 2
        assert "folder cannot be made" in json.loads(capsys.readouterr().out)["error"]["what"]


def test_a_limit_of_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["redteam", "run", "--candidate", "hf:a", "--dataset", "x", "--out", "y", "--json"]
    assert run([*command, "--budget", "requests=0"]) == 2
    assert "leave it out" in json.loads(capsys.readouterr().out)["error"]["mend"]


def test_copies_are_no_further_fine_tunes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, weights in {"base": b"0", "one": b"1", "copy": b"1", "itself": b"0", "two": b"2"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(weights)
        (tmp_path / name / "config.json").write_text(json.dumps({"saved_as": name}))
    folders = [tmp_path / name for name in ("one", "copy", "itself", "two")]
    assert [each.name for each in _distinct(tmp_path / "base", folders)] == ["one", "two"]
    said = capsys.readouterr().err
    assert f"{tmp_path / 'copy'} holds the weights of {tmp_path / 'one'}" in said
    with pytest.raises(UsageError, match="no fine-tune differs"):
        _distinct(tmp_path / "base", [tmp_path / "itself"])
