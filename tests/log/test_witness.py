"""A witness cosigns one history of a log, whatever happens to it."""

from __future__ import annotations

import base64
import http.client
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelassay.errors import EvidenceError, StoreError, UsageError
from modelassay.log.cosignature import CosignatureVerifier, cosign, cosigned_at
from modelassay.log.keys import PemSigner, new_key
from modelassay.log.merkle import Tree, leaf_hash
from modelassay.log.note import COSIGNATURE, TreeHead, Vkey, open_note, sign_note, vkey_of
from modelassay.log.reader import LogReader
from modelassay.log.witness import (
    CosigningRefusedError,
    Request,
    Witness,
    read_request,
    write_request,
)
from modelassay.log.witness_client import in_process, over_http
from modelassay.log.witness_server import WitnessServer

ORIGIN = "acme.example/log"
NOW = 1_795_000_000


class Log:
    """A log in memory that can show any history."""

    def __init__(self, key: PemSigner, entries: int, *, changed: int = -1) -> None:
        self.key = key
        self.tree = Tree(leaf_hash(b"changed" if i == changed else b"%d" % i) for i in range(entries))

    def head(self, size: int) -> TreeHead:
        return TreeHead(ORIGIN, size, self.tree.root(size))

    def checkpoint(self, size: int) -> bytes:
        return sign_note(self.head(size).text, [self.key])

    def request(self, old: int, size: int) -> bytes:
        proof = self.tree.consistency_proof(old, size) if 0 < old < size else []
        return write_request(Request(old_size=old, proof=tuple(proof), checkpoint=self.checkpoint(size)))


@pytest.fixture(scope="module")
def witness_key() -> PemSigner:
    return new_key("ed25519", name="w.example/1")


@pytest.fixture(scope="module")
def witness_vkey(witness_key: PemSigner) -> Vkey:
    return vkey_of(witness_key.public, key_type=COSIGNATURE)


@pytest.fixture(scope="module")
def log(log_key: PemSigner) -> Log:
    return Log(log_key, 40)


@pytest.fixture
def witness(witness_key: PemSigner, log_key: PemSigner, tmp_path: Path) -> Witness:
    return Witness(witness_key, [vkey_of(log_key.public)], tmp_path / "state", clock=lambda: NOW)


def refusal(witness: Witness, request: bytes) -> CosigningRefusedError:
    with pytest.raises(CosigningRefusedError) as refused:
        witness.add_checkpoint(request)
    return refused.value


def test_cosignatures_are_those_of_the_specification(log: Log, witness_key: PemSigner) -> None:
    """c2sp.org/tlog-cosignature: the message, the key id, and the time before the signature."""
    text = log.head(7).text
    line = cosign(text, witness_key, NOW)
    raw = base64.b64decode(str(line).split(" ")[2])
    assert raw[:4] == line.key_id
    assert int.from_bytes(raw[4:12], "big") == NOW == cosigned_at(line.signature)
    message = f"cosignature/v1\ntime {NOW}\n".encode() + text
    assert witness_key.public.verifies(message, raw[12:])
    assert str(line).startswith("— w.example/1 ")


def test_every_changed_byte_of_a_cosigned_tree_head_is_refused(
    log: Log, witness: Witness, witness_vkey: Vkey, verifiers: list[CosignatureVerifier]
) -> None:
    note = log.checkpoint(9) + witness.add_checkpoint(log.request(0, 9))
    both = [*verifiers, CosignatureVerifier(witness_vkey)]
    assert len(open_note(note, both).verified) == 2
    for at in range(len(note)):
        for mask in (0x01, 0x20, 0x80):
            changed = note[:at] + bytes([note[at] ^ mask]) + note[at + 1 :]
            try:
                signed = len(open_note(changed, both).verified)
            except EvidenceError:
                continue
            assert signed < 2, f"byte {at} was changed, and both signatures hold"


def test_a_log_that_grows_is_cosigned(log: Log, witness: Witness, witness_vkey: Vkey) -> None:
    known = 0
    for size in (0, 1, 2, 3, 17, 17, 32, 40):
        lines = witness.add_checkpoint(log.request(known, size))
        opened = open_note(log.head(size).text + b"\n" + lines, [CosignatureVerifier(witness_vkey)])
        assert opened.text == log.head(size).text
        assert witness.latest(ORIGIN) == log.head(size)
        known = size


