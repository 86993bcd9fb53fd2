"""The webhook as the API server meets it: HTTPS under our own authority, deadlines, malformed calls."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from modelassay.cli.webhook_command import judge_of
from modelassay.evidence.admission import Admission
from modelassay.evidence.events import VerdictWithdrawn
from modelassay.evidence.pods import PodUse
from modelassay.evidence.webhook import Reviewer, open_server, tls_context

World = Any
CLAIM = "pvc:prod/models"


def certify(folder: Path) -> None:
    """An authority of our own, and a certificate for localhost by it."""
    folder.mkdir()
    now = datetime.now(UTC)

    def made(name: str, subject: str, issuer: str, key: Any, signer: Any, *extensions: Any) -> None:
        named = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in (subject, issuer)]
        builder = x509.CertificateBuilder(named[1], named[0], key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        pem = builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        (folder / f"{name}.pem").write_bytes(pem)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / f"{name}.key.pem").write_bytes(private)

    authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip
    key_id = x509.SubjectKeyIdentifier.from_public_key(authority.public_key())
    basic = x509.BasicConstraints(ca=True, path_length=None)
    made(
        "ca",
        "test authority",
        "test authority",
        authority,
        authority,
        (basic, True),
        (usage, True),
        (key_id, False),
    )
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    by = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_id)
    made("server", "localhost", "test authority", server, authority, (names, False), (by, False))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls") / "pki"
    certify(folder)
    return folder


Call = Callable[..., tuple[int, bytes]]


@contextmanager
def serving(reviewer: Reviewer, certificates: Path, *, mutual: bool = False) -> Iterator[Call]:
    """A running webhook; gives what calls it."""
    context = tls_context(
        certificates / "server.pem",
        certificates / "server.key.pem",
        certificates / "ca.pem" if mutual else None,
    )
    server = open_server(("127.0.0.1", 0), context, reviewer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    port = server.server_address[1]
    client = ssl.create_default_context(cafile=str(certificates / "ca.pem"))

    def call(
        body: bytes = b"", *, method: str = "POST", path: str = "/admit?timeout=10s", **headers: str
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPSConnection("localhost", port, context=client, timeout=20)
        given = {"Content-Type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
        try:
            connection.request(method, path, body, given)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    call.port = port  # type: ignore[attr-defined]
    call.client = client  # type: ignore[attr-defined]
    try:
        yield call
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def review(folder: str = "med", evidence: str = "good") -> bytes:
    mount = {"name": "w", "mountPath": "/model", "subPath": folder, "readOnly": True}
    pod = {
        "metadata": {"annotations": {"modelassay/evidence": evidence, "modelassay/model": f"w/{folder}"}},
        "spec": {
            "volumes": [{"name": "w", "persistentVolumeClaim": {"claimName": "models"}}],
            "containers": [{"name": "server", "volumeMounts": [mount]}],
        },
    }
    request = {
        "uid": "u-1",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "operation": "CREATE",
        "namespace": "prod",
        "object": pod,
    }
    return json.dumps(
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    ).encode()


def told(reply: tuple[int, bytes]) -> tuple[bool, str]:
    """Whether the pod was allowed, and why not."""
    assert reply[0] == 200, reply
    response = json.loads(reply[1])["response"]
    assert response["uid"] == "u-1"
    return response["allowed"], response["status"]["message"]


@pytest.fixture
def cluster(world: World) -> World:
    """The world with its model on a volume, evidence beside, and the policy in a file; time is now."""
    world.now = datetime.now(UTC).replace(microsecond=0)
    (world.root / "volume").mkdir()
    world.model = world.model.rename(world.root / "volume/med")
    expires = (world.now + timedelta(days=30)).date().isoformat()
    world.evidence = world.issue(issued=world.now.date().isoformat(), expires=expires)
    world.evidence.folder(world.root / "evidence/good")
    (world.root / "admission.yaml").write_text(
        "version: 1\nkeys: ci.pub.pem\nlog: trust.txt\ntarget: https://models.example/med-assist\n"
    )
    return world


def reviewer_of(world: World) -> Reviewer:
    judge = judge_of(
        world.root / "admission.yaml",
        world.root / "evidence",
        log=world.log_folder,
        revocations=None,
        target=None,
    )
    return Reviewer(judge, {CLAIM: world.root / "volume"})


def test_an_audited_pod_is_allowed_until_its_verdict_is_withdrawn(cluster: World, certificates: Path) -> None:
    with serving(reviewer_of(cluster), certificates) as call:
        allowed, message = told(call(review()))
        assert allowed, message
        assert "admitted by audit med-assist-0001" in message
        cluster.log(
            VerdictWithdrawn(
                audit="med-assist-0001", payload=cluster.evidence.payload, reason="new jailbreak"
            )
        )
        allowed, message = told(call(review()))
        assert not allowed
        assert "withdrawn: new jailbreak" in message


def test_other_weights_evidence_and_volumes_are_refused(cluster: World, certificates: Path) -> None:
    shutil.copytree(cluster.model, cluster.root / "volume/other")
    (cluster.root / "volume/other/extra.py").write_text("import os")
    with serving(reviewer_of(cluster), certificates) as call:
        assert told(call(review("other"))) == (
            False,
            "modelassay: refused: not what was audited: the weights other (extra: extra.py)",
        )
        allowed, message = told(call(review("nowhere")))
        assert (allowed, "no such folder" in message) == (False, True)
        allowed, message = told(call(review(evidence="missing")))
        assert not allowed
        (cluster.root / "volume/link").symlink_to(cluster.root)
        assert told(call(review("link/volume/med"))) == (
            False,
            "modelassay: link/volume/med: a symbolic link leads there",
        )


@pytest.mark.parametrize("body", [b"", b"{}", b"not json", b'{"kind": "AdmissionReview"}'])
def test_malformed_reviews_get_an_error_and_no_answer(
    cluster: World, certificates: Path, body: bytes
) -> None:
    with serving(reviewer_of(cluster), certificates) as call:
        status, reply = call(body)
        assert status == 400
        assert b"allowed" not in reply


def test_other_calls_get_an_error(cluster: World, certificates: Path) -> None:
    with serving(reviewer_of(cluster), certificates) as call:
        assert call(review(), path="/")[0] == 404
        assert call(review(), Content_Type="text/plain")[0] == 415
        assert call(method="GET", path="/admit")[0] == 404
        assert call(method="GET", path="/healthz") == (200, b"ok\n")
        assert call(review(), method="PUT")[0] == 501
        assert call(review(), Content_Length="9999999999")[0] == 413
        assert call(review(), Content_Length="-1")[0] == 411


def test_a_silent_peer_and_one_without_tls_hold_nobody_up(cluster: World, certificates: Path) -> None:
    with serving(reviewer_of(cluster), certificates) as call:
        port = call.port  # type: ignore[attr-defined]
        with (
            socket.create_connection(("127.0.0.1", port)),
            socket.create_connection(("127.0.0.1", port)) as odd,
        ):
            odd.sendall(b"POST /admit HTTP/1.1\r\n\r\n")
            assert told(call(review()))[0]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
def test_tls_is_that_of_the_authority_and_new_enough(cluster: World, certificates: Path) -> None:
    with serving(reviewer_of(cluster), certificates) as call:
        port = call.port  # type: ignore[attr-defined]
        stranger = ssl.create_default_context()
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            stranger.wrap_socket(plain, server_hostname="localhost")
        old = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
        old.minimum_version, old.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", port)) as plain, pytest.raises(OSError):  # noqa: PT011
            old.wrap_socket(plain, server_hostname="localhost")


def test_clients_can_be_asked_for_a_certificate(cluster: World, certificates: Path) -> None:
    with serving(reviewer_of(cluster), certificates, mutual=True) as call:
        with pytest.raises((ssl.SSLError, OSError)):
            call(review())
        call.client.load_cert_chain(  # type: ignore[attr-defined]
            certificates / "server.pem", certificates / "server.key.pem"
        )
        assert told(call(review()))[0]


def test_a_decision_that_is_not_there_in_time_is_a_refusal(cluster: World, certificates: Path) -> None:
    truth = judge_of(
        cluster.root / "admission.yaml",
        cluster.root / "evidence",
        log=cluster.log_folder,
        revocations=None,
        target=None,
    )
    go, begun = threading.Event(), []

    def slow(use: PodUse) -> Admission:
        begun.append(use)
        go.wait(20)
        return truth(use)

    with serving(Reviewer(slow, {CLAIM: cluster.root / "volume"}), certificates) as call:
        allowed, message = told(call(review(), path="/admit?timeout=1s"))
        assert not allowed
        assert "not decided within" in message
        assert not told(call(review(), path="/admit?timeout=1s"))[0]
        assert len(begun) == 1  # asked again, it waits for the same decision
        go.set()
        assert told(call(review()))[0]


def test_a_judge_that_breaks_lets_nobody_in(cluster: World, certificates: Path) -> None:
    def broken(use: PodUse) -> Admission:
        raise RuntimeError(f"bug with {use.model}")

    with serving(Reviewer(broken, {CLAIM: cluster.root / "volume"}), certificates) as call:
        assert told(call(review())) == (False, "modelassay: something broke: RuntimeError")
