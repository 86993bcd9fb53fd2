"""What a whole log adds to a bundle: withdrawals, revoked keys, other audits of the line, one history.

A bundle cannot show its own withdrawal, nor how many audits were opened besides it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from modelassay.errors import EvidenceError
from modelassay.evidence.chain import Chain
from modelassay.evidence.drawing import share_of
from modelassay.evidence.events import (
    AuditAborted,
    AuditClosed,
    AuditOpened,
    VerdictIssued,
    VerdictWithdrawn,
    body_of,
    decode,
)
from modelassay.evidence.ledger import read_events
from modelassay.evidence.revocations import Standing, scan
from modelassay.log.note import TreeHead
from modelassay.log.reader import LogReader
from modelassay.log.signing import PublicKey
from modelassay.log.trust import Trusted, TrustPolicy
from modelassay.log.verify import verify_log


@dataclass(frozen=True)
class WholeLog:
    """A log that was read from its first entry to its last."""

    folder: Path
    policy: TrustPolicy
    trusted: Trusted
    """Its tree head."""

    @cached_property
    def reader(self) -> LogReader:
        """For looking things up."""
        return LogReader(self.folder)

    @cached_property
    def standing(self) -> Standing:
        """What it says of verdicts and keys."""
        return scan(self.reader.entries())


def read_whole_log(folder: Path, policy: TrustPolicy, heads: Sequence[TreeHead], *, now: float) -> WholeLog:
    """The log in `folder`, every byte of it checked.

    Args:
        heads: of the bundle, and remembered ones; the log must continue each.
        now: POSIX seconds.

    Raises:
        EvidenceError: damaged, not signed or cosigned as `policy` asks, another log, rolled back or forked.
    """
    verify_log(folder, policy.verifiers, remembered=heads)
    checkpoint = LogReader(folder).checkpoint
    if checkpoint is None:
        raise EvidenceError("its tree head is not signed", where=str(folder))
    return WholeLog(folder, policy, policy.open_head(checkpoint, now=now, where=str(folder)))


def has_the_audit(log: WholeLog, chain: Chain) -> str:
    """That the bundle's three events are the log's, where they say.

    Raises:
        EvidenceError: names the event.
    """
    for link in (chain.opened, chain.closed, chain.issued):
        if link.event.seq >= log.reader.size or log.reader.entry(link.event.seq) != link.entry:
            raise EvidenceError("the log has another entry in this place", where=link.file)
    return f"the whole log of {log.reader.size:,} entries was read; it has this audit"


def attempts_close(log: WholeLog, chain: Chain) -> str:
    """That every audit opened for this release line before this one came to an end.

    Raises:
        EvidenceError: an attempt is not counted, or one was left open.
    """
    line = _Line(log, chain.opened.body.line)
    this = chain.opened.event.seq
    left = [audit for audit, seq in line.opened.items() if audit not in line.ended and seq < this]
    if left:
        raise EvidenceError(
            f"{len(left)} earlier audits of {line.name!r} were opened and never closed or given up: "
            f"{', '.join(left)}; who keeps the log finishes each or says why not: "
            f'`modelassay abandon {left[0]} --reason "…"`',
            where=str(log.folder),
        )
    ends = [line.ended.get(audit, "still open") for audit in line.opened]
    told = ", ".join(f"{ends.count(end)} {end}" for end in ("closed", "given up", "still open"))
    again = f"; {line.again} of them judged given answers again" if line.again else ""
    attempts = len(line.opened) - line.again
    others = _others(log, chain)
    return f"attempt {chain.opened.body.attempt} of {attempts} for {line.name!r}: {told}{again}{others}"


def _others(log: WholeLog, chain: Chain) -> str:
    """Other verdicts on this very candidate that the log has, in whatever line, as the end of a sentence.

    They speak against nothing by themselves: a cause may have been mended. Who checks should know of them.
    """
    this = chain.opened.body
    opened = {
        body.audit: body.line
        for body in (logged.read(AuditOpened) for logged in read_events(log.folder, AuditOpened))
        if body.candidate.fingerprint == this.candidate.fingerprint and body.audit != this.audit
    }
    if not opened:
        return ""
    gone = {each.payload for each in log.standing.withdrawn}
    said: dict[str, str] = {}
    for body in (logged.read(VerdictIssued) for logged in read_events(log.folder, VerdictIssued)):
        if body.audit in opened:
            withdrawn = ", withdrawn" if body.payload in gone else ""
            said[body.audit] = f"{body.outcome} ({body.audit}, for {opened[body.audit]!r}{withdrawn})"
    return f"; other verdicts on this candidate: {', '.join(said.values())}" if said else ""


class _Line:
    """What a whole log says of one release line, each opening held against those before it."""

    def __init__(self, log: WholeLog, name: str) -> None:
        self.name = name
        self.opened: dict[str, int] = {}
        """Where each of its audits was opened."""
        self.ended: dict[str, str] = {}
        """How each audit of any line came to its end."""
        self.again = 0
        """How many of its audits judged given answers again."""
        self._attempts: dict[str, int] = {}
        self._sums: dict[str, str] = {}
        for seq, entry in enumerate(log.reader.entries()):
            if b'"kind":"audit.' not in entry:
                continue
            event = decode(entry)
            if event.kind == AuditOpened.kind:
                self._open(body_of(event, AuditOpened), seq, str(log.folder))
            elif event.kind == AuditClosed.kind:
                closed = body_of(event, AuditClosed)
                self.ended.setdefault(closed.audit, "closed")
                self._sums.setdefault(closed.audit, closed.sums)
            elif event.kind == AuditAborted.kind:
                self.ended.setdefault(body_of(event, AuditAborted).audit, "given up")

    def _open(self, body: AuditOpened, seq: int, where: str) -> None:
        parent = body.parent
        if parent is not None and self._sums.get(parent.audit, parent.sums) != parent.sums:
            what = f"entry {seq} judges answers of {parent.audit} again that are not those which were sealed"
            raise EvidenceError(what, where=where)
        if body.line != self.name:
            return
        if body.drawn is not None and body.drawn.share != str(share_of(body.attempt)):
            what = f"entry {seq} spends {body.drawn.share} of the error, and attempt {body.attempt} may not"
            raise EvidenceError(what, where=where)
        self.opened.setdefault(body.audit, seq)
        self.again += parent is not None
        number = len(self.opened) - self.again
        if parent is not None:  # of answers that came from elsewhere, only their own log knows the number
            number = self._attempts.get(parent.audit, body.attempt)
        self._attempts.setdefault(body.audit, body.attempt)
        if body.attempt != number:
            what = f"entry {seq} calls itself attempt {body.attempt} of {self.name!r}, and is {number}"
            raise EvidenceError(what, where=where)


def not_withdrawn(log: WholeLog, payload: str) -> str:
    """That the verdict was not withdrawn, as of the log's tree head.

    Args:
        payload: digest of what was signed.

    Raises:
        EvidenceError: it was; with the reason given.
    """
    for gone in log.standing.withdrawn:
        if gone.payload == payload:
            raise EvidenceError(f"withdrawn in entry {gone.seq} of the log: {gone.reason}")
    return f"not withdrawn, as of {log.standing.newest}"


def parent_withdrawn(log: WholeLog, chain: Chain) -> str:
    """How the audit whose answers were judged again was withdrawn after that; empty when it was not.

    Raises:
        EvidenceError: it was withdrawn before: its answers speak for nothing that is decided on them since.
    """
    parent = chain.opened.body.parent
    for logged in read_events(log.folder, VerdictWithdrawn):
        gone = logged.read(VerdictWithdrawn)
        if parent is None or gone.audit != parent.audit:
            continue
        seq, reason = logged.place.seq, gone.reason
        if seq < chain.opened.event.seq:
            raise EvidenceError(
                f"the answers are of {parent.audit}, whose verdict was withdrawn before they were judged "
                f"again, in entry {seq} of the log: {reason}"
            )
        return f"the verdict of {parent.audit} was withdrawn since, in entry {seq} of the log: {reason}"
    return ""


def keys_count(log: WholeLog, payload: str, signed_by: Sequence[PublicKey], threshold: int) -> str:
    """That enough of the keys that signed were not revoked before they did.

    A signature counts when the log has it before the revocation, and from a time before that from which the
    key is worthless.

    Raises:
        EvidenceError: too few are left.
    """
    worthless = [
        f"{key.name} (revoked in entry {gone[0].seq}: {gone[0].reason})"
        for key in signed_by
        if (gone := log.standing.revocations_of(payload, key.key_id))
    ]
    if len(signed_by) - len(worthless) < threshold:
        raise EvidenceError(f"signed by revoked keys: {', '.join(worthless)}")
    return f"{len(signed_by) - len(worthless)} signing keys stand"
