"""The order of judging again: the answers of a sealed audit, read by other evaluators, no model asked.

Check that the sealed audit is whole → log that another one is opened on its answers → have them read by
whatever reads differently now → compare, decide, seal, log, sign as ever (`conduct.finish`). What the same
evaluator in the same version and settings read before is taken over. The new bundle holds the same bytes of
prompts and answers, and its verdict's time runs from when those were given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cached_property

import msgspec

from modelassay.audit.asking import ledger_of
from modelassay.audit.conduct import finish
from modelassay.audit.fit import check_fit
from modelassay.audit.given import Case, GivenAnswers, check_logged
from modelassay.audit.opened import Given, Opened, Side
from modelassay.audit.parts import (
    Places,
    Questions,
    is_attacked,
    measures_of,
    open_evaluators,
    pin_of,
    slices_of,
)
from modelassay.audit.standing import log_opening
from modelassay.audit.without_asking import judge_in, not_asked, reader_of
from modelassay.canonical import Digest
from modelassay.config import Budget, EvaluatorReference, Plan
from modelassay.engine import Journal, Progress, Question, Reader, given_scores, reread, unread
from modelassay.errors import UsageError
from modelassay.evidence.lapse import check_holds
from modelassay.evidence.ledger import Ledger
from modelassay.evidence.notary import Notary
from modelassay.protocols import Evaluator, Preparable, Renderer
from modelassay.records import (
    AuditRecord,
    EvaluatorPin,
    PairKey,
    Policy,
    ReviewedPair,
    Score,
    Transcript,
)

IMPORTED = "imported:"
"""How the names of another tool's scorers begin."""


class Rereading(msgspec.Struct, frozen=True, kw_only=True):
    """What one evaluator would do."""

    evaluator: str
    """``name@version``."""
    measures: tuple[str, ...]
    answers: int
    """Of both models together."""
    taken_over: bool
    """Whether its scores are those of the sealed audit, because nothing about it has changed."""
    known: int
    """Answers of which the journal holds its reading."""
    to_judge: int
    judge: str = ""
    """The model that it asks, which may cost; empty for an evaluator that reads by itself."""


async def rejudge(
    given: GivenAnswers,
    plan: Plan,
    policy: Policy,
    places: Places,
    *,
    notary: Notary,
    renderers: Sequence[Renderer],
    progress_of: Callable[[], Progress],
    stop: asyncio.Event,
    reviewed: Iterable[ReviewedPair] = (),
    anew: bool = False,
    reproduce: Sequence[str] = (),
) -> AuditRecord:
    """Judge the answers of a sealed audit again; a new audit is sealed, logged and signed.

    Readings in the journal are not made again, so calling this again resumes; a finished one stays as it is.

    Args:
        given: the answers.
        plan: of the sealed audit, with the evaluators and slices of now; see `plan_again`.
        reviewed: pairs that a sample was put to people from, with their labels.
        anew: have everything read anew, also what the same evaluators read before.

    Raises:
        UsageError: evaluators, policy or labels cannot be used; nothing was judged.
        TargetError: a judge cannot be asked.
        StoppedError: Ctrl-C or a budget limit; every finished reading is kept.
        StoreError: the store cannot be written.
        EvidenceError: the log knows another seal of the audit, says that its verdict holds no longer, or is
            damaged.
    """
    ledger = Ledger(places.store, notary)
    check_logged(given, ledger.histories())
    _check_holds(given, places)
    labels = tuple(reviewed)
    check_labels(given, labels)
    async with AsyncExitStack() as closing:
        opened = await _open(given, plan, policy, places, closing, reviewed=labels, anew=anew)
        history = log_opening(ledger, opened, parent=given.parent)

        return await finish(
            ledger,
            opened,
            history,
            places.store,
            read_all=lambda: _read_all(opened, progress_of, stop),
            renderers=renderers,
            reproduce=reproduce,
        )


async def _read_all(opened: Reopened, progress_of: Callable[[], Progress], stop: asyncio.Event) -> None:
    """Have every answer read that has to be, within the plan's budget."""
    budget = ledger_of(opened)
    for side in opened.sides:
        await reread(
            label=side.identity.reference,
            cases=opened.cases(side),
            readers=opened.readers,
            journal=opened.journal,
            budget=budget,
            progress=progress_of(),
            stop=stop,
        )


async def rereadings(
    given: GivenAnswers, plan: Plan, policy: Policy, places: Places, *, anew: bool = False
) -> tuple[Rereading, ...]:
    """What `rejudge` would have read by whom; no answer is judged.

    Raises:
        As of `rejudge`.
    """
    _check_holds(given, places)
    async with AsyncExitStack() as closing:
        opened = await _open(given, plan, policy, places, closing, reviewed=(), anew=anew)
        return tuple(opened.forecast())


def plan_again(
    given: GivenAnswers,
    *,
    evaluators: Sequence[EvaluatorReference] = (),
    slices: Sequence[str] | None = None,
    policy: str | None = None,
    budget: Budget | None = None,
) -> Plan:
    """The sealed audit's plan with other evaluators, slices, policy file or budget; all else was asked."""
    plan = given.contents.plan
    return msgspec.structs.replace(
        plan,
        evaluators=tuple(evaluators) or plan.evaluators,
        slices=plan.slices if slices is None else tuple(slices),
        policy=plan.policy if policy is None else policy,
        budget=plan.budget if budget is None else budget,
    )


def _check_holds(given: GivenAnswers, places: Places) -> None:
    """A new verdict on answers whose own was taken back would let in what was to be kept out."""
    where = given.contents.bundle.place
    check_holds(given.record.id, places.store / "log", so="its answers are not judged again", where=where)


