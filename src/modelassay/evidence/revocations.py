"""Which verdicts stand and which do not, as of one tree head of the log.

A bundle cannot show its own withdrawal: that is logged later, elsewhere. So admission needs this list, and
a young one. It is drawn up by reading the *whole* log, which proves that nothing was left out, or taken
from somebody who did so and signed the list. It names what stands as well as what was withdrawn: a verdict
that a list does not know is refused, be the list too old, of another log or of a fork.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec

from modelassay.canonical import Digest, canonical_json
from modelassay.errors import EvidenceError
from modelassay.evidence.events import (
    AuditClosed,
    AuditOpened,
    KeyRevoked,
    VerdictIssued,
    VerdictSigned,
    VerdictWithdrawn,
    WaiverGranted,
    WaiverWithdrawn,
    body_of,
    decode,
)
from modelassay.evidence.parts import Count, Date, Part, Place, Sha256, Time
from modelassay.log.merkle import leaf_hash, root_of
from modelassay.log.note import TreeHead, parse_note
from modelassay.records import Event, Outcome

LIST_TYPE = "application/vnd.modelassay.revocations+json"
LARGEST_LIST = 64 * 1024 * 1024
"""Bytes of a list that is still read."""


class Issued(Part, frozen=True, kw_only=True):
    """A verdict that was logged with the audit it rests on, both ends of it."""

    payload: Sha256
    """Of the signed statement's bytes."""
    place: Place
    """Of its ``verdict.issued``."""
    time: Time
    audit: str
    line: str
    """Release line, from the audit's ``audit.opened``."""
    candidate: Sha256
    """Fingerprint, from its ``audit.closed``."""
    outcome: Outcome


class Signed(Part, frozen=True, kw_only=True):
    """When a key's signature on a verdict was logged."""

    payload: Sha256
    key: str
    seq: Count
    time: Time
    """Of its event, or of a later one that stands before it: what a log says late it cannot date back."""


class Withdrawn(Part, frozen=True, kw_only=True):
    """A verdict that no longer holds: the one that was named, or another of the same audit."""

    payload: Sha256
    seq: Count
    reason: str


class Revoked(Part, frozen=True, kw_only=True):
    """A key that no longer counts."""

    key: str
    seq: Count
    since: Time = msgspec.field(name="from")
    reason: str


class Waived(Part, frozen=True, kw_only=True, omit_defaults=True):
    """A waiver that was logged and not withdrawn since."""

    payload: Sha256
    seq: Count
    key: str
    holder: str
    reason: str
    expires: Date
    role: str = ""
    assessment: str = ""


class Standing(Part, frozen=True, kw_only=True):
    """What a whole log says of its verdicts."""

    size: Count
    """Entries read, from the first on."""
    root: Sha256
    """RFC 6962 root over them."""
    newest: Annotated[str, msgspec.Meta(max_length=20)]
    """Time of the last event by the writer's clock; empty for an empty log. Heartbeats keep it young."""
    issued: tuple[Issued, ...] = ()
    signed: tuple[Signed, ...] = ()
    withdrawn: tuple[Withdrawn, ...] = ()
    revoked: tuple[Revoked, ...] = ()
    waived: tuple[Waived, ...] = ()

    def issue_of(self, payload: str) -> Issued | None:
        """The first issue of the verdict with this payload."""
        return next((issued for issued in self.issued if issued.payload == payload), None)

    def revocations_of(self, payload: str, key: str) -> tuple[Revoked, ...]:
        """Revocations of a key after which its signature on this verdict counts no more.

        It counts still when the log has it before the revocation, and from a time before that from which the
        key is worthless.
        """
        signed = [each for each in self.signed if (each.payload, each.key) == (payload, key)]
        return tuple(
            gone
            for gone in self.revoked
            if gone.key == key and not any(each.seq < gone.seq and each.time < gone.since for each in signed)
        )


class RevocationList(Part, frozen=True, kw_only=True):
    """The payload of a signed list."""

    type: Literal["modelassay.revocations/1"] = "modelassay.revocations/1"
    time: Time
    """When it was drawn up, by the clock of who signs it."""
    head: str
    """The signed tree head (C2SP signed note, cosignatures included) that it is as of."""
    standing: Standing


def scan(entries: Iterable[bytes]) -> Standing:
    """What the whole log says, read entry by entry from the first.

    Raises:
        EvidenceError: an entry is not an event, or does not stand where it says.
    """
    reading = _Reading()
    leaves: list[bytes] = []
    newest = ""
    for seq, entry in enumerate(entries):
        event = decode(entry)
        if event.seq != seq:
            raise EvidenceError(f"an event numbered {event.seq}", where=f"entry {seq} of the log")
        leaves.append(leaf_hash(entry))
        newest = event.time
        reading.read(event, hexadecimal(leaves[-1]))
    return Standing(
        size=len(leaves),
        root=hexadecimal(root_of(leaves)),
        newest=newest,
        issued=tuple(reading.issued),
        signed=tuple(reading.signed),
        withdrawn=tuple(reading.withdrawn),
        revoked=tuple(reading.revoked),
        waived=tuple(reading.waived),
    )


