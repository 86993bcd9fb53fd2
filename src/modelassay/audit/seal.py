"""The sealed audit: a folder whose bytes follow from the journal, written whole or not at all.

``SHA256SUMS`` covers every file but itself, signatures and proofs, and is checked with ``sha256sum -c``
alone. Samples and transcripts are committed to one by one as they are written, see `evidence.commitments`.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from modelassay.canonical import Digest, canonical_json, digest_bytes
from modelassay.config import Plan
from modelassay.errors import StoreError, UnknownNameError, UsageError
from modelassay.evidence.bundle import (
    COMMITMENTS,
    EXAMPLES,
    LABELS,
    PROOFS,
    REDACTED,
    SAMPLES,
    SCORES,
    SEALED,
    SUMS,
    TRANSCRIPTS,
    gunzip,
)
from modelassay.evidence.commitments import Commitments
from modelassay.evidence.facts import Sealed
from modelassay.evidence.parts import Records
from modelassay.protocols import Renderer
from modelassay.records import (
    AuditRecord,
    Example,
    Lineage,
    Policy,
    ReviewedPair,
    Sample,
    Score,
    Transcript,
)

RECORD = "audit.json"
OPENED = next(iter(PROOFS))
"""Where the opening event lies; it is there, with its proof, before anything is sealed."""
_HOW_TO_HEAL = "every answer is kept in the journal; make room and run the same command again"


def seal(
    folder: Path,
    record: AuditRecord,
    plan: Plan,
    *,
    samples: Iterable[Sample],
    transcripts: Iterable[Transcript],
    scores: Iterable[Score],
    renderers: Sequence[Renderer] = (),
    secret: bytes,
    only: Digest | None = None,
    reviewed: Sequence[ReviewedPair] = (),
    taken: Mapping[str, bytes] | None = None,
) -> Sealed:
    """Write `record` and all it rests on into `folder`, replacing an earlier seal of the same audit.

    The same arguments give the same bytes. Written beside and renamed, so that a crash or a full disk
    leaves no half-written audit. Signatures and proofs of an earlier seal stay if the sums are the same.

    Args:
        secret: behind the salts of the commitments, see `evidence.commitments.secret_salt`.
        only: nothing is replaced unless the sums come out with this digest, as the log has them.
        reviewed: pairs that a sample was put to people from, with their labels.
        taken: sealed files of another audit to take over byte for byte; packed records among them stand in
            place of `samples` or `transcripts` and are committed to anew.

    Raises:
        StoreError: the folder cannot be written, or `only` did not come out.
    """
    draft = folder.with_name(folder.name + ".draft")
    try:
        _put_back(folder)
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        records = {SAMPLES: samples, TRANSCRIPTS: transcripts, SCORES: scores, LABELS: reviewed}
        sealed = _write(draft, folder, record, plan, records, taken or {}, secret)
        for renderer in renderers:
            (draft / f"report{renderer.suffix}").write_bytes(renderer.render(record))
        (draft / SUMS).write_bytes(sums := _sums(draft))
        sealed = msgspec.structs.replace(sealed, sums=digest_bytes(sums))
        if only not in (None, sealed.sums):
            raise _not_again(folder)
        _keep_unsealed(folder, draft, all_of_it=sealed.sums == sums_of(folder))
        _replace(draft, folder)
    except OSError as error:
        raise StoreError(
            f"the audit could not be sealed: {error.strerror}", where=str(folder), mend=_HOW_TO_HEAL
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return sealed


def policy_bytes(policy: Policy) -> bytes:
    """The bytes of ``policy.json``."""
    return _pretty(policy)


def lineage_bytes(lineage: Lineage) -> bytes:
    """The bytes of ``lineage.json``."""
    return canonical_json(lineage) + b"\n"


def sums_of(folder: Path) -> Digest | None:
    """The digest of the ``SHA256SUMS`` in `folder`, None when there is none."""
    path = folder / SUMS
    return digest_bytes(path.read_bytes()) if path.is_file() else None


def is_whole(folder: Path, sums: str) -> bool:
    """Whether `folder` holds exactly what was sealed there when ``SHA256SUMS`` had the digest `sums`.

    One of which records were erased is left as it is: it cannot be made anew, and is not meant to be.
    """
    _put_back(folder)
    try:
        erased = (folder / REDACTED).is_file()
        return sums_of(folder) == sums and (erased or (folder / SUMS).read_bytes() == _sums(folder))
    except OSError:
        return False


def read_audit(store: Path, audit: str) -> AuditRecord:
    """The sealed audit with id `audit`, or the only one whose id starts so.

    Raises:
        UnknownNameError: no such audit, or several.
        StoreError: its record cannot be read.
    """
    ids = audit_ids(store)
    matching = [known for known in ids if known == audit] or [i for i in ids if i.startswith(audit)]
    if len(matching) > 1:
        raise UsageError(
            f"{len(matching)} audits start with {audit!r}",
            where=str(store),
            mend="write more of the id: " + ", ".join(matching[:8]) + (", …" if matching[8:] else ""),
        )
    if not matching:
        raise UnknownNameError("audit", audit, ids, where=str(store))
    path = store / "audits" / matching[0] / RECORD
    try:
        return read_record(path.parent)
    except (OSError, msgspec.DecodeError) as error:
        raise StoreError(
            f"the sealed audit cannot be read: {error}",
            where=str(path),
            mend="run its plan again: the journal makes it anew, or restore it from a copy",
        ) from error


def read_record(folder: Path) -> AuditRecord:
    """The record sealed in `folder`, with its examples where they are not withheld.

    Raises:
        OSError: it cannot be read.
        msgspec.DecodeError: it is damaged.
    """
    record = msgspec.json.decode((folder / RECORD).read_bytes(), type=AuditRecord)
    apart = folder / EXAMPLES
    if not apart.is_file():
        return record
    examples = msgspec.json.decode(apart.read_bytes(), type=tuple[Example, ...])
    return msgspec.structs.replace(record, examples=examples)


def audit_ids(store: Path) -> list[str]:
    """Ids of the sealed audits in `store`, sorted."""
    folder = store / "audits"
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if (path / RECORD).is_file())


def _write(
    draft: Path,
    folder: Path,
    record: AuditRecord,
    plan: Plan,
    records: Mapping[str, Iterable[msgspec.Struct]],
    taken: Mapping[str, bytes],
    secret: bytes,
) -> Sealed:
    """Every file of the seal apart from reports and sums."""
    bare = msgspec.structs.replace(record, examples=())
    texts = {
        "plan.json": _pretty(plan),
        "policy.json": policy_bytes(record.policy),
        "findings.json": canonical_json(record.findings) + b"\n",
        "verdict.json": canonical_json(record.verdict) + b"\n",
        RECORD: canonical_json(bare) + b"\n",
        EXAMPLES: canonical_json(record.examples) + b"\n",
    }
    if record.lineage is not None:
        texts["lineage.json"] = lineage_bytes(record.lineage)
    for name, data in {**texts, **taken}.items():
        (draft / name).write_bytes(data)
    _write_lines(draft / SCORES, _lines(records[SCORES]))
    if records[LABELS]:
        _write_lines(draft / LABELS, _lines(records[LABELS]))
    commitments = {
        "samples": Commitments("samples", secret),
        "transcripts": Commitments("transcripts", secret),
    }
    with _packed(draft / COMMITMENTS) as committed:
        for name, each in ((SAMPLES, commitments["samples"]), (TRANSCRIPTS, commitments["transcripts"])):
            if name in taken:
                for line in gunzip(taken[name], where=name).split(b"\n")[:-1]:
                    committed.write(each.add(line) + b"\n")
            else:
                _write_lines(draft / name, _lines(records[name]), each, committed)
    return Sealed(
        folder=folder,
        records=Records(**{name: each.records for name, each in commitments.items()}),
        findings=digest_bytes(texts["findings.json"]),
        verdict=digest_bytes(texts["verdict.json"]),
        policy=digest_bytes(texts["policy.json"]),
    )


def _pretty(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2) + b"\n"


def _lines(records: Iterable[msgspec.Struct]) -> Iterator[bytes]:
    encoder = msgspec.json.Encoder(order="sorted")
    return (encoder.encode(record) for record in records)


def _write_lines(
    path: Path,
    lines: Iterable[bytes],
    commitments: Commitments | None = None,
    committed: IO[bytes] | None = None,
) -> None:
    """Write `lines`; with `commitments` also a line on each to `committed`."""
    with _packed(path) as file:
        for line in lines:
            file.write(line + b"\n")
            if commitments is not None and committed is not None:
                committed.write(commitments.add(line) + b"\n")


@contextmanager
def _packed(path: Path) -> Iterator[IO[bytes]]:
    """A gzip file to write to; the same content gives the same bytes."""
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, cast(IO[bytes], raw), mtime=0) as file:
        yield cast(IO[bytes], file)


def _sums(folder: Path) -> bytes:
    lines = []
    for path in sorted(folder.iterdir(), key=lambda p: os.fsencode(p.name)):
        if path.name in SEALED:
            with path.open("rb") as file:
                lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    return "".join(lines).encode()


def _keep_unsealed(folder: Path, draft: Path, *, all_of_it: bool) -> None:
    """Take along what sums do not cover: signatures and proofs, or only those of the opening event."""
    opening = [folder / name for name in (OPENED, PROOFS[OPENED])]
    kept = opening if not all_of_it else [path for path in folder.rglob("*") if path.is_file()]
    for path in kept:
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in SEALED and name != SUMS:
            (draft / name).parent.mkdir(exist_ok=True)
            shutil.copy2(path, draft / name)


def _replace(draft: Path, folder: Path) -> None:
    """Put `draft` in the place of `folder`; a crash between leaves the old one beside it (`_put_back`)."""
    old = _old(folder)
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    draft.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _put_back(folder: Path) -> None:
    """Undo what a crash within `_replace` left: its signatures may be the only copy."""
    if _old(folder).exists() and not folder.exists():
        _old(folder).rename(folder)


def _old(folder: Path) -> Path:
    return folder.with_name(folder.name + ".old")


def _not_again(folder: Path) -> StoreError:
    return StoreError(
        "the sealed audit is damaged, and the journal no longer gives the same bytes as the log has",
        where=str(folder),
        mend="restore its folder from a copy, or open the audit anew with --again",
    )
