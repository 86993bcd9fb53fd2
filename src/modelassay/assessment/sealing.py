"""The sealed assessment: a folder whose bytes follow from the run and the request, then logged and signed.

::

    assessments/<id>/
      assessment.json timeline.json report.html inputs/…   covered by SHA256SUMS (`sha256sum -c` checks it)
      SHA256SUMS
      assessment.dsse.json     the assessor's signature (DSSE, in-toto)
      log/assessed.json        the log entry, and proof.tlog-proof that the signed log has it
      log/drawn-<n>.json …     the assessor's draws in that log, with their proofs
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from modelassay.assessment.drawn_evidence import keep_draws
from modelassay.assessment.statement import assessment_statement
from modelassay.canonical import canonical_json, digest_bytes
from modelassay.errors import EvidenceError, StoreError
from modelassay.evidence.events import encode
from modelassay.evidence.ledger import Ledger
from modelassay.evidence.run_events import RunAssessed
from modelassay.evidence.statements import PAYLOAD_TYPE
from modelassay.log.dsse import read_envelope, sign_envelope
from modelassay.log.durable import write_atomic
from modelassay.log.proof import prove, write_proof
from modelassay.log.reader import LogReader
from modelassay.records import Assessment

RECORD, TIMELINE, REPORT, SUMS = "assessment.json", "timeline.json", "report.html", "SHA256SUMS"
ENVELOPE, EVENT, PROOF = "assessment.dsse.json", "log/assessed.json", "proof.tlog-proof"
SEALED = (RECORD, TIMELINE, REPORT)
"""What every sealed assessment holds beside its inputs."""
UNSEALED = frozenset((SUMS, ENVELOPE, EVENT, PROOF))


def seal_assessment(
    store: Path,
    record: Assessment,
    inputs: Mapping[str, bytes],
    render: Callable[[Assessment], bytes],
) -> Path:
    """Write `record` into its folder in `store`; the same again changes nothing.

    Args:
        inputs: of `inputs.sealed_inputs`, by path in the folder.
        render: makes the report.

    Returns:
        The folder.

    Raises:
        StoreError: the folder cannot be written.
    """
    folder = store / "assessments" / record.id
    files = {**sealed_files(record), REPORT: render(record), **inputs}
    sums = sums_of(files)
    try:
        if (folder / SUMS).is_file() and (folder / SUMS).read_bytes() == sums and _is_whole(folder, files):
            return folder
        draft = folder.with_name(f".{folder.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        for name, data in {**files, SUMS: sums}.items():
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            (draft / name).write_bytes(data)
        for name in UNSEALED - {SUMS}:
            if (folder / name).is_file():
                (draft / name).parent.mkdir(exist_ok=True)
                shutil.copy2(folder / name, draft / name)
        old = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        draft.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise StoreError(
            f"the assessment could not be sealed: {error.strerror}",
            where=str(folder),
            mend="make room and run the same command again",
        ) from error
    return folder


def issue_assessment(ledger: Ledger, record: Assessment, folder: Path) -> None:
    """Log a sealed assessment, sign it, put signature and proof beside it; again, add what is missing.

    Raises:
        StoreError: the disk is full, or the log cannot be written.
        EvidenceError: the log is damaged, or a witness refuses it.
    """
    digest = digest_bytes((folder / RECORD).read_bytes())
    logged = ledger.append_once(
        RunAssessed(
            run=record.run.id,
            assessment=digest,
            profile=record.profile,
            assessor=record.declaration.assessor,
        )
    )
    (folder / "log").mkdir(exist_ok=True)
    _keep(folder / EVENT, encode(logged.event))
    if ledger.notary.verdict_signers:
        payload = assessment_statement(
            record,
            digest=digest,
            sums=digest_bytes((folder / SUMS).read_bytes()),
            place=logged.place,
            time=logged.event.time,
        )
        if _signed(folder / ENVELOPE) != payload:
            write_atomic(
                folder / ENVELOPE, sign_envelope(payload, PAYLOAD_TYPE, ledger.notary.verdict_signers)
            )
    if not (folder / PROOF).is_file() and ledger.sign() is not None:
        write_atomic(folder / PROOF, write_proof(prove(LogReader(ledger.folder), logged.place.seq)))
    keep_draws(ledger, folder, signed=(folder / PROOF).is_file())


def sealed_files(record: Assessment) -> dict[str, bytes]:
    """The files that follow from the record alone."""
    return {
        RECORD: canonical_json(record) + b"\n",
        TIMELINE: canonical_json(record.timeline) + b"\n",
    }


def sums_of(files: Mapping[str, bytes]) -> bytes:
    """The bytes of ``SHA256SUMS`` over `files`."""
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items())]
    return "".join(lines).encode()


def assessment_ids(store: Path) -> list[str]:
    """Ids of the sealed assessments in `store`, sorted."""
    return sorted(path.parent.name for path in (store / "assessments").glob(f"[!.]*/{RECORD}"))


def _is_whole(folder: Path, files: Mapping[str, bytes]) -> bool:
    return all((folder / name).is_file() and (folder / name).read_bytes() == files[name] for name in files)


def _signed(path: Path) -> bytes | None:
    try:
        return read_envelope(path.read_bytes(), where=str(path)).payload
    except (FileNotFoundError, EvidenceError):
        return None


def _keep(path: Path, data: bytes) -> None:
    if not path.is_file() or path.read_bytes() != data:
        write_atomic(path, data)
