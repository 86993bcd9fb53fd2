"""Keys: made, kept encrypted, loaded, or left where they are behind a command that signs.

A private key is one PEM file of mode 0600 that is never overwritten. A signer is named by a reference:

    acme.verdict.pem                       a PEM file
    env:ACME_KEY                           PEM text in an environment variable
    command:acme.pub.pem:sign-with-kms -k 7  a program that gets the message on stdin and prints the
                                           signature in base64 (KMS, HSM, agent); its public key is the file
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)

from modelassay.errors import EvidenceError, UsageError
from modelassay.log.note import Vkey
from modelassay.log.pkcs8 import encrypt_private_key
from modelassay.log.signing import Algorithm, PublicKey, Signer

Passphrase = Callable[[str], bytes | None]
"""Asked for the passphrase of the key at a place; None when there is none to give."""

MAX_KEY_BYTES = 64 * 2**10
_Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class PemSigner:
    """A private key in this process. `new_key` and `read_private` make one."""

    def __init__(self, private: _Private, *, name: str) -> None:
        self._private = private
        self._public = public_of(private.public_key(), name=name)

    @property
    def public(self) -> PublicKey:
        """The key to check its signatures with."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """The signature on `message`; P-256 signatures are deterministic (RFC 6979) where OpenSSL can."""
        if isinstance(self._private, ed25519.Ed25519PrivateKey):
            return self._private.sign(message)
        try:
            return self._private.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        except UnsupportedAlgorithm:
            return self._private.sign(message, ec.ECDSA(hashes.SHA256()))

    def pem(self, passphrase: bytes | None) -> bytes:
        """The private key as PKCS #8 PEM, encrypted unless `passphrase` is None.

        Raises:
            UsageError: an empty passphrase.
        """
        if passphrase is None:
            return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        if not passphrase:
            raise UsageError("an empty passphrase protects nothing", mend="give one")
        der = self._private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return encrypt_private_key(der, passphrase)


def new_key(algorithm: Algorithm, *, name: str) -> PemSigner:
    """A fresh private key, in memory only."""
    made = ed25519.Ed25519PrivateKey.generate() if algorithm == "ed25519" else _new_p256()
    return PemSigner(made, name=name)


def load_signer(
    reference: str,
    *,
    name: str = "",
    passphrase: Passphrase | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Signer:
    """The signer that `reference` names; the forms are in the module's docstring.

    Args:
        reference: a path, ``env:NAME`` or ``command:PUBLIC_KEY_FILE:PROGRAM ARGUMENTS``.
        name: what its public key is called; for logs and witnesses their origin. By default the file's name
            without its suffixes.
        passphrase: asked only when the key is encrypted.

    Raises:
        UsageError: the key is not there, not readable, of another kind, or cannot be unlocked.
    """
    kind, colon, rest = reference.partition(":")
    if colon and kind == "command":
        return _command_signer(rest, reference, name)
    if colon and kind == "env":
        text = environment.get(rest, "")
        if not text:
            raise UsageError("holds no key: it is not set", where=f"environment variable {rest}")
        return read_private(
            text.encode(), name=name or rest, passphrase=passphrase, where=f"environment variable {rest}"
        )
    path = Path(reference)
    return read_private(
        _read(path), name=name or path.name.split(".")[0], passphrase=passphrase, where=reference
    )


def read_private(
    pem: bytes, *, name: str, passphrase: Passphrase | None = None, where: str = ""
) -> PemSigner:
    """The private key in `pem`.

    Raises:
        UsageError: not a P-256 or Ed25519 private key in PEM, or it cannot be unlocked.
    """
    key: object
    try:
        key = load_pem_private_key(pem, None)
    except TypeError:
        key = _unlocked(pem, passphrase, where)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError("not a private key in PEM", where=where) from error
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return PemSigner(key, name=name)
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return PemSigner(key, name=name)
    raise UsageError(
        "a private key of a kind that is not used here", where=where, mend="use ECDSA P-256 or Ed25519"
    )


def read_public(data: bytes, *, name: str, where: str = "") -> PublicKey:
    """The public key in `data`: PEM, or a note's verifier key ``name+hash+base64`` (which has a name).

    Raises:
        EvidenceError: neither, or of a kind that is not used here.
    """
    where = where or name
    if len(data) > MAX_KEY_BYTES:
        raise EvidenceError("too large for a public key", where=where)
    if b"-----BEGIN" not in data:
        vkey = Vkey.parse(data.decode("utf-8", "replace").strip())
        return public_of(vkey.ed25519, name=vkey.name)
    if data.count(b"-----BEGIN") != 1:
        raise EvidenceError("more than one key in one file", where=where)
    try:
        return public_of(load_pem_public_key(data), name=name)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise EvidenceError("not a public key in PEM", where=where) from error


def load_public(reference: str | Path) -> PublicKey:
    """The public key in the file `reference`, or that `reference` itself is as a verifier key.

    Raises:
        UsageError: no such file.
        EvidenceError: no public key in it.
    """
    text = str(reference)
    if "+" in text and not Path(text).exists():
        return read_public(text.encode(), name=text, where=text)
    path = Path(reference)
    return read_public(_read(path), name=path.name.split(".")[0], where=str(path))


def load_vkey(reference: str | Path) -> Vkey:
    """The verifier key that `reference` is, or that stands in the file `reference`.

    Raises:
        UsageError: no such file.
        EvidenceError: not a verifier key.
    """
    text = str(reference)
    if "+" not in text or Path(text).exists():
        text = _read(Path(reference)).decode("utf-8", "replace").strip()
    return Vkey.parse(text)


def public_of(key: object, *, name: str) -> PublicKey:
    """`key`, a public key of `cryptography`, under `name`.

    Raises:
        EvidenceError: neither P-256 nor Ed25519.
    """
    if not isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        raise EvidenceError(
            "a key of a kind that is not used here", where=name, mend="use ECDSA P-256 or Ed25519"
        )
    public = PublicKey(name=name, spki=key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    _ = public.algorithm  # refuses other curves
    return public


def public_pem(public: PublicKey) -> bytes:
    """`public` as PEM SubjectPublicKeyInfo, as OpenSSL reads it."""
    return load_der_public_key(public.spki).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def as_der(public: PublicKey, signature: bytes) -> bytes:
    """A P-256 `signature` of 64 bytes (r then s, as JOSE, Azure and WebCrypto write it) in DER.

    Every other signature is returned as it is.
    """
    if public.algorithm != "ecdsa-p256" or len(signature) != 64:
        return signature
    try:
        decode_dss_signature(signature)  # one DER signature in 2**40 or so has 64 bytes too
    except ValueError:
        r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        return encode_dss_signature(r, s)
    return signature


def write_new(path: Path, data: bytes, *, mode: int) -> None:
    """Write a file that must not be there yet, durably.

    Raises:
        UsageError: it is there already; keys are never overwritten.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise UsageError(
            "is there already, and keys are never overwritten",
            where=str(path),
            mend="take another name, or `modelassay keys rotate`",
        ) from error
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)  # whatever the umask
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def open_to_others(path: Path) -> bool:
    """Whether other users of this machine may read the private key at `path`."""
    return bool(path.stat().st_mode & 0o077)


