"""What the files of a bundle say, read strictly on first use.

Every file is read in its one spelling only: bytes that a reader could take in two ways (duplicate keys, other
spacing or order, huge numbers) are refused, and so are fields that this version does not know.
"""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, Literal, TypeVar

import msgspec

from modelassay.canonical import canonical_json
from modelassay.config import Plan
from modelassay.errors import EvidenceError
from modelassay.evidence.bundle import (
    COMMITMENTS,
    EXAMPLES,
    LABELS,
    REDACTED,
    SAMPLES,
    SCORES,
    SUMS,
    TRANSCRIPTS,
    Bundle,
)
from modelassay.evidence.commitments import CommittedFile
from modelassay.evidence.statements import Hex
from modelassay.records import (
    AuditRecord,
    Example,
    Finding,
    Policy,
    ReviewedPair,
    Sample,
    Score,
    Transcript,
    Verdict,
)

T = TypeVar("T")

FILE_OF: dict[CommittedFile, str] = {"samples": SAMPLES, "transcripts": TRANSCRIPTS}
"""Which file of a bundle holds the records that are committed to under a name."""

_sorted = msgspec.json.Encoder(order="sorted")


class Commitment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A line of ``commitments.jsonl.gz``: the salt of a record, or of a withheld one its leaf hash."""

    file: CommittedFile
    index: int
    salt: str = ""
    """32 hexadecimal digits."""
    leaf: str = ""
    """64 hexadecimal digits."""


class WithheldRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The line that stands for a withheld record."""

    redacted: Hex
    """Its RFC 6962 leaf hash."""


class Redaction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``REDACTED.json``: what was withheld; nothing in it is free to choose."""

    format: Literal["modelassay.redacted/1"] = "modelassay.redacted/1"
    files: tuple[str, ...]
    """Sealed files that are not there at all, sorted."""
    records: dict[CommittedFile, tuple[int, ...]]
    """Indexes of the withheld records, ascending."""
    sums: dict[str, Hex]
    """SHA-256 of each file that is there in another form than the sealed one."""


@dataclass(frozen=True)
class Records(Generic[T]):
    """The records of one file, some of them perhaps withheld."""

    lines: Sequence[bytes]
    """Each record as it was written, without its line break."""
    known: Sequence[T]
    """Those that are shown, in their order."""
    withheld: Mapping[int, str]
    """Leaf hash of each record that is not, by its index."""

    def shown(self) -> list[tuple[int, T]]:
        """Those that are shown, with their indexes."""
        places = (index for index in range(len(self.lines)) if index not in self.withheld)
        return list(zip(places, self.known, strict=True))


class Contents:
    """The records in one bundle. Reading a damaged part raises `EvidenceError` with the file's name.

    Args:
        bundle: the files.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    @cached_property
    def sums(self) -> dict[str, str]:
        """``SHA256SUMS``: SHA-256 in hexadecimal by name, in the order of the file."""
        return read_sums(self.bundle.read(SUMS))

    @cached_property
    def redaction(self) -> Redaction | None:
        """What was withheld; None in a complete bundle."""
        return self._canonical(REDACTED, Redaction) if REDACTED in self.bundle else None

    @cached_property
    def plan(self) -> Plan:
        """The plan as it was run."""
        return self._pretty("plan.json", Plan)

    @cached_property
    def policy(self) -> Policy:
        """The policy as it was held."""
        return self._pretty("policy.json", Policy)

    @cached_property
    def record(self) -> AuditRecord:
        """The audit, without its examples."""
        return self._canonical("audit.json", AuditRecord)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding."""
        return self._canonical("findings.json", tuple[Finding, ...])

    @cached_property
    def verdict(self) -> Verdict:
        """The verdict."""
        return self._canonical("verdict.json", Verdict)

    @cached_property
    def examples(self) -> tuple[Example, ...] | None:
        """The examples of the report; None when they are withheld."""
        return self._canonical(EXAMPLES, tuple[Example, ...]) if EXAMPLES in self.bundle else None

    @cached_property
    def samples(self) -> Records[Sample]:
        """Everything that was asked."""
        return self._records(SAMPLES, Sample)

    @cached_property
    def transcripts(self) -> Records[Transcript]:
        """Everything that was answered, the baseline's first."""
        return self._records(TRANSCRIPTS, Transcript)

    @cached_property
    def scores(self) -> list[Score]:
        """Everything that was read in the answers."""
        return read_lines(self.bundle.unpacked(SCORES), Score, SCORES)

    @cached_property
    def reviewed(self) -> list[ReviewedPair]:
        """Every pair that a sample was put to people from, labelled or not; empty where none was."""
        if LABELS not in self.bundle:
            return []
        return read_lines(self.bundle.unpacked(LABELS), ReviewedPair, LABELS)

    @cached_property
    def commitments(self) -> list[Commitment]:
        """One for each sample and transcript."""
        return read_lines(self.bundle.unpacked(COMMITMENTS), Commitment, COMMITMENTS)

    def _canonical(self, name: str, kind: type[T]) -> T:
        return exactly(self.bundle.read(name), kind, where=name)

    def _pretty(self, name: str, kind: type[T]) -> T:
        """A file that people read: sorted, two spaces deep."""
        data = self.bundle.read(name)
        plain = _plain(data, name)
        if msgspec.json.format(_sorted.encode(plain), indent=2) + b"\n" != data:
            raise EvidenceError("not the one spelling of its content", where=name)
        return _typed(plain, kind, name)

    def _records(self, name: str, kind: type[T]) -> Records[T]:
        content = self.bundle.unpacked(name)
        lines = _split(content, name)
        if self.redaction is None:
            return Records(lines, read_lines(content, kind, name), {})
        withheld = {
            index: read_lines(line + b"\n", WithheldRecord, name)[0].redacted
            for index, line in enumerate(lines)
            if line.startswith(b'{"redacted":')
        }
        shown = b"".join(line + b"\n" for index, line in enumerate(lines) if index not in withheld)
        return Records(lines, read_lines(shown, kind, name), withheld)


