"""The calibration certificate of an installation: what its checks found of planted faults, signed and logged.

::

    certificate/
      matrix.json            results, matrix and what they were measured with
      certificate.dsse.json  an in-toto Statement v1 on it (DSSE)
      log/validated.json     the log entry, and proof.tlog-proof that the signed log has it

Its predicate is ``urn:modelassay:validation:2``. Pure: the same record and log entry give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from modelassay.canonical import Digest, canonical_json, digest_bytes
from modelassay.evidence.events import AuditorValidated, encode
from modelassay.evidence.ledger import Ledger
from modelassay.evidence.parts import Place, Sha256, Time
from modelassay.evidence.statements import PAYLOAD_TYPE, STATEMENT, Described
from modelassay.log.dsse import read_envelope, sign_envelope
from modelassay.log.durable import write_atomic
from modelassay.log.proof import prove, write_proof
from modelassay.log.reader import LogReader
from modelassay.validation.figures import Figure, figures_of
from modelassay.validation.installation import this_installation
from modelassay.validation.matrix import AUDIT, Matrix, matrix_of
from modelassay.validation.results import Result
from modelassay.version import __version__
from modelassay.whitebox.calibration import LEVEL, Nulls

RECORD, ENVELOPE, EVENT, PROOF = (
    "matrix.json",
    "certificate.dsse.json",
    "log/validated.json",
    "proof.tlog-proof",
)
_CALIBRATED: Final = ("refusal_margin", "activations", "tampering", "triggers", "adapters")
"""Checks that call nothing harmful without null distributions."""
LIMITS: Final = (
    "Organisms are tiny models with faults that were planted; how often faults of real models are found is "
    "not known from them.",
    "What was not planted was not measured: triggers of other kinds, harm other than lifted refusals, "
    "attackers who train against these very checks, except the evasive kinds.",
    "Every rate holds for the seeds, settings and null distributions named here; intervals tell how few "
    "organisms they rest on.",
    "A matrix without null distributions tells nothing of calibrated checks: then severity alone speaks.",
)

Count = Annotated[int, msgspec.Meta(ge=0)]


class NullSize(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many harmless fine-tunes a statistic was held against."""

    statistic: str
    base: str
    method: str
    values: Count
    families: dict[str, int]
    named: bool = False
    """Whether it is known which fine-tune each value is of, so that statistics can be corrected jointly."""


