"""What `audit` leaves behind verifies for somebody who has the bundle and public keys alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from modelassay.cli import run
from modelassay.cli.verify_report import with_report
from modelassay.evidence.bundle import Bundle, open_bundle
from modelassay.evidence.verification import Trust, verify_bundle
from modelassay.log.keys import new_key, public_pem
from modelassay.log.note import vkey_of


@pytest.mark.parametrize("candidate", ["same", "fraud-lost"])
def test_a_real_audit_verifies(
    plan_of: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    candidate: str,
) -> None:
    verdict, log = new_key("ecdsa-p256", name="ci"), new_key("ed25519", name="log.example")
    for signer, use in ((verdict, "VERDICT"), (log, "LOG")):
        path = tmp_path / f"{use}.pem"
        path.write_bytes(signer.pem(b"secret"))
        path.chmod(0o600)
        monkeypatch.setenv(f"MODELASSAY_{use}_KEY", str(path))
    monkeypatch.setenv("MODELASSAY_LOG_ORIGIN", "log.example")
    monkeypatch.setenv("MODELASSAY_KEY_PASSPHRASE", "secret")
    store = tmp_path / "store"
    assert run(["audit", str(plan_of(candidate)), "--store", str(store), "-q", "--exit-zero"]) == 0
    capsys.readouterr()
    (folder,) = (store / "audits").iterdir()
    copy = Path(shutil.copytree(folder, tmp_path / "elsewhere"))
    key = tmp_path / "ci.pub.pem"
    key.write_bytes(public_pem(verdict.public))
    anchors = ["--key", str(key), "--log-key", str(vkey_of(log.public)), "--no-witness"]
    code = run(["verify", str(copy), *anchors, "--log", str(store / "log"), "--json"])
    found = json.loads(capsys.readouterr().out)
    wrong = [check for check in found["checks"] if check["state"] == "failed"]
    assert (code, found["state"], wrong) == (0, "verified", [])
    undone = {check["name"] for check in found["checks"] if check["state"] == "not done"}
    assert undone == {"remembered", "waivers", "clearance"}
    assert found["rests_on"]["baseline"].startswith("openai:")
    assert "evidence.required" in found["rests_on"]["looser"][0]
    honest = open_bundle(copy)
    verified = verify_bundle(honest)
    page = honest.files["report.html"]
    decided = page.index(b'class="headline">') + len(b'class="headline">')
    for forged, state in (
        (page[:decided] + b"All is well." + page[page.index(b"</p>", decided) :], "failed"),
        (page.replace(b"</style>", b" </style>"), "not done"),  # as another build may write it
    ):
        crooked = with_report(verified, Bundle("here", {**honest.files, "report.html": forged}))
        (check,) = (each for each in crooked.checks if each.name == "report")
        assert check.state == state
        assert crooked.state == ("not verified" if state == "failed" else verified.state)


def test_an_unsigned_audit_is_whole_and_nobodys_word(plan_of: Callable[..., Path], tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert run(["audit", str(plan_of("same")), "--store", str(store), "-q", "--exit-zero"]) == 0
    (folder,) = (store / "audits").iterdir()
    found = verify_bundle(open_bundle(folder), Trust(keys=(new_key("ecdsa-p256", name="x").public,)))
    assert found.intact
    assert found.state == "not verified"


@pytest.mark.parametrize(
    "more", [[], pytest.param(["--findings"], marks=pytest.mark.slow), ["--json", "--findings"]]
)
def test_a_reader_that_leaves_early_changes_no_exit_code(
    plan_of: Callable[..., Path], tmp_path: Path, more: list[str]
) -> None:
    store = tmp_path / "store"
    assert run(["audit", str(plan_of("same")), "--store", str(store), "-q", "--exit-zero"]) == 0
    (folder,) = (store / "audits").iterdir()
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "modelassay", "show", folder.name, "--store", str(store), *more],
            stdout=write,
            stderr=subprocess.PIPE,
            check=False,
            timeout=120,
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")
