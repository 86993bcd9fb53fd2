"""A DSSE envelope once more, as a Sigstore bundle v0.3 with a public-key hint.

The same payload, type and signature in other clothes, so that cosign, sigstore-js and their kin can check
a verdict with a plain public key. A bundle carries one signature; further ones stand in the DSSE file only.
Source: sigstore/protobuf-specs, ``sigstore_bundle.proto`` (JSON form of protocol buffers).
"""

from __future__ import annotations

from typing import Any

from modelassay.errors import EvidenceError
from modelassay.log.dsse import MAX_BYTES, Envelope, envelope_value, read_envelope, write_envelope
from modelassay.log.strict_json import read_json, write_canonical

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"


def sigstore_bundle(envelope: bytes, *, signature: int = 0) -> bytes:
    """The Sigstore bundle of a DSSE `envelope` of ours, with its first signature unless told otherwise.

    Raises:
        EvidenceError: not an envelope, or it has no such signature.
    """
    opened = read_envelope(envelope)
    if not 0 <= signature < len(opened.signatures):
        raise EvidenceError(f"the envelope has no signature {signature}")
    one = Envelope(
        payload=opened.payload,
        payload_type=opened.payload_type,
        signatures=(opened.signatures[signature],),
    )
    return write_canonical(_bundle_value(one)) + b"\n"


def read_sigstore(data: bytes, *, where: str = "") -> bytes:
    """The DSSE envelope with one signature that the bundle `data` holds; nothing is verified.

    Raises:
        EvidenceError: not a bundle in the one form that `sigstore_bundle` writes.
    """
    value = read_json(data, where=where, max_bytes=MAX_BYTES, max_depth=8)
    if not isinstance(value, dict) or value.get("mediaType") != MEDIA_TYPE:
        raise EvidenceError(f"not a Sigstore bundle of the type {MEDIA_TYPE}", where=where)
    try:
        inner = write_canonical(value.get("dsseEnvelope")) + b"\n"
        envelope = read_envelope(inner, where=where)
    except ValueError as error:
        raise EvidenceError(f"the Sigstore bundle holds no envelope: {error}", where=where) from error
    if len(envelope.signatures) != 1 or write_canonical(_bundle_value(envelope)) + b"\n" != data:
        raise EvidenceError("a Sigstore bundle that is not in its one form", where=where)
    return write_envelope(envelope)


def check_same(bundle: bytes, envelope: bytes, *, where: str = "") -> None:
    """Check that a Sigstore `bundle` says what the DSSE `envelope` says, with one of its signatures.

    Raises:
        EvidenceError: malformed, another payload or type, or a signature that the envelope does not have.
    """
    inner, outer = read_envelope(read_sigstore(bundle, where=where), where=where), read_envelope(envelope)
    if inner.signed_bytes != outer.signed_bytes or inner.signatures[0] not in outer.signatures:
        raise EvidenceError("the Sigstore bundle is not of the same envelope", where=where)


def _bundle_value(envelope: Envelope) -> dict[str, Any]:
    return {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": envelope.signatures[0].key_id}},
        "dsseEnvelope": envelope_value(envelope),
    }
