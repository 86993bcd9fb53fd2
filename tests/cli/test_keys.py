"""``keys``, ``verdict sign`` and the witness commands, as a user meets them."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from modelassay.canonical import canonical_json, digest_bytes
from modelassay.cli import run
from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.events import KeyAdded, KeyRevoked, VerdictSigned
from modelassay.evidence.keyring import Keyring
from modelassay.evidence.ledger import Ledger, read_events
from modelassay.evidence.notary import Notary
from modelassay.log.dsse import open_envelope, sign_envelope
from modelassay.log.keys import PemSigner, load_public, load_vkey, new_key, public_pem
from modelassay.log.reader import LogReader
from modelassay.log.signing import PublicKey
from modelassay.log.sigstore import check_same, sigstore_bundle
from modelassay.log.trust import trust_in
from modelassay.records import Actor

Command = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with keys of its own and a passphrase."""
    for variable in [name for name in os.environ if name.startswith("MODELASSAY")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("MODELASSAY_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("MODELASSAY_KEY_PASSPHRASE", "secret")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command with ``--json``; its exit code must be the one that is expected."""

    def call(*arguments: str | Path, code: int = 0) -> dict[str, Any]:
        assert run([*map(str, arguments), "--json"]) == code, capsys.readouterr()
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    return call


def logged(place: Path, kind: type[Any]) -> list[Any]:
    return [event.read(kind) for event in read_events(place / "assay/log", kind)]


def begin_log(place: Path, store: str = "assay") -> None:
    """A store with a log that nobody signed yet."""
    Ledger(place / store, Notary(actor=Actor(name="test"))).append(
        KeyRevoked(key="SHA256:" + "A" * 43, reason="first entry", since="2026-11-21T03:00:00Z")
    )


def test_new_keys_are_printed_to_hand_out(command: Command, place: Path) -> None:
    verdict, log = command("keys", "new", "acme-ci")["keys"]
    assert (verdict["use"], log["use"]) == ("verdict", "log")
    assert (verdict["holder"], verdict["holder_kind"]) == ("acme-ci", "pipeline")
    assert load_public(verdict["public_file"]).key_id == verdict["key"]
    assert str(load_vkey(log["public_file"])) == log["vkey"]
    assert Path(verdict["private_file"]).read_text().startswith("-----BEGIN ENCRYPTED")
    (jane,) = command("keys", "new", "jane", "--use", "verdict", "--person", "Jane Doe")["keys"]
    assert (jane["holder"], jane["holder_kind"]) == ("Jane Doe", "person")
    (w,) = command("keys", "new", "w1", "--use", "witness", "--origin", "w.example/1")["keys"]
    assert w["origin"] == "w.example/1"
    assert [key["name"] for key in command("keys", "list")["keys"]] == ["acme-ci", "acme-ci", "jane", "w1"]


def test_text_for_people_holds_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys", "list"]) == 0
    assert "no keys in" in capsys.readouterr().out
    assert run(["keys", "new", "acme"]) == 0
    made = capsys.readouterr().out
    assert "-----BEGIN PUBLIC KEY-----" in made
    assert "PRIVATE" not in made
    assert run(["keys", "list"]) == 0
    listed = capsys.readouterr().out
    assert [line.split()[:2] for line in listed.splitlines() if line.startswith("acme")] == [
        ["acme", "verdict"],
        ["acme", "log"],
    ]


def test_no_private_key_is_written_in_the_clear_without_the_flag(
    command: Command, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MODELASSAY_KEY_PASSPHRASE")
    assert "no passphrase" in command("keys", "new", "acme", code=2)["error"]["what"]
    assert not (place / "keys").exists()
    (place / "empty").write_text("\n")
    command("keys", "new", "acme", "--passphrase-file", "empty", code=2)
    command("keys", "new", "acme", "--passphrase-file", "empty", "--unencrypted", code=2)
    assert not (place / "keys").exists()
    (key, _) = command("keys", "new", "acme", "--unencrypted")["keys"]
    assert Path(key["private_file"]).read_text().startswith("-----BEGIN PRIVATE")
    assert Path(key["private_file"]).stat().st_mode & 0o777 == 0o600
    (place / "passphrase").write_text("typed once\n")
    (key, _) = command("keys", "new", "other", "--passphrase-file", "passphrase")["keys"]
    assert Path(key["private_file"]).read_text().startswith("-----BEGIN ENCRYPTED")


def test_a_name_that_is_taken_makes_no_key_at_all(command: Command, place: Path) -> None:
    command("keys", "new", "acme", "--use", "log")
    before = sorted(place.glob("keys/*"))
    command("keys", "new", "acme", code=2)
    assert sorted(place.glob("keys/*")) == before
    command("keys", "new", "b", "--origin", "x.example", "--use", "log", "--use", "witness", code=2)
    command("keys", "new", "b", "--origin", "x.example", "--use", "verdict", code=2)
    assert sorted(place.glob("keys/*")) == before


def test_what_becomes_of_keys_is_logged_and_signed(command: Command, place: Path) -> None:
    begin_log(place)
    made = command("keys", "new", "acme")
    assert made["logged"] is True
    verdict, log = made["keys"]
    assert [(body.key, body.use) for body in logged(place, KeyAdded)] == [
        (verdict["key"], "verdict"),
        (log["key"], "log"),
    ]
    reader = LogReader(place / "assay/log")
    assert reader.checkpoint is not None
    trust = trust_in([load_vkey(log["vkey"])], unwitnessed=True)
    assert trust.open_head(reader.checkpoint).head.size == reader.size == 3

    rotated = command("keys", "rotate", "acme")
    assert [key["name"] for key in rotated["keys"]] == ["acme-2", "acme-2"]
    assert rotated["keys"][1]["origin"] == log["origin"]
    assert [body.key for body in logged(place, KeyRevoked)][1:] == [verdict["key"], log["key"]]
    reader = LogReader(place / "assay/log")
    assert reader.checkpoint is not None
    with pytest.raises(EvidenceError):
        trust.open_head(reader.checkpoint)
    successor = trust_in([load_vkey(rotated["keys"][1]["vkey"])], unwitnessed=True)
    assert successor.open_head(reader.checkpoint).head.size == 7

    lost = rotated["keys"][0]["key"]
    since = "2026-11-20T00:00:00Z"
    assert command("keys", "revoke", lost, "--reason", "lost", "--from", since)["logged"] is True
    command("keys", "revoke", lost, "--reason", "lost", "--from", since)  # again: logged once
    revoked = [body for body in logged(place, KeyRevoked) if body.key == lost]
    assert [(body.reason, body.since) for body in revoked] == [("lost", since)]
    counts = {key["key"]: not key["ended"] for key in command("keys", "list")["keys"]}
    assert [key for key, so in counts.items() if so] == [rotated["keys"][1]["key"]]


def test_other_keys_leave_the_signature_of_a_log_to_the_key_that_signs_it(
    command: Command, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_log(place)
    log = command("keys", "new", "ci")["keys"][1]
    trust = trust_in([load_vkey(log["vkey"])], unwitnessed=True)
    assert command("keys", "new", "other")["logged"] is True
    reader = LogReader(place / "assay/log")
    assert reader.checkpoint is not None
    assert trust.open_head(reader.checkpoint).head.size == reader.size == 5
    other = Keyring(place / "keys").signer("log", "other")
    with pytest.raises(UsageError, match="another key signs this log"):
        Ledger(place / "assay", Notary(actor=Actor(name="ci"), log_signer=other)).sign()
    monkeypatch.setenv("MODELASSAY_KEYS", str(place / "elsewhere"))
    assert "not at hand" in command("keys", "new", "third", code=2)["error"]["what"]
    assert not (place / "elsewhere").exists()
    assert LogReader(place / "assay/log").checkpoint == reader.checkpoint


def test_a_key_that_was_rotated_for_one_store_signs_the_others_that_the_old_one_signed(
    command: Command, place: Path
) -> None:
    command("keys", "new", "ci")
    for store in ("a", "b", "c"):
        begin_log(place, store)
        command("log", "sign", "--store", store)
    command("keys", "rotate", "ci", "--store", "a")
    command("keys", "new", "jane", "--use", "verdict", "--store", "b")
    newest = load_vkey(str(place / "keys" / "ci-2.log.vkey"))
    reader = LogReader(place / "b/log")
    assert reader.checkpoint is not None
    assert trust_in([newest], unwitnessed=True).open_head(reader.checkpoint).head.size == reader.size
    command("keys", "new", "other", "--use", "log", "--store", "elsewhere")
    rotated = command("keys", "rotate", "other", "--store", "a")  # which it does not sign
    assert rotated["logged"] is True
    head = LogReader(place / "a/log").checkpoint
    assert head is not None
    trust_in([newest], unwitnessed=True).open_head(head)


def test_a_stolen_log_key_is_revoked_in_its_own_log(
    command: Command, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_log(place)
    log = command("keys", "new", "acme", "--use", "log")["keys"][0]
    monkeypatch.setenv("MODELASSAY_LOG_KEY", "acme")
    assert command("keys", "revoke", log["key"], "--reason", "stolen")["logged"] is True
    reader = LogReader(place / "assay/log")
    assert reader.checkpoint is not None
    trust = trust_in([load_vkey(log["vkey"])], unwitnessed=True)
    assert trust.open_head(reader.checkpoint).head.size == reader.size
    assert logged(place, KeyRevoked)[-1].key == log["key"]
    assert "ended" in command("keys", "new", "b", "--use", "verdict", code=2)["error"]["what"]
    assert not list(place.glob("keys/b.*"))
    monkeypatch.delenv("MODELASSAY_LOG_KEY")
    command("keys", "new", "c", "--use", "log")
    head = LogReader(place / "assay/log").checkpoint
    assert head is not None
    with pytest.raises(EvidenceError):
        trust.open_head(head)


def test_two_log_keys_stop_a_command_before_it_writes(command: Command, place: Path) -> None:
    command("keys", "new", "jane", "--use", "verdict")
    command("keys", "new", "one", "--use", "log")
    command("keys", "new", "two", "--use", "log")
    begin_log(place)
    before = {path: path.read_bytes() for path in place.glob("keys/*")}
    for arguments in (["new", "joe", "--use", "verdict"], ["rotate", "jane"]):
        assert "2 keys could sign as log" in command("keys", *arguments, code=2)["error"]["what"]
    assert {path: path.read_bytes() for path in place.glob("keys/*")} == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["keys", "revoke", "acme", "--reason", "x"],
        ["keys", "revoke", "SHA256:" + "A" * 43, "--reason", "x"],
        ["keys", "revoke", "SHA256:" + "A" * 43, "--reason", "x", "--from", "yesterday"],
        ["keys", "rotate", "nobody"],
        ["keys", "new", "../escape"],
        ["log", "witness", "--state", "state", "--log", "x+y", "--listen", "nowhere"],
    ],
)
def test_calls_that_cannot_be_meant_are_refused(arguments: list[str], command: Command) -> None:
    assert command(*arguments, code=2)["error"]["what"]


def test_the_commands_load_nothing_heavy() -> None:
    code = (
        "import sys\nfrom modelassay.cli import run\n"
        "assert run(['keys', 'list', '--json']) == 0\n"
        "heavy = [m for m in ('torch', 'numpy', 'aiohttp', 'jinja2', 'rich') if m in sys.modules]\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


ZERO = "sha256:" + "0" * 64


@pytest.fixture
def bundle(place: Path) -> tuple[Path, PemSigner]:
    """A bundle's folder with a verdict that a pipeline signed."""
    folder = place / "bundle"
    folder.mkdir()
    sums = b"0" * 64 + b"  audit.json\n"
    (folder / "SHA256SUMS").write_bytes(sums)
    facts = {
        "audit": "acme-0123456789",
        "outcome": "deploy",
        "literal": "deploy",
        "headline": "deploy: all is well",
        "issued": "2026-11-21",
        "expires": "2027-02-19",
        "composition": {
            "strength": "weights",
            "model": ZERO,
            "adapters": [],
            "tokenizer": "",
            "chat_template": "",
            "system_prompt": "",
            "quantisation": "",
            "generation_config": "",
        },
        "closed": {"seq": 1, "leaf": ZERO},
        "sums": digest_bytes(sums),
        "tree": {"size": 2, "root": ZERO},
    }
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "SHA256SUMS", "digest": {"sha256": "0" * 64}}],
        "predicateType": "https://slsa.dev/verification_summary/v1",
        "predicate": {
            "verifier": {"id": "urn:modelassay:gate:1", "version": {"modelassay": "1"}},
            "timeVerified": "2026-11-21T03:00:00Z",
            "resourceUri": "urn:acme:production",
            "policy": {"uri": "urn:acme:policy", "digest": {"sha256": "0" * 64}},
            "inputAttestations": [],
            "verificationResult": "PASSED",
            "verifiedLevels": ["MODELASSAY_GATE_PASSED"],
            "urn:modelassay:verdict:1": facts,
        },
    }
    pipeline = new_key("ecdsa-p256", name="pipeline")
    envelope = sign_envelope(canonical_json(statement), "application/vnd.in-toto+json", [pipeline])
    (folder / "verdict.dsse.json").write_bytes(envelope)
    (folder / "verdict.sigstore.json").write_bytes(sigstore_bundle(envelope))
    return folder, pipeline


def signers(folder: Path, keys: Sequence[PublicKey], threshold: int) -> list[str]:
    data = (folder / "verdict.dsse.json").read_bytes()
    return [key.key_id for key in open_envelope(data, keys, threshold).signed_by]


def test_a_person_signs_off_what_a_pipeline_signed(
    command: Command, place: Path, bundle: tuple[Path, PemSigner]
) -> None:
    folder, pipeline = bundle
    begin_log(place)
    (jane,) = command("keys", "new", "jane", "--use", "verdict", "--person", "Jane Doe")["keys"]
    answer = command("verdict", "sign", folder)
    assert (answer["holder"], answer["signatures"], answer["added"]) == ("Jane Doe", 2, True)
    both = [pipeline.public, load_public(jane["public_file"])]
    assert signers(folder, both, 2) == [pipeline.public.key_id, jane["key"]]
    check_same((folder / "verdict.sigstore.json").read_bytes(), (folder / "verdict.dsse.json").read_bytes())
    before = (folder / "verdict.dsse.json").read_bytes()
    again = command("verdict", "sign", folder)
    assert (again["signatures"], again["added"]) == (2, False)
    assert (folder / "verdict.dsse.json").read_bytes() == before
    (event,) = logged(place, VerdictSigned)
    assert (event.audit, event.key, event.holder) == ("acme-0123456789", jane["key"], "Jane Doe")
    assert event.payload == digest_bytes(open_envelope(before, both).payload)


def test_a_key_behind_a_program_signs_off(
    command: Command, place: Path, bundle: tuple[Path, PemSigner]
) -> None:
    folder, pipeline = bundle
    device = new_key("ecdsa-p256", name="device")
    (place / "device.pem").write_bytes(device.pem(None))
    (place / "device.pub.pem").write_bytes(public_pem(device.public))
    program = f"openssl dgst -sha256 -sign {shlex.quote(str(place / 'device.pem'))} | openssl base64 -A"
    reference = f"command:{place}/device.pub.pem:sh -c {shlex.quote(program)}"
    assert command("verdict", "sign", folder, "--key", reference, "--person", "Joe")["holder"] == "Joe"
    assert len(signers(folder, [pipeline.public, device.public], 2)) == 2
    before = (folder / "verdict.dsse.json").read_bytes()
    liar = f"command:{place}/device.pub.pem:echo AAAA"
    (place / "device.pub.pem").write_bytes(public_pem(new_key("ecdsa-p256", name="x").public))
    assert "not of SHA256" in command("verdict", "sign", folder, "--key", liar, code=13)["error"]["what"]
    assert (folder / "verdict.dsse.json").read_bytes() == before


def test_nobody_signs_what_is_not_about_this_bundle(
    command: Command, place: Path, bundle: tuple[Path, PemSigner]
) -> None:
    folder, _ = bundle
    command("verdict", "sign", folder, code=2)  # no key
    command("keys", "new", "jane", "--use", "verdict")
    envelope = (folder / "verdict.dsse.json").read_bytes()
    (folder / "SHA256SUMS").write_bytes(b"1" * 64 + b"  audit.json\n")
    assert "not about the bundle" in command("verdict", "sign", folder, code=13)["error"]["what"]
    (folder / "verdict.dsse.json").write_bytes(envelope[:-10])
    command("verdict", "sign", folder, code=13)
    (folder / "verdict.dsse.json").unlink()
    assert "no signed verdict" in command("verdict", "sign", folder, code=2)["error"]["what"]


def test_a_witness_is_reached_by_files(command: Command, place: Path) -> None:
    begin_log(place)
    log = command("keys", "new", "acme")["keys"][1]["vkey"]
    witness = command("keys", "new", "w", "--use", "witness")["keys"][0]["vkey"]
    trust = trust_in([load_vkey(log)], [load_vkey(witness)])
    folder = place / "assay/log"

    def ask(old: int, *, code: int = 0) -> dict[str, Any]:
        command("log", "request", "--old", str(old), "-o", "request")
        return command(
            "log", "cosign", "request", "--state", "state", "--log", log, "-o", "answer", code=code
        )

    ask(0)
    assert command("log", "attach", "answer", "--witness", witness)["signatures"] == 2
    assert list(trust.open_head((folder / "checkpoint").read_bytes()).witnesses) == ["witness-1"]
    size = LogReader(folder).size
    command("keys", "new", "more", "--use", "verdict")
    with pytest.raises(EvidenceError, match="too few witnesses"):
        trust.open_head((folder / "checkpoint").read_bytes())
    command("log", "attach", "answer", "--witness", witness, code=13)  # of the tree head before
    refused = ask(0, code=13)["error"]
    assert refused["mend"].endswith(f"`modelassay log request --old {size}`")
    ask(size)
    command("log", "attach", "answer", "--witness", witness)
    trust.open_head((folder / "checkpoint").read_bytes())


def test_a_witness_serves_until_it_is_interrupted(command: Command, place: Path) -> None:
    from modelassay.log.witness_client import over_http

    begin_log(place)
    log = command("keys", "new", "acme")["keys"][1]["vkey"]
    vkey = command("keys", "new", "w", "--use", "witness")["keys"][0]["vkey"]
    arguments = ["log", "witness", "--state", "state", "--log", log, "--listen", "127.0.0.1:0", "--json"]
    code = "from modelassay.cli import main; main()"
    with subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            told = json.loads(process.stdout.readline())
            assert told["vkey"] == vkey
            reader = LogReader(place / "assay/log")
            assert reader.checkpoint is not None
            (line,) = over_http(told["url"], load_vkey(vkey)).cosign(reader.checkpoint, reader)
            assert str(line).startswith("— w/witness-")
            # What is logged by hand is cosigned at once, so that nobody has to take an old head for new.
            lost = command("keys", "new", "lost", "--use", "verdict")["keys"][0]["key"]
            at = f"{told['url']}={vkey}"
            command("keys", "revoke", lost, "--reason", "stolen", "--witness", at)
            head = trust_in([load_vkey(log)], [load_vkey(vkey)]).open_head(
                (place / "assay/log/checkpoint").read_bytes()
            )
            assert (list(head.witnesses), head.head.size) == (
                ["witness-1"],
                LogReader(place / "assay/log").size,
            )
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
        finally:
            process.kill()
