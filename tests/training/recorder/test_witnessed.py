"""While a run goes on a witness sees its log: nobody can write the beginning anew once it has begun."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from modelassay import Recorder
from modelassay.assessment import recording
from modelassay.assessment.recording import LedgerLog, own_notary
from modelassay.canonical import digest_bytes
from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.keyring import Keyring
from modelassay.evidence.notary import Notary
from modelassay.log.cosignature import cosign
from modelassay.log.keys import PemSigner, new_key
from modelassay.log.note import COSIGNATURE, SignatureLine, parse_note, vkey_of
from modelassay.log.reader import LogReader
from modelassay.log.trust import trust_in
from modelassay.log.witness import Witness
from modelassay.log.witness_server import WitnessServer
from modelassay.records import Actor, RunEvent

WITNESS = new_key("ed25519", name="w.example/1")
VKEY = vkey_of(WITNESS.public, key_type=COSIGNATURE)


class Counting:
    """A witness that counts how often it is asked."""

    name = "w.example/1"

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def cosign(self, checkpoint: bytes, log: LogReader) -> Sequence[SignatureLine]:
        self.sizes.append(log.size)
        return (cosign(parse_note(checkpoint).text, WITNESS, int(time.time())),)


@pytest.fixture
def developer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PemSigner:
    """Keys of whoever trains, where the environment says."""
    monkeypatch.setenv("MODELASSAY_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("MODELASSAY_KEY_PASSPHRASE", "words")
    monkeypatch.delenv("MODELASSAY_LOG_KEY", raising=False)
    Keyring(tmp_path / "keys").make(
        "dev",
        "log",
        passphrase=b"words",
        holder="dev",
        holder_kind="pipeline",
        created="2026-05-01T00:00:00Z",
    )
    signer = Keyring().signer("log")
    assert isinstance(signer, PemSigner)
    return signer


@pytest.fixture
def server(developer: PemSigner, tmp_path: Path) -> Iterator[WitnessServer]:
    witness = Witness(WITNESS, [vkey_of(developer.public)], tmp_path / "seen")
    with WitnessServer(("127.0.0.1", 0), witness) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.02,))
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


def test_a_witness_is_asked_at_the_beginning_and_then_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeing = Counting()
    signer = new_key("ed25519", name="dev.example/log")
    notary = Notary(actor=Actor(name="dev"), log_signer=signer, witnesses=(seeing,))
    log, manifest = LedgerLog(tmp_path, "r", notary), digest_bytes(b"{}")

    def happened(minute: int) -> None:
        event = RunEvent(time=f"2026-05-01T10:{minute:02d}:00Z", kind="note", step=1)
        log.append(manifest, [event], [])

    happened(0)
    happened(1)
    assert seeing.sizes == [2]  # opened, and the first event
    monkeypatch.setattr(recording, "WITNESSED_EVERY_S", 0.0)
    happened(2)
    assert seeing.sizes == [2, 4]


@pytest.mark.usefixtures("developer")
def test_the_environment_names_witnesses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELASSAY_WITNESS", f"http://one.example={VKEY} http://two.example:9={VKEY}")
    assert [each.name for each in own_notary().witnesses] == ["w.example/1"] * 2
    monkeypatch.setenv("MODELASSAY_WITNESS", "http://one.example")
    with pytest.raises(UsageError, match="does not say the witness's key"):
        own_notary()
    monkeypatch.setenv("MODELASSAY_WITNESS", f"http://one.example={vkey_of(WITNESS.public)}")
    with pytest.raises(EvidenceError):
        own_notary()
    monkeypatch.delenv("MODELASSAY_WITNESS")
    assert own_notary().witnesses == ()


@pytest.mark.slow
def test_the_log_of_a_run_is_cosigned_before_the_run_ends(
    developer: PemSigner, server: WitnessServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELASSAY_WITNESS", f"http://127.0.0.1:{server.server_address[1]}={VKEY}")
    trust = trust_in([vkey_of(developer.public)], [VKEY])
    checkpoint = tmp_path / "store" / "log" / "checkpoint"
    with Recorder(tmp_path / "store", run="seen") as run:
        run.rollout(prompt="2+2=", completion="4", rewards={"correct": 1.0})
        run.step(1)
        until = time.monotonic() + 60
        early = None
        while early is None and time.monotonic() < until:
            time.sleep(0.2)
            if checkpoint.is_file() and b"w.example/1" in (data := checkpoint.read_bytes()):
                early = trust.open_head(data)
    assert early is not None
    assert len(early.witnesses) == 1
    late = trust.open_head(checkpoint.read_bytes())
    assert 0 < early.head.size < late.head.size
