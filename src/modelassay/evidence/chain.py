"""The events of one audit as its bundle holds them, and that they say what the sealed files say.

An event binds by its leaf hash: ``audit.closed`` names the leaf of ``audit.opened``, ``verdict.issued`` that
of ``audit.closed``. Whether they really stand in the log is for proofs to show.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from itertools import pairwise
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from modelassay.canonical import digest_bytes
from modelassay.config import plan_digest
from modelassay.errors import EvidenceError
from modelassay.evidence.bundle import COUNTS, TRANSCRIPTS, Bundle
from modelassay.evidence.checks import NotDoneError
from modelassay.evidence.commitments import CommittedFile, order_digest
from modelassay.evidence.contents import Contents
from modelassay.evidence.events import (
    AuditClosed,
    AuditCounts,
    AuditOpened,
    B,
    Body,
    VerdictIssued,
    body_of,
    decode,
)
from modelassay.evidence.facts import dataset_refs, evaluator_refs, model_ref, results_of, source_refs
from modelassay.evidence.parts import Place, RecordSet, Result
from modelassay.evidence.recompute import order_of
from modelassay.log.merkle import leaf_hash
from modelassay.records import Event

OPENED, CLOSED, ISSUED = "log/opened.json", "log/closed.json", "log/issued.json"

T = TypeVar("T", bound=Body)


class Link(NamedTuple, Generic[T]):
    """One event of the chain."""

    file: str
    entry: bytes
    """Its bytes in the log."""
    event: Event
    body: T

    @property
    def place(self) -> Place:
        """Where it says that it stands."""
        return Place(seq=self.event.seq, leaf="sha256:" + leaf_hash(self.entry).hex())


class Chain:
    """The three events of an audit, each read on first use.

    Args:
        bundle: holds them under ``log/``.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle

    @cached_property
    def opened(self) -> Link[AuditOpened]:
        """Logged before the first request."""
        return self._link(OPENED, AuditOpened)

    @cached_property
    def closed(self) -> Link[AuditClosed]:
        """Logged when all was sealed."""
        return self._link(CLOSED, AuditClosed)

    @cached_property
    def results(self) -> tuple[Result, ...]:
        """What the closing event says of every measure and slice, itself or in the events that it names.

        Raises:
            EvidenceError: such an event is missing, or another one.
        """
        places = self.closed.body.counts_events
        files = [COUNTS.format(part) for part in range(len(places))]
        more = sorted(set(self._bundle.counts) - set(files))
        if more:
            raise EvidenceError("an event that the closing event does not name", where=more[0])
        found = list(self.closed.body.results)
        for file, place in zip(files, places, strict=True):
            link = self._link(file, AuditCounts)
            if link.place != place or link.body.opened != self.opened.place:
                raise EvidenceError("not the event that the closing event names", where=file)
            found += link.body.results
        return tuple(found)

    @cached_property
    def issued(self) -> Link[VerdictIssued]:
        """Logged when the verdict was signed."""
        return self._link(ISSUED, VerdictIssued)

    def _link(self, file: str, kind: type[B]) -> Link[B]:
        """The event in `file`.

        Raises:
            EvidenceError: not that event, in its one spelling.
            NotDoneError: it is not there.
        """
        if file not in self._bundle:
            raise NotDoneError(f"the bundle has no {file}: nothing shows when, or whether, this was logged")
        return read_link(file, self._bundle.read(file), kind)


def read_link(file: str, entry: bytes, kind: type[B]) -> Link[B]:
    """The event of `kind` whose entry is `entry`.

    Raises:
        EvidenceError: not that, in its one spelling.
    """
    try:
        event = decode(entry)
        return Link(file, entry, event, body_of(event, kind))
    except EvidenceError as error:
        raise EvidenceError(error.what, where=file) from error


