"""Sealed, signed and logged audits of any size: made-up answers, written by the product itself."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from modelassay.artifacts import lineage_findings
from modelassay.audit.seal import policy_bytes, seal
from modelassay.canonical import digest_bytes
from modelassay.comparison import compare_with_coverage
from modelassay.config import DatasetReference, ModelReference, Plan, Release, plan_digest
from modelassay.evaluators.refusal import MEASURE_OF
from modelassay.evidence.commitments import order_digest, secret_salt
from modelassay.evidence.events import AuditOpened
from modelassay.evidence.facts import dataset_refs, evaluator_refs, model_ref
from modelassay.evidence.issue import close_audit, issue_verdict, record_opening
from modelassay.evidence.ledger import Ledger
from modelassay.evidence.notary import Notary
from modelassay.evidence.parts import Order
from modelassay.gate import decide
from modelassay.protocols import Renderer
from modelassay.records import (
    Artifact,
    AuditRecord,
    DatasetPin,
    Decoding,
    EvaluatorPin,
    Example,
    Ground,
    Message,
    PairKey,
    Policy,
    Reading,
    Sample,
    Score,
    Side,
    Span,
    TargetIdentity,
    Transcript,
    sample_id,
)
from modelassay.version import __version__

SEED = 7


def made_up_samples(count: int) -> list[Sample]:
    """Harmful and benign prompts in seven categories, three to a template."""
    drawn = random.Random(SEED)
    found = []
    for number in range(count):
        text = f"Question {number} on subject {number % 7}: " + " ".join(
            str(drawn.randrange(10**6)) for _ in range(drawn.randint(3, 30))
        )
        messages = (Message(role="user", content=text),)
        found.append(
            Sample(
                id=sample_id(messages),
                messages=messages,
                kind="harmful" if number % 2 else "benign",
                tags={"category": f"c{number % 7}"},
                cluster=f"t{number // 3}",
            )
        )
    return found


def made_up_identity(name: str) -> TargetIdentity:
    """A model of one file."""
    digest = digest_bytes(name.encode())
    artifact = Artifact(
        kind="model", name=name, digest=digest, files={"model.safetensors": digest.removeprefix("sha256:")}
    )
    return TargetIdentity(
        reference=f"hf:{name}", fingerprint=digest, strength="weights", artifacts=(artifact,)
    )


def seal_audit(
    store: Path,
    notary: Notary,
    *,
    samples: int,
    name: str = "made up",
    candidate: str = "candidate",
    policy: Policy | None = None,
    wanted: tuple[float, float] = (0.97, 0.96),
    line: str = "",
    attempt: int = 1,
    renderers: Sequence[Renderer] = (),
) -> Path:
    """The folder of a finished audit of `samples` prompts in `store`, signed and logged by `notary`.

    Args:
        wanted: share of wanted answers of baseline and candidate.
        line: of releases; the name unless given.
        attempt: of the line.
    """
    policy = policy or Policy()
    plan = Plan(
        version=1,
        name=name,
        baseline=ModelReference(model="hf:baseline"),
        candidate=ModelReference(model=f"hf:{candidate}"),
        datasets=(DatasetReference(use="made-up"),),
        seed=SEED,
        release=Release(line=line or name, target="https://models.example/assistant"),
    )
    asked = made_up_samples(samples)
    sides = (made_up_identity("baseline"), made_up_identity(candidate))
    order = [PairKey(sample=sample.id, seed=SEED) for sample in random.Random(SEED).sample(asked, samples)]
    scores = [_scores(side, asked, share) for side, share in zip(sides, wanted, strict=True)]
    transcripts = [_transcripts(side, order) for side in sides]
    audit = name.replace(" ", "-") + "-0123456789"
    folder = store / "audits" / audit
    ledger = Ledger(store, notary)
    pins = (DatasetPin(name="made-up", digest=digest_bytes(b"rows"), rows=samples),)
    measures = tuple(MEASURE_OF.values())
    evaluators = (EvaluatorPin(name="refusal", version="2", measures=measures),)
    (opened,) = ledger.append(
        AuditOpened(
            audit=audit,
            name=plan.name,
            line=plan.line,
            attempt=attempt,
            plan=plan_digest(plan),
            policy=digest_bytes(policy_bytes(policy)),
            order=Order(seed=SEED, questions=samples, digest=order_digest(order)),
            datasets=dataset_refs(pins),
            evaluators=evaluator_refs(evaluators),
            baseline=model_ref(sides[0]),
            candidate=model_ref(sides[1]),
        )
    )
    record_opening(ledger, opened, folder)
    findings, coverage = compare_with_coverage(
        samples=asked,
        measures=measures,
        baseline=scores[0],
        candidate=scores[1],
        slices=plan.slices,
        policy=policy,
    )
    audited = (*sides[0].artifacts, *sides[1].artifacts)
    findings = (*findings, *lineage_findings(None, audited))
    closed = notary.clock()
    record = AuditRecord(
        id=audit,
        name=plan.name,
        tool_version=__version__,
        opened=opened.event.time,
        closed=closed,
        baseline=sides[0],
        candidate=sides[1],
        datasets=pins,
        evaluators=evaluators,
        slices=plan.slices,
        decoding=Decoding(),
        epochs=1,
        seed=SEED,
        policy=policy,
        findings=findings,
        verdict=decide(
            policy,
            findings,
            coverage,
            today=date.fromisoformat(closed[:10]),
            ground=Ground(seed=SEED, questions=samples, asked=samples, order=order_digest(order)),
        ),
        coverage=coverage,
        usage={},
        examples=tuple(_examples(asked, transcripts)),
    )
    sealed = seal(
        folder,
        record,
        plan,
        samples=asked,
        transcripts=(each for side in transcripts for each in side),
        scores=(each for side in scores for each in side),
        renderers=renderers,
        secret=secret_salt(store, audit),
    )
    history = ledger.histories()[audit]
    ended = close_audit(ledger, history, record, sealed)
    issue_verdict(ledger, history, record, ended, folder=folder, target=plan.release.target)
    return folder


def _scores(side: TargetIdentity, samples: Sequence[Sample], share: float) -> list[Score]:
    drawn = random.Random(f"{side.reference}{SEED}")
    return [
        Score(
            key=PairKey(sample=sample.id, seed=SEED),
            target=side.fingerprint,
            evaluator="refusal@2",
            measure=MEASURE_OF[sample.kind].name,
            outcome=_reading(wanted=drawn.random() < share),
        )
        for sample in samples
    ]


def _reading(*, wanted: bool) -> Reading:
    label = "full_refusal" if wanted else "compliance"
    return Reading(value=float(wanted), label=label, evidence=Span(start=0, end=12))


def _transcripts(side: TargetIdentity, order: Sequence[PairKey]) -> list[Transcript]:
    drawn = random.Random(f"{side.reference}{SEED}")
    word: Callable[[], str] = lambda: f"word{drawn.randrange(5000)}"  # noqa: E731
    return [
        Transcript(
            key=key,
            target=side.fingerprint,
            messages=(
                Message(role="assistant", content=" ".join(word() for _ in range(drawn.randint(8, 40)))),
            ),
            finish="stop",
            input_tokens=30,
            output_tokens=40,
        )
        for key in order
    ]


def _examples(samples: Sequence[Sample], transcripts: Sequence[Sequence[Transcript]]) -> list[Example]:
    prompts = {sample.id: sample for sample in samples}
    return [
        Example(
            key=before.key,
            measure="refusal",
            change="lost",
            prompt=prompts[before.key.sample].messages,
            baseline=Side(answer=before.answer, label="full_refusal"),
            candidate=Side(answer=after.answer, label="compliance"),
        )
        for before, after in zip(*(side[:3] for side in transcripts), strict=True)
    ]
