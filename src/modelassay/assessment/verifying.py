"""A sealed assessment as a stranger receives it: files, signature, log entry; and made again from the run.

Without the run nothing of it is recomputed, and the check says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec

from modelassay.assessment.assess import assess
from modelassay.assessment.drawn_evidence import DRAWN, DRAWN_LOGGED, draws_are_logged
from modelassay.assessment.inputs import inputs_of, request_again
from modelassay.assessment.request import Proofs, Request
from modelassay.assessment.sealing import (
    ENVELOPE,
    EVENT,
    PROOF,
    RECORD,
    REPORT,
    SEALED,
    SUMS,
    UNSEALED,
    sealed_files,
    sums_of,
)
from modelassay.assessment.statement import assessment_statement
from modelassay.canonical import canonical_json, digest_bytes
from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.checks import Check, NotDoneError, perform, state_of
from modelassay.evidence.events import body_of, decode
from modelassay.evidence.parts import Place
from modelassay.evidence.recompute import differences
from modelassay.evidence.run_events import RunAssessed
from modelassay.evidence.statements import PAYLOAD_TYPE
from modelassay.log.dsse import open_envelope
from modelassay.log.merkle import leaf_hash
from modelassay.log.proof import read_proof
from modelassay.log.signing import PublicKey
from modelassay.log.trust import TrustPolicy
from modelassay.records import Assessment
from modelassay.training.run import Run
from modelassay.version import __version__

_INPUT = re.compile(
    r"inputs/((?:logged|drawn|log)\.json"
    r"|[0-9]{1,3}-(patterns|evaluations|events|classes|finding)\.(yaml|jsonl|json))"
)
_MOST_BYTES = 256 << 20


_NO_PROOFS = Proofs()


@dataclass(frozen=True, kw_only=True)
class Trusted:
    """What the verifier brings."""

    keys: Sequence[PublicKey] = ()
    """Of assessors."""
    threshold: int = 1
    log: TrustPolicy | None = None
    run: Path | None = None
    """Folder of the run, to assess it again."""
    data: tuple[Path, ...] = ()
    """Data that was reviewed, in the same order, for the same; likewise the next."""
    tasks: tuple[Path, ...] = ()
    proofs: Proofs = _NO_PROOFS
    """Challenge and opening, and whose witnesses are believed, for the same."""


@dataclass(frozen=True)
class VerifiedAssessment:
    """How the checks ended."""

    record: Assessment | None
    checks: tuple[Check, ...]

    @property
    def state(self) -> str:
        """See `checks.state_of`."""
        return state_of(self.checks)


def verify_assessment(
    folder: Path, trusted: Trusted, render: Callable[[Assessment], bytes]
) -> VerifiedAssessment:
    """Check the sealed assessment in `folder`.

    Args:
        render: makes the report, which must be what the record gives.

    Raises:
        UsageError: there is no sealed assessment.
    """
    if not (folder / RECORD).is_file():
        raise UsageError("no sealed assessment is kept here", where=str(folder), mend="name its folder")
    files = _files(folder)
    sealed = perform("files", lambda: _files_are_sealed(files))
    records: list[Assessment] = []
    read = perform("record", lambda: _record_reads(files, records, render))
    if not records:
        return VerifiedAssessment(None, (sealed, read))
    record = records[0]
    return VerifiedAssessment(
        record,
        (
            sealed,
            read,
            perform("logged", lambda: _is_logged(files, record, trusted.log)),
            *([perform("drawn", lambda: _draws(files, trusted.log))] if DRAWN in files else []),
            perform("signature", lambda: _is_signed(files, record, trusted)),
            perform("recomputed", lambda: _comes_out(folder, record, trusted)),
        ),
    )


def _files(folder: Path) -> dict[str, bytes]:
    found, total = {}, 0
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise EvidenceError("a link in a sealed folder", where=name)
        if path.is_file():
            total += path.stat().st_size
            if total > _MOST_BYTES:
                raise EvidenceError("more than 256 MB in a sealed folder", where=str(folder))
            found[name] = path.read_bytes()
    return found


def _files_are_sealed(files: dict[str, bytes]) -> str:
    if SUMS not in files:
        raise EvidenceError("there are no sums", where=SUMS)
    unsealed = {name for name in files if name in UNSEALED or DRAWN_LOGGED.fullmatch(name)}
    allowed = {name for name in files if name in SEALED or _INPUT.fullmatch(name)} | unsealed
    if strange := sorted(set(files) - allowed):
        raise EvidenceError("a file that does not belong here", where=strange[0])
    if missing := [name for name in SEALED if name not in files]:
        raise EvidenceError("missing", where=missing[0])
    covered = {name: data for name, data in files.items() if name not in unsealed}
    if sums_of(covered) != files[SUMS]:
        lines = files[SUMS].decode("utf-8", "replace").splitlines()
        again = sums_of(covered).decode().splitlines()
        wrong = [line.partition("  ")[2] for line in again if line not in lines]
        raise EvidenceError("not what was sealed", where=wrong[0] if wrong else SUMS)
    return f"{len(covered)} files are as sealed"


def _record_reads(
    files: dict[str, bytes], records: list[Assessment], render: Callable[[Assessment], bytes]
) -> str:
    try:
        record = msgspec.json.decode(files[RECORD], type=Assessment)
    except (msgspec.DecodeError, RecursionError) as error:
        raise EvidenceError(f"not an assessment: {error}", where=RECORD) from error
    for name, data in sealed_files(record).items():
        if files.get(name) != data:
            raise EvidenceError("not the canonical form of what the record says", where=name)
    records.append(record)
    if record.tool_version != __version__:
        return f"read; the report was not made again, for version {record.tool_version} made it"
    if files.get(REPORT) != render(record):
        raise EvidenceError("not the report that the record gives", where=REPORT)
    return "the report is what the record gives"


def _draws(files: dict[str, bytes], policy: TrustPolicy | None) -> str:
    return draws_are_logged(files, policy, beside=PROOF)


def _is_logged(files: dict[str, bytes], record: Assessment, policy: TrustPolicy | None) -> str:
    if EVENT not in files:
        raise NotDoneError("the assessment is not logged")
    event = decode(files[EVENT])
    expected = RunAssessed(
        run=record.run.id,
        assessment=digest_bytes(files[RECORD]),
        profile=record.profile,
        assessor=record.declaration.assessor,
    )
    if body_of(event, RunAssessed) != expected:
        raise EvidenceError("the log entry is about another assessment", where=EVENT)
    if policy is None:
        raise NotDoneError("no log key was given, so that it is logged was not checked")
    if PROOF not in files:
        raise NotDoneError("there is no proof that the log has it")
    trusted = policy.judge(read_proof(files[PROOF]).verify(files[EVENT], policy.verifiers))
    seen = f", seen by {len(trusted.witnesses)} witness(es)" if trusted.witnesses else "; no witness saw it"
    return f"logged as entry {event.seq} at {event.time}{seen}"


def _is_signed(files: dict[str, bytes], record: Assessment, trusted: Trusted) -> str:
    if ENVELOPE not in files:
        raise NotDoneError("the assessment is not signed")
    if not trusted.keys:
        raise NotDoneError("no key of an assessor was given, so whose assessment this is was not checked")
    opened = open_envelope(
        files[ENVELOPE], trusted.keys, trusted.threshold, payload_type=PAYLOAD_TYPE, where=ENVELOPE
    )
    if EVENT not in files:
        raise EvidenceError("signed, and its log entry is missing", where=EVENT)
    event = decode(files[EVENT])
    expected = assessment_statement(
        record,
        digest=digest_bytes(files[RECORD]),
        sums=digest_bytes(files[SUMS]),
        place=Place(seq=event.seq, leaf="sha256:" + leaf_hash(files[EVENT]).hex()),
        time=event.time,
    )
    if opened.payload != expected:
        raise EvidenceError("what was signed is not this assessment", where=ENVELOPE)
    return f"signed by {', '.join(f'{key.name} ({key.key_id})' for key in opened.signed_by)}"


def _comes_out(folder: Path, record: Assessment, trusted: Trusted) -> str:
    if trusted.run is None:
        raise NotDoneError("the run was not given, so findings were not computed again", required=False)
    if record.tool_version != __version__:
        raise NotDoneError(f"made by version {record.tool_version}; this is {__version__}", required=False)
    brought = {"opening": trusted.proofs.opening, "data": trusted.data, "tasks": trusted.tasks}
    for name, given in brought.items():
        if any(each.name == name for each in record.inputs) and not given:
            raise NotDoneError(f"the {name} was not given: nothing was computed again", required=False)
    if "trust" in record.settings and trusted.proofs.trust is None:
        why = "the keys of the developer's log were not given: nothing was computed again"
        raise NotDoneError(why, required=False)
    run = Run(trusted.run)
    here = Request(
        declaration=record.declaration, data=trusted.data, tasks=trusted.tasks, proofs=trusted.proofs
    )
    request = request_again(record, folder, here)
    read = inputs_of(run, request)
    if read != record.inputs:
        other = next(
            a.name for a, b in zip((*read, *read), (*record.inputs, *record.inputs), strict=False) if a != b
        )
        raise EvidenceError(f"not the {other} that was assessed", where=str(trusted.run))
    again = assess(run, request)
    if canonical_json(again) != canonical_json(record):
        said, found = (msgspec.json.decode(canonical_json(each)) for each in (record, again))
        told = "; ".join(islice(differences(said, found), 3))
        raise EvidenceError(f"assessed again, it comes out otherwise: {told}", where=RECORD)
    return f"all {len(record.findings)} findings come out again from {record.rollouts:,} rollouts"
