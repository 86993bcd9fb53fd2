"""``modelassay log`` as a user meets it: exit codes, texts, JSON, files that others can check."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelassay.cli import run
from modelassay.log.cosignature import CosignatureVerifier
from modelassay.log.keys import PemSigner, new_key, public_pem, write_new
from modelassay.log.note import COSIGNATURE, vkey_of
from modelassay.log.proof import read_proof
from modelassay.log.writer import LogWriter


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a command; its exit code and what it printed, parsed under ``--json``."""
    for name in (
        "MODELASSAY_STORE",
        "MODELASSAY_LOG",
        "MODELASSAY_LOG_KEY",
        "MODELASSAY_KEYS",
        "MODELASSAY_KEY_PASSPHRASE",
    ):
        monkeypatch.delenv(name, raising=False)

    def go(*arguments: object) -> tuple[int, Any]:
        code = run(["log", *map(str, arguments)])
        printed = capsys.readouterr()
        return code, json.loads(printed.out) if "--json" in arguments else printed.out + printed.err

    return go


def test_head_tells_what_the_log_says_of_itself(
    log_of: Callable[..., Path], call: Callable[..., Any]
) -> None:
    folder = log_of(5)
    code, said = call("head", "--log", folder, "--json")
    assert code == 0
    assert (said["origin"], said["size"], said["signed_size"]) == ("acme.example/log", 5, 5)
    assert said["signatures"] == ["acme.example/log"]
    log_of(7, signer=None)
    code, text = call("head", "--log", folder)
    assert "not the last 2" in text
    assert "modelassay log sign" in text


def test_verify_says_what_it_did_not_check(
    log_of: Callable[..., Path], log_key: PemSigner, call: Callable[..., Any], tmp_path: Path
) -> None:
    folder = log_of(300)
    assert "signature not checked" in call("verify", "--log", folder)[1]
    code, text = call("verify", "--log", folder, "--key", vkey_of(log_key.public))
    assert code == 0
    assert "300 entries" in text
    assert "signature verified" in text
    assert "witness" in text  # what is lost without one
    pem = tmp_path / "log.pub.pem"
    pem.write_bytes(public_pem(log_key.public))
    assert call("verify", "--log", folder, "--key", pem, "--json")[1]["signature"] == "verified"
    other = new_key("ed25519", name="acme.example/log")
    assert call("verify", "--log", folder, "--key", vkey_of(other.public))[0] == 13
    assert call("verify", "--log", folder, "--witness", "x")[0] == 2
    assert "tree head not signed" in call("verify", "--log", log_of(3, folder=tmp_path / "b", signer=None))[1]


def test_verify_asks_for_a_witness_that_is_named(
    log_of: Callable[..., Path], log_key: PemSigner, call: Callable[..., Any]
) -> None:
    from modelassay.log.cosignature import cosign
    from modelassay.log.reader import LogReader

    folder = log_of(5)
    witness = new_key("ed25519", name="witness.example")
    key = vkey_of(witness.public, key_type=COSIGNATURE)
    asked = ("verify", "--log", folder, "--key", vkey_of(log_key.public), "--witness", key)
    code, text = call(*asked)
    assert code == 13
    assert "too few witnesses" in text
    line = cosign(LogReader(folder).head().text, witness, time=1_700_000_000)
    assert CosignatureVerifier(key).verifies(LogReader(folder).head().text, line.signature)
    with LogWriter(folder) as log:
        log.add_signatures([line])
    code, said = call(*asked, "--json")
    assert (code, said["witnesses"], said["lost"]) == (0, ["witness-1"], "")


def test_verify_names_what_was_changed(log_of: Callable[..., Path], call: Callable[..., Any]) -> None:
    folder = log_of(300)
    path = folder / "tile/entries/000"
    path.write_bytes(path.read_bytes().replace(b"entry 9.", b"entry 8."))
    code, said = call("verify", "--log", folder, "--json")
    assert (code, said["exit_code"], said["error"]["where"]) == (13, 13, "tile/entries/000")
    assert "entry 9 was changed" in said["error"]["what"]


