"""A sealed audit as a stranger receives it: a folder, zip or tar, read once, strictly, into memory.

Nothing outside the fixed list of names is accepted, nothing is extracted to a disk, no link is followed, and
every size is bounded. What is hashed is what is parsed: both come from the same bytes.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO

from modelassay.errors import EvidenceError
from modelassay.log.durable import DRAFT

SUMS = "SHA256SUMS"
REDACTED = "REDACTED.json"

SAMPLES = "samples.jsonl.gz"
TRANSCRIPTS = "transcripts.jsonl.gz"
SCORES = "scores.jsonl.gz"
COMMITMENTS = "commitments.jsonl.gz"
LABELS = "labels.jsonl.gz"
"""People's labels by which findings are corrected; absent where nobody labelled anything."""
PARENT = "parent.SHA256SUMS"
"""``SHA256SUMS`` of the audit whose answers were judged again; absent where models were asked."""
EXAMPLES = "examples.json"
REPORT = "report.html"

CORE = (
    "audit.json",
    "findings.json",
    "plan.json",
    "policy.json",
    SAMPLES,
    SCORES,
    TRANSCRIPTS,
    "verdict.json",
)
"""Sealed files without which nothing can be recomputed."""
SEALED = frozenset((*CORE, COMMITMENTS, EXAMPLES, LABELS, PARENT, REPORT, "lineage.json"))
"""Every name that ``SHA256SUMS`` may list."""
SIGNED_EVENTS = ("log/opened.json", "log/closed.json", "log/issued.json")
PROOFS = {
    "log/opened.json": "log/opened.tlog-proof",
    "log/closed.json": "log/closed.tlog-proof",
    "log/issued.json": "proof.tlog-proof",
}
"""Which file proves that an event stands in the log."""
ENVELOPE = "verdict.dsse.json"
SIGSTORE = "verdict.sigstore.json"
UNSEALED = frozenset((SUMS, REDACTED, ENVELOPE, SIGSTORE, *SIGNED_EVENTS, *PROOFS.values()))
"""Every other name, apart from the test results; signatures and proofs stand outside the sums."""
TEST_RESULT = re.compile(r"tests/[A-Za-z0-9_-]{1,200}\.dsse\.json", re.ASCII)
"""The signed result of one evaluator."""
WAIVER = re.compile(r"waivers/[1-9][0-9]{0,2}\.dsse\.json", re.ASCII)
"""A person's signed acceptance of a risk; granted later, it stands outside the sums."""
ASSESSMENT = re.compile(r"assessments/[0-9a-f]{64}\.md", re.ASCII)
"""A written risk assessment, by the SHA-256 of its bytes; those who sign it off sign that."""
COUNTS = "log/counts-{}.json"
"""The events with results that ``audit.closed`` has no room for, from 0."""
_COUNTS = re.compile(r"log/counts-(0|[1-9][0-9]{0,2})\.json", re.ASCII)
_PATTERNS = (TEST_RESULT, WAIVER, ASSESSMENT, _COUNTS)
FOLDERS = ("assessments", "log", "tests", "waivers")

MOST_FILES = 2048
MOST_BYTES = 2 << 30
"""Of all files together as they lie there."""
MOST_UNPACKED = 4 << 30
"""Of one compressed file, unpacked."""
_STEP = 1 << 20
_UNREADABLE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    RuntimeError,
)
"""What the archive readers raise on damaged or hostile archives."""


@dataclass(frozen=True)
class Bundle:
    """The files of one bundle by name, relative and with ``/``.

    Args:
        place: where it was read from, for messages.
        files: bytes by name; every name is one that a bundle may hold.
    """

    place: str
    files: Mapping[str, bytes]

    def __contains__(self, name: object) -> bool:
        return name in self.files

    def read(self, name: str) -> bytes:
        """The bytes of one file.

        Raises:
            EvidenceError: it is not there.
        """
        try:
            return self.files[name]
        except KeyError:
            raise EvidenceError("a file is missing", where=name, mend="ask for the complete bundle") from None

    def unpacked(self, name: str) -> bytes:
        """The bytes inside one gzip file.

        Raises:
            EvidenceError: missing, damaged, more than one gzip member, or too large.
        """
        return gunzip(self.read(name), where=name)

    @cached_property
    def waivers(self) -> tuple[str, ...]:
        """Names of the signed waivers, in the order in which they were granted."""
        found = (name for name in self.files if WAIVER.fullmatch(name))
        return tuple(sorted(found, key=lambda name: (len(name), name)))

    @cached_property
    def assessments(self) -> tuple[str, ...]:
        """Names of the written risk assessments, sorted."""
        return tuple(sorted(name for name in self.files if ASSESSMENT.fullmatch(name)))

    @cached_property
    def counts(self) -> tuple[str, ...]:
        """Names of the events with results, sorted."""
        return tuple(sorted(name for name in self.files if _COUNTS.fullmatch(name)))

    @cached_property
    def test_results(self) -> tuple[str, ...]:
        """Names of the signed test results, sorted."""
        return tuple(sorted(name for name in self.files if TEST_RESULT.fullmatch(name)))


def open_bundle(path: Path) -> Bundle:
    """Read the bundle at `path`: a folder, a ``.zip``, a ``.tar`` or a ``.tar.gz``.

    In an archive the files may stand at the top or under one folder.

    Raises:
        EvidenceError: not there, links, devices, strange or repeated names, too large, a core file missing.
    """
    try:
        if path.is_dir():
            members = _in_folder(path)
        elif zipfile.is_zipfile(path):
            members = _in_zip(path)
        else:
            members = _in_tar(path)
        files = _collected(members)
    except (OSError, *_UNREADABLE) as error:
        what = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise EvidenceError(f"the bundle cannot be read: {what}", where=str(path)) from error
    for name in (SUMS, *CORE):
        if name not in files:
            raise EvidenceError("a file is missing", where=name, mend="ask for the complete bundle")
    return Bundle(str(path), files)