class Validation(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, and with what: the bytes of ``matrix.json``."""

    format: Literal["modelassay.validation/1"] = "modelassay.validation/1"
    tool_version: str
    libraries: dict[str, str]
    machine: str
    """Processor's architecture, system and version of Python."""
    architectures: tuple[str, ...]
    seeds: tuple[int, ...]
    checks: tuple[str, ...]
    nulls: tuple[NullSize, ...]
    results: tuple[Result, ...]
    matrix: Matrix
    figures: tuple[Figure, ...] = ()
    """The product's own, as far as organisms of theirs were run."""
    limits: tuple[str, ...] = LIMITS

    @property
    def as_it_should(self) -> bool:
        """Whether every figure that was measured is met, and no look broke off."""
        return all(figure.met for figure in self.figures) and not self.matrix.broken


class Certified(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The predicate."""

    record: Sha256
    """Of ``matrix.json``."""
    version: str
    """Of modelassay."""
    libraries: dict[str, str]
    machine: str
    architectures: tuple[str, ...]
    seeds: tuple[int, ...]
    checks: tuple[str, ...]
    """Looks that were made; fewer than all find less."""
    organisms: Count
    detected: dict[str, str]
    """By kind of organism: alarms of the audit, ``found/of``."""
    false_alarms: str
    """Of the audit on harmless organisms whose every look came to its end, ``found/of [low, high]``."""
    broken: dict[str, Count] = {}
    """Looks that broke off, by check; they are in no rate."""
    figures: tuple[str, ...] = ()
    """The product's own figures beside what was measured, each in a line."""
    nulls: dict[str, Count]
    """Benign values of each statistic, by base."""
    limits: tuple[str, ...]
    logged: Place
    time: Time


class CertificateStatement(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """The signed certificate."""

    type: Literal["https://in-toto.io/Statement/v1"] = msgspec.field(name="_type", default=STATEMENT)
    subject: tuple[Described, ...]
    predicate_type: Literal["urn:modelassay:validation:2"] = "urn:modelassay:validation:2"
    predicate: Certified


def validation_of(results: Sequence[Result], nulls: Nulls) -> Validation:
    """The record of `results`, which are all of this installation."""
    installation = this_installation()
    return Validation(
        tool_version=__version__,
        libraries=installation.libraries,
        machine=installation.machine,
        architectures=tuple(dict.fromkeys(each.architecture for each in results)),
        seeds=tuple(sorted({each.seed for each in results})),
        checks=tuple(dict.fromkeys(one.check for each in results for one in each.checks)),
        nulls=tuple(
            NullSize(
                statistic=null.statistic,
                base=null.base,
                method=null.method,
                values=len(null.values),
                families=null.families,
                named=bool(null.by_name()),
            )
            for null in nulls
        ),
        results=tuple(results),
        matrix=matrix_of(results),
        figures=figures_of(results),
    )


def reach_of(checks: Sequence[str], nulls: Sequence[NullSize]) -> dict[str, tuple[int, int]]:
    """For each of `checks` the fewest benign values of a statistic of it that were pooled by architecture,
    and how many the correction over its statistics needs before anything can be called harmful.

    Checks that have no null distribution, and need none, are left out.
    """
    found: dict[str, tuple[int, int]] = {}
    for check in checks:
        sizes: dict[tuple[str, str], list[int]] = {}
        named = True
        for null in nulls:
            if null.statistic.startswith(f"{check}.") and null.base.startswith("architecture:"):
                sizes.setdefault((null.base, null.method), []).append(null.values)
                named = named and null.named
        if sizes:
            most = 1 if named else max(map(len, sizes.values()))
            found[check] = min(min(each) for each in sizes.values()), math.ceil(most / LEVEL - 1e-9) - 1
        elif check in _CALIBRATED:
            found[check] = 0, 0
    return found


def statement_bytes(record: Validation, *, digest: Digest, place: Place, time: str) -> bytes:
    """The bytes to sign.

    Args:
        digest: of ``matrix.json``.
        place: where the log has ``auditor.validated``, at `time`.
    """
    false = record.matrix.false_alarms[AUDIT]
    statement = CertificateStatement(
        subject=(Described(name=RECORD, digest={"sha256": digest.removeprefix("sha256:")}),),
        predicate=Certified(
            record=digest,
            version=record.tool_version,
            libraries=record.libraries,
            machine=record.machine,
            architectures=record.architectures,
            seeds=record.seeds,
            checks=record.checks,
            organisms=len(record.results),
            detected={
                line.kind: f"{line.columns[AUDIT].found}/{line.columns[AUDIT].of}"
                for line in record.matrix.lines
                if line.faulty
            },
            false_alarms=f"{false.found}/{false.of} [{_plain(false.low)}, {_plain(false.high)}]",
            broken=record.matrix.broken,
            figures=tuple(map(str, record.figures)),
            nulls={f"{each.statistic} {each.base} {each.method}": each.values for each in record.nulls},
            limits=record.limits,
            logged=place,
            time=time,
        ),
    )
    return canonical_json(statement)


def certify(folder: Path, record: Validation, ledger: Ledger) -> Path:
    """Write, log and sign `record`; the same again changes nothing, and adds what could not be signed before.

    Returns:
        The folder of the certificate.

    Raises:
        StoreError: the disk is full, or the log cannot be written.
        EvidenceError: the log is damaged, or a witness refuses it.
    """
    (folder / "log").mkdir(parents=True, exist_ok=True)
    data = canonical_json(record) + b"\n"
    digest = digest_bytes(data)
    changed = not (folder / RECORD).is_file() or (folder / RECORD).read_bytes() != data
    if changed:
        write_atomic(folder / RECORD, data)
        for name in (ENVELOPE, PROOF):
            (folder / name).unlink(missing_ok=True)
    logged = ledger.append_once(
        AuditorValidated(record=digest, organisms=len(record.results), seeds=record.seeds)
    )
    write_atomic(folder / EVENT, encode(logged.event))
    if ledger.notary.verdict_signers:
        payload = statement_bytes(record, digest=digest, place=logged.place, time=logged.event.time)
        known = folder / ENVELOPE
        if not known.is_file() or read_envelope(known.read_bytes(), where=str(known)).payload != payload:
            write_atomic(known, sign_envelope(payload, PAYLOAD_TYPE, ledger.notary.verdict_signers))
    if not (folder / PROOF).is_file() and ledger.sign() is not None:
        write_atomic(folder / PROOF, write_proof(prove(LogReader(ledger.folder), logged.place.seq)))
    return folder


def _plain(value: Decimal) -> str:
    return f"{value:.3f}"
