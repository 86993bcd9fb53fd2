"""The audit as a CycloneDX machine-learning bill of materials (ECMA-424): JSON, version 1.6 or 1.7.

Candidate, baseline, adapters and datasets are components; each rate of the comparison is a performance
metric of the model that it is about, by slice, with its interval. Held against clauses (`compliance`), the
bundle's artefacts become declarations; the bill gives no score of conformance.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import msgspec

from modelassay.artifacts.spdx import licences_in, parse_expression, terms_of
from modelassay.canonical import digest_of
from modelassay.drops import deciding_figures
from modelassay.errors import UsageError
from modelassay.exports.compliance import FrameworkEvidence
from modelassay.exports.cyclonedx_declarations import declarations, standards
from modelassay.records import (
    Artifact,
    AuditRecord,
    DatasetPin,
    Estimate,
    Finding,
    TargetIdentity,
    TrainingData,
)
from modelassay.report.imported import imported_mark
from modelassay.report.judges import judge_line
from modelassay.report.text import slice_name, visible

SpecVersion = Literal["1.6", "1.7"]
CANDIDATE, BASELINE = "candidate", "baseline"
Properties = list[dict[str, str]]


@dataclass(frozen=True, kw_only=True)
class CycloneDxBom:
    """Renders an audit as a CycloneDX ML-BOM.

    Args:
        spec: version of CycloneDX.
        held: clauses with the evidence that the bundle has; none leaves declarations out.
    """

    name = "cyclonedx"
    suffix = ".cdx.json"

    spec: SpecVersion = "1.6"
    held: Sequence[FrameworkEvidence] = ()

    def render(self, audit: AuditRecord) -> bytes:
        """The bill as UTF-8 JSON; the same record gives the same bytes."""
        bom: dict[str, Any] = {
            "$schema": f"http://cyclonedx.org/schema/bom-{self.spec}.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": self.spec,
            "serialNumber": f"urn:uuid:{_serial(audit)}",
            "version": 1,
            "metadata": {
                "timestamp": audit.closed,
                "tools": {
                    "components": [
                        {"type": "application", "name": "modelassay", "version": audit.tool_version}
                    ]
                },
                "component": _candidate(audit),
                "properties": _properties(
                    audit=audit.id,
                    verdict=audit.verdict.outcome,
                    headline=audit.verdict.headline,
                    expires=audit.verdict.expires,
                    origin=imported_mark(audit),
                ),
            },
            "components": [*_adapters(audit), *_datasets(audit)],
            "dependencies": _dependencies(audit),
        }
        if self.held:
            bom["declarations"] = declarations(audit, self.held, target=CANDIDATE)
            bom["definitions"] = {"standards": standards(self.held)}
        return msgspec.json.format(msgspec.json.encode(bom), indent=2) + b"\n"


def _serial(audit: AuditRecord) -> uuid.UUID:
    """A UUID of version 5 from the record's digest: withholding examples does not change it."""
    digest = digest_of(msgspec.structs.replace(audit, examples=()))
    return uuid.uuid5(uuid.NAMESPACE_URL, f"urn:modelassay:audit:{digest}")


def _candidate(audit: AuditRecord) -> dict[str, Any]:
    component = _model(audit, audit.candidate, CANDIDATE)
    declared = audit.lineage.declared if audit.lineage else None
    if declared and declared.licence:
        component["licenses"] = _licences(declared.licence)
    component["pedigree"] = {"ancestors": [_model(audit, audit.baseline, BASELINE)]}
    component["modelCard"]["considerations"] = _considerations(audit)
    return component


def _model(audit: AuditRecord, identity: TargetIdentity, side: str) -> dict[str, Any]:
    """A model with its own rates; `side` is its reference inside the bill."""
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": side,
        "name": visible(identity.reference),
        "description": f"The {side} of audit {audit.id}.",
    }
    weights = [artifact for artifact in identity.artifacts if artifact.kind == "model"]
    if weights:
        component["hashes"] = [_hash(weights[0].digest)]
        files = [
            {"type": "file", "name": visible(name), "hashes": [{"alg": "SHA-256", "content": sha256}]}
            for name, sha256 in sorted(weights[0].files.items())
        ]
        component |= {"components": files} if files else {}
    details = {f"identity.{name}": value for name, value in sorted(identity.details.items())}
    component["properties"] = _properties(
        fingerprint=identity.fingerprint, strength=identity.strength, **details
    )
    metrics = list(_metrics(audit, side))
    datasets = [{"ref": _dataset_ref(pin)} for pin in audit.datasets]
    component["modelCard"] = {
        "modelParameters": {"task": "text-generation", "datasets": datasets},
        "quantitativeAnalysis": {"performanceMetrics": metrics},
        "properties": _properties(
            confidence=f"each end of an interval at {audit.policy.confidence} one-sided",
            evaluators=", ".join(f"{pin.name}@{pin.version}" for pin in audit.evaluators),
            **{
                f"judge.{name}": told
                for name in dict.fromkeys(finding.measure.name for finding in audit.findings)
                if (told := judge_line(audit, name))
            },
        ),
    }
    return component


def _metrics(audit: AuditRecord, side: str) -> Iterator[dict[str, Any]]:
    """The rates of one model, and for the candidate how far they are from the baseline's."""
    for finding in audit.findings:
        figures, name = deciding_figures(finding, audit.policy), finding.measure.name
        if figures.labels:
            alone = finding.candidate if side == CANDIDATE else finding.baseline
            yield from _metric(finding, f"{name}: the judge alone, before people's labels", alone)
            name = f"{name}: corrected, {figures.labels:,} labels"
        yield from _metric(finding, name, figures.candidate if side == CANDIDATE else figures.baseline)
        if side == CANDIDATE:
            yield from _metric(finding, f"{name}: difference from baseline", figures.difference)


