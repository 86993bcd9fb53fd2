"""An audit with everything that its plan names at hand: samples, models, evaluators, journal."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from modelassay.artifacts import resolve_lineage
from modelassay.audit.attack_readers import with_reader
from modelassay.audit.fit import check_fit, check_published
from modelassay.audit.parts import (
    Places,
    Questions,
    is_attacked,
    measures_of,
    open_evaluators,
    pin_of,
    slices_of,
)
from modelassay.canonical import Digest
from modelassay.config import ExaminationReference, Plan
from modelassay.engine import (
    Journal,
    MeteredJudge,
    Question,
    all_read,
    answer_key,
    read_scores,
    read_transcripts,
)
from modelassay.errors import UsageError
from modelassay.evidence.drawing import Suite
from modelassay.evidence.examined import read_examination
from modelassay.evidence.taken_in import beside, fitting, refuse_repeated, sessions_once
from modelassay.protocols import Evaluator, Preparable, Target
from modelassay.records import (
    EvaluatorPin,
    Examination,
    ImportedRun,
    Lineage,
    Measure,
    PairKey,
    Policy,
    ReviewedPair,
    Sample,
    Score,
    TargetIdentity,
    Transcript,
)
from modelassay.targets import open_target
from modelassay.targets.reference import system_prompt_of


class Side(NamedTuple):
    """One of the two models."""

    name: str
    target: Target
    identity: TargetIdentity


@dataclass(frozen=True, kw_only=True)
class Given:
    """Answers that another sealed audit, or another tool, brought."""

    sums: str
    """Digest of the audit's ``SHA256SUMS``; empty for those of another tool."""
    answered: str
    """When they were complete; empty when that is not known."""
    notes: tuple[str, ...]
    """What a reader must know first."""
    files: Mapping[str, bytes]
    """Its sealed files that are taken over byte for byte."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What an audit works with."""

    plan: Plan
    policy: Policy
    lineage: Lineage | None
    examinations: tuple[Examination, ...] = ()
    asked: Questions
    sides: tuple[Side, Side]
    evaluators: tuple[Evaluator, ...]
    judges: tuple[MeteredJudge, ...] = ()
    """Judge models that evaluators ask."""
    pins: tuple[EvaluatorPin, ...]
    questions: tuple[Question, ...]
    journal: Journal
    pins_stand: bool = False
    """Whether `pins` carry their errors as a sealed audit has them, so that nothing is looked up again."""
    suite: Suite | None = None
    """What a sequential audit draws its questions from; None where all are asked."""
    reviewed: tuple[ReviewedPair, ...] = ()
    """Every pair that a sample was put to people from, with their labels."""
    given: Given | None = None
    """Where the answers come from when they are judged again or imported; None when the models are asked."""
    imported: tuple[ImportedRun, ...] = ()
    """Files of another tool that the answers come from."""
    system_prompts: Mapping[str, str] = field(default_factory=dict)
    """By side, the text that the plan puts before every conversation."""

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Every measure that the evaluators can score, in their order."""
        return tuple(measure for pin in self.pins for measure in pin.measures)

    @property
    def judged_again(self) -> str:
        """Digest of the ``SHA256SUMS`` of the audit whose answers these are; empty when models are asked."""
        return self.given.sums if self.given else ""

    @property
    def answered(self) -> str:
        """When given answers were complete; empty when models are asked."""
        return self.given.answered if self.given else ""

    def scores(self, side: Side) -> Iterable[Score]:
        """Every score of one model, from the journal."""
        fingerprint = side.identity.fingerprint
        return read_scores(self.journal, fingerprint, self.plan.decoding, self.questions, self.evaluators)

    def is_read(self, side: Side) -> bool:
        """Whether the journal has every answer of one model, read by every evaluator."""
        fingerprint = side.identity.fingerprint
        return all_read(self.journal, fingerprint, self.plan.decoding, self.questions, self.evaluators)

    def transcripts(self, side: Side) -> Iterable[Transcript]:
        """Every transcript of one model, from the journal."""
        fingerprint = side.identity.fingerprint
        kept = read_transcripts(self.journal, fingerprint, self.plan.decoding, self.questions)
        return (transcript for _, transcript in kept)

    def transcript(self, fingerprint: Digest, key: PairKey) -> Transcript | None:
        """One transcript, from the journal."""
        return self.journal.transcript(answer_key(fingerprint, key, self.plan.decoding))


async def open_named(
    plan: Plan, policy: Policy, asked: Questions, places: Places, closing: AsyncExitStack
) -> Opened:
    """Everything that `plan` names; what must be given back is pushed onto `closing`.

    Raises:
        UsageError: plan, policy or data cannot be used.
        TargetError: a model cannot be asked.
        StoreError: another process uses the store.
    """
    lineage = resolve_lineage(plan.lineage, places.plan_folder)
    evaluators, judges = open_evaluators(plan.evaluators, places.plan_folder)
    targets = [open_target(model, folder=places.plan_folder) for model in (plan.baseline, plan.candidate)]
    for target in (*judges, *targets):
        closing.push_async_callback(target.close)
    measures = measures_of(evaluators, asked.samples)
    check_fit(policy, slices=slices_of(plan), samples=asked.samples, measures=measures)
    check_published(plan, measures)
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
        examinations=open_examinations(
            plan,
            places.plan_folder,
            baseline=baseline.identity,
            candidate=candidate.identity,
            store=places.store,
        ),
        asked=asked,
        sides=(baseline, candidate),
        evaluators=evaluators,
        judges=judges,
        pins=tuple(
            pin_of(e, r, attacked=is_attacked(asked.samples))
            for e, r in zip(evaluators, plan.evaluators, strict=True)
        ),
        questions=questions_of(plan, asked.samples),
        journal=journal,
        system_prompts=_system_prompts(plan, places.plan_folder),
    )


def _system_prompts(plan: Plan, folder: Path) -> dict[str, str]:
    """See `Opened.system_prompts`."""
    given = (("baseline", plan.baseline), ("candidate", plan.candidate))
    texts = {name: system_prompt_of(model, folder=folder) for name, model in given}
    return {name: text for name, text in texts.items() if text}


def open_examinations(
    plan: Plan,
    folder: Path,
    *,
    baseline: TargetIdentity,
    candidate: TargetIdentity,
    store: Path | None = None,
) -> tuple[Examination, ...]:
    """The examinations that `plan` takes in.

    Args:
        store: of the audits, whose calibrations tell what is known of those who read attacks.

    Raises:
        UsageError: no such file, it examined another model, or two are the same.
        EvidenceError: it is no examination, contradicts itself, or files that it rests on are others.
    """
    fitted = [
        fitting(
            made, baseline, candidate, where=each.file, vouched=each.candidate_model, decoding=plan.decoding
        )
        for each, made in read_examinations(plan, folder)
    ]
    return sessions_once([with_reader(each, store) for each in fitted])


def read_examinations(plan: Plan, folder: Path) -> list[tuple[ExaminationReference, Examination]]:
    """The examinations that `plan` names, each with its entry, before they are held against the models.

    Raises:
        UsageError: no such file, or two are the same.
        EvidenceError: as of `open_examinations`.
    """
    named = [
        each if isinstance(each, ExaminationReference) else ExaminationReference(file=each)
        for each in plan.examinations
    ]
    read = [read_examination(folder / each.file) for each in named]
    refuse_repeated(read, [each.file for each in named])
    return [
        (each, beside(made, (folder / each.file).parent, where=each.file))
        for each, made in zip(named, read, strict=True)
    ]


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
