"""The order of an audit.

Open what the plan names → mark it opened → ask both models → compare → decide → seal. Each step is
another room's work; this is the only place that knows their order.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import msgspec

from modelassay.artifacts import lineage_findings, resolve_lineage
from modelassay.audit.examples import choose_examples
from modelassay.audit.fit import check_fit
from modelassay.audit.ledger import audit_id, mark_opened, now, sealed_before
from modelassay.audit.limits import cut_off_notes, limits_of, organism_notes
from modelassay.audit.parts import (
    Places,
    Questions,
    measures_of,
    open_evaluators,
    open_questions,
    pin_of,
    slices_of,
)
from modelassay.audit.seal import seal
from modelassay.audit.spent import usage_of
from modelassay.canonical import Digest
from modelassay.comparison import compare, coverage
from modelassay.config import Plan
from modelassay.engine import (
    BudgetLedger,
    Journal,
    Progress,
    Question,
    answer_key,
    ask,
    read_scores,
    read_transcripts,
)
from modelassay.errors import InterruptedByUserError, UsageError
from modelassay.gate import decide
from modelassay.protocols import Evaluator, Preparable, Renderer, Target
from modelassay.records import (
    AuditRecord,
    EvaluatorPin,
    Lineage,
    PairKey,
    Policy,
    Sample,
    Score,
    TargetIdentity,
    Transcript,
)
from modelassay.targets import open_target
from modelassay.version import __version__


class Side(NamedTuple):
    """One of the two models."""

    name: str
    target: Target
    identity: TargetIdentity


@dataclass(frozen=True, kw_only=True)
class Opened:
    """An audit with everything that it names at hand."""

    plan: Plan
    policy: Policy
    lineage: Lineage | None
    asked: Questions
    sides: tuple[Side, Side]
    evaluators: tuple[Evaluator, ...]
    pins: tuple[EvaluatorPin, ...]
    questions: tuple[Question, ...]
    journal: Journal

    def scores(self, side: Side) -> Iterable[Score]:
        """Every score of one model, from the journal."""
        fingerprint = side.identity.fingerprint
        return read_scores(self.journal, fingerprint, self.plan.decoding, self.questions, self.evaluators)

    def transcripts(self, side: Side) -> Iterable[Transcript]:
        """Every transcript of one model, from the journal."""
        fingerprint = side.identity.fingerprint
        kept = read_transcripts(self.journal, fingerprint, self.plan.decoding, self.questions)
        return (transcript for _, transcript in kept)

    def transcript(self, fingerprint: Digest, key: PairKey) -> Transcript | None:
        """One transcript, from the journal."""
        return self.journal.transcript(answer_key(fingerprint, key, self.plan.decoding))


async def audit(
    plan: Plan,
    policy: Policy,
    places: Places,
    *,
    renderers: Sequence[Renderer],
    progress_of: Callable[[], Progress],
    stop: asyncio.Event,
    reproduce: Sequence[str] = (),
) -> AuditRecord:
    """Run `plan` and seal its audit under ``<store>/audits/<id>``.

    What the journal holds already is not asked again, so calling this again resumes; a finished audit is
    sealed again to the same bytes.

    Raises:
        UsageError: plan, policy or data cannot be used; nothing was asked.
        TargetError: a model cannot be asked.
        StoppedError: Ctrl-C or a budget limit; everything answered is kept.
    """
    asked = open_questions(plan, places)
    async with AsyncExitStack() as closing:
        opened = await _open(plan, policy, asked, places, closing)
        identities = [side.identity for side in opened.sides]
        made_of = (asked.pins, identities, opened.pins, opened.lineage)
        name = audit_id(plan.name, _substance(plan), policy, *made_of)
        opened_at = mark_opened(places.store, name, plan.name)
        await _ask_both(opened, progress_of, stop)
        record = _judge(opened, name, opened_at, tuple(reproduce))
        record = _unless_same(record, sealed_before(places.store, name))
        seal(
            places.store / "audits" / name,
            record,
            plan,
            samples=asked.samples,
            transcripts=(t for side in opened.sides for t in opened.transcripts(side)),
            scores=(s for side in opened.sides for s in opened.scores(side)),
            renderers=renderers,
        )
    return record


async def _open(
    plan: Plan, policy: Policy, asked: Questions, places: Places, closing: AsyncExitStack
) -> Opened:
    lineage = resolve_lineage(plan.lineage, places.plan_folder)
    evaluators, judges = open_evaluators(plan.evaluators, places.plan_folder)
    targets = [open_target(model, folder=places.plan_folder) for model in (plan.baseline, plan.candidate)]
    for target in (*judges, *targets):
        closing.push_async_callback(target.close)
    check_fit(policy, slices=slices_of(plan), samples=asked.samples, measures=measures_of(evaluators))
    for evaluator in evaluators:
        if isinstance(evaluator, Preparable):
            await evaluator.prepare()
    journal = closing.enter_context(Journal.open(places.store))
    baseline, candidate = [
        Side(name, target, await target.identify())
        for name, target in zip(("baseline", "candidate"), targets, strict=True)
    ]
    if baseline.identity.fingerprint == candidate.identity.fingerprint:
        raise UsageError(
            "baseline and candidate are the same model: their fingerprints are equal",
            where=f"{baseline.identity.reference} and {candidate.identity.reference}",
            mend="name the candidate's own weights, adapter or endpoint",
        )
    return Opened(
        plan=plan,
        policy=policy,
        lineage=lineage,
        asked=asked,
        sides=(baseline, candidate),
        evaluators=evaluators,
        pins=tuple(pin_of(e, r) for e, r in zip(evaluators, plan.evaluators, strict=True)),
        questions=questions_of(plan, asked.samples),
        journal=journal,
    )


def questions_of(plan: Plan, samples: Sequence[Sample]) -> tuple[Question, ...]:
    """Every sample once an epoch, in an order drawn with the plan's seed.

    The order depends on nothing but the seed and the samples, so an audit that a budget cuts short has
    asked a random part of the suite, the same part of both models.
    """
    ordered = sorted(samples, key=lambda sample: sample.id)
    random.Random(f"modelassay.order/1:{plan.seed}").shuffle(ordered)
    return tuple(
        Question(sample=sample, key=PairKey(sample=sample.id, seed=plan.seed, epoch=epoch))
        for epoch in range(plan.repeats)
        for sample in ordered
    )


async def _ask_both(opened: Opened, progress_of: Callable[[], Progress], stop: asyncio.Event) -> None:
    """Ask both models at once; what ends one ends the other cleanly."""
    plan = opened.plan
    prices = {
        side.identity.fingerprint: model.price
        for side, model in zip(opened.sides, (plan.baseline, plan.candidate), strict=True)
    }
    ledger = BudgetLedger(plan.budget, prices)
    halt = asyncio.Event()

    async def ask_one(side: Side) -> None:
        try:
            await ask(
                target=side.target,
                identity=side.identity,
                questions=opened.questions,
                decoding=plan.decoding,
                journal=opened.journal,
                evaluators=opened.evaluators,
                budget=ledger,
                progress=progress_of(),
                stop=halt,
            )
        except BaseException:
            halt.set()
            raise

    async def pass_on() -> None:
        await stop.wait()
        halt.set()

    watch = asyncio.create_task(pass_on())
    try:
        results = await asyncio.gather(*(ask_one(side) for side in opened.sides), return_exceptions=True)
    finally:
        watch.cancel()
    errors = [result for result in results if isinstance(result, BaseException)]
    if errors:
        raise min(errors, key=_telling)


def _telling(error: BaseException) -> int:
    """Lower for the error that caused the other: being stopped is a consequence."""
    return 1 if isinstance(error, InterruptedByUserError | asyncio.CancelledError) else 0


def _judge(opened: Opened, name: str, opened_at: str, reproduce: tuple[str, ...]) -> AuditRecord:
    """Compare, decide and put everything into one record."""
    plan, policy, asked = opened.plan, opened.policy, opened.asked
    baseline, candidate = opened.sides
    measures = measures_of(opened.evaluators)
    slices = slices_of(plan)
    before, after = list(opened.scores(baseline)), list(opened.scores(candidate))
    findings = compare(
        samples=asked.samples,
        measures=measures,
        baseline=before,
        candidate=after,
        slices=slices,
        policy=policy,
    )
    audited = (*baseline.identity.artifacts, *candidate.identity.artifacts)
    findings = (*findings, *lineage_findings(opened.lineage, audited))
    covered = coverage(samples=asked.samples, measures=measures, baseline=before, candidate=after)
    usage = {
        side.name: usage_of(opened.transcripts(side), model.price)
        for side, model in zip(opened.sides, (plan.baseline, plan.candidate), strict=True)
    }
    closed = now()
    identities = (baseline.identity, candidate.identity)
    return AuditRecord(
        id=name,
        name=plan.name,
        tool_version=__version__,
        opened=opened_at,
        closed=closed,
        baseline=baseline.identity,
        candidate=candidate.identity,
        datasets=asked.pins,
        evaluators=opened.pins,
        lineage=opened.lineage,
        slices=slices,
        decoding=plan.decoding,
        epochs=plan.repeats,
        seed=plan.seed,
        policy=policy,
        findings=findings,
        verdict=decide(policy, findings, covered, today=date.fromisoformat(closed[:10])),
        coverage=covered,
        usage=usage,
        examples=choose_examples(
            samples={sample.id: sample for sample in asked.samples},
            measures=measures,
            baseline=before,
            candidate=after,
            transcript_of=opened.transcript,
        ),
        notes=(
            *organism_notes(identities),
            *plan.notes,
            *asked.warnings,
            *cut_off_notes(usage, plan.decoding.max_tokens),
        ),
        limits=limits_of(plan, policy, asked.samples, identities, opened.pins),
        reproduce=reproduce,
    )


def _substance(plan: Plan) -> Plan:
    """`plan` without what cannot change an answer or a verdict, so that it does not change the id."""
    bare = {"output": type(plan.output)(), "budget": type(plan.budget)(), "notes": ()}
    for side in ("baseline", "candidate"):
        model = getattr(plan, side)
        bare[side] = type(model)(model=model.model)
    return msgspec.structs.replace(plan, **bare)


def _unless_same(record: AuditRecord, before: bytes | None) -> AuditRecord:
    """The record that was sealed before, when only the clock tells it from `record`."""
    if before is None:
        return record
    try:
        sealed = msgspec.json.decode(before, type=AuditRecord)
    except msgspec.DecodeError:
        return record  # damaged, or of another version: the journal makes it anew
    at = {"issued": sealed.verdict.issued, "expires": sealed.verdict.expires}
    verdict = msgspec.structs.replace(record.verdict, **at)
    same_time = msgspec.structs.replace(record, closed=sealed.closed, verdict=verdict)
    return sealed if same_time == sealed else record
