"""A waiver: a person accepts in writing, and for a time, the risk that a verdict names.

On a `deploy-monitored` verdict it is a *risk acceptance*; on a `review` it names a written risk assessment by
its digest and is a *sign-off* (`clearance` says how many must be there). Nothing else can be waived.

An in-toto Statement v1 about the signed verdict, in a DSSE envelope signed by the person's key. It lies in
the bundle as ``waivers/<n>.dsse.json`` and counts only when its ``waiver.granted`` is in the log too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import msgspec

from modelassay.canonical import canonical_json
from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.parts import Date, Sha256, Time
from modelassay.evidence.statements import PAYLOAD_TYPE, STATEMENT, Described
from modelassay.log.dsse import sign_envelope
from modelassay.log.durable import write_atomic
from modelassay.log.signing import Signer
from modelassay.log.strict_json import read_canonical

__all__ = ["PAYLOAD_TYPE", "PREDICATE", "Waiver", "add_waiver", "read_waiver", "waiver_payload"]

PREDICATE: Final = "urn:modelassay:waiver:1"
MOST_WAIVERS = 99
"""Of one verdict."""
LARGEST_WAIVER = 64 * 1024
"""Bytes of a payload."""


class Waiver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
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
    role: str = ""
    """In which the person signs off, such as ``safety``; empty for none."""
    assessment: Sha256 | Literal[""] = ""
    """Of the written risk assessment, ``assessments/<sha256>.md``; empty for a risk acceptance."""


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


def add_waiver(folder: Path, waiver: Waiver, signer: Signer) -> Path:
    """Sign `waiver` and put it into the bundle `folder`, after those that it has; the file.

    Raises:
        EvidenceError: `signer` cannot sign.
        UsageError: the bundle holds as many as it may.
    """
    data = sign_envelope(waiver_payload(waiver), PAYLOAD_TYPE, [signer])
    place = folder / "waivers"
    place.mkdir(exist_ok=True)
    number = 1
    while (path := place / f"{number}.dsse.json").exists():
        number += 1
    if number > MOST_WAIVERS:
        raise UsageError(f"{MOST_WAIVERS} waivers already", where=str(place), mend="audit the model again")
    write_atomic(path, data)
    return path


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
