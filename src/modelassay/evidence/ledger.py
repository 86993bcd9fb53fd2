"""The store's log with meaning: events in, and what the log says of each audit out.

The log's lock is held for one append and no longer, so that audits, keys and admissions of several processes
can write to one store. What an audit's standing is follows from its events alone; nothing else is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.events import (
    AuditAborted,
    AuditClosed,
    AuditOpened,
    B,
    Body,
    VerdictIssued,
    VerdictWithdrawn,
    body_of,
    decode,
    encode,
    event_of,
)
from modelassay.evidence.notary import Notary
from modelassay.evidence.parts import Place
from modelassay.log.durable import LogInUseError
from modelassay.log.merkle import leaf_hash
from modelassay.log.note import parse_note
from modelassay.log.reader import LogReader, log_exists
from modelassay.log.writer import LogWriter
from modelassay.records import Event

PATIENCE_S = 60.0
"""How long to wait for another process that is appending."""
_PAUSE_S = 0.02


@dataclass(frozen=True)
class Logged:
    """An event where it stands in the log."""

    event: Event
    place: Place

    def read(self, kind: type[B]) -> B:
        """The typed body; see `events.body_of`."""
        return body_of(self.event, kind)


@dataclass(frozen=True)
class History:
    """What the log says of one audit."""

    opened: Logged
    closed: Logged | None = None
    aborted: Logged | None = None
    issued: Logged | None = None
    """The first issue of its verdict."""
    withdrawn: Logged | None = None

    @property
    def opening(self) -> AuditOpened:
        """How it was opened."""
        return self.opened.read(AuditOpened)

    @property
    def is_open(self) -> bool:
        """Whether it was neither closed nor given up."""
        return self.closed is None and self.aborted is None


_FIELD_OF: dict[type[Body], str] = {
    AuditClosed: "closed",
    AuditAborted: "aborted",
    VerdictIssued: "issued",
    VerdictWithdrawn: "withdrawn",
}
HISTORICAL: tuple[type[Body], ...] = (AuditOpened, *_FIELD_OF)
"""Kinds of events that `History` is made of."""


class Ledger:
    """The log of one store.

    Args:
        store: the folder; its log lies in ``log/`` and is made by the first append.
        notary: who writes and signs.
    """

    def __init__(self, store: Path, notary: Notary) -> None:
        self.folder = store / "log"
        self.notary = notary

    def append(self, *bodies: Body) -> tuple[Logged, ...]:
        """Log `bodies`, all or none, and publish them; on return they are on the disk.

        Raises:
            UsageError: one is too large to be logged.
            StoreError: the disk is full, or another process keeps the log to itself.
            EvidenceError: the log is damaged.
        """
        return self.append_if(lambda _: bodies)

    def append_once(self, body: Body) -> Logged:
        """Log `body` unless an event that says exactly this was logged before; that event."""
        found: list[Logged] = []

        def unless_known(known: Sequence[Logged]) -> Sequence[Body]:
            found.extend(logged for logged in known if logged.read(type(body)) == body)
            return () if found else (body,)

        return (*self.append_if(unless_known, type(body)), *found)[0]

    def append_if(
        self, chosen: Callable[[Sequence[Logged]], Sequence[Body]], *kinds: type[Body]
    ) -> tuple[Logged, ...]:
        """Log what `chosen` makes of the events of `kinds`, with no other writer in between.

        Raises:
            As of `append`.
        """
        with self._writer() as log:
            log.publish(self.notary.log_signer)  # what a killed writer left pending is shown first
            bodies = chosen(tuple(read_events(self.folder, *kinds)) if kinds else ())
            now = self.notary.clock()
            entries = [
                encode(event_of(body, seq=seq, time=now, actor=self.notary.actor))
                for seq, body in enumerate(bodies, log.size)
            ]
            if entries:
                log.append(entries)
                log.publish(self.notary.log_signer)
        return tuple(_logged(entry) for entry in entries)

    def events(self, *kinds: type[Body]) -> Iterator[Logged]:
        """See `read_events`."""
        return read_events(self.folder, *kinds)

    def histories(self) -> dict[str, History]:
        """What the log says of every audit, entries that a killed writer left pending among them."""
        known: list[Logged] = []

        def look(events: Sequence[Logged]) -> Sequence[Body]:
            known.extend(events)
            return ()

        self.append_if(look, *HISTORICAL)
        return histories_of(known)

    def sign(self) -> bytes | None:
        """The signed tree head of the whole log with every cosignature to be had; None without a log key.

        Witnesses are asked while the log is free for others. A head that is no longer the newest when they
        have answered is returned all the same: it proves what it covers.
        """
        if self.notary.log_signer is None:
            return None
        with self._writer() as log:
            checkpoint = log.publish(self.notary.log_signer)
        assert checkpoint is not None
        lines = self.notary.cosignatures(checkpoint, self.folder)
        if not lines:
            return checkpoint
        with self._writer() as log:
            newest = LogReader(self.folder).checkpoint
            if newest is not None and parse_note(newest).text == parse_note(checkpoint).text:
                return log.add_signatures(lines)
        return bytes(parse_note(checkpoint).with_signatures(lines))

    @contextmanager
    def _writer(self) -> Iterator[LogWriter]:
        """The log's one writer, waited for while another process appends."""
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                log = LogWriter(self.folder)
                break
            except LogInUseError:
                if time.monotonic() > until:
                    raise
                time.sleep(_PAUSE_S)
        with log:
            self._refuse_another(log)
            yield log

    def _refuse_another(self, log: LogWriter) -> None:
        """Object to a key that does not sign this log: those who check trust the one that does."""
        signer = self.notary.log_signer
        if signer is None or not log.signed_by_another(signer.public):
            return
        before = self.notary.succeeds
        if before is True or (before and not all(map(log.signed_by_another, before))):
            return
        raise UsageError(
            f"another key signs this log, whose tree heads are those of {log.origin}",
            where=str(self.folder),
            mend="sign with that key (--log-key, MODELASSAY_LOG_KEY); `modelassay keys rotate` puts another "
            "in its place and, where it is lost, `modelassay log sign --log-key KEY`: those who check have "
            "to be told of either",
        )


