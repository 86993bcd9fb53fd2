"""DSSE envelopes and Sigstore bundles: the published example, other people's verifiers, hostile bytes."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from modelassay.errors import EvidenceError
from modelassay.log.dsse import add_signature, open_envelope, pae, read_envelope, sign_envelope
from modelassay.log.keys import PemSigner, new_key, public_of, public_pem
from modelassay.log.note import sign_note
from modelassay.log.sigstore import check_same, read_sigstore, sigstore_bundle

TYPE = "application/vnd.in-toto+json"
PAYLOAD = b'{"_type":"https://in-toto.io/Statement/v1","subject":[]}'

openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command")


@pytest.fixture(scope="module")
def keys() -> list[PemSigner]:
    return [new_key("ecdsa-p256", name=name) for name in ("ci", "jane", "joe")]


@pytest.fixture(scope="module")
def envelope(keys: list[PemSigner]) -> bytes:
    return sign_envelope(PAYLOAD, TYPE, keys[:2])


def test_the_published_hello_world() -> None:
    """DSSE, protocol.md, "test vectors": the key's numbers, the PAE, the signature."""
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    secret = 97358161215184420915383655311931858321456579547487070936769975997791359926199
    key = PemSigner(ec.derive_private_key(secret, ec.SECP256R1()), name="published")
    numbers = ec.EllipticCurvePublicNumbers(
        46950820868899156662930047687818585632848591499744589407958293238635476079160,
        5640078356564379163099075877009565129882514886557779369047442380624545832820,
        ec.SECP256R1(),
    )
    public = public_of(numbers.public_key(), name="published")
    assert public == key.public
    published = (
        b'{"payload": "aGVsbG8gd29ybGQ=",\n "payloadType": "http://example.com/HelloWorld",\n'
        b' "signatures": [{"sig": "'
        b'A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="}]}'
    )
    opened = open_envelope(published, [public], foreign=True)
    assert (opened.payload, opened.signed_by) == (b"hello world", (public,))
    r, s = decode_dss_signature(key.sign(pae("http://example.com/HelloWorld", b"hello world")))
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert base64.b64encode(raw).decode() in published.decode()
    with pytest.raises(EvidenceError):  # ours have key ids and one form
        open_envelope(published, [public])


@given(st.text(), st.binary())
def test_the_encoding_says_type_and_payload_without_doubt(kind: str, payload: bytes) -> None:
    if any("\ud800" <= c <= "\udfff" for c in kind):
        return
    rest = pae(kind, payload).removeprefix(b"DSSEv1 ")
    length, _, rest = rest.partition(b" ")
    assert rest[: int(length)].decode() == kind
    length, _, rest = rest[int(length) + 1 :].partition(b" ")
    assert (rest, int(length)) == (payload, len(payload))


def test_m_of_n_counts_distinct_trusted_keys(keys: list[PemSigner], envelope: bytes) -> None:
    ci, jane, joe = (key.public for key in keys)
    opened = open_envelope(envelope, [ci, jane, joe], 2, payload_type=TYPE)
    assert opened.payload == PAYLOAD
    assert opened.signed_by == (ci, jane)
    assert open_envelope(envelope, [jane]).unknown == (ci.key_id,)
    with pytest.raises(EvidenceError, match="signed by 2 of the 3 trusted keys, 3 needed"):
        open_envelope(envelope, [ci, jane, joe], 3)
    with pytest.raises(EvidenceError, match="signed by 1 of the 1 trusted keys, 2 needed"):
        open_envelope(envelope, [ci, ci, public_of_again(keys[0])], 2)
    with pytest.raises(EvidenceError, match="signed by 0"):
        open_envelope(envelope, [joe])
    with pytest.raises(EvidenceError, match="signed by 0 of the 0"):
        open_envelope(envelope, [])
    with pytest.raises(EvidenceError, match="holds"):
        open_envelope(envelope, [ci], payload_type="text/plain")
    with pytest.raises(ValueError, match="at least one"):
        open_envelope(envelope, [ci], 0)


def public_of_again(key: PemSigner) -> Any:
    """The same key under another name."""
    from dataclasses import replace

    return replace(key.public, name="somebody else")