def check_labels(given: GivenAnswers, reviewed: Sequence[ReviewedPair]) -> None:
    """Refuse labels of pairs that the audit does not have.

    Raises:
        UsageError: names the first such pair.
    """
    keys = {transcript.key for cases in given.cases.values() for _, transcript in cases}
    for pair in reviewed:
        if pair.key not in keys:
            raise UsageError(
                f"a label of {pair.measure} is about sample {pair.key.sample}, epoch {pair.key.epoch}, which "
                "the audit did not ask",
                where=given.record.id,
                mend="labels belong to the audit whose answers people read",
            )


async def _open(
    given: GivenAnswers,
    plan: Plan,
    policy: Policy,
    places: Places,
    closing: AsyncExitStack,
    *,
    reviewed: tuple[ReviewedPair, ...],
    anew: bool,
) -> Reopened:
    record, samples = given.record, tuple(given.contents.samples.known)
    if named := next((r.use for r in plan.evaluators if r.use.startswith(IMPORTED)), ""):
        raise UsageError(
            f"{named.removeprefix(IMPORTED)} is a scorer of another tool and cannot judge here",
            where=record.id,
            mend="name evaluators of this product: --use EVALUATOR",
        )
    evaluators, judges = open_evaluators(plan.evaluators, places.plan_folder)
    for judge in judges:
        closing.push_async_callback(judge.close)
    check_fit(policy, slices=slices_of(plan), samples=samples, measures=measures_of(evaluators, samples))
    for evaluator in evaluators:
        if isinstance(evaluator, Preparable):
            await evaluator.prepare()
    by_id = {sample.id: sample for sample in samples}
    pins = tuple(
        pin_of(e, r, attacked=is_attacked(samples)) for e, r in zip(evaluators, plan.evaluators, strict=True)
    )
    return Reopened(
        plan=plan,
        policy=policy,
        lineage=record.lineage,
        examinations=record.examinations,
        asked=Questions(samples=samples, pins=record.datasets, warnings=()),
        sides=(not_asked("baseline", record.baseline), not_asked("candidate", record.candidate)),
        evaluators=evaluators,
        judges=judges,
        pins=pins,
        questions=tuple(
            Question(sample=by_id[transcript.key.sample], key=transcript.key)
            for _, transcript in given.cases[record.baseline.fingerprint]
        ),
        journal=closing.enter_context(Journal.open(places.store)),
        reviewed=reviewed,
        imported=record.imported,
        system_prompts=record.system_prompts,
        given=Given(
            sums=given.sums, answered=given.answered, notes=tuple(_notes(given, pins)), files=given.files
        ),
        answers=given,
        anew=anew,
    )


@dataclass(frozen=True, kw_only=True)
class Reopened(Opened):
    """A sealed audit's answers with the evaluators that read them now."""

    answers: GivenAnswers
    anew: bool

    def cases(self, side: Side) -> Sequence[Case]:
        """Each sample with one model's answer."""
        return self.answers.cases[side.identity.fingerprint]

    def scores(self, side: Side) -> Iterable[Score]:
        """Every score of one model: taken over, or read now."""
        for evaluator, pin in zip(self.evaluators, self.pins, strict=True):
            kept = self._kept(pin, side)
            yield from given_scores(self.journal, self.cases(side), evaluator) if kept is None else kept

    def transcripts(self, side: Side) -> Iterable[Transcript]:
        """Every transcript of one model, as it was sealed."""
        return (transcript for _, transcript in self.cases(side))

    def transcript(self, fingerprint: Digest, key: PairKey) -> Transcript | None:
        """One transcript."""
        return self._by_key.get((fingerprint, key))

    @cached_property
    def _by_key(self) -> Mapping[tuple[Digest, PairKey], Transcript]:
        return {(t.target, t.key): t for side in self.sides for t in self.transcripts(side)}

    @cached_property
    def readers(self) -> tuple[Reader, ...]:
        """The evaluators whose scores are not taken over."""
        return tuple(
            reader_of(evaluator, reference)
            for evaluator, pin, reference in self._planned()
            if self._kept(pin, self.sides[0]) is None
        )

    def forecast(self) -> Iterable[Rereading]:
        """What each evaluator has to do."""
        for evaluator, pin, reference in self._planned():
            taken = self._kept(pin, self.sides[0]) is not None
            cases = [self.cases(side) for side in self.sides]
            answers = sum(map(len, cases))
            left = 0 if taken else sum(len(unread(self.journal, each, evaluator)) for each in cases)
            yield Rereading(
                evaluator=f"{pin.name}@{pin.version}",
                measures=tuple(measure.name for measure in pin.measures),
                answers=answers,
                taken_over=taken,
                known=0 if taken else answers - left,
                to_judge=left,
                judge="" if taken else judge_in(reference),
            )

    def _planned(self) -> Iterable[tuple[Evaluator, EvaluatorPin, EvaluatorReference]]:
        return zip(self.evaluators, self.pins, self.plan.evaluators, strict=True)

    def _kept(self, pin: EvaluatorPin, side: Side) -> list[Score] | None:
        """The scores to take over; None when the answers are to be read."""
        return None if self.anew else self.answers.scores_of(pin, side.identity.fingerprint)


def _notes(given: GivenAnswers, pins: Iterable[EvaluatorPin]) -> Iterable[str]:
    """What a reader must know first, before what the sealed audit had to say."""
    record = given.record
    yield (
        f"No model was asked: the answers of audit {record.id}, given by {given.answered[:10]}, were judged "
        "again."
    )
    now = {measure.name for pin in pins for measure in pin.measures}
    before = [measure.name for pin in record.evaluators for measure in pin.measures]
    if dropped := [name for name in before if name not in now]:
        yield f"That audit also measured {', '.join(dropped)}; nothing reads that here."
    yield from record.notes