def read_events(folder: Path, *kinds: type[Body]) -> Iterator[Logged]:
    """The events of `kinds` (all, when none is named) in the log at `folder`, the oldest first.

    Raises:
        EvidenceError: the log is damaged.
    """
    if not log_exists(folder):
        return
    wanted = {kind.kind for kind in kinds}
    # An entry that is of a kind spells it so; others may hold the same bytes, and are sorted out below.
    marks = [f'"kind":"{kind}"'.encode() for kind in wanted]
    for seq, entry in enumerate(LogReader(folder).entries()):
        if marks and not any(mark in entry for mark in marks):
            continue
        logged = _logged(entry)
        if logged.place.seq != seq:
            raise EvidenceError(f"entry {seq} says that it is entry {logged.place.seq}", where=str(folder))
        if not wanted or logged.event.kind in wanted:
            yield logged


def read_histories(folder: Path) -> dict[str, History]:
    """What the log at `folder` says of every audit; see `histories_of`.

    Raises:
        EvidenceError: the log is damaged.
    """
    return histories_of(read_events(folder, *HISTORICAL))


def histories_of(events: Iterable[Logged]) -> dict[str, History]:
    """What `events` say of every audit, by id, in the order of opening; other kinds are skipped."""
    found: dict[str, History] = {}
    fields = {kind.kind: name for kind, name in _FIELD_OF.items()}
    for logged in events:
        kind, audit = logged.event.kind, str(logged.event.body.get("audit", ""))
        if kind == AuditOpened.kind:
            found.setdefault(audit, History(opened=logged))
        elif kind in fields and audit in found and getattr(found[audit], fields[kind]) is None:
            found[audit] = replace(found[audit], **{fields[kind]: logged})
    return found


def _logged(entry: bytes) -> Logged:
    event = decode(entry)
    return Logged(event, Place(seq=event.seq, leaf="sha256:" + leaf_hash(entry).hex()))