def events_agree(contents: Contents, chain: Chain, records: Mapping[CommittedFile, RecordSet]) -> str:
    """That the three events follow on each other and say what the sealed files say.

    Args:
        records: as the bundle's commitments have them.

    Raises:
        EvidenceError: names event and field.
        NotDoneError: an event is not there.
    """
    opened, closed = chain.opened, chain.closed
    _expect(opened, opened_as(contents))
    _expect(closed, closed_as(contents, records), opened=opened.place)
    if chain.results != results_of(contents.record.findings, contents.record.evaluators):
        raise EvidenceError("audit.closed does not say of 'results' what the findings say", where=CLOSED)
    if contents.record.opened != opened.event.time:
        raise EvidenceError(
            f"the audit says that it was opened at {contents.record.opened}, the log at {opened.event.time}",
            where="audit.json",
        )
    order = [key for key in order_of(contents) if key is not None]
    if len(order) == opened.body.order.questions and order_digest(order) != opened.body.order.digest:
        raise EvidenceError("the questions are not in the order that was logged", where=TRANSCRIPTS)
    return (
        f"opened {opened.event.time} as attempt {opened.body.attempt} of {opened.body.line!r}, closed "
        f"{closed.event.time}; models, data, evaluators, policy, records and counts are the sealed ones"
    )


def links_hold(chain: Chain, signed: Place | None) -> str:
    """That each event names the one before it, they stand in this order, and time does not run backwards.

    Args:
        signed: what the signed verdict says of ``audit.closed``; None when it is not signed.

    Raises:
        EvidenceError: names the event.
        NotDoneError: an event is not there.
    """
    opened, closed, issued = chain.opened, chain.closed, chain.issued
    if issued.body.closed != closed.place:
        wrong = ISSUED if signed == closed.place else CLOSED
        raise EvidenceError("verdict.issued is not about this audit.closed", where=wrong)
    if closed.body.opened != opened.place:
        raise EvidenceError("audit.closed is not about this audit.opened", where=OPENED)
    links: tuple[Link[Any], ...] = (opened, closed, issued)
    for before, after in pairwise(links):
        if after.event.seq <= before.event.seq:
            raise EvidenceError(f"stands before {before.event.kind} in the log", where=after.file)
        if after.event.time < before.event.time:
            raise EvidenceError(
                f"says {after.event.time}, and {before.event.kind}, which stands before it, says "
                f"{before.event.time}",
                where=after.file,
            )
    if not opened.event.time <= closed.body.finished <= closed.event.time:
        raise EvidenceError("the audit was not finished between opening and closing", where=CLOSED)
    places = " < ".join(str(link.event.seq) for link in links)
    return f"opened before closed before issued (entries {places})"


def opened_as(contents: Contents) -> dict[str, Any]:
    """What ``audit.opened`` must say, as far as it follows from the sealed files."""
    record, plan = contents.record, contents.plan
    return {
        "audit": record.id,
        "name": record.name,
        "line": plan.line,
        "plan": plan_digest(plan),
        "policy": digest_bytes(contents.bundle.read("policy.json")),
        "order.seed": record.seed,
        "order.questions": len(contents.samples.lines) * record.epochs,
        "parent.sums": record.judged_again or None,
        **_about(contents),
    }


def closed_as(contents: Contents, records: Mapping[CommittedFile, RecordSet]) -> dict[str, Any]:
    """What ``audit.closed`` must say."""
    record, bundle = contents.record, contents.bundle
    return {
        "audit": record.id,
        "finished": record.closed,
        "sums": digest_bytes(bundle.read("SHA256SUMS")),
        "findings": digest_bytes(bundle.read("findings.json")),
        "verdict": digest_bytes(bundle.read("verdict.json")),
        "policy": digest_bytes(bundle.read("policy.json")),
        "records": dict(records),
        **_about(contents),
    }


def _about(contents: Contents) -> dict[str, Any]:
    """What both events say of models, data and evaluators."""
    record = contents.record
    return {
        "baseline": model_ref(record.baseline),
        "candidate": model_ref(record.candidate),
        "datasets": dataset_refs(record.datasets),
        "evaluators": evaluator_refs(record.evaluators),
        "imported": source_refs(record.imported) or None,
    }


def _expect(link: Link[Any], expected: Mapping[str, Any], **more: Any) -> None:
    """Hold the body of `link` against `expected`, by field; ``a.b`` is field b of a.

    Raises:
        EvidenceError: names the first field that differs.
    """
    body = msgspec.to_builtins(link.body)
    for field, value in {**expected, **more}.items():
        said = body
        for name in field.split("."):
            said = said.get(name) if said is not None else None
        if said != msgspec.to_builtins(value):
            raise EvidenceError(
                f"{link.event.kind} does not say of {field!r} what the files say", where=link.file
            )
