"""Private keys at rest and in use; programs that sign."""

from __future__ import annotations

import base64
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from modelassay.errors import EvidenceError, UsageError
from modelassay.log.command_signer import CommandSigner
from modelassay.log.keys import (
    PemSigner,
    load_public,
    load_signer,
    load_vkey,
    new_key,
    open_to_others,
    public_pem,
    read_private,
    read_public,
    write_new,
)
from modelassay.log.note import COSIGNATURE, vkey_of
from modelassay.log.signing import Algorithm

BOTH: list[Algorithm] = ["ecdsa-p256", "ed25519"]


@pytest.fixture(scope="module")
def p256() -> PemSigner:
    return new_key("ecdsa-p256", name="acme")


@pytest.mark.parametrize("algorithm", BOTH)
def test_an_encrypted_key_opens_with_its_passphrase_only(algorithm: Algorithm) -> None:
    key = new_key(algorithm, name="acme")
    pem = key.pem("pass phrase é".encode())
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    again = read_private(pem, name="acme", passphrase=lambda where: "pass phrase é".encode())
    assert again.public == key.public
    assert key.public.verifies(b"message", again.sign(b"message"))
    assert not key.public.verifies(b"other", again.sign(b"message"))
    with pytest.raises(UsageError, match="does not open"):
        read_private(pem, name="acme", passphrase=lambda where: b"wrong")
    with pytest.raises(UsageError, match="no passphrase"):
        read_private(pem, name="acme")
    with pytest.raises(UsageError, match="no passphrase"):
        read_private(pem, name="acme", passphrase=lambda where: None)


@pytest.mark.parametrize("algorithm", BOTH)
def test_openssl_opens_what_we_encrypt_and_finds_scrypt_in_it(algorithm: Algorithm, tmp_path: Path) -> None:
    key = new_key(algorithm, name="acme")
    path = tmp_path / "key.pem"
    path.write_bytes(key.pem(b"secret"))
    opened = ["openssl", "pkey", "-in", str(path), "-passin", "pass:secret", "-pubout"]
    assert subprocess.run(opened, capture_output=True, check=True).stdout == public_pem(key.public)
    parsed = subprocess.run(["openssl", "asn1parse", "-in", str(path)], capture_output=True, check=True)
    assert b":scrypt" in parsed.stdout
    assert b":aes-256-cbc" in parsed.stdout


def test_what_openssl_encrypts_is_opened(tmp_path: Path, p256: PemSigner) -> None:
    clear, sealed = tmp_path / "clear.pem", tmp_path / "sealed.pem"
    clear.write_bytes(p256.pem(None))
    convert = ["openssl", "pkcs8", "-topk8", "-in", str(clear), "-out", str(sealed), "-passout", "pass:pw"]
    subprocess.run(convert, check=True, capture_output=True)
    assert load_signer(str(sealed), passphrase=lambda where: b"pw").public.spki == p256.public.spki


def test_no_two_encryptions_are_alike_and_none_is_empty(p256: PemSigner) -> None:
    assert p256.pem(b"pw") != p256.pem(b"pw")
    with pytest.raises(UsageError, match="empty passphrase"):
        p256.pem(b"")


def test_p256_signatures_are_the_deterministic_ones_of_rfc_6979() -> None:
    """RFC 6979, appendix A.2.5: curve P-256, SHA-256, message "sample"."""
    secret = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    key = PemSigner(ec.derive_private_key(secret, ec.SECP256R1()), name="rfc")
    r, s = decode_dss_signature(key.sign(b"sample"))
    assert r == 0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
    assert s == 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8


def test_keys_of_other_kinds_are_refused() -> None:
    others = [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)]
    for other in others:
        pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with pytest.raises(UsageError, match="kind that is not used"):
            read_private(pem, name="x")
        public = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(EvidenceError, match="kind that is not used"):
            read_public(public, name="x")


@pytest.mark.parametrize(
    "data", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_what_is_no_key_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError, match="not a private key"):
        read_private(data, name="x")
    with pytest.raises(EvidenceError):
        read_public(data, name="x")


def test_a_file_is_never_overwritten_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    write_new(path, b"first", mode=0o600)
    with pytest.raises(UsageError, match="never overwritten"):
        write_new(path, b"second", mode=0o600)
    assert path.read_bytes() == b"first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not open_to_others(path)
    path.chmod(0o640)
    assert open_to_others(path)


