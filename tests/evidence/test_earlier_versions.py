"""What an earlier version sealed verifies for ever; see `fixtures/make.py`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modelassay.cli import run
from modelassay.evidence.bundle import open_bundle
from modelassay.evidence.contents import Contents
from modelassay.evidence.verification import Trust, verify_bundle
from modelassay.log.keys import load_public, load_vkey
from modelassay.log.trust import trust_in

VERSIONS = sorted(path for path in (Path(__file__).parent / "fixtures").iterdir() if path.is_dir())


def trust_of(version: Path, now: datetime) -> Trust:
    return Trust(
        keys=(load_public(version / "verdict.pem"),),
        log=trust_in([load_vkey(version / "log.vkey")], unwitnessed=True),
        folder=version / "log",
        now=now,
    )


@pytest.mark.parametrize("version", VERSIONS, ids=lambda path: path.name)
def test_what_an_earlier_version_sealed_verifies(version: Path) -> None:
    bundle = open_bundle(version / "bundle")
    record = Contents(bundle).record
    closed = datetime.fromisoformat(record.closed).astimezone(UTC)
    found = verify_bundle(bundle, trust_of(version, closed + timedelta(hours=1)))
    assert found.state == "verified", [each for each in found.checks if each.state == "failed"]
    assert not found.expired
    assert found.outcome == "block"
    made = {check.name for check in found.checks if check.state == "passed"}
    assert {"findings", "verdict", "statement", "log", "signatures"} <= made


@pytest.mark.parametrize("version", VERSIONS, ids=lambda path: path.name)
def test_a_changed_figure_in_it_is_found(version: Path, tmp_path: Path) -> None:
    bundle = open_bundle(version / "bundle")
    changed = dict(bundle.files)
    changed["verdict.json"] = changed["verdict.json"].replace(b'"block"', b'"deploy"', 1)
    assert changed["verdict.json"] != bundle.files["verdict.json"]
    found = verify_bundle(type(bundle)(bundle.place, changed), trust_of(version, datetime.now(UTC)))
    assert found.state == "not verified"


def test_there_is_one() -> None:
    assert VERSIONS


@pytest.mark.parametrize("version", VERSIONS, ids=lambda path: path.name)
def test_it_is_decided_again_as_it_was(
    version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run(["gate", str(version / "bundle"), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["outcome"] == found["sealed"]["outcome"] == "block"
    assert found["changes"] == []
    assert found["verdict"]["claims"]