def _metric(finding: Finding, kind: str, estimate: Estimate | None) -> Iterator[dict[str, Any]]:
    if estimate is None:
        return
    yield {
        "type": visible(kind),
        "value": _decimal(estimate.value),
        "slice": visible(slice_name(finding)),
        "confidenceInterval": {
            "lowerBound": _decimal(estimate.low),
            "upperBound": _decimal(estimate.high),
        },
    }


def _decimal(value: Decimal) -> str:
    return f"{value:f}"


def _considerations(audit: AuditRecord) -> dict[str, Any]:
    harmed = [
        finding
        for finding in audit.findings
        if finding.slice and finding.state == "shown_harmful" and finding.measure.role != "descriptive"
    ]
    return {
        "technicalLimitations": [visible(limit) for limit in audit.limits],
        "ethicalConsiderations": [
            {"name": visible(item.statement), "mitigationStrategy": "A person has to look at this."}
            for item in audit.verdict.review_items
        ],
        "fairnessAssessments": [
            {"groupAtRisk": visible(slice_name(finding)), "harms": visible(finding.statement)}
            for finding in harmed
        ],
    }


def _adapters(audit: AuditRecord) -> list[dict[str, Any]]:
    return [
        {
            "type": "machine-learning-model",
            "bom-ref": f"adapter-{number}",
            "name": visible(artifact.name),
            "hashes": [_hash(artifact.digest)],
            "properties": _properties(kind="adapter", **artifact.details),
        }
        for number, artifact in enumerate(_adapter_artifacts(audit), 1)
    ]


def _adapter_artifacts(audit: AuditRecord) -> list[Artifact]:
    return [artifact for artifact in audit.candidate.artifacts if artifact.kind == "adapter"]


def _datasets(audit: AuditRecord) -> list[dict[str, Any]]:
    training = audit.lineage.declared.training_data if audit.lineage else ()
    return [
        *(_evaluation_data(pin) for pin in audit.datasets),
        *(_training_data(number, data) for number, data in enumerate(training, 1)),
    ]


def _evaluation_data(pin: DatasetPin) -> dict[str, Any]:
    """Data that both models were asked; its digest is that of the canonical rows, not of a file."""
    component: dict[str, Any] = {
        "type": "data",
        "bom-ref": _dataset_ref(pin),
        "name": visible(pin.name),
        "version": pin.digest,
        "data": [{"type": "dataset", "name": visible(pin.name), "classification": "evaluation"}],
        "properties": _properties(
            use="evaluation",
            rows=str(pin.rows),
            digest=pin.digest,
            source=pin.source,
            citation=pin.citation,
            dated=pin.dated,
        ),
    }
    if pin.licence:
        component["licenses"] = _licences(pin.licence)
    return component


def _training_data(number: int, data: TrainingData) -> dict[str, Any]:
    """Data that the candidate is declared to be trained on."""
    content: dict[str, Any] = {
        "type": "dataset",
        "name": visible(data.name),
        "classification": "training",
    }
    if data.pii in {"pseudonymised", "present"}:
        content["sensitiveData"] = [f"personal data: {data.pii}"]
    if re.fullmatch(r"https?://[!-~]+", data.source):
        content["contents"] = {"url": data.source}
    component: dict[str, Any] = {
        "type": "data",
        "bom-ref": f"training-data-{number}",
        "name": visible(data.name),
        "data": [content],
        "properties": _properties(
            use="training",
            rows=str(data.rows or ""),
            source=data.source,
            consent=data.consent,
            personal_data=data.pii,
            retention=data.retention,
            parents=", ".join(data.parents),
            transforms=", ".join(transform.name for transform in data.transforms),
        ),
    }
    if data.digest:
        component["hashes"] = [_hash(data.digest)]
    if data.licence:
        component["licenses"] = _licences(data.licence)
    return component


def _dependencies(audit: AuditRecord) -> list[dict[str, Any]]:
    training = audit.lineage.declared.training_data if audit.lineage else ()
    adapters = [f"adapter-{number}" for number, _ in enumerate(_adapter_artifacts(audit), 1)]
    data = [f"training-data-{number}" for number, _ in enumerate(training, 1)]
    return [{"ref": CANDIDATE, "dependsOn": [BASELINE, *adapters, *data]}]


def _dataset_ref(pin: DatasetPin) -> str:
    return f"dataset-{pin.digest.removeprefix('sha256:')}"


def _licences(text: str) -> list[dict[str, Any]]:
    """SPDX where it is known to be; else a name, since readers refuse identifiers that their list lacks."""
    try:
        expression = parse_expression(text)
    except UsageError:
        return [{"license": {"name": visible(text)}}]
    if any(terms_of(licence) is None for licence in licences_in(expression)):
        return [{"license": {"name": visible(text)}}]
    if str(expression) == getattr(expression, "id", "") and not str(expression).startswith("LicenseRef-"):
        return [{"license": {"id": str(expression)}}]
    return [{"expression": str(expression)}]


def _hash(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest.removeprefix("sha256:")}


def _properties(**values: str) -> Properties:
    return _named(values)


def _named(values: Mapping[str, str]) -> Properties:
    return [
        {"name": f"modelassay:{name}", "value": visible(value)} for name, value in values.items() if value
    ]