def test_references_name_files_and_variables(tmp_path: Path, p256: PemSigner) -> None:
    path = tmp_path / "acme.verdict.pem"
    path.write_bytes(p256.pem(None))
    assert load_signer(str(path)).public == p256.public
    variable = {"KEY": p256.pem(b"pw").decode()}
    found = load_signer("env:KEY", environment=variable, passphrase=lambda where: b"pw")
    assert found.public.spki == p256.public.spki
    with pytest.raises(UsageError, match="not set"):
        load_signer("env:KEY", environment={})
    with pytest.raises(UsageError, match="cannot be read"):
        load_signer(str(tmp_path / "none.pem"))
    (tmp_path / "large.pem").write_bytes(b"x" * 70_000)
    with pytest.raises(UsageError, match="too large"):
        load_signer(str(tmp_path / "large.pem"))


def test_public_keys_are_read_from_pem_and_verifier_keys(tmp_path: Path, p256: PemSigner) -> None:
    pem = tmp_path / "acme.verdict.pub.pem"
    pem.write_bytes(public_pem(p256.public))
    assert load_public(pem) == p256.public
    witness = new_key("ed25519", name="w.example/1").public
    vkey = vkey_of(witness, key_type=COSIGNATURE)
    file = tmp_path / "w.witness.vkey"
    file.write_text(f"{vkey}\n")
    assert load_public(file) == load_public(str(vkey)) == witness
    assert load_vkey(file) == load_vkey(str(vkey)) == vkey
    for at in range(len(str(vkey))):
        changed = str(vkey)[:at] + chr(ord(str(vkey)[at]) ^ 1) + str(vkey)[at + 1 :]
        with pytest.raises((EvidenceError, UsageError)):
            load_vkey(changed)
    pem.write_bytes(public_pem(p256.public) * 2)
    with pytest.raises(EvidenceError, match="more than one"):
        load_public(pem)


SIGNING = """
import base64, sys
from modelassay.log.keys import load_signer
signature = load_signer(sys.argv[1]).sign(sys.stdin.buffer.read())
if sys.argv[2] == "raw":
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
    signature = b"".join(n.to_bytes(32, "big") for n in decode_dss_signature(signature))
print(base64.b64encode(signature).decode())
"""


@pytest.mark.parametrize("form", ["der", "raw"])
def test_a_program_signs_for_us(form: str, tmp_path: Path, p256: PemSigner) -> None:
    key, public = tmp_path / "key.pem", tmp_path / "acme.pub.pem"
    key.write_bytes(p256.pem(None))
    public.write_bytes(public_pem(p256.public))
    program = shlex.join([sys.executable, "-c", SIGNING, str(key), form])
    signer = load_signer(f"command:{public}:{program}")
    message = b"m" * 200_000  # more than a pipe holds
    assert p256.public.verifies(message, signer.sign(message))
    with pytest.raises(UsageError, match="not a signing command"):
        load_signer(f"command:{public}:")
    with pytest.raises(UsageError, match="cannot be split"):
        load_signer(f"command:{public}:sign 'x")


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("print('no base64!')", "not base64"),
        ("print()", "not of SHA256"),
        ("import base64; print(base64.b64encode(b'x' * 64).decode())", "not of SHA256"),
        ("import base64; print(base64.b64encode(b'x' * 71).decode())", "not of SHA256"),
        ("import sys; sys.exit(3)", "exit status 3"),
        ("import sys\nwhile True: sys.stdout.write('A' * 4096)", "more than"),
        ("import time; time.sleep(60)", "no signature within"),
        # A grandchild keeps stdout open after the program itself has gone.
        ("import subprocess; subprocess.Popen(['sleep', '5'])", "no signature within"),
        ("import os, time; os.close(1); time.sleep(60)", "no signature within"),
    ],
)
def test_a_program_that_lies_or_hangs_is_refused(program: str, told: str, p256: PemSigner) -> None:
    signer = CommandSigner(p256.public, [sys.executable, "-c", program], patience_s=1.5)
    with pytest.raises(EvidenceError, match=told):
        signer.sign(b"message")


def test_a_program_that_signs_something_else_is_refused(p256: PemSigner) -> None:
    other = base64.b64encode(p256.sign(b"something else")).decode()
    with pytest.raises(EvidenceError, match="not of SHA256"):
        CommandSigner(p256.public, ["echo", other]).sign(b"message")
    with pytest.raises(EvidenceError, match="cannot be run"):
        CommandSigner(p256.public, ["/no/such/program"]).sign(b"message")