def is_bundle_name(name: str) -> bool:
    """Whether a bundle may hold a file called `name`."""
    return name in SEALED or name in UNSEALED or any(p.fullmatch(name) for p in _PATTERNS)


def gunzip(data: bytes, *, where: str, most: int = MOST_UNPACKED) -> bytes:
    """The content of `data`, one gzip member (RFC 1952) with nothing after it.

    Raises:
        EvidenceError: damaged, several members, trailing bytes, or more than `most` bytes.
    """
    unpacker = zlib.decompressobj(wbits=31)
    try:
        content = unpacker.decompress(data, most + 1)
    except (zlib.error, MemoryError) as error:
        raise EvidenceError(f"the compressed file is damaged: {error}", where=where) from error
    if len(content) > most:
        raise EvidenceError(f"unpacks to more than {most:,} bytes", where=where)
    if not unpacker.eof or unpacker.unused_data:
        raise EvidenceError("the compressed file is cut off or has bytes after its end", where=where)
    return content


@dataclass(frozen=True)
class _Member:
    """A file somewhere; `open` gives its bytes."""

    name: str
    data: bytes


def _collected(members: Iterator[_Member]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for member in members:
        if not is_bundle_name(member.name):
            raise EvidenceError(
                "a file that does not belong into a bundle", where=_shown(member.name), mend="remove it"
            )
        if member.name in files:
            raise EvidenceError("a name that occurs twice", where=member.name)
        files[member.name] = member.data
    return files


class _Allowance:
    """How many bytes and files may still be read."""

    def __init__(self) -> None:
        self._bytes = MOST_BYTES
        self._files = MOST_FILES

    def read(self, file: IO[bytes], name: str) -> bytes:
        """All of `file`, whatever size it claims to have.

        Raises:
            EvidenceError: more than a bundle may have.
        """
        self._files -= 1
        parts = []
        while self._bytes >= 0 and (part := file.read(_STEP)):
            self._bytes -= len(part)
            parts.append(part)
        if self._bytes < 0 or self._files < 0:
            raise EvidenceError(
                f"more than {MOST_FILES} files or {MOST_BYTES:,} bytes in one bundle", where=_shown(name)
            )
        return b"".join(parts)


def _in_folder(folder: Path) -> Iterator[_Member]:
    allowance = _Allowance()
    for prefix, place in (("", folder), *((f"{inner}/", folder / inner) for inner in FOLDERS)):
        if prefix and not place.is_dir():
            continue
        for entry in sorted(os.scandir(place), key=lambda entry: entry.name):
            name = prefix + entry.name
            if entry.is_symlink():
                raise EvidenceError("a symbolic link; bundles hold files only", where=_shown(name))
            if not prefix and entry.is_dir():
                if entry.name not in FOLDERS:
                    raise EvidenceError("a folder that does not belong into a bundle", where=_shown(name))
                continue
            if name.endswith(DRAFT) and is_bundle_name(name.removesuffix(DRAFT)):
                continue  # being written, or what a crash left: the file itself is there whole, or is not yet
            # A pipe or device put there between listing and opening neither blocks nor is read.
            descriptor = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise EvidenceError("not a plain file", where=_shown(name))
                yield _Member(name, allowance.read(file, name))


def _in_zip(path: Path) -> Iterator[_Member]:
    allowance = _Allowance()
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        top = _top_folder([entry.filename for entry in entries])
        for entry in entries:
            # ZipFile cuts names at a zero byte, so what was written is compared too.
            name = _relative(entry.orig_filename, top)
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise EvidenceError("not a plain file", where=_shown(entry.filename))
            if entry.flag_bits & 1:
                raise EvidenceError("an encrypted file", where=_shown(entry.filename))
            if entry.is_dir():
                continue
            with archive.open(entry) as file:
                yield _Member(name, allowance.read(file, name))


def _in_tar(path: Path) -> Iterator[_Member]:
    allowance = _Allowance()
    members = []
    with tarfile.open(path, "r|*") as archive:
        for entry in archive:
            if entry.isdir():
                members.append(_Member(entry.name + "/", b""))
                continue
            file = archive.extractfile(entry) if entry.isreg() and not entry.issparse() else None
            if file is None:
                raise EvidenceError("not a plain file", where=_shown(entry.name))
            members.append(_Member(entry.name, allowance.read(file, entry.name)))
    top = _top_folder([member.name for member in members])
    for member in members:
        name = _relative(member.name, top)
        if not member.name.endswith("/"):
            yield _Member(name, member.data)


def _top_folder(names: list[str]) -> str:
    """The one folder that holds everything, with its slash; empty when the files stand at the top."""
    plain = [name.removeprefix("./") for name in names]
    if any(name == SUMS for name in plain):
        return ""
    tops = {name.partition("/")[0] for name in plain if name}
    return f"{tops.pop()}/" if len(tops) == 1 else ""


def _relative(name: str, top: str) -> str:
    """`name` below `top`.

    Raises:
        EvidenceError: a name that leads elsewhere or hides what it is.
    """
    plain = name.removeprefix("./")
    parts = PurePosixPath(plain).parts
    if plain.startswith("/") or ".." in parts or "\\" in plain or "\0" in plain:
        raise EvidenceError("a name that leads out of the bundle", where=_shown(name))
    return plain.removeprefix(top)


def _shown(name: str) -> str:
    """A hostile name as people may safely see it."""
    return ascii(name)[1:-1][:200]