def test_a_signature_is_added_once_by_each_key(keys: list[PemSigner], envelope: bytes) -> None:
    three = add_signature(envelope, keys[2])
    assert len(open_envelope(three, [key.public for key in keys], 3).signed_by) == 3
    assert read_envelope(three).signatures[:2] == read_envelope(envelope).signatures
    with pytest.raises(EvidenceError, match="signed already"):
        add_signature(three, keys[0])
    with pytest.raises(EvidenceError, match="twice"):
        sign_envelope(PAYLOAD, TYPE, [keys[0], keys[0]])
    with pytest.raises(EvidenceError, match="1 to 64"):
        sign_envelope(PAYLOAD, TYPE, [])


def test_a_signer_that_lies_spoils_no_envelope(keys: list[PemSigner]) -> None:
    class Liar:
        public = keys[0].public

        def sign(self, message: bytes) -> bytes:
            return keys[0].sign(message + b"!")

    with pytest.raises(EvidenceError, match="does not verify"):
        sign_envelope(PAYLOAD, TYPE, [Liar()])


def test_ed25519_signs_envelopes_too() -> None:
    key = new_key("ed25519", name="ed")
    assert open_envelope(sign_envelope(PAYLOAD, TYPE, [key]), [key.public]).payload == PAYLOAD


def test_every_changed_byte_is_refused(keys: list[PemSigner]) -> None:
    data = sign_envelope(b"a small payload", TYPE, keys[:1])
    trusted = [keys[0].public]
    assert_each_change_is_refused(data, lambda changed: open_envelope(changed, trusted))


def test_every_changed_byte_of_a_sigstore_bundle_is_refused(keys: list[PemSigner]) -> None:
    envelope = sign_envelope(b"a small payload", TYPE, keys[:2])
    bundle = sigstore_bundle(envelope)
    check_same(bundle, envelope)
    assert_each_change_is_refused(bundle, lambda changed: check_same(changed, envelope))


def assert_each_change_is_refused(data: bytes, read: Callable[[bytes], object]) -> None:
    read(data)
    for at in range(len(data)):
        for mask in (0x01, 0x20, 0x80):
            with pytest.raises(EvidenceError):
                read(data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :])
        with pytest.raises(EvidenceError):
            read(data[:at])
        with pytest.raises(EvidenceError):
            read(data[:at] + data[at + 1 :])
    for more in (b"\n", b" ", b"{}", b"\x00"):
        with pytest.raises(EvidenceError):
            read(data + more)
        with pytest.raises(EvidenceError):
            read(more + data)


def changed(data: bytes, **fields: Any) -> bytes:
    """The envelope with other fields, otherwise in the form that we write."""
    value = {**json.loads(data), **fields}
    value = {key: inner for key, inner in value.items() if inner is not ...}
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"more": 1}, "fields that no envelope has"),
        ({"payload": ...}, "payload missing"),
        ({"signatures": []}, "1 to 64"),
        ({"signatures": {}}, "1 to 64"),
        ({"signatures": [{"keyid": "SHA256:" + "A" * 43, "sig": ""}]}, "empty signature"),
        ({"signatures": [{"keyid": "", "sig": "AAAA"}]}, "key id"),
        ({"signatures": [{"sig": "AAAA"}]}, "keyid missing"),
        ({"signatures": [{"keyid": "SHA256:" + "A" * 43, "sig": "AAAA", "cert": ""}]}, "fields that no"),
        ({"signatures": [{"keyid": 1, "sig": "AAAA"}]}, "no text"),
        ({"signatures": ["AAAA"]}, "object was expected"),
        ({"signatures": [{"keyid": "SHA256:" + "A" * 43, "sig": "AAAA"}] * 65}, "1 to 64"),
        ({"payload": "YQ"}, "not base64"),
        ({"payload": "YR=="}, "one spelling"),
        ({"payload": "YQ==\n"}, "base64"),
        ({"payload": None}, "no text"),
        ({"payloadType": ""}, "payload type"),
        ({"payloadType": 1.5}, "not JSON that can be read"),
    ],
)
def test_malformed_envelopes_are_refused(
    fields: dict[str, Any], told: str, keys: list[PemSigner], envelope: bytes
) -> None:
    with pytest.raises(EvidenceError, match=told):
        open_envelope(changed(envelope, **fields), [keys[0].public])


def test_the_key_id_must_be_that_of_the_key(keys: list[PemSigner], envelope: bytes) -> None:
    first, second = json.loads(envelope)["signatures"]
    swapped = [{**first, "keyid": second["keyid"]}, {**second, "keyid": first["keyid"]}]
    public = [key.public for key in keys]
    with pytest.raises(EvidenceError, match="not on these bytes"):
        open_envelope(changed(envelope, signatures=swapped), public)
    with pytest.raises(EvidenceError, match="twice"):
        open_envelope(changed(envelope, signatures=[first, first]), public)