def test_rollback_is_refused(log: Log, witness: Witness) -> None:
    witness.add_checkpoint(log.request(0, 20))
    for old in (0, 10):
        refused = refusal(witness, log.request(old, 10))
        assert (refused.status, refused.known) == (409, 20)
    assert refusal(witness, log.request(0, 30)).known == 20
    old_size_of_the_future = write_request(Request(old_size=20, proof=(), checkpoint=log.checkpoint(10)))
    assert refusal(witness, old_size_of_the_future).status == 400
    assert witness.latest(ORIGIN).size == 20


@pytest.mark.parametrize("changed", [0, 5, 19])
def test_forks_are_refused(changed: int, log: Log, log_key: PemSigner, witness: Witness) -> None:
    fork = Log(log_key, 40, changed=changed)
    witness.add_checkpoint(log.request(0, 20))
    same_size = refusal(witness, fork.request(20, 20))
    assert (same_size.status, same_size.known) == (409, 20)
    assert "two histories" in same_size.what
    assert refusal(witness, fork.request(20, 30)).status == 422
    honest_proof = write_request(
        Request(old_size=20, proof=tuple(log.tree.consistency_proof(20, 30)), checkpoint=fork.checkpoint(30))
    )
    assert refusal(witness, honest_proof).status == 422
    assert witness.latest(ORIGIN) == log.head(20)


def test_a_tree_head_of_nothing_has_one_root(log_key: PemSigner, witness: Witness) -> None:
    text = TreeHead(ORIGIN, 0, b"\x01" * 32).text
    request = write_request(Request(old_size=0, proof=(), checkpoint=sign_note(text, [log_key])))
    assert refusal(witness, request).status == 409


def test_unknown_logs_and_wrong_keys_are_refused(
    log: Log, witness: Witness, witness_key: PemSigner, tmp_path: Path
) -> None:
    other = new_key("ed25519", name="other.example/log")
    text = TreeHead("other.example/log", 1, leaf_hash(b"")).text
    unknown = write_request(Request(old_size=0, proof=(), checkpoint=sign_note(text, [other])))
    assert refusal(witness, unknown).status == 404
    forged = Log(new_key("ed25519", name=ORIGIN), 20)
    assert refusal(witness, forged.request(0, 20)).status == 403
    assert refusal(witness, log.request(0, 20).replace(b"\n20\n", b"\n21\n")).status == 403
    assert witness.latest(ORIGIN).size == 0
    with pytest.raises(EvidenceError, match="does not sign tree heads"):
        Witness(witness_key, [vkey_of(other.public, key_type=COSIGNATURE)], tmp_path)
    with pytest.raises(UsageError, match="at least one log"):
        Witness(witness_key, [], tmp_path)


@pytest.mark.parametrize(
    "changed",
    [
        lambda data: b"",
        lambda data: data.replace(b"old 5", b"old 05"),
        lambda data: data.replace(b"old 5", b"old -5"),
        lambda data: data.replace(b"old 5", b"old 5 "),
        lambda data: data.replace(b"old 5", b"old 99999999999999999999"),
        lambda data: data.replace(b"old 5\n", b"old 5\r\n"),
        lambda data: data.replace(b"old 5\n", b"old 5\nAAAA\n"),
        lambda data: data.replace(b"old 5\n", b"old 5\n" + b"!" * 44 + b"\n"),
        lambda data: data.replace(b"old 5\n", b"old 5\n" + (b"A" * 43 + b"=\n") * 60),
        lambda data: data.replace(b"\n\n", b"\n", 1),
        lambda data: data.rpartition(b"\n\n")[0],
        lambda data: data + b"x" * 2**21,
        lambda data: data.replace(ORIGIN.encode(), b"\xff\xfe"),
    ],
)
def test_malformed_requests_are_refused(
    changed: Callable[[bytes], bytes], log: Log, witness: Witness
) -> None:
    witness.add_checkpoint(log.request(0, 5))
    data = changed(log.request(5, 37))
    assert data != log.request(5, 37)
    assert refusal(witness, data).status == 400
    assert witness.latest(ORIGIN).size == 5


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        request = read_request(data)
    except CosigningRefusedError as refused:
        assert refused.status == 400  # noqa: PT017
        return
    assert write_request(request) == data


