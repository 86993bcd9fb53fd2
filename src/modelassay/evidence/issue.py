"""From a sealed audit to an issued verdict: closed in the log, signed, logged, proved.

Every step looks first whether it has been taken. So a crash between any two of them is healed by doing all
of it again, nothing is issued twice, and doing it again when all is done changes no byte. What is signed
follows from the bundle and the log alone, never from the time at which it is signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from modelassay.canonical import MAX_INTEGER, canonical_json, digest_bytes
from modelassay.errors import EvidenceError, StoreError, UsageError
from modelassay.evidence.bundle import COUNTS, ENVELOPE, PROOFS, SIGSTORE
from modelassay.evidence.events import (
    LARGEST,
    AuditAborted,
    AuditClosed,
    AuditCounts,
    Body,
    VerdictIssued,
    encode,
    event_of,
)
from modelassay.evidence.facts import Sealed, closing, results_of
from modelassay.evidence.ledger import History, Ledger, Logged
from modelassay.evidence.parts import Result
from modelassay.evidence.statements import PAYLOAD_TYPE, TreeState, evaluator_statements, verdict_statement
from modelassay.log.dsse import Envelope, read_envelope, sign_envelope, write_envelope
from modelassay.log.durable import write_atomic
from modelassay.log.note import TreeHead, parse_note
from modelassay.log.proof import TlogProof, read_proof, write_proof
from modelassay.log.reader import LogReader
from modelassay.log.sigstore import sigstore_bundle
from modelassay.records import AuditRecord

OPENED, CLOSED, ISSUED = PROOFS
"""Where the entries of an audit's own events lie in its bundle."""


def record_opening(ledger: Ledger, opened: Logged, folder: Path) -> None:
    """Put the opening event and the proof that it is logged into the bundle's folder, before all else is.

    Raises:
        StoreError: the disk is full.
        EvidenceError: a witness refuses the log.
    """
    with _writing(folder):
        _keep(folder / OPENED, encode(opened.event))
        _prove(ledger, folder, {OPENED: opened})


def close_audit(ledger: Ledger, history: History, record: AuditRecord, sealed: Sealed) -> Logged:
    """Log that the audit came to its end, with its results; the closing event, old or new.

    Raises:
        UsageError: the audit was given up meanwhile.
    """
    if history.closed is not None:
        return history.closed
    opened = history.opened.place
    results = results_of(record.findings, record.evaluators)
    body = closing(record, sealed, opened, results, ())
    if _size(ledger, body) > LARGEST:
        empty = AuditCounts(audit=record.id, opened=opened, part=MAX_INTEGER, results=())
        counts = tuple(
            ledger.append_once(AuditCounts(audit=record.id, opened=opened, part=part, results=share)).place
            for part, share in enumerate(_shares(results, LARGEST - _size(ledger, empty)))
        )
        body = closing(record, sealed, opened, (), counts)
    return _end(ledger, body)


def abort_audit(ledger: Ledger, history: History, reason: str) -> Logged:
    """Log that the audit was given up.

    Raises:
        UsageError: it came to another end already.
    """
    audit = history.opening.audit
    return _end(ledger, AuditAborted(audit=audit, opened=history.opened.place, reason=reason))


def issue_verdict(
    ledger: Ledger, history: History, record: AuditRecord, closed: Logged, *, folder: Path, target: str
) -> None:
    """Sign and log the verdict of a closed audit, and put signatures and proofs into its bundle.

    Without verdict signers nothing is signed, without a log signer nothing is proved; doing it again with
    them adds what is missing.

    Args:
        folder: the bundle.
        target: where the candidate is to be deployed.

    Raises:
        EvidenceError: what was logged before can no longer be reproduced, or a witness refuses the log.
        StoreError: the disk is full.
    """
    with _writing(folder):
        events = {OPENED: history.opened, CLOSED: closed}
        if ledger.notary.verdict_signers:
            events[ISSUED] = _issue(ledger, history.issued, record, closed, folder, target)
        elif history.issued is not None:
            events[ISSUED] = history.issued
        for path, logged in events.items():
            _keep(folder / path, encode(logged.event))
        for part, place in enumerate(closed.read(AuditClosed).counts_events):
            _keep(folder / COUNTS.format(part), LogReader(ledger.folder).entry(place.seq))
        _prove(ledger, folder, events)


def _issue(
    ledger: Ledger, issued: Logged | None, record: AuditRecord, closed: Logged, folder: Path, target: str
) -> Logged:
    """Sign what is not signed, then log what is not logged; the event of issue.

    The envelope is on the disk before the log names it: a verdict that is not logged does not count, but one
    that is logged and lost could not be had again from a signer whose signatures differ each time.
    """
    logged = issued.read(VerdictIssued).payload if issued is not None else None
    envelope = _envelope_at(folder / ENVELOPE)
    if envelope is None or digest_bytes(envelope.payload) != logged:
        payload = _statement(ledger, record, closed, folder, target)
        if logged not in (None, digest_bytes(payload)):
            raise EvidenceError(
                "the verdict that was logged cannot be signed again: its inputs are not the same any more",
                where=str(folder / ENVELOPE),
                mend="restore the bundle from a copy",
            )
        if envelope is None or envelope.payload != payload:
            envelope = _sign(ledger, payload, folder / ENVELOPE)
    _keep(folder / SIGSTORE, sigstore_bundle(write_envelope(envelope)))
    if issued is not None:
        return issued
    return ledger.append_once(
        VerdictIssued(
            audit=record.id,
            closed=closed.place,
            payload=digest_bytes(envelope.payload),
            outcome=record.verdict.outcome,
            expires=record.verdict.expires,
            sums=closed.read(AuditClosed).sums,
            signers=tuple(signature.key_id for signature in envelope.signatures),
        )
    )


