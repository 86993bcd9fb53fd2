"""What an audit's record says, in the words of its events; pure, so that a verifier says it again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from modelassay.canonical import Digest, digest_bytes, digest_of
from modelassay.evidence.events import AuditClosed
from modelassay.evidence.parts import (
    DatasetRef,
    EvaluatorRef,
    ModelRef,
    Place,
    Rate,
    Records,
    Result,
    SourceRef,
    Subject,
)
from modelassay.records import (
    AuditRecord,
    DatasetPin,
    EvaluatorPin,
    Finding,
    ImportedRun,
    PairedCounts,
    PairedMoments,
    TargetIdentity,
)


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What was written into a bundle, by digest."""

    folder: Path
    sums: Digest = Digest("")
    """Of ``SHA256SUMS``; likewise the others of their files."""
    records: Records
    findings: Digest
    verdict: Digest
    policy: Digest


LONGEST_VALUE = 256
"""Bytes of a tag's value in a result; of a longer one its digest stands there."""


def model_ref(identity: TargetIdentity) -> ModelRef:
    """Which model, and what its answers rest on."""
    return ModelRef(
        reference=identity.reference,
        fingerprint=identity.fingerprint,
        strength=identity.strength,
        subjects=tuple(Subject(kind=a.kind, name=a.name, digest=a.digest) for a in identity.artifacts),
    )


def dataset_refs(pins: Iterable[DatasetPin]) -> tuple[DatasetRef, ...]:
    """Which rows."""
    return tuple(DatasetRef(name=pin.name, digest=pin.digest, rows=pin.rows) for pin in pins)


def evaluator_refs(pins: Iterable[EvaluatorPin]) -> tuple[EvaluatorRef, ...]:
    """Which evaluators, in which set-up."""
    return tuple(
        EvaluatorRef(name=pin.name, version=pin.version, config=digest_of(pin.settings)) for pin in pins
    )


def source_refs(runs: Iterable[ImportedRun]) -> tuple[SourceRef, ...]:
    """Which files of other tools."""
    return tuple(SourceRef(side=r.side, tool=r.tool, file=r.file, digest=r.digest) for r in runs)


def closing(
    record: AuditRecord, sealed: Sealed, opened: Place, results: tuple[Result, ...], counts: tuple[Place, ...]
) -> AuditClosed:
    """The closing event of an audit.

    Args:
        results: empty when they stand in the events at `counts`.
    """
    return AuditClosed(
        audit=record.id,
        opened=opened,
        finished=record.closed,
        sums=sealed.sums,
        records=sealed.records,
        baseline=model_ref(record.baseline),
        candidate=model_ref(record.candidate),
        datasets=dataset_refs(record.datasets),
        evaluators=evaluator_refs(record.evaluators),
        results=results,
        findings=sealed.findings,
        verdict=sealed.verdict,
        policy=sealed.policy,
        counts_events=counts,
        imported=source_refs(record.imported),
    )


def results_of(findings: Iterable[Finding], evaluators: Sequence[EvaluatorPin]) -> tuple[Result, ...]:
    """The counts of both models for every measure and slice that was compared, in the findings' order."""
    scored_by = {m.name: f"{pin.name}@{pin.version}" for pin in evaluators for m in pin.measures}
    return tuple(
        _result(finding, finding.paired, scored_by.get(finding.measure.name, ""))
        for finding in findings
        if finding.check == "comparison" and finding.paired is not None
    )


def _result(finding: Finding, paired: PairedCounts | PairedMoments, evaluator: str) -> Result:
    baseline, candidate = _counted(paired) if isinstance(paired, PairedCounts) else _averaged(paired)
    return Result(
        measure=finding.measure.name,
        evaluator=evaluator,
        slice={tag: _bounded(value) for tag, value in finding.slice.items()},
        baseline=baseline,
        candidate=candidate,
    )


def _counted(paired: PairedCounts) -> tuple[Rate, Rate]:
    p = paired
    before, after = p.n11 + p.n10 + p.n1u, p.n11 + p.n01 + p.nu1
    return (
        Rate(k=before, n=before + p.n01 + p.n00 + p.n0u, unscored=p.nu1 + p.nu0 + p.nuu),
        Rate(k=after, n=after + p.n10 + p.n00 + p.nu0, unscored=p.n1u + p.n0u + p.nuu),
    )


def _averaged(paired: PairedMoments) -> tuple[Rate, Rate]:
    means, unscored = (
        (paired.baseline_mean, paired.candidate_mean),
        (paired.unscored_baseline, paired.unscored_candidate),
    )
    before, after = (
        Rate(n=paired.pairs, mean=str(mean), unscored=missing)
        for mean, missing in zip(means, unscored, strict=True)
    )
    return before, after


def _bounded(value: str) -> str:
    """A tag's value as it is, or its digest: rows of a dataset may say anything at any length."""
    data = value.encode("utf-8", "surrogatepass")
    return value if len(data) <= LONGEST_VALUE else digest_bytes(data)


def calibration_ids(pins: Iterable[EvaluatorPin]) -> dict[str, tuple[str, ...]]:
    """By measure: each labelled set, ``NAME@DIGEST``, on which the error of its evaluator was measured."""
    return {
        measure.name: tuple(f"{e.set}@{e.digest}" for e in pin.errors if measure.name in e.measures)
        for pin in pins
        for measure in pin.measures
        if any(measure.name in error.measures for error in pin.errors)
    }
