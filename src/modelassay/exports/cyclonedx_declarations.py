"""Evidence for clauses as CycloneDX declarations (CycloneDX Attestations) and definitions of standards.

A claim says that an artefact of the bundle is evidence for something, an attestation maps clauses to
claims. Scores of conformance and confidence are left out on purpose: an audit does not give them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from modelassay.exports.artefacts import Artefact
from modelassay.exports.compliance import DISCLAIMER, Clause, ClauseEvidence, FrameworkEvidence
from modelassay.records import AuditRecord


def standards(held: Sequence[FrameworkEvidence]) -> list[dict[str, Any]]:
    """Every framework with its clauses as requirements."""
    return [
        {
            "bom-ref": f"standard-{evidence.framework.id}",
            "name": evidence.framework.title,
            "version": evidence.framework.version,
            "owner": evidence.framework.owner,
            "description": f"Paraphrased from: {evidence.framework.basis}.",
            "requirements": [
                {
                    "bom-ref": _requirement(clause.clause),
                    "identifier": clause.clause.id,
                    "text": clause.clause.asks,
                }
                for clause in evidence.clauses
            ],
            "externalReferences": [{"type": "documentation", "url": evidence.framework.source}],
        }
        for evidence in held
    ]


def declarations(audit: AuditRecord, held: Sequence[FrameworkEvidence], *, target: str) -> dict[str, Any]:
    """Assessor, evidence, claims and attestations; `target` is the reference of the audited model."""
    return {
        "assessors": [
            {
                "bom-ref": "assessor",
                "thirdParty": False,
                "organization": {"name": "whoever ran the audit; the signed verdict names the key"},
            }
        ],
        "evidence": [_evidence(audit, artefact, files) for artefact, files in _present(held)],
        "claims": list(_claims(held, target)),
        "attestations": [
            {
                "summary": f"Evidence for {evidence.framework.title}. {DISCLAIMER}",
                "assessor": "assessor",
                "map": [_mapped(clause) for clause in evidence.clauses],
            }
            for evidence in held
        ],
    }


def _present(held: Sequence[FrameworkEvidence]) -> Iterator[tuple[Artefact, tuple[tuple[str, str], ...]]]:
    """Each artefact that the bundle has and a clause names, once."""
    found = {
        answer.artefact.name: (answer.artefact, answer.files)
        for evidence in held
        for clause in evidence.clauses
        for answer in clause.answered
        if answer.files
    }
    yield from (found[name] for name in sorted(found))


def _evidence(audit: AuditRecord, artefact: Artefact, files: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {
        "bom-ref": f"evidence-{artefact.name}",
        "propertyName": artefact.name,
        "description": f"{artefact.title}: " + ", ".join(f"{path} sha256:{sha256}" for path, sha256 in files),
        "created": audit.closed,
        "data": [{"name": path, "contents": {"url": path}} for path, _ in files],
    }


def _claims(held: Sequence[FrameworkEvidence], target: str) -> Iterator[dict[str, Any]]:
    for evidence in held:
        for clause in evidence.clauses:
            for answer in clause.answered:
                if answer.files:
                    yield {
                        "bom-ref": _claim(clause.clause, answer.artefact),
                        "target": target,
                        "predicate": f"{answer.artefact.title} is evidence for {clause.clause.id}",
                        "reasoning": f"{answer.artefact.title} {answer.how}.",
                        "evidence": [f"evidence-{answer.artefact.name}"],
                    }


def _mapped(held: ClauseEvidence) -> dict[str, Any]:
    claims = [_claim(held.clause, answer.artefact) for answer in held.answered if answer.files]
    absent = [answer.artefact.title for answer in held.answered if not answer.files]
    parts = [f"Status: {held.status}."]
    parts += [f"Absent from this audit: {', '.join(absent)}."] if absent else []
    parts += [f"What remains: {held.clause.remains}"] if held.clause.remains else []
    mapped: dict[str, Any] = {"requirement": _requirement(held.clause)}
    mapped |= {"claims": claims} if claims else {}
    return mapped | {"conformance": {"rationale": " ".join(parts)}}


def _requirement(clause: Clause) -> str:
    return "clause-" + _slug(clause.id)


def _claim(clause: Clause, artefact: Artefact) -> str:
    return f"claim-{_slug(clause.id)}-{artefact.name}"


def _slug(text: str) -> str:
    return "-".join("".join(c if c.isalnum() or c == "." else " " for c in text.lower()).split())
