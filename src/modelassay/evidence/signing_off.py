"""A further signature on a verdict: the sign-off of a person, or of a second pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from modelassay.canonical import digest_bytes
from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.bundle import ENVELOPE, SIGSTORE, SUMS
from modelassay.evidence.statements import PAYLOAD_TYPE, VerdictStatement, read_verdict_statement
from modelassay.log.dsse import Envelope, add_signature, read_envelope
from modelassay.log.durable import write_atomic
from modelassay.log.signing import Signer
from modelassay.log.sigstore import sigstore_bundle


@dataclass(frozen=True, kw_only=True)
class UnsignedOff:
    """A verdict as somebody is about to sign it: what it says, and who signed before."""

    folder: Path
    data: bytes
    envelope: Envelope
    statement: VerdictStatement

    @property
    def audit(self) -> str:
        """Id of the audit."""
        return self.statement.predicate.facts.audit

    @property
    def payload(self) -> str:
        """Digest of what is signed."""
        return digest_bytes(self.envelope.payload)

    def signed_by(self, key: str) -> bool:
        """Whether the key with id `key` signed already."""
        return any(signature.key_id == key for signature in self.envelope.signatures)


def read_unsigned_off(folder: Path) -> UnsignedOff:
    """The signed verdict in the bundle `folder`, held against the bundle that it is about.

    Raises:
        UsageError: the bundle holds no signed verdict.
        EvidenceError: it is malformed, or of another bundle: nobody should sign it.
    """
    path = folder / ENVELOPE
    if not path.is_file():
        raise UsageError(
            "there is no signed verdict to add a signature to",
            where=str(folder),
            mend="make a key with `modelassay keys new`, then run the audit's command again",
        )
    data = path.read_bytes()
    envelope = read_envelope(data, where=str(path))
    if envelope.payload_type != PAYLOAD_TYPE:
        raise EvidenceError("not an envelope of a verdict", where=str(path))
    statement = read_verdict_statement(envelope.payload)
    sums = folder / SUMS
    if not sums.is_file() or digest_bytes(sums.read_bytes()) != statement.predicate.facts.sums:
        raise EvidenceError(
            f"the verdict is not about the bundle that it lies in: {SUMS} is another", where=str(path)
        )
    return UnsignedOff(folder=folder, data=data, envelope=envelope, statement=statement)


def sign_off(verdict: UnsignedOff, signer: Signer) -> bytes:
    """Add the signature of `signer` to the bundle; the envelope's new bytes.

    The Sigstore bundle, which has room for one signature, keeps the first.

    Raises:
        EvidenceError: `signer` signed already or cannot sign.
        OSError: the bundle cannot be written.
    """
    data = add_signature(verdict.data, signer)
    write_atomic(verdict.folder / ENVELOPE, data)
    write_atomic(verdict.folder / SIGSTORE, sigstore_bundle(data))
    return data
