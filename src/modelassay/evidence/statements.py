"""What is signed: the verdict as a SLSA Verification Summary, and one test result for each evaluator.

Both are in-toto Statements v1 (https://in-toto.io/Statement/v1). The verdict's predicate is
https://slsa.dev/verification_summary/v1; what SLSA has no field for stands under
``urn:modelassay:verdict:1``, which other consumers ignore. The evaluators' predicate is
https://in-toto.io/attestation/test-result/v0.1. Pure: the same record and closing event give the same
bytes. There are no floats: counts are integers, the rest is text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final, Literal, TypeVar

import msgspec

from modelassay.canonical import canonical_json
from modelassay.errors import EvidenceError
from modelassay.evidence.bundle import SUMS
from modelassay.evidence.events import AuditClosed
from modelassay.evidence.facts import results_of
from modelassay.evidence.parts import Place, Result, Sha256
from modelassay.records import Artifact, AuditRecord, EvaluatorPin, Finding, Outcome, TargetIdentity

STATEMENT: Final = "https://in-toto.io/Statement/v1"
SUMMARY: Final = "https://slsa.dev/verification_summary/v1"
TEST_RESULT: Final = "https://in-toto.io/attestation/test-result/v0.1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
"""Of the DSSE envelopes."""

VERIFIER = "urn:modelassay:gate:1"
"""Who decided, unless the notary says otherwise."""
UNSTATED_TARGET = "urn:modelassay:target:unstated"
"""`resourceUri` of a verdict whose plan names no place to deploy to; no deployment target equals it."""

PASSING: tuple[Outcome, ...] = ("deploy", "deploy-monitored")

S = TypeVar("S")

Hex = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]

LEVELS = {
    "GATE_PASSED": "the gate lets the candidate be deployed, at least with enhanced monitoring",
    "BASELINE_COMPARED": "candidate and baseline were asked the same questions",
    "IMPORTED_RESULTS_COMPARED": "results that another tool reports of the same questions were compared",
    "DEPLOY": "no condition beyond the policy's own",
    "DEPLOY_MONITORED": "with enhanced monitoring",
    "WEIGHTS_IDENTIFIED": "the candidate was identified by its weights, not by a served name",
}
"""What a passing verdict's verified levels mean, in their order; each name follows ``MODELASSAY_``. A verdict
that does not pass has the one level ``FAILED`` (SLSA VSA v1)."""


class Described(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A ResourceDescriptor of in-toto, as far as it is used here."""

    name: str = ""
    uri: str = ""
    digest: dict[Literal["sha256"], Hex]
    annotations: dict[str, str] = {}


class AdapterPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An adapter on top of the model."""

    name: str
    digest: Sha256
    weight: str
    """Decimal string; empty when it has none."""


class Composition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the candidate's answers rest on; an empty text stands for what it does not have."""

    strength: str
    """``weights``, or ``served name`` (weaker)."""
    model: str
    adapters: tuple[AdapterPart, ...]
    """In the order in which they are applied."""
    tokenizer: str
    chat_template: str
    system_prompt: str
    quantisation: str
    generation_config: str


class TreeState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The log right after the audit was closed."""

    size: Annotated[int, msgspec.Meta(ge=1)]
    root: Sha256


class VerdictFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What SLSA has no field for."""

    audit: str
    outcome: Outcome
    literal: Outcome
    headline: str
    issued: str
    """Date."""
    expires: str
    """Date from which the verdict no longer holds."""
    composition: Composition
    closed: Place
    sums: Sha256
    tree: TreeState
    origin: Literal["", "imported"] = ""
    """``imported``: another tool asked the models, and nothing shows that it did so as its files say."""


class Verifier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who decided."""

    id: str
    version: dict[str, str]


class Summary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The predicate of a SLSA Verification Summary."""

    verifier: Verifier
    time_verified: str
    resource_uri: str
    """Where the candidate may be deployed."""
    policy: Described
    input_attestations: tuple[Described, ...]
    verification_result: Literal["PASSED", "FAILED"]
    verified_levels: tuple[str, ...]
    facts: VerdictFacts = msgspec.field(name="urn:modelassay:verdict:1")


class VerdictStatement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The signed verdict."""

    type: Literal["https://in-toto.io/Statement/v1"] = msgspec.field(name="_type")
    subject: tuple[Described, ...]
    predicate_type: Literal["https://slsa.dev/verification_summary/v1"]
    predicate: Summary


class EvaluatorFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The figures behind a test result."""

    audit: str
    evaluator: str
    """``name@version``."""
    closed: Place
    results: tuple[Result, ...]


class EvaluatorResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The predicate of an in-toto test result; a test is a finding."""

    result: Literal["PASSED", "WARNED", "FAILED"]
    configuration: tuple[Described, ...]
    passed_tests: tuple[str, ...]
    warned_tests: tuple[str, ...]
    failed_tests: tuple[str, ...]
    facts: EvaluatorFacts = msgspec.field(name="urn:modelassay:test-result:1")


class EvaluatorStatement(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """One evaluator's part, signed; an input of the verdict."""

    type: Literal["https://in-toto.io/Statement/v1"] = msgspec.field(name="_type")
    subject: tuple[Described, ...]
    predicate_type: Literal["https://in-toto.io/attestation/test-result/v0.1"]
    predicate: EvaluatorResult


def verdict_statement(
    record: AuditRecord,
    closed: AuditClosed,
    *,
    place: Place,
    tree: TreeState,
    time: str,
    target: str,
    inputs: Mapping[str, str],
    verifier: str = VERIFIER,
) -> bytes:
    """The bytes to sign for the verdict of `record`.

    Args:
        closed: the audit's closing event, which stands at `place` in the log.
        tree: the log right after that.
        time: of the closing event.
        target: where the candidate is to be deployed, the plan's ``release.target``.
        inputs: SHA-256 in hexadecimal of each signed test result by its path in the bundle.
        verifier: URI of who decided.
    """
    verdict = record.verdict
    passed = verdict.outcome in PASSING
    statement = VerdictStatement(
        type=STATEMENT,
        subject=subjects_of(record.candidate),
        predicate_type=SUMMARY,
        predicate=Summary(
            verifier=Verifier(id=verifier, version={"modelassay": record.tool_version}),
            time_verified=time,
            resource_uri=target or UNSTATED_TARGET,
            policy=Described(uri="policy.json", digest=_sha256(closed.policy)),
            input_attestations=tuple(
                Described(uri=path, digest={"sha256": digest}) for path, digest in inputs.items()
            ),
            verification_result="PASSED" if passed else "FAILED",
            verified_levels=_levels(record) if passed else ("FAILED",),
            facts=VerdictFacts(
                audit=record.id,
                outcome=verdict.outcome,
                literal=verdict.literal,
                headline=verdict.headline,
                issued=verdict.issued,
                expires=verdict.expires,
                composition=composition_of(record.candidate),
                closed=place,
                sums=closed.sums,
                tree=tree,
                origin="imported" if record.imported else "",
            ),
        ),
    )
    return canonical_json(statement)


def evaluator_statements(
    record: AuditRecord, closed: AuditClosed, place: Place
) -> Iterator[tuple[str, bytes]]:
    """For each evaluator its path in the bundle, and the bytes to sign."""
    subject = subjects_of(record.candidate)
    for pin, path in zip(record.evaluators, result_paths(record.evaluators), strict=True):
        statement = EvaluatorStatement(
            type=STATEMENT,
            subject=subject,
            predicate_type=TEST_RESULT,
            predicate=_evaluator_result(record, closed, place, pin),
        )
        yield path, canonical_json(statement)


def result_paths(pins: Sequence[EvaluatorPin]) -> tuple[str, ...]:
    """Where the test result of each evaluator lies in a bundle: ``tests/NAME.dsse.json``."""
    paths: list[str] = []
    for pin in pins:
        plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in pin.name.lower())
        name = plain.strip("-_")[:80] or "evaluator"
        path, again = f"tests/{name}.dsse.json", 1
        while path in paths:
            again += 1
            path = f"tests/{name}-{again}.dsse.json"
        paths.append(path)
    return tuple(paths)


def read_verdict_statement(payload: bytes) -> VerdictStatement:
    """The verdict that a verified envelope holds.

    Raises:
        EvidenceError: another kind of statement, a field that is missing or not known, or bytes that are
            not the one canonical form.
    """
    return _read(payload, VerdictStatement, "a signed verdict")


def read_evaluator_statement(payload: bytes) -> EvaluatorStatement:
    """The test result that a verified envelope holds.

    Raises:
        EvidenceError: as of `read_verdict_statement`.
    """
    return _read(payload, EvaluatorStatement, "a signed test result")


