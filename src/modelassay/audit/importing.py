"""The order of an import: two runs of another tool become an audit, no model asked.

Pair the runs → log that an audit is opened on these files → have the answers read here, where that is wanted
→ compare, decide, seal, log, sign as ever (`conduct.finish`). What the models were asked lies before the
opening event, so that event, the closing one, the record and the signed verdict name the files by digest, and
every finding has the tier of an imported log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cached_property

from modelassay.audit.asking import ledger_of
from modelassay.audit.conduct import finish
from modelassay.audit.fit import absent_tags, check_fit
from modelassay.audit.given import Case
from modelassay.audit.imported import ImportedRuns
from modelassay.audit.opened import Given, Opened, Side, questions_of
from modelassay.audit.parts import Places, Questions, open_evaluators, pin_of, slices_of
from modelassay.audit.standing import log_opening
from modelassay.audit.without_asking import not_asked, reader_of
from modelassay.canonical import Digest
from modelassay.config import Plan
from modelassay.engine import Journal, Progress, given_scores, reread
from modelassay.errors import ConfigError
from modelassay.evidence.ledger import Ledger
from modelassay.evidence.notary import Notary
from modelassay.interop.pairing import Side as SideName
from modelassay.protocols import Preparable, Renderer
from modelassay.records import AuditRecord, PairKey, Policy, Score, Transcript


async def import_audit(
    imported: ImportedRuns,
    plan: Plan,
    policy: Policy,
    places: Places,
    *,
    notary: Notary,
    renderers: Sequence[Renderer],
    progress_of: Callable[[], Progress],
    stop: asyncio.Event,
    reproduce: Sequence[str] = (),
    again: bool = False,
) -> AuditRecord:
    """Seal, log and sign an audit of `imported`; doing it again with the same files changes nothing.

    Args:
        imported: the two runs, paired.
        plan: of `imported.plan_of`; evaluators after those of the imported scores read the answers here.
        again: open another attempt of a finished one.

    Raises:
        UsageError: evaluators or policy cannot be used; nothing was logged.
        TargetError: a judge cannot be asked.
        StoppedError: Ctrl-C; every finished reading is kept.
        StoreError: the store cannot be written.
        EvidenceError: the log is damaged, or a witness refuses it.
    """
    ledger = Ledger(places.store, notary)
    async with AsyncExitStack() as closing:
        opened = await _open(imported, plan, policy, places, closing, now=notary.clock())
        history = log_opening(ledger, opened, again=again)

        async def read_all() -> None:
            references = plan.evaluators[len(imported.chosen) :]
            readers = [reader_of(*each) for each in zip(opened.evaluators, references, strict=True)]
            budget = ledger_of(opened)
            for side in opened.sides if readers else ():
                await reread(
                    label=side.identity.reference,
                    cases=opened.cases(side),
                    readers=readers,
                    journal=opened.journal,
                    budget=budget,
                    progress=progress_of(),
                    stop=stop,
                )

        return await finish(
            ledger,
            opened,
            history,
            places.store,
            read_all=read_all,
            renderers=renderers,
            reproduce=reproduce,
        )


@dataclass(frozen=True, kw_only=True)
class ImportedAudit(Opened):
    """Two runs of another tool, with the evaluators that read their answers here."""

    runs: ImportedRuns

    def cases(self, side: Side) -> Sequence[Case]:
        """Each question of either run with one model's answer."""
        samples = {sample.id: sample for sample in self.asked.samples}
        asked = set(self.runs.paired.keys)
        return [(samples[t.key.sample], t) for t in self.transcripts(side) if t.key in asked]

    def scores(self, side: Side) -> Iterable[Score]:
        """Every score of one model: the other tool's, then those that were read here."""
        for chosen in self.runs.chosen:
            for key, outcome in self.runs.paired.outcomes(_name(side), chosen):
                yield Score(
                    key=key,
                    target=side.identity.fingerprint,
                    evaluator=f"{chosen.pin.name}@{chosen.pin.version}",
                    measure=chosen.measure.name,
                    outcome=outcome,
                )
        for evaluator in self.evaluators:
            yield from given_scores(self.journal, self.cases(side), evaluator)

    def transcripts(self, side: Side) -> Iterable[Transcript]:
        """One model's answers in the order of the questions; a failed one where its run has none."""
        for question in self.questions:
            yield self.runs.paired.transcript(_name(side), question.key, side.identity.fingerprint)

    def transcript(self, fingerprint: Digest, key: PairKey) -> Transcript | None:
        """One transcript."""
        name = self._name_of.get(fingerprint)
        return self.runs.paired.transcript(name, key, fingerprint) if name else None

    @cached_property
    def _name_of(self) -> dict[Digest, SideName]:
        return {side.identity.fingerprint: _name(side) for side in self.sides}


async def _open(
    imported: ImportedRuns, plan: Plan, policy: Policy, places: Places, closing: AsyncExitStack, *, now: str
) -> ImportedAudit:
    samples = imported.paired.samples
    references = plan.evaluators[len(imported.chosen) :]
    evaluators, judges = open_evaluators(references, places.plan_folder)
    for judge in judges:
        closing.push_async_callback(judge.close)
    measures = [*(each.measure for each in imported.chosen), *(m for e in evaluators for m in e.measures)]
    names = [measure.name for measure in measures]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(
            f"measure {twice[0]!r} is imported and judged here too",
            where="--judge-again",
            mend="leave it out of --measure",
        )
    check_fit(policy, slices=slices_of(plan), samples=samples, measures=measures)
    for evaluator in evaluators:
        if isinstance(evaluator, Preparable):
            await evaluator.prepare()
    notes = (*imported.notes(now), *absent_tags(plan.slices, samples))
    return ImportedAudit(
        plan=plan,
        policy=policy,
        lineage=None,
        asked=Questions(samples=samples, pins=(imported.dataset,), warnings=()),
        sides=(
            not_asked("baseline", imported.identity(0)),
            not_asked("candidate", imported.identity(1)),
        ),
        evaluators=evaluators,
        judges=judges,
        pins=(
            *(each.pin for each in imported.chosen),
            *(pin_of(e, r) for e, r in zip(evaluators, references, strict=True)),
        ),
        questions=questions_of(plan, samples),
        journal=closing.enter_context(Journal.open(places.store)),
        given=Given(sums="", answered=imported.answered(now), notes=notes, files={}),
        imported=imported.sources,
        runs=imported,
    )


def _name(side: Side) -> SideName:
    return "baseline" if side.name == "baseline" else "candidate"
