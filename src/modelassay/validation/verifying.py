"""A certificate as a stranger receives it: the rates made again from its results, log entry, signature.

What cannot be checked without training the organisms again is whether the results are as measured: that is
the signer's word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from modelassay.canonical import canonical_json, digest_bytes
from modelassay.errors import EvidenceError
from modelassay.evidence.checks import Check, NotDoneError, perform, state_of
from modelassay.evidence.events import AuditorValidated, body_of, decode
from modelassay.evidence.parts import Place
from modelassay.evidence.statements import PAYLOAD_TYPE
from modelassay.log.dsse import open_envelope
from modelassay.log.merkle import leaf_hash
from modelassay.log.proof import read_proof
from modelassay.log.reader import read_file
from modelassay.log.signing import PublicKey
from modelassay.log.trust import TrustPolicy
from modelassay.validation.certificate import ENVELOPE, EVENT, PROOF, RECORD, Validation, statement_bytes
from modelassay.validation.figures import figures_of
from modelassay.validation.matrix import matrix_of
from modelassay.version import __version__

_MOST_BYTES = 64 << 20
_EARLIER = "urn:modelassay:validation:1"


@dataclass(frozen=True)
class VerifiedCertificate:
    """How the checks ended."""

    record: Validation | None
    checks: tuple[Check, ...]

    @property
    def state(self) -> str:
        """See `checks.state_of`."""
        return state_of(self.checks)


def is_certificate(folder: Path) -> bool:
    """Whether a certificate, and no audit, is kept in `folder`."""
    return (folder / RECORD).is_file()


def verify_certificate(
    folder: Path, *, keys: Sequence[PublicKey] = (), threshold: int = 1, log: TrustPolicy | None = None
) -> VerifiedCertificate:
    """Check the certificate in `folder`.

    Args:
        keys: whose signatures count.
        threshold: how many of them must have signed.
        log: which logs and witnesses are believed.

    Raises:
        EvidenceError: the record is larger than any.
        StoreError: it cannot be read.
    """
    data = read_file(folder / RECORD, _MOST_BYTES)
    records: list[Validation] = []
    read = perform("record", lambda: _read(data, records))
    if not records:
        return VerifiedCertificate(None, (read,))
    record = records[0]
    steps: dict[str, Callable[[], str]] = {
        "rates": lambda: _rates(record),
        "logged": lambda: _logged(folder, record, data, log),
        "signature": lambda: _signed(folder, record, data, keys, threshold),
    }
    return VerifiedCertificate(record, (read, *(perform(name, step) for name, step in steps.items())))


def _read(data: bytes, records: list[Validation]) -> str:
    try:
        record = msgspec.json.decode(data, type=Validation)
    except (msgspec.DecodeError, RecursionError) as error:
        raise EvidenceError(f"no record of a validation: {error}", where=RECORD) from error
    if canonical_json(record) + b"\n" != data:
        raise EvidenceError("not the canonical form of what it says", where=RECORD)
    records.append(record)
    seeds = ", ".join(map(str, record.seeds))
    return f"{len(record.results)} organisms of seeds {seeds}, looked at by {', '.join(record.checks)}"


def _rates(record: Validation) -> str:
    """Matrix and figures are what the results give."""
    if record.tool_version != __version__:
        raise NotDoneError(f"made by version {record.tool_version}; this is {__version__}", required=False)
    if matrix_of(record.results) != record.matrix:
        raise EvidenceError("the rates are not those of the results", where=RECORD)
    if figures_of(record.results) != record.figures:
        raise EvidenceError("the figures are not those of the results", where=RECORD)
    return "rates and figures are those of the results; the results themselves are the signer's word"


def _logged(folder: Path, record: Validation, data: bytes, policy: TrustPolicy | None) -> str:
    raw = _part(folder, EVENT, "it is not logged")
    event = decode(raw)
    expected = AuditorValidated(record=digest_bytes(data), organisms=len(record.results), seeds=record.seeds)
    if body_of(event, AuditorValidated) != expected:
        raise EvidenceError("the log entry is about another certificate", where=EVENT)
    if policy is None:
        raise NotDoneError("no log key was given, so that it is logged was not checked")
    proof = _part(folder, PROOF, "there is no proof that the log has it")
    trusted = policy.judge(read_proof(proof).verify(raw, policy.verifiers))
    seen = f", seen by {len(trusted.witnesses)} witness(es)" if trusted.witnesses else "; no witness saw it"
    return f"logged as entry {event.seq} at {event.time}{seen}"


def _signed(folder: Path, record: Validation, data: bytes, keys: Sequence[PublicKey], threshold: int) -> str:
    envelope = _part(folder, ENVELOPE, "it is not signed")
    if not keys:
        raise NotDoneError("no key was given, so whose word this is was not checked")
    opened = open_envelope(envelope, keys, threshold, payload_type=PAYLOAD_TYPE, where=ENVELOPE)
    if not (folder / EVENT).is_file():
        raise EvidenceError("signed, and its log entry is missing", where=EVENT)
    raw = read_file(folder / EVENT, _MOST_BYTES)
    event = decode(raw)
    expected = statement_bytes(
        record,
        digest=digest_bytes(data),
        place=Place(seq=event.seq, leaf="sha256:" + leaf_hash(raw).hex()),
        time=event.time,
    )
    if opened.payload != expected and not _is_earlier(opened.payload, digest_bytes(data)):
        raise EvidenceError("what was signed is not this certificate", where=ENVELOPE)
    return f"signed by {', '.join(f'{key.name} ({key.key_id})' for key in opened.signed_by)}"


def _is_earlier(payload: bytes, digest: str) -> bool:
    """Whether a statement of the first form, which named neither looks nor machine, is of this record: it
    names the record's digest, from which all else that it says follows."""
    try:
        said = msgspec.json.decode(payload)
        return bool(said["predicateType"] == _EARLIER and said["predicate"]["record"] == digest)
    except (msgspec.DecodeError, KeyError, TypeError):
        return False


def _part(folder: Path, name: str, missing: str) -> bytes:
    """A file of the certificate.

    Raises:
        NotDoneError: there is none, which `missing` says in words.
    """
    if not (folder / name).is_file():
        raise NotDoneError(missing)
    return read_file(folder / name, _MOST_BYTES)