def test_requests_survive_writing_and_reading(log: Log) -> None:
    data = log.request(13, 37)
    assert read_request(data).old_size == 13
    assert write_request(read_request(data)) == data


def test_a_damaged_memory_cosigns_nothing(log: Log, witness: Witness, tmp_path: Path) -> None:
    witness.add_checkpoint(log.request(0, 20))
    (state,) = (tmp_path / "state").glob("*.head")
    whole = state.read_bytes()
    for damaged in (b"", whole[:-5], whole.replace(ORIGIN.encode(), b"another.example/log")):
        state.write_bytes(damaged)
        with pytest.raises(StoreError):
            witness.add_checkpoint(log.request(0, 20))
    state.write_bytes(whole)
    witness.add_checkpoint(log.request(20, 21))


def test_what_cannot_be_remembered_is_not_cosigned(
    log: Log, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    witness.add_checkpoint(log.request(0, 20))
    monkeypatch.setattr("modelassay.log.witness.write_atomic", full)
    with pytest.raises(StoreError, match="cannot remember"):
        witness.add_checkpoint(log.request(20, 21))
    assert witness.latest(ORIGIN).size == 20


def test_of_two_histories_asked_at_once_one_is_cosigned(
    log: Log, log_key: PemSigner, witness: Witness
) -> None:
    """Eight forks, many threads: exactly one of them gets a signature for each size."""
    witness.add_checkpoint(log.request(0, 20))
    forks = [Log(log_key, 40, changed=20 + i) for i in range(8)]
    start = threading.Barrier(len(forks))

    def ask(fork: Log) -> bool:
        start.wait()
        try:
            witness.add_checkpoint(fork.request(20, 40))
        except CosigningRefusedError as refused:
            assert refused.status == 409  # noqa: PT017
            return False
        return True

    with ThreadPoolExecutor(len(forks)) as pool:
        assert sum(pool.map(ask, forks)) == 1
    assert witness.latest(ORIGIN).root in {fork.tree.root(40) for fork in forks}


WITNESS_THAT_DIES = """
import os, signal, sys
from pathlib import Path
from modelassay.log import witness
from modelassay.log.keys import load_signer
from modelassay.log.note import Vkey

if sys.argv[1] == "after persisting":
    def cosign(*arguments):
        os.kill(os.getpid(), signal.SIGKILL)
    witness.cosign = cosign
else:
    def write_atomic(path, data):
        path.with_name(path.name + ".draft").write_bytes(data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    witness.write_atomic = write_atomic
one = witness.Witness(load_signer("w.pem", name="w.example/1"), [Vkey.parse(sys.argv[2])], Path("state"))
one.add_checkpoint(Path("request").read_bytes())
"""


@pytest.mark.parametrize("instant", ["before persisting", "after persisting"])
def test_killed_at_its_worst_instant_it_still_refuses_forks(
    instant: str, log: Log, log_key: PemSigner, witness_key: PemSigner, witness: Witness, tmp_path: Path
) -> None:
    witness.add_checkpoint(log.request(0, 20))
    (tmp_path / "w.pem").write_bytes(witness_key.pem(None))
    (tmp_path / "request").write_bytes(log.request(20, 30))
    command = [sys.executable, "-c", WITNESS_THAT_DIES, instant, str(vkey_of(log_key.public))]
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == -signal.SIGKILL
    fork = Log(log_key, 40, changed=25)
    if instant == "after persisting":
        assert refusal(witness, fork.request(20, 30)).status == 409
        assert refusal(witness, fork.request(30, 30)).status == 409
        witness.add_checkpoint(log.request(30, 30))  # the log asks again and gets its answer
    else:
        witness.add_checkpoint(fork.request(20, 30))  # nothing was cosigned beyond 20 yet


@pytest.fixture
def server(witness: Witness) -> Iterator[WitnessServer]:
    with WitnessServer(("127.0.0.1", 0), witness) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.02,))
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


def post(server: WitnessServer, body: bytes, path: str = "/add-checkpoint") -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=20)
    try:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read()
    finally:
        connection.close()


