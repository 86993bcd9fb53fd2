"""DSSE v1 envelopes: a payload, its type, and signatures on both.

What is signed is the pre-authentication encoding (PAE), so that no JSON needs a canonical form. Envelopes
of our own are nevertheless written in one form, and read in that one form only: a reader cannot be shown
anything that was not signed or counted. `foreign=True` reads what other tools write.
Source: https://github.com/secure-systems-lab/dsse, protocol.md and envelope.md, version 1.0.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from modelassay.errors import EvidenceError
from modelassay.log.keys import as_der
from modelassay.log.signing import PublicKey, Signer
from modelassay.log.strict_json import read_json, write_canonical

MAX_BYTES = 16 * 2**20
MAX_SIGNATURES = 64

_KEY_ID = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_BASE64URL = str.maketrans("-_", "+/")


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One signature of an envelope."""

    key_id: str
    """A hint only; in foreign envelopes it may be empty or anything."""
    signature: bytes


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """An envelope as it was read: nothing is verified."""

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]

    @property
    def signed_bytes(self) -> bytes:
        """What every signature is on."""
        return pae(self.payload_type, self.payload)


@dataclass(frozen=True, kw_only=True)
class Opened:
    """An envelope whose signatures were verified and suffice."""

    payload: bytes
    payload_type: str
    signed_by: tuple[PublicKey, ...]
    """The distinct trusted keys that signed."""
    unknown: tuple[str, ...]
    """Key ids of further signatures, by keys that are not trusted here; nothing is known of them."""


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding: ``DSSEv1 LEN(type) type LEN(body) body``."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign_envelope(payload: bytes, payload_type: str, signers: Iterable[Signer]) -> bytes:
    """An envelope around `payload`, signed by each of `signers` in turn.

    Raises:
        EvidenceError: no signer, a signer twice, or one that cannot sign.
    """
    message = pae(payload_type, payload)
    envelope = Envelope(
        payload=payload,
        payload_type=payload_type,
        signatures=tuple(_signature(signer, message) for signer in signers),
    )
    return _checked(envelope)


def add_signature(data: bytes, signer: Signer) -> bytes:
    """The envelope `data` with the signature of `signer` after those that it has.

    Raises:
        EvidenceError: not an envelope of ours, `signer` signed it already, or cannot sign.
    """
    envelope = read_envelope(data)
    if any(s.key_id == signer.public.key_id for s in envelope.signatures):
        raise EvidenceError(
            "this key signed already",
            where=signer.public.name,
            mend="a second person signs with a second key",
        )
    added = _signature(signer, envelope.signed_bytes)
    return _checked(
        Envelope(
            payload=envelope.payload,
            payload_type=envelope.payload_type,
            signatures=(*envelope.signatures, added),
        )
    )


def open_envelope(
    data: bytes,
    keys: Sequence[PublicKey],
    threshold: int = 1,
    *,
    payload_type: str | None = None,
    foreign: bool = False,
    where: str = "",
) -> Opened:
    """Verify an envelope: at least `threshold` distinct `keys` signed it, and none signed it wrongly.

    Args:
        data: the envelope's bytes.
        keys: those that are trusted; the same key under two names counts once.
        threshold: how many of them must have signed, at least 1.
        payload_type: the type that it must have; any when None.
        foreign: read what other tools write: any spacing, no or other key ids, raw P-256 signatures, and
            wrong signatures passed over as the standard has it.
        where: what the bytes are, for errors.

    Raises:
        EvidenceError: malformed, of another type, a wrong signature, or too few.
    """
    if threshold < 1:
        raise ValueError("at least one signature is needed")
    envelope = read_envelope(data, foreign=foreign, where=where)
    if payload_type is not None and envelope.payload_type != payload_type:
        raise EvidenceError(
            f"the envelope holds {envelope.payload_type[:100]!r}, not {payload_type!r}", where=where
        )
    signed_by, unknown = _verify(envelope, keys, foreign=foreign, where=where)
    if len(signed_by) < threshold:
        trusted = len({key.key_id for key in keys})
        others = f"; also signed by {', '.join(unknown)[:200]}" if unknown else ""
        raise EvidenceError(
            f"signed by {len(signed_by)} of the {trusted} trusted keys, {threshold} needed{others}",
            where=where,
            mend="give the public key of who should have signed, from a source that you trust",
        )
    return Opened(
        payload=envelope.payload,
        payload_type=envelope.payload_type,
        signed_by=tuple(signed_by),
        unknown=tuple(unknown),
    )