class _Reading:
    """What was read so far."""

    def __init__(self) -> None:
        self.issued: list[Issued] = []
        self.signed: list[Signed] = []
        self.withdrawn: list[Withdrawn] = []
        self.revoked: list[Revoked] = []
        self.waived: list[Waived] = []
        self._opened: dict[Place, AuditOpened] = {}
        self._closed: dict[Place, AuditClosed] = {}
        self._gone: dict[str, Withdrawn] = {}
        """The first withdrawal by audit."""
        self._time = ""
        """The latest so far."""

    def read(self, event: Event, leaf: str) -> None:
        """Take in one event; of most kinds there is nothing to keep."""
        self._time = max(self._time, event.time)
        place = Place(seq=event.seq, leaf=leaf)
        if event.kind == "audit.opened":
            self._opened[place] = body_of(event, AuditOpened)
        elif event.kind == "audit.closed":
            self._closed[place] = body_of(event, AuditClosed)
        elif event.kind == "verdict.issued":
            self._issue(event, place)
        elif event.kind == "verdict.signed":
            late = body_of(event, VerdictSigned)
            self._sign(late.payload, (late.key,), event)
        elif event.kind == "verdict.withdrawn":
            self._withdraw(body_of(event, VerdictWithdrawn), event.seq)
        elif event.kind == "key.revoked":
            key = body_of(event, KeyRevoked)
            self.revoked.append(Revoked(key=key.key, seq=event.seq, since=key.since, reason=key.reason))
        elif event.kind == "waiver.granted":
            self.waived.append(_waived(body_of(event, WaiverGranted), event.seq))
        elif event.kind == "waiver.withdrawn":
            gone = body_of(event, WaiverWithdrawn)
            self.waived = [w for w in self.waived if (w.payload, w.key) != (gone.payload, gone.key)]

    def _issue(self, event: Event, place: Place) -> None:
        """Keep a verdict whose audit is logged from its opening to its end, and no other."""
        body = body_of(event, VerdictIssued)
        closed = self._closed.get(body.closed)
        opened = self._opened.get(closed.opened) if closed else None
        if closed is None or opened is None or not body.audit == closed.audit == opened.audit:
            return
        if closed.sums != body.sums or closed.candidate.fingerprint != opened.candidate.fingerprint:
            return
        self._sign(body.payload, body.signers, event)
        self.issued.append(
            Issued(
                payload=body.payload,
                place=place,
                time=event.time,
                audit=body.audit,
                line=opened.line,
                candidate=closed.candidate.fingerprint,
                outcome=body.outcome,
            )
        )
        if gone := self._gone.get(body.audit):
            self.withdrawn.append(msgspec.structs.replace(gone, payload=body.payload))

    def _withdraw(self, body: VerdictWithdrawn, seq: int) -> None:
        """Keep a withdrawal, for whatever was signed about the same audit before and will be after."""
        gone = Withdrawn(payload=body.payload, seq=seq, reason=body.reason)
        self._gone.setdefault(body.audit, gone)
        others = {issued.payload for issued in self.issued if issued.audit == body.audit} - {body.payload}
        self.withdrawn += [gone, *(msgspec.structs.replace(gone, payload=each) for each in sorted(others))]

    def _sign(self, payload: str, keys: Iterable[str], event: Event) -> None:
        self.signed += [Signed(payload=payload, key=key, seq=event.seq, time=self._time) for key in keys]


def _waived(body: WaiverGranted, seq: int) -> Waived:
    return Waived(
        payload=body.payload,
        seq=seq,
        key=body.key,
        holder=body.holder,
        reason=body.reason,
        expires=body.expires,
        role=body.role,
        assessment=body.assessment,
    )


def hexadecimal(hashed: bytes) -> Digest:
    """A 32-byte hash as events write it."""
    return Digest("sha256:" + hashed.hex())


def draw_up(standing: Standing, checkpoint: bytes, *, time: str) -> RevocationList:
    """The list of a whole log that was read.

    Args:
        standing: what was read.
        checkpoint: the log's signed tree head.
        time: now, as ``YYYY-MM-DDTHH:MM:SSZ``.

    Raises:
        EvidenceError: the tree head is of fewer entries than there are.
    """
    head = TreeHead.parse(parse_note(checkpoint).text)
    if (head.size, hexadecimal(head.root)) != (standing.size, standing.root):
        raise EvidenceError(
            f"{standing.size} entries, of which the signed tree head covers {head.size}",
            mend="sign the log as it is: `modelassay log sign`",
        )
    return RevocationList(time=time, head=checkpoint.decode(), standing=standing)


def encode_list(revocations: RevocationList) -> bytes:
    """The payload to sign."""
    return canonical_json(revocations)


def decode_list(payload: bytes) -> RevocationList:
    """The list in a payload whose signature was checked.

    Raises:
        EvidenceError: not a list of this form, in any detail.
    """
    if len(payload) > LARGEST_LIST:
        raise EvidenceError(f"a list of over {LARGEST_LIST:,} bytes")
    try:
        revocations = msgspec.json.decode(payload, type=RevocationList, strict=True)
        canonical = encode_list(revocations)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise EvidenceError(f"not a list of withdrawn verdicts: {error}") from error
    if canonical != payload:
        raise EvidenceError("a list of withdrawn verdicts that is not in canonical form")
    return revocations