def test_one_wrong_signature_of_a_known_key_spoils_the_whole(keys: list[PemSigner], envelope: bytes) -> None:
    first, second = json.loads(envelope)["signatures"]
    wrong = base64.b64encode(keys[1].sign(b"something else")).decode()
    forged = changed(envelope, signatures=[first, {**second, "sig": wrong}])
    with pytest.raises(EvidenceError, match="jane"):
        open_envelope(forged, [key.public for key in keys])
    # Other people's envelopes are read as the standard says: what does not verify does not count.
    assert len(open_envelope(forged, [key.public for key in keys], foreign=True).signed_by) == 1


def test_huge_envelopes_are_refused_unread() -> None:
    with pytest.raises(EvidenceError, match="at most"):
        open_envelope(b" " * (16 * 2**20 + 1), [])


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data: bytes) -> None:
    for foreign in (False, True):
        with pytest.raises(EvidenceError):
            read_envelope(data, foreign=foreign)
    with pytest.raises(EvidenceError):
        read_sigstore(data)


def test_a_sigstore_bundle_of_another_envelope_is_told_apart(keys: list[PemSigner], envelope: bytes) -> None:
    other = sign_envelope(PAYLOAD + b" ", TYPE, keys[:1])
    with pytest.raises(EvidenceError, match="not of the same envelope"):
        check_same(sigstore_bundle(other), envelope)
    added = add_signature(envelope, keys[2])
    check_same(sigstore_bundle(envelope), added)
    with pytest.raises(EvidenceError, match="not of the same envelope"):
        check_same(sigstore_bundle(added, signature=2), envelope)
    assert read_envelope(read_sigstore(sigstore_bundle(envelope))).signatures == (
        read_envelope(envelope).signatures[0],
    )


@openssl
def test_openssl_alone_verifies_an_envelope(keys: list[PemSigner], envelope: bytes, tmp_path: Path) -> None:
    value = json.loads(envelope)
    payload, kind = base64.b64decode(value["payload"]), value["payloadType"]
    (tmp_path / "pub.pem").write_bytes(public_pem(keys[0].public))
    (tmp_path / "sig").write_bytes(base64.b64decode(value["signatures"][0]["sig"]))
    (tmp_path / "pae").write_bytes(f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload)
    command = ["openssl", "dgst", "-sha256", "-verify", "pub.pem", "-signature", "sig", "pae"]
    assert b"Verified OK" in subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout
    (tmp_path / "pae").write_bytes(
        f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload[:-1] + b" "
    )
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0


@openssl
def test_openssl_alone_verifies_a_note(tmp_path: Path) -> None:
    key = new_key("ed25519", name="acme.example/log")
    note = sign_note(b"acme.example/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", [key])
    text, _, line = note.decode().rpartition("\n\n")
    (tmp_path / "pub.pem").write_bytes(public_pem(key.public))
    (tmp_path / "text").write_text(text + "\n")
    (tmp_path / "sig").write_bytes(base64.b64decode(line.split(" ")[2])[4:])
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "pub.pem", "-rawin"]
    command += ["-in", "text", "-sigfile", "sig"]
    assert b"Successfully" in subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout
    (tmp_path / "text").write_text(text.replace("\n0\n", "\n1\n") + "\n")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0


def test_securesystemslib_verifies_and_counts(keys: list[PemSigner], envelope: bytes) -> None:
    dsse = pytest.importorskip("securesystemslib.dsse", reason="securesystemslib is not installed")
    from securesystemslib.exceptions import VerificationError
    from securesystemslib.signer import SSlibKey

    theirs = [
        SSlibKey(
            key.public.key_id,
            "ecdsa",
            "ecdsa-sha2-nistp256",
            {"public": public_pem(key.public).decode()},
        )
        for key in keys
    ]
    read = dsse.Envelope.from_dict
    assert set(read(json.loads(envelope)).verify(theirs, 2)) == {key.public.key_id for key in keys[:2]}
    with pytest.raises(VerificationError):
        read(json.loads(envelope)).verify(theirs, 3)
    payload = base64.b64encode(PAYLOAD.replace(b"[]", b"{}")).decode()
    with pytest.raises(VerificationError):
        read(json.loads(changed(envelope, payload=payload))).verify(theirs, 1)
