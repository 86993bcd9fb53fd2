"""What an assessment read, by digest, and what the developer told apart from the run."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from modelassay.canonical import Digest, digest_of
from modelassay.errors import EvidenceError, UsageError
from modelassay.records import AssessedInput, RunEvent
from modelassay.training.happenings import BODIES, said
from modelassay.training.run import Run

if TYPE_CHECKING:
    from modelassay.assessment.assess import Request

_MOST_BYTES = 64 << 20


def inputs_of(run: Run, request: Request) -> tuple[AssessedInput, ...]:
    """The run and every file of the request."""
    proofs = request.proofs
    files = [
        *(("patterns", path) for path in request.patterns),
        ("evaluations", request.evaluations),
        ("events", request.events),
        ("challenge", proofs.challenge),
        ("opening", proofs.opening),
        *(("finding", path) for path in proofs.further),
    ]
    given = [AssessedInput(name=name, digest=_digest(path)) for name, path in files if path is not None]
    return (AssessedInput(name="run", digest=run_digest(run.folder)), *given)


def run_digest(folder: Path) -> Digest:
    """The digest of every file of a run's folder, names and contents, hidden ones left out."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    return digest_of([[path.relative_to(folder).as_posix(), _digest(path)] for path in paths])


def read_told(path: Path | None) -> tuple[RunEvent, ...]:
    """Events from a file of JSON lines; none without a file.

    Raises:
        UsageError: it cannot be read.
        EvidenceError: a line is no event, or says something else than events of its kind say.
    """
    if path is None:
        return ()
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError("a file of events of more than 64 MB", where=str(path))
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError((error.strerror or "cannot be read").lower(), where=str(path)) from error
    events = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            event = msgspec.json.decode(line, type=RunEvent)
            if event.kind in BODIES:
                said(event, BODIES[event.kind])
        except (msgspec.DecodeError, EvidenceError) as error:
            raise EvidenceError(f"not an event: {error}", where=f"{path}:{number}") from error
        events.append(event)
    return tuple(events)


def _digest(path: Path) -> Digest:
    try:
        with path.open("rb") as file:
            return Digest(f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}")
    except OSError as error:
        raise UsageError((error.strerror or "cannot be read").lower(), where=str(path)) from error
