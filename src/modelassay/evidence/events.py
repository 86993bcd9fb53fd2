"""What each kind of event says, and its bytes in the log.

An entry is the RFC 8785 form of a `records.Event`: UTF-8 JSON, sorted keys, no floats, at most 65,535
bytes (the length prefix of C2SP tlog-tiles entry bundles has 16 bits). A digest is ``sha256:`` and 64
hexadecimal digits; a time is ``YYYY-MM-DDTHH:MM:SSZ``.

Readers are strict: unknown fields, duplicate keys, any other spelling of the same JSON are refused.
Kinds that are only reserved (monitoring) are kept as they are and mean nothing here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec

from modelassay.canonical import canonical_json
from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.body import Body as Body
from modelassay.evidence.parts import (
    Count,
    DatasetRef,
    Date,
    DrawnOrder,
    EvaluatorRef,
    ModelRef,
    Order,
    Origin,
    Place,
    Records,
    Result,
    Sha256,
    SourceRef,
    Time,
)
from modelassay.evidence.run_events import RUN_BODIES
from modelassay.records import Actor, Event, EventKind

LARGEST = 65_535
"""Bytes of an entry (https://c2sp.org/tlog-tiles, entry bundles)."""


class AuditOpened(Body, frozen=True, kw_only=True, omit_defaults=True):
    """An audit is about to ask its first question, or to judge given answers; logged before it does."""

    kind = "audit.opened"
    audit: str
    name: str
    line: str
    """Names the successive candidates of one release line."""
    attempt: Annotated[int, msgspec.Meta(ge=1)]
    """How many audits this line has opened, this one included. Judging given answers again is no attempt of
    its own: it has the number of the audit that they come from."""
    plan: Sha256
    """`config.plan_digest`: of all in the plan that can change an answer or a verdict."""
    policy: Sha256
    """Of ``policy.json``."""
    order: Order
    datasets: tuple[DatasetRef, ...]
    evaluators: tuple[EvaluatorRef, ...]
    baseline: ModelRef
    candidate: ModelRef
    drawn: DrawnOrder | None = None
    """How questions are drawn until the action is settled, in `order`; absent where all are asked."""
    parent: Origin | None = None
    """The audit whose answers are judged again, no model being asked; absent where models are asked."""
    examinations: tuple[Sha256, ...] = ()
    """Of the canonical JSON of each examination that is taken in."""
    imported: tuple[SourceRef, ...] = ()
    """Files of another tool that the answers come from. They were asked elsewhere, before this event; absent
    where models are asked after it."""


class AuditCounts(Body, frozen=True, kw_only=True):
    """Results of an audit that do not fit into its closing event."""

    kind = "audit.counts"
    audit: str
    opened: Place
    part: Count
    """From 0."""
    results: tuple[Result, ...]


class AuditClosed(Body, frozen=True, kw_only=True, omit_defaults=True):
    """An audit came to its end; everything it rests on, by digest."""

    kind = "audit.closed"
    audit: str
    opened: Place
    finished: Time
    """When all was judged, as in ``audit.json``."""
    sums: Sha256
    """Of ``SHA256SUMS``."""
    records: Records
    baseline: ModelRef
    candidate: ModelRef
    datasets: tuple[DatasetRef, ...]
    evaluators: tuple[EvaluatorRef, ...]
    results: tuple[Result, ...]
    """Empty when they stand in `counts_events`."""
    findings: Sha256
    """Of ``findings.json``; likewise the next two of their files."""
    verdict: Sha256
    policy: Sha256
    counts_events: tuple[Place, ...] = ()
    imported: tuple[SourceRef, ...] = ()
    """As in ``audit.opened``."""


class AuditAborted(Body, frozen=True, kw_only=True):
    """An audit was given up by its user."""

    kind = "audit.aborted"
    audit: str
    opened: Place
    reason: str


class VerdictIssued(Body, frozen=True, kw_only=True):
    """A verdict was signed; one that is not logged does not count."""

    kind = "verdict.issued"
    audit: str
    closed: Place
    payload: Sha256
    """Of the signed in-toto statement's bytes."""
    outcome: Literal["deploy", "deploy-monitored", "inconclusive", "review", "block"]
    expires: Date
    sums: Sha256
    signers: tuple[str, ...]
    """Key ids."""


class VerdictSigned(Body, frozen=True, kw_only=True):
    """Somebody else put their signature to a verdict."""

    kind = "verdict.signed"
    audit: str
    payload: Sha256
    key: str
    holder: str


class VerdictWithdrawn(Body, frozen=True, kw_only=True):
    """A verdict no longer holds."""

    kind = "verdict.withdrawn"
    audit: str
    payload: Sha256
    reason: str


class WaiverGranted(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody accepts the risk that a verdict names, for a time: see `waivers.Waiver`."""

    kind = "waiver.granted"
    audit: str
    payload: Sha256
    holder: str
    key: str
    reason: str
    expires: Date
    role: str = ""
    assessment: str = ""


class WaiverWithdrawn(Body, frozen=True, kw_only=True):
    """All that one key granted on a verdict so far no longer holds."""

    kind = "waiver.withdrawn"
    audit: str
    payload: Sha256
    key: str
    reason: str


class DatasetRegistered(Body, frozen=True, kw_only=True):
    """A dataset was used for the first time."""

    kind = "dataset.registered"
    name: str
    digest: Sha256
    rows: Count
    source: str = ""
    licence: str = ""
    """SPDX expression; empty when unknown."""


class LineageDeclared(Body, frozen=True, kw_only=True):
    """What a candidate was made from, as declared."""

    kind = "lineage.declared"
    audit: str
    subject: Sha256
    """The candidate's fingerprint."""
    lineage: Sha256
    """Of ``lineage.json``."""


class PolicyChanged(Body, frozen=True, kw_only=True):
    """A release line is judged by another policy than before."""

    kind = "policy.changed"
    line: str
    name: str
    before: Sha256
    after: Sha256


class RecordErased(Body, frozen=True, kw_only=True):
    """Records were erased; their commitments stay."""

    kind = "record.erased"
    audit: str
    file: str
    indexes: tuple[Count, ...]
    reason: str


class KeyAdded(Body, frozen=True, kw_only=True):
    """A key counts from now on."""

    kind = "key.added"
    name: str
    key: str
    """Its id."""
    spki: str
    """DER SubjectPublicKeyInfo in base64."""
    use: Literal["verdict", "log", "witness"]
    holder: str
    holder_kind: Literal["person", "pipeline"]


class KeyRevoked(Body, frozen=True, kw_only=True):
    """A key no longer counts."""

    kind = "key.revoked"
    key: str
    reason: str
    since: Time = msgspec.field(name="from")
    """From when its signatures are worthless."""


class DeployAdmitted(Body, frozen=True, kw_only=True):
    """Something was let through to deployment."""

    kind = "deploy.admitted"
    subject: Sha256
    target: str
    verdict: Sha256
    """Payload of the verdict that admitted it."""
    why: str


class DeployRefused(Body, frozen=True, kw_only=True):
    """Something was kept from deployment."""

    kind = "deploy.refused"
    subject: Sha256
    target: str
    verdict: str
    """Payload of the verdict that was offered; empty when there was none."""
    why: str


class Heartbeat(Body, frozen=True, kw_only=True):
    """The log lives; nothing happened."""

    kind = "heartbeat"


class AuditorValidated(Body, frozen=True, kw_only=True):
    """Checks and audits were held against organisms with planted faults."""

    kind = "auditor.validated"
    record: Sha256
    """Of ``matrix.json``."""
    organisms: Count
    seeds: tuple[int, ...]


BODIES: dict[str, type[Body]] = {body.kind: body for body in (*Body.__subclasses__(), *RUN_BODIES)}
"""The body of every kind that has one."""

B = TypeVar("B", bound=Body)


def event_of(body: Body, *, seq: int, time: str, actor: Actor) -> Event:
    """`body` as the event number `seq`, caused by `actor` at `time`."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(body))
    return Event(seq=seq, time=time, kind=body.kind, actor=actor, body=plain)


def encode(event: Event) -> bytes:
    """The entry for `event`.

    Raises:
        UsageError: larger than an entry can be, or it holds what evidence may not (floats, huge integers).
    """
    try:
        data = canonical_json(event)
    except ValueError as error:
        raise UsageError(f"this cannot be logged: {error}", where=event.kind) from error
    if len(data) > LARGEST:
        raise UsageError(
            f"an event of {len(data):,} bytes cannot be logged; {LARGEST:,} is the most",
            where=event.kind,
            mend="shorten names and reasons",
        )
    return data


def decode(data: bytes) -> Event:
    """The event whose entry is `data`.

    Raises:
        EvidenceError: not the canonical form of an event of a known kind with exactly its fields.
    """
    if len(data) > LARGEST:
        raise EvidenceError(f"an entry of {len(data):,} bytes; {LARGEST:,} is the most")
    try:
        plain: Any = msgspec.json.decode(data)
        canonical = canonical_json(plain)
        event = msgspec.convert(plain, _StrictEvent)
        if event.kind in BODIES:
            msgspec.convert(event.body, BODIES[event.kind])
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise EvidenceError(f"not an event: {error}") from error
    if canonical != data:
        raise EvidenceError("an event that is not in canonical form (RFC 8785)")
    actor = Actor(name=event.actor.name, key=event.actor.key)
    return Event(seq=event.seq, time=event.time, kind=event.kind, actor=actor, body=event.body)


def body_of(event: Event, kind: type[B]) -> B:
    """The typed body of `event`, which must be of `kind`.

    Raises:
        EvidenceError: it is of another kind, or lacks or has fields beyond those.
    """
    if event.kind != kind.kind:
        raise EvidenceError(f"entry {event.seq} is {event.kind}, not {kind.kind}")
    try:
        return msgspec.convert(event.body, kind)
    except msgspec.ValidationError as error:
        raise EvidenceError(f"not a {kind.kind}: {error}", where=f"entry {event.seq}") from error


class _StrictActor(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    key: str


class _StrictEvent(msgspec.Struct, forbid_unknown_fields=True):
    """`records.Event` with nothing optional: what canonical bytes must spell out."""

    type: Literal["modelassay.event/1"]
    seq: Count
    time: Time
    kind: EventKind
    actor: _StrictActor
    body: dict[str, Any]