def test_over_http_every_refusal_has_its_number(
    log: Log, log_key: PemSigner, server: WitnessServer, witness_vkey: Vkey
) -> None:
    status, _, body = post(server, log.request(0, 20))
    assert status == 200
    open_note(log.head(20).text + b"\n" + body, [CosignatureVerifier(witness_vkey)])
    assert post(server, log.request(0, 30)) == (409, "text/x.tlog.size", b"20\n")
    assert post(server, Log(log_key, 40, changed=3).request(20, 30))[0] == 422
    assert post(server, Log(new_key("ed25519", name=ORIGIN), 30).request(0, 30))[0] == 403
    assert post(server, log.request(20, 30).replace(ORIGIN.encode(), b"b.example"))[0] == 404
    assert post(server, b"nonsense")[0] == 400
    assert post(server, log.request(20, 30), "/other")[0] == 404
    assert post(server, b"x" * 2**21)[0] == 413
    assert post(server, log.request(20, 30))[0] == 200


def test_a_log_is_cosigned_over_http_and_catches_up(
    server: WitnessServer, witness_vkey: Vkey, log_of: Callable[..., Path]
) -> None:
    url = f"http://127.0.0.1:{server.server_address[1]}"
    folder = log_of(300)
    first = LogReader(folder)
    assert first.checkpoint is not None
    client = over_http(url, witness_vkey)
    client.cosign(first.checkpoint, first)
    log_of(300, 700)
    later = LogReader(folder)
    assert later.checkpoint is not None
    for asking in (over_http(url, witness_vkey), client):  # one that knows nothing, one that remembers
        (line,) = asking.cosign(later.checkpoint, later)
        assert line.name == asking.name == witness_vkey.name
    with pytest.raises(EvidenceError, match="it saw 700 entries before"):
        over_http(url, witness_vkey).cosign(first.checkpoint, first)


class Misbehaving(BaseHTTPRequestHandler):
    """Answers every request with what its class says."""

    status, body = 500, b""

    def do_POST(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.mark.parametrize(
    ("status", "body", "error", "told"),
    [
        (500, b"", StoreError, "status 500"),
        (302, b"", StoreError, "status 302"),
        (200, b"", EvidenceError, "signed note"),
        (200, b"hello\n", EvidenceError, "not a signature line"),
        (200, "— w.example/1 AAAAAAAAAAAA\n".encode(), EvidenceError, "no signature by a key"),
        (200, b"x" * 100_000, EvidenceError, "too large"),
        (403, b"go away", EvidenceError, "go away"),
        (409, b"-1\n", EvidenceError, "refuses"),
        (409, b"2\n", EvidenceError, "it saw 2 entries before"),
        (409, b"99999999\n", EvidenceError, "it saw 99999999 entries before"),
    ],
)
def test_witnesses_that_misbehave_are_not_believed(
    status: int,
    body: bytes,
    error: type[Exception],
    told: str,
    witness_vkey: Vkey,
    log_of: Callable[..., Path],
) -> None:
    reader = LogReader(log_of(3))
    assert reader.checkpoint is not None
    handler = type("Handler", (Misbehaving,), {"status": status, "body": body})
    with HTTPServer(("127.0.0.1", 0), handler) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.02,))
        thread.start()
        try:
            with pytest.raises(error, match=told):
                over_http(f"http://127.0.0.1:{serving.server_address[1]}", witness_vkey).cosign(
                    reader.checkpoint, reader
                )
        finally:
            serving.shutdown()
            thread.join()


def test_a_witness_out_of_reach_is_not_one_that_refuses(
    witness_vkey: Vkey, log_of: Callable[..., Path]
) -> None:
    reader = LogReader(log_of(3))
    assert reader.checkpoint is not None
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, and nobody listens
        with pytest.raises(StoreError, match="cannot be reached"):
            over_http(f"http://127.0.0.1:{closed.getsockname()[1]}", witness_vkey).cosign(
                reader.checkpoint, reader
            )
    for url in ("ftp://w.example", "w.example", "http://"):
        with pytest.raises(UsageError, match="not the URL"):
            over_http(url, witness_vkey)


def test_in_this_process_a_witness_is_asked_the_same_way(
    witness: Witness, witness_vkey: Vkey, log_of: Callable[..., Path]
) -> None:
    client = in_process(witness, witness_vkey)
    for size in (5, 600):
        reader = LogReader(log_of(size))
        assert reader.checkpoint is not None
        assert len(client.cosign(reader.checkpoint, reader)) == 1
    assert witness.latest(ORIGIN).size == 600
