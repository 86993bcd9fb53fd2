"""A waiver: a person accepts in writing, and for a time, the risk that a verdict names.

An in-toto Statement v1 about the signed verdict, in a DSSE envelope signed by the person's key. It lies in
the bundle as ``waivers/<n>.dsse.json`` and counts only when its ``waiver.granted`` is in the log too.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from modelassay.canonical import canonical_json
from modelassay.errors import EvidenceError
from modelassay.evidence.events import Date, Sha256, Time
from modelassay.evidence.statements import PAYLOAD_TYPE, STATEMENT, Described
from modelassay.log.strict_json import read_canonical

__all__ = ["PAYLOAD_TYPE", "PREDICATE", "Waiver", "read_waiver", "waiver_payload"]

PREDICATE: Final = "urn:modelassay:waiver:1"
LARGEST_WAIVER = 64 * 1024
"""Bytes of a payload."""


class Waiver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the person signs."""

    audit: str
    verdict: Sha256
    """Payload of the signed verdict."""
    holder: str
    """The person."""
    reason: str
    granted: Time
    expires: Date
    """Date from which the waiver no longer holds."""


class WaiverStatement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The signed waiver."""

    type: Literal["https://in-toto.io/Statement/v1"] = msgspec.field(name="_type")
    subject: tuple[Described, ...]
    predicate_type: Literal["urn:modelassay:waiver:1"]
    predicate: Waiver


def waiver_payload(waiver: Waiver) -> bytes:
    """The bytes to sign."""
    verdict = Described(name="verdict", digest={"sha256": waiver.verdict.removeprefix("sha256:")})
    return canonical_json(
        WaiverStatement(type=STATEMENT, subject=(verdict,), predicate_type=PREDICATE, predicate=waiver)
    )


def read_waiver(payload: bytes, *, where: str = "") -> Waiver:
    """The waiver in a payload whose signature was checked.

    Raises:
        EvidenceError: not a waiver in its one spelling, or about two verdicts at once.
    """
    plain = read_canonical(payload, where=where, max_bytes=LARGEST_WAIVER)
    try:
        statement = msgspec.convert(plain, WaiverStatement)
    except msgspec.ValidationError as error:
        raise EvidenceError(f"not a waiver: {error}", where=where) from error
    if waiver_payload(statement.predicate) != payload:
        raise EvidenceError("a waiver about something else than it says", where=where)
    return statement.predicate
