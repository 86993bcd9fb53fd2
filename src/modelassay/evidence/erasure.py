"""Erase single records of an audit from its store for good, as privacy law may demand.

What remains are commitments without salts, which nobody can tie to a guessed text, and scores, which name a
sample by the unsalted digest of its content. The log says that, when and why records were erased, not what
they said. Copies of the bundle that left the store, and reports written elsewhere, are beyond its reach.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from modelassay.engine import Journal, answer_key, transcript_key
from modelassay.errors import EvidenceError, StoreError
from modelassay.evidence.bundle import Bundle, open_bundle
from modelassay.evidence.contents import Contents
from modelassay.evidence.events import RecordErased
from modelassay.evidence.ledger import Ledger
from modelassay.evidence.redaction import Indexes, Selection, redact, select, write_files

INDEXES_PER_EVENT = 5_000
"""So that each event fits into an entry of the log."""


@dataclass(frozen=True, kw_only=True)
class Erased:
    """What was erased."""

    records: dict[str, int]
    """By file of the bundle."""
    answers: int
    """Rows of the journal."""
    elsewhere: tuple[str, ...]
    """Other audits of the store that show the same samples."""


def erase(ledger: Ledger, store: Path, audit: str, selection: Selection, *, reason: str) -> Erased:
    """Erase the records of `audit` that `selection` means.

    It is logged first; a crash later leaves records that the same call then erases.

    Raises:
        UsageError: no such record.
        EvidenceError: the bundle is damaged, or was sealed without commitments.
        StoreError: the store is in use, or cannot be written.
    """
    folder = store / "audits" / audit
    bundle = open_bundle(folder)
    contents = Contents(bundle)
    chosen = select(contents, selection)
    redacted = redact(bundle, chosen)
    samples = {sample.id for index, sample in contents.samples.shown() if index in set(chosen["samples"])}
    answers = set(chosen["transcripts"])
    keys = [
        key
        for index, transcript in contents.transcripts.shown()
        if index in answers
        for key in (
            answer_key(transcript.target, transcript.key, contents.record.decoding),
            transcript_key(transcript),
        )
    ]
    with Journal.open(store) as journal:
        for event in _events(audit, chosen, reason):
            ledger.append_once(event)
        rows = journal.erase(keys)
        _destroy(store / "secrets" / f"{audit}.salt")
        _swap(folder, redacted)
    ledger.sign()
    return Erased(
        records={file: len(indexes) for file, indexes in chosen.items() if indexes},
        answers=rows,
        elsewhere=tuple(_others_with(store, audit, samples)),
    )


def _events(audit: str, chosen: Indexes, reason: str) -> Iterator[RecordErased]:
    for file, indexes in chosen.items():
        ordered = iter(sorted(indexes))
        while part := tuple(islice(ordered, INDEXES_PER_EVENT)):
            yield RecordErased(audit=audit, file=file, indexes=part, reason=reason)


def _destroy(path: Path) -> None:
    """Overwrite and remove the secret that salts could be derived from again."""
    try:
        with path.open("r+b") as file:
            file.write(bytes(os.fstat(file.fileno()).st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(
            f"the secret behind the salts could not be destroyed: {error.strerror}", where=str(path)
        ) from error


def _swap(folder: Path, bundle: Bundle) -> None:
    """Put `bundle` in the place of `folder`, and remove what stood there and every half-written copy."""
    draft, old = (folder.with_name(folder.name + suffix) for suffix in (".draft", ".old"))
    try:
        for leftover in (draft, old):
            shutil.rmtree(leftover, ignore_errors=True)
        write_files(bundle, draft)
        folder.rename(old)
        draft.rename(folder)
        shutil.rmtree(old)
    except OSError as error:
        raise StoreError(
            f"the redacted bundle could not be put in place: {error.strerror}",
            where=str(folder),
            mend="make room and run the same command again",
        ) from error


def _others_with(store: Path, audit: str, samples: Iterable[str]) -> Iterator[str]:
    """Other audits that show one of `samples`."""
    wanted = set(samples)
    for folder in sorted((store / "audits").iterdir()):
        if folder.name == audit or not (folder / "audit.json").is_file():
            continue
        try:
            shown = {sample.id for sample in Contents(open_bundle(folder)).samples.known}
        except EvidenceError:
            shown = wanted  # unreadable: it may hold them
        if wanted & shown:
            yield folder.name