def subjects_of(identity: TargetIdentity) -> tuple[Described, ...]:
    """What a verdict is about: each folder of weights by its ``SHA256SUMS``, and each file in it.

    Something served is known by what it says of itself: its identity's digest, marked as weaker.
    """
    found = [
        described
        for artifact in identity.artifacts
        if artifact.kind in ("model", "adapter") and artifact.files
        for described in _folder_subjects(artifact)
    ]
    if any(artifact.kind == "model" and artifact.files for artifact in identity.artifacts):
        return tuple(found)
    mark = {"strength": identity.strength}
    served = Described(name=identity.reference, digest=_sha256(identity.fingerprint), annotations=mark)
    return (served, *found)


def composition_of(identity: TargetIdentity) -> Composition:
    """What the answers of `identity` rest on, by digest."""
    one = {artifact.kind: artifact.digest for artifact in identity.artifacts if artifact.kind != "adapter"}
    return Composition(
        strength=identity.strength,
        model=one.get("model") or one.get("served_model") or identity.fingerprint,
        adapters=tuple(
            AdapterPart(name=a.name, digest=a.digest, weight=a.details.get("weight", ""))
            for a in identity.artifacts
            if a.kind == "adapter"
        ),
        tokenizer=one.get("tokenizer", ""),
        chat_template=one.get("chat_template", ""),
        system_prompt=one.get("system_prompt", ""),
        quantisation=one.get("quantisation", ""),
        generation_config=one.get("generation_config", ""),
    )


def _folder_subjects(artifact: Artifact) -> Iterator[Described]:
    """The model's files by their own paths; an adapter's under its name, which may repeat the model's."""
    folder = "" if artifact.kind == "model" else f"{artifact.name}/"
    yield Described(name=f"{folder}{SUMS}", digest=_sha256(artifact.digest))
    for path, digest in sorted(artifact.files.items()):
        yield Described(name=f"{folder}{path}", digest={"sha256": digest})


def _levels(record: AuditRecord) -> tuple[str, ...]:
    by_weights = record.candidate.strength == "weights"
    left_out = {"DEPLOY", "DEPLOY_MONITORED"} - {record.verdict.outcome.upper().replace("-", "_")}
    left_out |= set() if by_weights else {"WEIGHTS_IDENTIFIED"}
    left_out |= {"BASELINE_COMPARED"} if record.imported else {"IMPORTED_RESULTS_COMPARED"}
    return tuple(f"MODELASSAY_{level}" for level in LEVELS if level not in left_out)


def _evaluator_result(
    record: AuditRecord, closed: AuditClosed, place: Place, pin: EvaluatorPin
) -> EvaluatorResult:
    measures = {measure.name for measure in pin.measures}
    findings = [f for f in record.findings if f.measure.name in measures and f.measure.role != "descriptive"]
    failed = _ids(findings, "shown_harmful")
    passed = _ids(findings, "shown_fine")
    warned = tuple(f.id for f in findings if f.id not in {*failed, *passed})
    evaluator = f"{pin.name}@{pin.version}"
    config = next(e.config for e in closed.evaluators if (e.name, e.version) == (pin.name, pin.version))
    return EvaluatorResult(
        result="FAILED" if failed else "WARNED" if warned or not passed else "PASSED",
        configuration=(
            Described(name=f"evaluator {evaluator}", digest=_sha256(config)),
            *(Described(name=f"dataset {d.name}", digest=_sha256(d.digest)) for d in record.datasets),
        ),
        passed_tests=passed,
        warned_tests=warned,
        failed_tests=failed,
        facts=EvaluatorFacts(
            audit=record.id,
            evaluator=evaluator,
            closed=place,
            results=tuple(r for r in results_of(record.findings, record.evaluators) if r.measure in measures),
        ),
    )


def _ids(findings: Sequence[Finding], state: str) -> tuple[str, ...]:
    return tuple(finding.id for finding in findings if finding.state == state)


def _sha256(digest: str) -> dict[Literal["sha256"], str]:
    return {"sha256": digest.removeprefix("sha256:")}


def _read(payload: bytes, kind: type[S], what: str) -> S:
    try:
        plain = msgspec.json.decode(payload)
        if canonical_json(plain) != payload:
            raise EvidenceError(f"{what} that is not in canonical form")
        return msgspec.convert(plain, kind)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise EvidenceError(f"not {what}: {error}") from error
