"""What an assessment reads beside the run: files by digest, sealed with it so that it can be made again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from modelassay.assessment.request import Draws, LoggedRun, Request
from modelassay.canonical import Digest, canonical_json, digest_of
from modelassay.errors import EvidenceError, UsageError
from modelassay.records import AssessedInput, Assessment, RunEvent
from modelassay.training.happenings import BODIES, said
from modelassay.training.run import Run

FOLDER = "inputs"
_MOST_BYTES = 64 << 20
_SUFFIXES = {
    "patterns": ".yaml",
    "evaluations": ".jsonl",
    "events": ".jsonl",
    "classes": ".jsonl",
    "finding": ".json",
}
"""Files that are sealed with an assessment; data, tasks and openings are not: they disclose more."""


def inputs_of(run: Run, request: Request) -> tuple[AssessedInput, ...]:
    """The run and everything that came with the request."""
    given = [AssessedInput(name=name, digest=file_digest(path)) for name, path in _files(request)]
    logged = [AssessedInput(name="logged", digest=digest_of(request.logged))] if request.logged else []
    drawn = request.proofs.drawn
    draws = [AssessedInput(name="drawn", digest=digest_of(drawn))] if drawn.challenges else []
    said = request.proofs.log
    log = [AssessedInput(name="log", digest=digest_of(said))] if said != LoggedRun() else []
    return (AssessedInput(name="run", digest=run_digest(run.folder)), *given, *logged, *draws, *log)


def sealed_inputs(request: Request) -> dict[str, bytes]:
    """What is put beside the record, by path in its folder."""
    found = {f"{FOLDER}/logged.json": canonical_json(dict(request.logged))} if request.logged else {}
    if request.proofs.drawn.challenges:
        found[f"{FOLDER}/drawn.json"] = canonical_json(request.proofs.drawn)
    if request.proofs.log != LoggedRun():
        found[f"{FOLDER}/log.json"] = canonical_json(request.proofs.log)
    for number, (name, path) in enumerate(_files(request)):
        if name in _SUFFIXES:
            suffix = ".json" if name == "patterns" and path.suffix == ".json" else _SUFFIXES[name]
            found[f"{FOLDER}/{number}-{name}{suffix}"] = read_file(path)
    return found


def request_again(record: Assessment, folder: Path, given: Request) -> Request:
    """The request that `record` came from; data, tasks, opening and keys are those of `given`.

    Raises:
        EvidenceError: a sealed input is missing or not the one that was read.
    """
    files: dict[str, list[Path]] = {}
    for path in sorted((folder / FOLDER).glob("*-*.*"), key=lambda p: int(p.name.split("-")[0])):
        files.setdefault(path.stem.split("-", 1)[1], []).append(path)
    for each in record.inputs:
        if each.name in _SUFFIXES and each.digest not in map(file_digest, files.get(each.name, ())):
            raise EvidenceError(f"the {each.name} that were read are not here", where=str(folder / FOLDER))
    logged, drawn, log = (folder / FOLDER / f"{name}.json" for name in ("logged", "drawn", "log"))
    told = record.settings
    return msgspec.structs.replace(
        given,
        declaration=record.declaration,
        profile=record.profile,
        scanners=tuple(told["scanners"].split()) if "scanners" in told else (),
        patterns=tuple(files.get("patterns", ())),
        evaluations=next(iter(files.get("evaluations", ())), None),
        events=next(iter(files.get("events", ())), None),
        classes=next(iter(files.get("classes", ())), None),
        stages={name: told[name] for name in ("base", "incident", "after") if name in told},
        fixed_at=int(told["fixed_at"]) if "fixed_at" in told else None,
        unseen=tuple(msgspec.json.decode(told.get("unseen", "[]"), type=list[str])),
        held_out=tuple(msgspec.json.decode(told.get("held_out", "[]"), type=list[str])),
        proofs=msgspec.structs.replace(
            given.proofs,
            received=told.get("received", ""),
            further=tuple(files.get("finding", ())),
            drawn=msgspec.json.decode(drawn.read_bytes(), type=Draws) if drawn.is_file() else Draws(),
            log=msgspec.json.decode(log.read_bytes(), type=LoggedRun) if log.is_file() else LoggedRun(),
        ),
        logged=msgspec.json.decode(logged.read_bytes(), type=dict[str, str]) if logged.is_file() else {},
    )


def run_digest(folder: Path) -> Digest:
    """The digest of every file of a run's folder, names and contents, hidden ones left out."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    return digest_of([[path.relative_to(folder).as_posix(), file_digest(path)] for path in paths])


def read_told(path: Path | None) -> tuple[RunEvent, ...]:
    """Events from a file of JSON lines; none without a file.

    Raises:
        UsageError: it cannot be read.
        EvidenceError: a line is no event, or says something else than events of its kind say.
    """
    events = []
    for number, line in enumerate(read_file(path).splitlines() if path else (), 1):
        if not line.strip():
            continue
        try:
            event = msgspec.json.decode(line, type=RunEvent)
            if event.kind in BODIES:
                said(event, BODIES[event.kind])
            canonical_json(event)
        except (msgspec.DecodeError, EvidenceError, ValueError) as error:
            raise EvidenceError(f"not an event: {error}", where=f"{path}:{number}") from error
        events.append(event)
    return tuple(events)


def read_file(path: Path) -> bytes:
    """The bytes of a file that the user named, at most 64 MB.

    Raises:
        UsageError: it cannot be read, or is larger.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError("more than 64 MB", where=str(path))
        return path.read_bytes()
    except OSError as error:
        raise UsageError((error.strerror or "cannot be read").lower(), where=str(path)) from error


def file_digest(path: Path) -> Digest:
    """The digest of a file of any size.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return Digest(f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}")
    except OSError as error:
        raise UsageError((error.strerror or "cannot be read").lower(), where=str(path)) from error


def _files(request: Request) -> Iterator[tuple[str, Path]]:
    proofs = request.proofs
    for name, path in (
        *(("patterns", path) for path in request.patterns),
        ("evaluations", request.evaluations),
        ("events", request.events),
        ("classes", request.classes),
        *(("data", path) for path in request.data),
        *(("tasks", path) for path in request.tasks),
        ("challenge", proofs.challenge),
        ("opening", proofs.opening),
        *(("finding", path) for path in proofs.further),
    ):
        if path is not None:
            yield name, path
