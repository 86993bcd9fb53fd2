"""Single records of an audit, shown to somebody who gets nothing else, in one file that verifies alone.

The file is canonical JSON: each record with its salt and its path to the root in ``audit.closed``, that event
itself, and the proof that it stands in the log under a signed tree head. Its field ``digest`` is that of all
the others, so that damage shows even where no signature covers a byte.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import msgspec

from modelassay.canonical import canonical_json, digest_of
from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.bundle import PROOFS, Bundle
from modelassay.evidence.chain import CLOSED, Link, read_link
from modelassay.evidence.checks import perform
from modelassay.evidence.commitments import COMMITTED, CommittedFile, leaf_of
from modelassay.evidence.contents import Contents, Records, exactly, read_lines, sha256_hex
from modelassay.evidence.events import AuditClosed
from modelassay.evidence.integrity import record_leaves
from modelassay.evidence.parts import Count
from modelassay.evidence.proofs import Proved, belief, lead_to_one_log, prove
from modelassay.evidence.statements import Hex
from modelassay.evidence.verification import Trust, Verification, believed, or_none, state_of
from modelassay.log.merkle import Tree, leaf_hash, verify_inclusion
from modelassay.log.trust import Trusted
from modelassay.records import PairKey, Sample, Transcript

MOST_BYTES = 64 << 20


class DisclosedRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One record with what binds it to its audit."""

    file: CommittedFile
    index: Count
    record: str
    """Its line in the bundle."""
    salt: str
    """32 hexadecimal digits."""
    path: tuple[Hex, ...]
    """RFC 6962 inclusion proof of its leaf, the sibling first."""


