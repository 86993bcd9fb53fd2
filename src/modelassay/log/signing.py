"""Who signs, and who checks: two kinds of key behind one small shape.

Verdicts are signed with ECDSA on P-256 and SHA-256 (what DSSE, Sigstore and OpenSSF Model Signing
verifiers take), tree heads and cosignatures with Ed25519 (what C2SP signed notes take).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Literal, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from modelassay.errors import EvidenceError

Algorithm = Literal["ecdsa-p256", "ed25519"]


@dataclass(frozen=True, kw_only=True)
class PublicKey:
    """A key to check signatures with.

    Args:
        name: what people call it, such as ``acme-ci``; for logs and witnesses their origin.
        spki: the key as DER SubjectPublicKeyInfo.
    """

    name: str
    spki: bytes

    @property
    def algorithm(self) -> Algorithm:
        """Which signatures it checks.

        Raises:
            EvidenceError: neither P-256 nor Ed25519.
        """
        return "ed25519" if isinstance(self._loaded(), ed25519.Ed25519PublicKey) else "ecdsa-p256"

    @property
    def key_id(self) -> str:
        """``SHA256:`` and the unpadded base64 of the SHA-256 of `spki`."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.spki).digest()).decode().rstrip("=")

    @property
    def raw(self) -> bytes:
        """The 32 bytes of an Ed25519 key.

        Raises:
            EvidenceError: not an Ed25519 key.
        """
        loaded = self._loaded()
        if not isinstance(loaded, ed25519.Ed25519PublicKey):
            raise EvidenceError("not an Ed25519 key", where=self.name)
        return loaded.public_bytes(Encoding.Raw, PublicFormat.Raw)

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` (DER for P-256, 64 bytes for Ed25519) is this key's on `message`."""
        loaded = self._loaded()
        try:
            if isinstance(loaded, ed25519.Ed25519PublicKey):
                loaded.verify(signature, message)
            else:
                loaded.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    def _loaded(self) -> ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey:
        try:
            key = load_der_public_key(self.spki)
        except (ValueError, TypeError) as error:
            raise EvidenceError("not a public key that can be read", where=self.name) from error
        if isinstance(key, ed25519.Ed25519PublicKey):
            return key
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            return key
        raise EvidenceError(
            "a key of a kind that is not used here", where=self.name, mend="use ECDSA P-256 or Ed25519"
        )


class Signer(Protocol):
    """Something that holds a private key and signs; the key itself may be far away."""

    @property
    def public(self) -> PublicKey:
        """The key to check its signatures with."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The signature on `message`: DER for P-256, 64 bytes for Ed25519.

        Raises:
            EvidenceError: the signer could not sign.
        """
        ...
