"""A sealed audit as exports see it: the record, and the files that stand beside it."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import msgspec

from modelassay.audit import read_audit
from modelassay.errors import EvidenceError
from modelassay.evidence.bundle import EXAMPLES, Bundle, open_bundle
from modelassay.records import AuditRecord, Example

T = TypeVar("T")
RECORD = "audit.json"
LONGEST_LINE = 64 * 1024 * 1024
"""Bytes of one record in a ``.jsonl.gz``."""


@dataclass(frozen=True)
class SealedAudit:
    """A finished audit with its bundle; see `find_audit`."""

    record: AuditRecord
    bundle: Bundle

    @cached_property
    def digests(self) -> dict[str, str]:
        """SHA-256 in hexadecimal of every file, by path, in order of path."""
        files = self.bundle.files
        return {path: hashlib.sha256(files[path]).hexdigest() for path in sorted(files)}

    def matching(self, pattern: str) -> tuple[tuple[str, str], ...]:
        """Path and SHA-256 of every file whose path matches `pattern` (shell style)."""
        return tuple(item for item in self.digests.items() if fnmatchcase(item[0], pattern))

    def lines(self, path: str) -> Iterator[bytes]:
        """The lines of a ``.jsonl.gz``, unpacked as they are read.

        Raises:
            EvidenceError: absent, not gzip, cut off, or a line of more than `LONGEST_LINE` bytes.
        """
        packed = io.BytesIO(self.bundle.read(path))
        try:
            with gzip.open(packed) as file:
                while line := file.readline(LONGEST_LINE + 1):
                    if len(line) > LONGEST_LINE:
                        raise EvidenceError(f"a line of more than {LONGEST_LINE:,} bytes", where=path)
                    yield line
        except (OSError, EOFError, zlib.error) as error:
            raise EvidenceError(f"cannot be unpacked: {error}", where=path) from error


def find_audit(audit: str, store: Path) -> SealedAudit:
    """The bundle at the path `audit` (a folder, zip or tar), else the audit of `store` whose id is or starts
    with `audit`.

    Nothing is verified here: `modelassay verify` does that.

    Raises:
        UsageError: neither a path nor an audit of the store, or several audits start so.
        StoreError, EvidenceError: it cannot be read.
    """
    path = Path(audit)
    if not path.exists():
        path = store / "audits" / read_audit(store, audit).id
    bundle = open_bundle(path)
    return SealedAudit(_record(bundle), bundle)


def _record(bundle: Bundle) -> AuditRecord:
    """The sealed record, with the examples that stand beside it so that they can be withheld."""
    record = decoded(bundle.read(RECORD), AuditRecord, RECORD)
    if record.examples or EXAMPLES not in bundle:
        return record
    examples = decoded(bundle.read(EXAMPLES), tuple[Example, ...], EXAMPLES)
    return msgspec.structs.replace(record, examples=examples)


def decoded(data: bytes, kind: type[T], place: str) -> T:
    """`data` as a record of `kind`.

    Raises:
        EvidenceError: it is none.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EvidenceError(f"cannot be read as a record: {error}", where=place) from error