def _new_p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _unlocked(pem: bytes, passphrase: Passphrase | None, where: str) -> object:
    secret = passphrase(where) if passphrase else None
    if secret is None:
        raise UsageError(
            "the key is encrypted, and no passphrase was given",
            where=where,
            mend="set MODELASSAY_KEY_PASSPHRASE or give --passphrase-file",
        )
    try:
        return load_pem_private_key(pem, secret)
    except ValueError as error:
        raise UsageError("the key does not open with this passphrase", where=where) from error


def _command_signer(rest: str, reference: str, name: str) -> Signer:
    import shlex
    from dataclasses import replace

    from modelassay.log.command_signer import CommandSigner

    file, _, program = rest.partition(":")
    try:
        arguments = shlex.split(program)
    except ValueError as error:
        raise UsageError(f"a command that cannot be split: {error}", where=reference) from error
    if not file or not arguments:
        raise UsageError(
            "not a signing command", where=reference, mend="write command:PUBLIC_KEY_FILE:PROGRAM ARGUMENTS"
        )
    public = load_public(Path(file))
    return CommandSigner(replace(public, name=name) if name else public, arguments)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_KEY_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"the key cannot be read: {(error.strerror or str(error)).lower()}", where=str(path)
        ) from error
    if len(data) > MAX_KEY_BYTES:
        raise UsageError("too large for a key", where=str(path))
    return data
