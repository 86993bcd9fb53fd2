"""Withhold single records of a bundle, so that the rest still verifies, as *redacted*.

A withheld sample or transcript is replaced by the hash of its commitment, and its salt goes; the roots in
``audit.closed`` come out as before. Everything else stays as it was sealed, apart from examples and report,
which show texts and go altogether. Scores stay: they name samples by the digest of their content, which
whoever can guess the whole content could confirm. Written risk assessments go as well: they may
quote answers.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from modelassay.canonical import canonical_json
from modelassay.errors import EvidenceError, StoreError, UsageError
from modelassay.evidence.bundle import COMMITMENTS, REDACTED, Bundle
from modelassay.evidence.commitments import COMMITTED, CommittedFile, leaf_of
from modelassay.evidence.contents import (
    FILE_OF,
    Commitment,
    Contents,
    Records,
    Redaction,
    pack_lines,
    sha256_hex,
)
from modelassay.evidence.integrity import ALWAYS_WITHHELD
from modelassay.log.merkle import leaf_hash
from modelassay.records import Sample

Side = Literal["baseline", "candidate"]
Indexes = Mapping[CommittedFile, Collection[int]]
"""Records by file and index."""

_encoder = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which records to withhold: those that meet every condition given."""

    samples: frozenset[str] = frozenset()
    """Ids; empty for any."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags that the sample has; ``kind`` is its kind."""
    side: Side | None = None
    """Only answers of this model; prompts then stay, for the other model has the same."""
    keep_prompts: bool = False
    """Withhold answers only, so that findings can still be recomputed."""


def select(contents: Contents, selection: Selection) -> Indexes:
    """The records that `selection` means, among those that are not withheld yet.

    Raises:
        UsageError: no record, or a sample id that the bundle does not show.
    """
    shown = contents.samples.shown()
    answers = contents.transcripts.shown()
    chosen = {sample.id for _, sample in shown if _matches(sample, selection)}
    if not selection.tags:
        chosen |= selection.samples  # answers to a prompt that is withheld already
    unknown = selection.samples - {s.id for _, s in shown} - {t.key.sample for _, t in answers}
    if unknown:
        raise UsageError(
            f"the bundle shows no sample {min(unknown)}",
            where=contents.bundle.place,
            mend="ids are the digests under `key.sample` in transcripts.jsonl.gz",
        )
    record = contents.record
    target = getattr(record, selection.side).fingerprint if selection.side else None
    found: dict[CommittedFile, Collection[int]] = {
        "samples": [index for index, sample in shown if sample.id in chosen],
        "transcripts": [
            index
            for index, transcript in answers
            if transcript.key.sample in chosen and target in (None, transcript.target)
        ],
    }
    if selection.side or selection.keep_prompts:
        found["samples"] = []
    if not any(found.values()):
        raise UsageError("no record meets these conditions", where=contents.bundle.place)
    return found


def redact(bundle: Bundle, withheld: Indexes) -> Bundle:
    """`bundle` without the texts of the records `withheld`; records withheld before stay so.

    Raises:
        EvidenceError: the bundle has no commitments, cannot be read, or has no such record.
    """
    contents = Contents(bundle)
    commitments = list(contents.commitments)
    gone_whole = {*ALWAYS_WITHHELD, *bundle.assessments}
    files = {name: data for name, data in bundle.files.items() if name not in gone_whole}
    gaps: dict[CommittedFile, tuple[int, ...]] = {}
    start = 0
    for file in COMMITTED:
        records: Records[object] = getattr(contents, file)
        chosen = set(withheld.get(file, ()))
        gone = sorted(chosen | set(records.withheld))
        if gone and not 0 <= gone[0] <= gone[-1] < len(records.lines):
            raise EvidenceError(f"there is no record {gone[-1]}", where=FILE_OF[file])
        lines = list(records.lines)
        for index in sorted(chosen - set(records.withheld)):
            salt = commitments[start + index].salt
            leaf = leaf_hash(leaf_of(file, index, salt, sha256_hex(lines[index]))).hex()
            lines[index] = f'{{"redacted":"{leaf}"}}'.encode("ascii")
            commitments[start + index] = Commitment(file=file, index=index, leaf=leaf)
        if gone:
            gaps[file] = tuple(gone)
            files[FILE_OF[file]] = pack_lines(lines)
        start += len(lines)
    if gaps:
        files[COMMITMENTS] = pack_lines(map(_encoder.encode, commitments))
    files[REDACTED] = _declaration(contents, files, gaps)
    return Bundle(bundle.place, files)


def write_bundle(bundle: Bundle, folder: Path) -> None:
    """Write `bundle` into the new `folder`, whole or not at all.

    Raises:
        UsageError: `folder` is there already.
        StoreError: it cannot be written.
    """
    if folder.exists():
        raise UsageError("this is there already", where=str(folder), mend="name a new folder")
    draft = folder.with_name(f"{folder.name}.{os.getpid()}.draft")
    try:
        write_files(bundle, draft)
        draft.rename(folder)
    except OSError as error:
        raise StoreError(f"the bundle cannot be written: {error.strerror}", where=str(folder)) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_files(bundle: Bundle, folder: Path) -> None:
    """Write the files of `bundle` under `folder`, each on the disk before this returns."""
    for name, data in bundle.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def _declaration(
    contents: Contents, files: Mapping[str, bytes], gaps: dict[CommittedFile, tuple[int, ...]]
) -> bytes:
    """``REDACTED.json``, which follows from everything else."""
    changed = [*(FILE_OF[file] for file in gaps), *([COMMITMENTS] if gaps else [])]
    redaction = Redaction(
        files=tuple(sorted(name for name in ALWAYS_WITHHELD if name in contents.sums)),
        records=gaps,
        sums={name: sha256_hex(files[name]) for name in changed},
    )
    return canonical_json(redaction) + b"\n"


def _matches(sample: Sample, selection: Selection) -> bool:
    tags = {"kind": sample.kind, **sample.tags}
    return (not selection.samples or sample.id in selection.samples) and all(
        tags.get(tag) == value for tag, value in selection.tags.items()
    )