class Disclosure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file."""

    format: Literal["modelassay.disclosure/1"] = "modelassay.disclosure/1"
    records: tuple[DisclosedRecord, ...]
    """Samples, then transcripts."""
    closed: str
    """The entry of ``audit.closed``."""
    proof: str
    """Its ``.tlog-proof``; empty when the log was not signed."""
    digest: str = ""
    """Of the canonical JSON of the rest, this field empty."""


@dataclass(frozen=True, kw_only=True)
class Disclosed:
    """What a disclosure shows, once its records led to the roots in its closing event."""

    samples: tuple[Sample, ...]
    transcripts: tuple[Transcript, ...]
    closed: Link[AuditClosed]
    proof: bytes
    """Empty when there is none."""


def disclose(bundle: Bundle, keys: Collection[PairKey]) -> bytes:
    """The answers of both models to `keys`, with the prompts, as the bytes of one file.

    Raises:
        UsageError: the bundle shows no such answer.
        EvidenceError: the bundle lacks commitments or its closing event, or cannot be read.
    """
    contents = Contents(bundle)
    asked = {key.sample for key in keys}
    chosen: dict[CommittedFile, list[int]] = {
        "samples": [index for index, sample in contents.samples.shown() if sample.id in asked],
        "transcripts": [index for index, answer in contents.transcripts.shown() if answer.key in keys],
    }
    if not chosen["transcripts"]:
        raise UsageError(
            "the bundle shows no such answer",
            where=bundle.place,
            mend="sample ids and epochs stand under `key` in transcripts.jsonl.gz; some may be withheld",
        )
    proof = PROOFS[CLOSED]
    disclosure = Disclosure(
        records=tuple(_disclosed(contents, chosen)),
        closed=bundle.read(CLOSED).decode(),
        proof=bundle.read(proof).decode() if proof in bundle else "",
    )
    return canonical_json(_with_digest(disclosure)) + b"\n"


def read_disclosure(data: bytes, *, where: str = "") -> Disclosed:
    """What a disclosure shows: its records lead to the roots in its closing event.

    Whether that event stands in a log that is trusted is for the caller to check.

    Raises:
        EvidenceError: anything about it is not as it was written.
    """
    if len(data) > MOST_BYTES:
        raise EvidenceError(f"more than {MOST_BYTES:,} bytes", where=where)
    disclosure = exactly(data, Disclosure, where=where)
    if _with_digest(disclosure) != disclosure:
        raise EvidenceError("damaged: its digest is not that of its content", where=where)
    closed = read_link(CLOSED, disclosure.closed.encode(), AuditClosed)
    lines: dict[CommittedFile, list[bytes]] = {file: [] for file in COMMITTED}
    for record in disclosure.records:
        _check_path(record, closed.body, where)
        lines[record.file].append(record.record.encode() + b"\n")
    return Disclosed(
        samples=tuple(read_lines(b"".join(lines["samples"]), Sample, where)),
        transcripts=tuple(read_lines(b"".join(lines["transcripts"]), Transcript, where)),
        closed=closed,
        proof=disclosure.proof.encode(),
    )


def _disclosed(contents: Contents, chosen: dict[CommittedFile, list[int]]) -> Iterator[DisclosedRecord]:
    start = 0
    for file in COMMITTED:
        records: Records[object] = getattr(contents, file)
        commitments = contents.commitments[start : start + len(records.lines)]
        tree = Tree(record_leaves(file, records, commitments, start))
        for index in chosen[file]:
            yield DisclosedRecord(
                file=file,
                index=index,
                record=records.lines[index].decode(),
                salt=commitments[index].salt,
                path=tuple(step.hex() for step in tree.inclusion_proof(index)),
            )
        start += len(records.lines)


def _check_path(record: DisclosedRecord, closed: AuditClosed, where: str) -> None:
    """That `record` stands under the root in `closed`."""
    of = getattr(closed.records, record.file)
    line = record.record.encode()
    leaf = leaf_hash(leaf_of(record.file, record.index, record.salt, sha256_hex(line)))
    try:
        path = [bytes.fromhex(step) for step in record.path]
        verify_inclusion(leaf, record.index, of.n, path, bytes.fromhex(of.root.removeprefix("sha256:")))
    except EvidenceError as error:
        what = f"{record.file} {record.index} is not what the audit committed to: {error.what}"
        raise EvidenceError(what, where=where) from error


def _with_digest(disclosure: Disclosure) -> Disclosure:
    bare = msgspec.structs.replace(disclosure, digest="")
    return msgspec.structs.replace(bare, digest=digest_of(bare))


def verify_disclosure(data: bytes, trust: Trust | None = None, *, place: str = "") -> Verification:
    """Check everything about a disclosure; see `verification.verify_bundle`.

    Args:
        data: the file.
        place: where it was read from, for messages.
    """
    verifying = _Verifying(data, trust or Trust(), place)
    checks = tuple(perform(name, step) for name, step in verifying.steps().items())
    closed = or_none(lambda: verifying.disclosed.closed.body)
    return Verification(
        place=place,
        audit=closed.audit if closed else "",
        state=state_of(checks, redacted=False),
        checks=checks,
        heads=tuple(head.head for head in or_none(lambda: verifying.heads) or ()),
    )


class _Verifying:
    """One verification under way."""

    def __init__(self, data: bytes, trust: Trust, place: str) -> None:
        self._data = data
        self._trust = trust
        self._place = place

    def steps(self) -> Mapping[str, Callable[[], str]]:
        """Every check by name."""
        return {
            "records": self.records,
            "inclusion": lambda: lead_to_one_log(self.proved),
            "tree heads": lambda: belief(self.proved, self.heads),
        }

    @cached_property
    def disclosed(self) -> Disclosed:
        """What it shows."""
        return read_disclosure(self._data, where=self._place)

    @cached_property
    def proved(self) -> tuple[Proved, ...]:
        """The closing event with its proof."""
        proof = PROOFS[CLOSED]
        files = {proof: self.disclosed.proof} if self.disclosed.proof else {}
        return (prove(Bundle(self._place, files), self.disclosed.closed),)

    @cached_property
    def heads(self) -> tuple[Trusted, ...]:
        """Its tree head, believed."""
        return believed(self.proved, self._trust)

    def records(self) -> str:
        """The records are what the audit committed to."""
        shown = self.disclosed
        texts = f"{len(shown.samples)} samples and {len(shown.transcripts)} transcripts"
        return f"{texts} are records of audit {shown.closed.body.audit}, closed {shown.closed.event.time}"