def exactly(data: bytes, kind: type[T], *, where: str) -> T:
    """The record that `data` spells: its canonical JSON and a line break.

    Raises:
        EvidenceError: other bytes, another record, or fields that are not known.
    """
    plain = _plain(data, where)
    try:
        canonical = canonical_json(plain)
    except (ValueError, RecursionError) as error:
        raise EvidenceError(f"not evidence: {error}", where=where) from error
    if canonical + b"\n" != data:
        raise EvidenceError("JSON that is not in canonical form (RFC 8785)", where=where)
    return _typed(plain, kind, where)


def read_sums(data: bytes) -> dict[str, str]:
    """SHA-256 in hexadecimal by name, from the bytes of a ``SHA256SUMS`` file of plain names.

    Raises:
        EvidenceError: not as `sha256sum` writes it, sorted by name.
    """
    found: dict[str, str] = {}
    try:
        for line in data.decode("ascii").splitlines():
            digest, gap, name = line[:64], line[64:66], line[66:]
            if gap != "  " or not name or bytes.fromhex(digest).hex() != digest:
                raise ValueError("not a line of digest and name")
            found[name] = digest
    except ValueError as error:
        raise EvidenceError(f"not a list of digests: {error}", where=SUMS) from error
    if write_sums(found) != data or list(found) != sorted(found):
        raise EvidenceError("not a list of digests sorted by name", where=SUMS)
    return found


def write_sums(sums: Mapping[str, str]) -> bytes:
    """The bytes of a ``SHA256SUMS`` file."""
    return "".join(f"{digest}  {name}\n" for name, digest in sums.items()).encode("ascii")


def pack_lines(lines: Iterable[bytes]) -> bytes:
    """A gzip file of `lines`, each ended by a line break; the same lines give the same bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile("", "wb", 6, buffer, mtime=0) as file:
        file.writelines(line + b"\n" for line in lines)
    return buffer.getvalue()


def sha256_hex(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _split(content: bytes, where: str) -> list[bytes]:
    if content and not content.endswith(b"\n"):
        raise EvidenceError("the last line is cut off", where=where)
    return content.split(b"\n")[:-1]


def read_lines(content: bytes, kind: type[T], where: str) -> list[T]:
    """The records that the lines of `content` spell, each in its one spelling.

    Raises:
        EvidenceError: a line that cannot be read, or in more ways than one.
    """
    try:
        records = msgspec.json.Decoder(kind).decode_lines(content)
        if _sorted.encode_lines(records) == content:
            return records
        # A field that came into being later is absent in old files: the bytes must be the one spelling of
        # what stands there, and all of that must be known.
        plain = msgspec.json.Decoder().decode_lines(content)
        if _sorted.encode_lines(plain) != content:
            raise EvidenceError("a line that is not the one spelling of its content", where=where)
        _refuse_unknown(plain, msgspec.to_builtins(records), where)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise EvidenceError(f"a line cannot be read: {error}", where=where) from error
    return records


def _plain(data: bytes, where: str) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise EvidenceError(f"not JSON: {error}", where=where) from error


def _typed(plain: Any, kind: type[T], where: str) -> T:
    try:
        record = msgspec.convert(plain, kind)
    except (msgspec.ValidationError, ValueError) as error:
        raise EvidenceError(f"not what this file holds: {error}", where=where) from error
    _refuse_unknown(plain, msgspec.to_builtins(record), where)
    return record


def _refuse_unknown(plain: Any, known: Any, where: str) -> None:
    """Refuse keys of `plain` that reading it as a record has dropped.

    Raises:
        EvidenceError: names the key.
    """
    if isinstance(plain, dict) and isinstance(known, dict):
        for key, value in plain.items():
            if key not in known:
                raise EvidenceError(
                    f"an unknown field {key!r}", where=where, mend="use the version that wrote the bundle"
                )
            _refuse_unknown(value, known[key], where)
    elif isinstance(plain, list) and isinstance(known, list | tuple):
        for one, other in zip(plain, known, strict=True):
            _refuse_unknown(one, other, where)