def read_envelope(data: bytes, *, foreign: bool = False, where: str = "") -> Envelope:
    """Take an envelope apart; nothing is verified.

    Raises:
        EvidenceError: malformed or too large; or, unless `foreign`, not in the one form that we write.
    """
    value = read_json(data, where=where, max_bytes=MAX_BYTES, max_depth=8)
    fields = _fields(value, {"payload", "payloadType", "signatures"}, foreign=foreign, where=where)
    listed = fields["signatures"]
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_SIGNATURES:
        raise EvidenceError(f"an envelope has 1 to {MAX_SIGNATURES} signatures", where=where)
    payload_type = fields["payloadType"]
    if not isinstance(payload_type, str) or not payload_type:
        raise EvidenceError("an envelope without a payload type", where=where)
    envelope = Envelope(
        payload=_base64(fields["payload"], "the payload", foreign=foreign, where=where),
        payload_type=payload_type,
        signatures=tuple(_read_signature(one, foreign=foreign, where=where) for one in listed),
    )
    if not foreign:
        _check_form(envelope, data, where)
    return envelope


def write_envelope(envelope: Envelope) -> bytes:
    """The one form of `envelope`: canonical JSON and a newline."""
    return write_canonical(envelope_value(envelope)) + b"\n"


def envelope_value(envelope: Envelope) -> dict[str, Any]:
    """`envelope` as plain data, as DSSE's JSON has it."""
    return {
        "payload": base64.b64encode(envelope.payload).decode(),
        "payloadType": envelope.payload_type,
        "signatures": [
            {"keyid": s.key_id, "sig": base64.b64encode(s.signature).decode()} for s in envelope.signatures
        ],
    }


def _signature(signer: Signer, message: bytes) -> Signature:
    """`signer`'s signature, checked: a key that lies or a faulty device must not spoil an envelope."""
    signature = signer.sign(message)
    if not signer.public.verifies(message, signature):
        raise EvidenceError(
            "the signer gave a signature that its own key does not verify", where=signer.public.name
        )
    return Signature(key_id=signer.public.key_id, signature=signature)


def _checked(envelope: Envelope) -> bytes:
    data = write_envelope(envelope)
    read_envelope(data)
    return data


def _check_form(envelope: Envelope, data: bytes, where: str) -> None:
    ids = [s.key_id for s in envelope.signatures]
    for key_id in ids:
        if not _KEY_ID.fullmatch(key_id):
            raise EvidenceError(f"a key id that is none: {key_id[:60]!r}", where=where)
    if len(set(ids)) != len(ids):
        raise EvidenceError("one key signed twice", where=where)
    if write_envelope(envelope) != data:
        raise EvidenceError("an envelope that is not in its one form (canonical JSON, newline)", where=where)


def _verify(
    envelope: Envelope, keys: Sequence[PublicKey], *, foreign: bool, where: str
) -> tuple[list[PublicKey], list[str]]:
    """The distinct keys that signed, and the key ids of the other signatures."""
    by_id = {key.key_id: key for key in keys}
    message = envelope.signed_bytes
    signed: dict[str, PublicKey] = {}
    unknown: list[str] = []
    for one in envelope.signatures:
        if foreign:  # the key id is a hint that may be missing: DSSE, "multi-signature verification"
            found = [k for k in by_id.values() if k.verifies(message, as_der(k, one.signature))]
            signed.update((key.key_id, key) for key in found)
            unknown += [] if found else [one.key_id]
        elif one.key_id not in by_id:
            unknown.append(one.key_id)
        elif by_id[one.key_id].verifies(message, one.signature):
            signed[one.key_id] = by_id[one.key_id]
        else:
            name = by_id[one.key_id].name
            raise EvidenceError(f"the signature by {name} ({one.key_id}) is not on these bytes", where=where)
    return list(signed.values()), unknown


def _read_signature(value: Any, *, foreign: bool, where: str) -> Signature:
    needed = {"sig"} if foreign else {"sig", "keyid"}
    fields = _fields(value, needed, foreign=foreign, where=where)
    key_id = fields.get("keyid") or ""
    if not isinstance(key_id, str):
        raise EvidenceError("a key id that is no text", where=where)
    signature = _base64(fields["sig"], "a signature", foreign=foreign, where=where)
    if not signature:
        raise EvidenceError("an empty signature", where=where)
    return Signature(key_id=key_id, signature=signature)


def _fields(value: Any, needed: set[str], *, foreign: bool, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise EvidenceError("not a DSSE envelope: an object was expected", where=where)
    missing, more = needed - value.keys(), value.keys() - needed
    if missing:
        raise EvidenceError(f"not a DSSE envelope: {', '.join(sorted(missing))} missing", where=where)
    if more and not foreign:
        raise EvidenceError(f"fields that no envelope has: {', '.join(sorted(more))[:200]}", where=where)
    return value


def _base64(text: Any, what: str, *, foreign: bool, where: str) -> bytes:
    """Standard base64 in its one spelling; in foreign envelopes base64url too, as DSSE asks."""
    if not isinstance(text, str):
        raise EvidenceError(f"{what} is no text", where=where)
    if foreign:
        text = text.translate(_BASE64URL)
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EvidenceError(f"{what} is not base64", where=where) from error
    if base64.b64encode(data).decode() != text:
        raise EvidenceError(f"{what} is not base64 in its one spelling", where=where)
    return data