def _statement(ledger: Ledger, record: AuditRecord, closed: Logged, folder: Path, target: str) -> bytes:
    """The verdict's bytes to sign, once the evaluators' results that it rests on are signed."""
    body = closed.read(AuditClosed)
    inputs = {}
    for path, payload in evaluator_statements(record, body, closed.place):
        envelope = _envelope_at(folder / path)
        if envelope is None or envelope.payload != payload:
            _sign(ledger, payload, folder / path)
        inputs[path] = hashlib.sha256((folder / path).read_bytes()).hexdigest()
    size = closed.place.seq + 1
    root = LogReader(ledger.folder).root_at(size)
    return verdict_statement(
        record,
        body,
        place=closed.place,
        tree=TreeState(size=size, root="sha256:" + root.hex()),
        time=closed.event.time,
        target=target,
        inputs=inputs,
        verifier=ledger.notary.verifier,
    )


def _sign(ledger: Ledger, payload: bytes, path: Path) -> Envelope:
    data = sign_envelope(payload, PAYLOAD_TYPE, ledger.notary.verdict_signers)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, data)
    return read_envelope(data)


def _prove(ledger: Ledger, folder: Path, events: Mapping[str, Logged]) -> None:
    """Write the proofs that are missing, that have no cosignature though there are witnesses, or that have
    fewer signatures than the log's tree head has by now."""
    most = 1 + len(ledger.notary.witnesses)
    present = LogReader(ledger.folder).checkpoint
    there = len(parse_note(present).signatures) if present else 0
    had = {path: _signatures_at(folder / PROOFS[path]) for path in events}
    wanted = [path for path, held in had.items() if held == 0 or held == 1 < most or held < there]
    checkpoint = ledger.sign() if wanted else None
    if checkpoint is None:
        return
    note = parse_note(checkpoint)
    size = TreeHead.parse(note.text).size
    log = LogReader(ledger.folder)
    for path in wanted:
        if len(note.signatures) > had[path]:
            index = events[path].place.seq
            proof = TlogProof(index, tuple(log.inclusion_proof(index, size)), checkpoint)
            write_atomic(folder / PROOFS[path], write_proof(proof))


def _signatures_at(path: Path) -> int:
    """How many signatures the tree head of the proof in a file has; 0 without a proof that can be read."""
    try:
        return len(parse_note(read_proof(path.read_bytes()).checkpoint).signatures)
    except (FileNotFoundError, EvidenceError):
        return 0


def _envelope_at(path: Path) -> Envelope | None:
    """The envelope in a file; None when there is none that can be read, so that it is signed anew."""
    try:
        return read_envelope(path.read_bytes(), where=str(path))
    except (FileNotFoundError, EvidenceError):
        return None


def _end(ledger: Ledger, body: AuditClosed | AuditAborted) -> Logged:
    """Log the one end that an audit has."""
    ends: list[Logged] = []

    def unless_ended(known: Sequence[Logged]) -> Sequence[Body]:
        ends.extend(logged for logged in known if logged.event.body["audit"] == body.audit)
        return () if ends else (body,)

    ends += ledger.append_if(unless_ended, AuditClosed, AuditAborted)
    if ends[0].event.kind != body.kind or ends[0].read(type(body)) != body:
        word = "given up" if ends[0].event.kind == AuditAborted.kind else "closed"
        raise UsageError(f"the audit was {word} at {ends[0].event.time}", where=body.audit)
    return ends[0]


def _shares(results: Sequence[Result], room: int) -> Iterator[tuple[Result, ...]]:
    """`results` in their order, in as few parts as fit into `room` bytes each."""
    share: list[Result] = []
    left = room
    for result in results:
        size = len(canonical_json(result)) + 1
        if size > left and share:
            yield tuple(share)
            share, left = [], room
        share.append(result)
        left -= size
    yield tuple(share)


def _size(ledger: Ledger, body: Body) -> int:
    """Bytes that `body` takes as an entry at most."""
    event = event_of(body, seq=MAX_INTEGER, time=ledger.notary.clock(), actor=ledger.notary.actor)
    return len(canonical_json(event))


def _keep(path: Path, data: bytes) -> None:
    """Have `data` at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_bytes() != data:
        write_atomic(path, data)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"signatures or proofs cannot be written: {error.strerror}",
            where=str(error.filename or folder),
            mend="make room and run the same command again",
        ) from error
