"""What an audit's record says, in the words of its events; pure, so that a verifier says it again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from modelassay.canonical import digest_bytes, digest_of
from modelassay.evidence.events import (
    DatasetRef,
    EvaluatorRef,
    ModelRef,
    Rate,
    Result,
    Subject,
)
from modelassay.records import (
    DatasetPin,
    EvaluatorPin,
    Finding,
    PairedCounts,
    PairedMoments,
    TargetIdentity,
)

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
