"""What an assessor signs: an in-toto Statement v1 about a run.

Its predicate is ``urn:modelassay:assessment:1``. Pure: the same record and log entry give the same
bytes. There are no floats.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from modelassay.canonical import Digest, canonical_json
from modelassay.errors import EvidenceError
from modelassay.evidence.parts import Place, Sha256, Time
from modelassay.evidence.statements import STATEMENT, Described
from modelassay.records import Assessment, AssessmentProfile
from modelassay.records.findings import AssuranceTier, Severity

PREDICATE = "urn:modelassay:assessment:1"
Count = Annotated[int, msgspec.Meta(ge=0)]


class Assessed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The predicate."""

    assessment: str
    """Id; `record` is the digest of ``assessment.json``."""
    record: Sha256
    sums: Sha256
    """Of ``SHA256SUMS``."""
    run: str
    profile: AssessmentProfile
    assessor: str
    independent: bool
    """As they declare."""
    tier: AssuranceTier
    headline: str
    severities: dict[Severity, Count]
    """How many findings are of each."""
    logged: Place
    time: Time
    """Of the log entry."""
    version: str
    """Of modelassay."""


class AssessmentStatement(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """The signed assessment; its subject is the run as it was read."""

    type: Literal["https://in-toto.io/Statement/v1"] = msgspec.field(name="_type")
    subject: tuple[Described, ...]
    predicate_type: Literal["urn:modelassay:assessment:1"]
    predicate: Assessed


def assessment_statement(
    record: Assessment, *, digest: Digest, sums: Digest, place: Place, time: str
) -> bytes:
    """The bytes to sign.

    Args:
        digest: of ``assessment.json``.
        sums: of ``SHA256SUMS``.
        place: where the log has ``run.assessed``, at `time`.
    """
    read = next(each.digest for each in record.inputs if each.name == "run")
    counts = {each.severity: 0 for each in record.findings}
    for each in record.findings:
        counts[each.severity] += 1
    statement = AssessmentStatement(
        type=STATEMENT,
        subject=(Described(name=record.run.id, digest={"sha256": read.removeprefix("sha256:")}),),
        predicate_type="urn:modelassay:assessment:1",
        predicate=Assessed(
            assessment=record.id,
            record=digest,
            sums=sums,
            run=record.run.id,
            profile=record.profile,
            assessor=record.declaration.assessor,
            independent=record.declaration.independent,
            tier=record.tier,
            headline=record.headline,
            severities=counts,
            logged=place,
            time=time,
            version=record.tool_version,
        ),
    )
    return canonical_json(statement)


def read_statement(payload: bytes, where: str = "") -> AssessmentStatement:
    """The statement in an envelope.

    Raises:
        EvidenceError: another kind of statement, unknown fields, or not the one canonical form.
    """
    try:
        plain = msgspec.json.decode(payload)
        if canonical_json(plain) != payload:
            raise EvidenceError("a statement that is not in canonical form", where=where)
        return msgspec.convert(plain, AssessmentStatement)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise EvidenceError(f"not a signed assessment: {error}", where=where) from error
