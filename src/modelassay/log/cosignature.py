"""Cosignatures: a witness states that, at a time, a tree head continues all that it saw of a log before.

The Ed25519 kind (signature type 0x04). It signs

    cosignature/v1
    time <POSIX seconds>
    <the tree head's text>

and its signature line holds the time (8 bytes, big-endian) before the 64 bytes of the signature.
Source: https://c2sp.org/tlog-cosignature. The ML-DSA-44 kind (0x06) is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature

from modelassay.errors import EvidenceError
from modelassay.log.note import COSIGNATURE, SignatureLine, Vkey, vkey_of
from modelassay.log.signing import Signer

_LATEST = 2**63 - 1


@dataclass(frozen=True)
class CosignatureVerifier:
    """Checks the cosignatures of one witness; a `note.NoteVerifier`.

    Raises:
        EvidenceError: `vkey` is not a witness's.
    """

    vkey: Vkey

    def __post_init__(self) -> None:
        if self.vkey.key_type != COSIGNATURE:
            raise EvidenceError(
                f"a key of type 0x{self.vkey.key_type:02x} does not cosign tree heads",
                where=self.vkey.name,
                mend="give the witness's verifier key, not that of a log",
            )

    @property
    def name(self) -> str:
        """The witness's name."""
        return self.vkey.name

    @property
    def key_id(self) -> bytes:
        """Four bytes; see `note.note_key_id`."""
        return self.vkey.key_id

    def verifies(self, text: bytes, signature: bytes) -> bool:
        """Whether `signature` (time and signature) is this witness's on the tree head `text`."""
        if len(signature) != 72 or cosigned_at(signature) > _LATEST:
            return False
        try:
            self.vkey.ed25519.verify(signature[8:], _message(text, cosigned_at(signature)))
        except InvalidSignature:
            return False
        return True


def cosigned_at(signature: bytes) -> int:
    """The time that a cosignature states, POSIX seconds; say nothing of it before it was verified."""
    return int.from_bytes(signature[:8], "big")


def cosign(text: bytes, signer: Signer, time: int) -> SignatureLine:
    """The cosignature of `signer`, under its key's name, on the tree head `text` at `time`.

    Whether the tree head may be cosigned is for `witness.Witness` to say.

    Raises:
        EvidenceError: the key is not Ed25519, or what came back is not its signature.
    """
    if not 0 <= time <= _LATEST:
        raise EvidenceError(f"{time} is not a time that a cosignature can state")
    verifier = CosignatureVerifier(vkey_of(signer.public, key_type=COSIGNATURE))
    signature = time.to_bytes(8, "big") + signer.sign(_message(text, time))
    if not verifier.verifies(text, signature):
        raise EvidenceError(
            "the signer gave a signature that its own key does not verify", where=verifier.name
        )
    return SignatureLine(verifier.name, verifier.key_id, signature)


def _message(text: bytes, time: int) -> bytes:
    return b"cosignature/v1\ntime %d\n%b" % (time, text)