def test_a_kept_head_shows_rollback_and_growth(
    log_of: Callable[..., Path], log_key: PemSigner, call: Callable[..., Any], tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    folder = log_of(5)
    kept.write_bytes((folder / "checkpoint").read_bytes())
    log_of(700)
    key = vkey_of(log_key.public)
    assert call("consistency", kept, "--log", folder)[0] == 0
    code, said = call("consistency", kept, "--log", folder, "--key", key, "--json")
    assert (code, said["old_size"], said["size"]) == (0, 5, 700)
    assert len(said["proof"]) > 3
    assert "continues" in call("verify", "--log", folder, "--head", kept)[1]
    shorter = log_of(3, folder=tmp_path / "shorter")
    code, text = call("consistency", kept, "--log", shorter)
    assert code == 13
    assert "rollback" in text
    code, text = call("verify", "--log", shorter, "--head", kept)
    assert code == 13
    assert "rollback" in text
    assert (
        call("consistency", kept, "--log", folder, "--key", vkey_of(new_key("ed25519", name="x").public))[0]
        == 13
    )


def test_prove_writes_what_verifies_offline(
    log_of: Callable[..., Path], verifiers: list, call: Callable[..., Any], tmp_path: Path
) -> None:
    folder = log_of(300)
    proof, entry = tmp_path / "7.tlog-proof", tmp_path / "8.json"
    assert call("prove", 8, "--log", folder, "-o", proof, "--entry", entry)[0] == 0
    read_proof(proof.read_bytes()).verify(entry.read_bytes(), verifiers)
    assert call("prove", 300, "--log", folder, "-o", proof)[0] == 13
    code, text = call("prove", 0, "--log", log_of(3, folder=tmp_path / "b", signer=None), "-o", proof)
    assert code == 13
    assert "tree head not signed" in text


def test_sign_covers_what_was_written_without_a_key(
    log_of: Callable[..., Path], call: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELASSAY_LOG_ORIGIN", "site.example/log")
    folder = log_of(6, signer=None)
    signer = new_key("ed25519", name="unused")
    key = tmp_path / "site.log.pem"
    write_new(key, signer.pem(None), mode=0o600)
    code, said = call("sign", "--log", folder, "--log-key", key, "--json")
    assert (code, said["origin"], said["size"]) == (0, "site.example/log", 6)
    vkey = vkey_of(signer.public, name="site.example/log")
    assert call("verify", "--log", folder, "--key", vkey, "--json")[1]["signature"] == "verified"
    before = (folder / "checkpoint").read_bytes()
    assert call("sign", "--log", folder, "--log-key", key)[0] == 0
    assert (folder / "checkpoint").read_bytes() == before


def test_sign_without_a_key_says_how_to_make_one(
    log_of: Callable[..., Path], call: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELASSAY_KEYS", str(tmp_path / "none"))
    code, text = call("sign", "--log", log_of(2, signer=None))
    assert code == 2
    assert "modelassay keys new" in text


def test_show_prints_events_by_kind_and_place(call: Callable[..., Any], tmp_path: Path) -> None:
    from modelassay.canonical import canonical_json
    from modelassay.records import Actor, Event

    kinds = ["heartbeat", "monitor.alert", "heartbeat"]
    with LogWriter(tmp_path / "log") as log:
        log.append(
            canonical_json(
                Event(
                    seq=seq,
                    time="2026-11-21T03:00:00Z",
                    kind=kind,  # type: ignore[arg-type]
                    actor=Actor(name="ci\x1b[31m"),
                    body={"audit": "a-1"} if kind == "monitor.alert" else {},
                )
            )
            for seq, kind in enumerate(kinds)
        )
        log.publish()
    store = ("--store", tmp_path)
    assert [event["seq"] for event in call("show", *store, "--json")[1]["events"]] == [0, 1, 2]
    code, text = call("show", *store, "--kind", "monitor.alert")
    assert code == 0
    assert "a-1" in text
    assert text.count("\n") == 1
    assert "\x1b" not in text
    assert [e["seq"] for e in call("show", *store, "--since", 1, "--last", 1, "--json")[1]["events"]] == [2]
    assert call("show", *store, "--kind", "heartbeet")[0] == 2


@pytest.mark.parametrize("name", ["head", "verify", "show"])
def test_no_log_is_said(name: str, call: Callable[..., Any], tmp_path: Path) -> None:
    code, text = call(name, "--store", tmp_path)
    assert code == 13
    assert "no log here" in text
