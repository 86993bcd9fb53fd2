"""Have given answers read by evaluators, every reading in the journal before it counts.

The answers lie elsewhere, in a sealed audit; the journal keeps what was read in them under the digest of
their own bytes, and none of their text. Killed at any instant, the same call continues with what is missing.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from modelassay.engine.brake import Brake, until_done
from modelassay.engine.budget import BudgetLedger
from modelassay.engine.group_commit import GroupCommit
from modelassay.engine.journal import AnswerRow, Journal, ScoreRow
from modelassay.engine.progress import Progress, Standing
from modelassay.engine.questions import AnswerKey, ReadingKeys
from modelassay.engine.scoring import Desk, Item, Reader
from modelassay.engine.store_lock import disk_full
from modelassay.errors import BudgetReachedError, InterruptedByUserError
from modelassay.protocols import Evaluator
from modelassay.records import Sample, Score, Transcript

GRACE_S = 10.0
"""Seconds that readings under way may take after Ctrl-C."""

Case = tuple[Sample, Transcript]

_encoder = msgspec.json.Encoder(order="sorted")


def transcript_key(transcript: Transcript) -> AnswerKey:
    """The key of a given answer: equal for equal bytes, whichever audit it came from."""
    data = b"modelassay.transcript/1\n" + _encoder.encode(transcript)
    return AnswerKey(hashlib.sha256(data).digest())


def unread(journal: Journal, cases: Sequence[Case], evaluator: Evaluator) -> list[Case]:
    """Those of `cases` in which the journal holds no reading of this evaluator with these settings."""
    keys, readings = [transcript_key(transcript) for _, transcript in cases], ReadingKeys(evaluator)
    known = journal.readings(keys)
    return [case for case, key in zip(cases, keys, strict=True) if (key, readings.of(case[0])) not in known]


def given_scores(journal: Journal, cases: Sequence[Case], evaluator: Evaluator) -> Iterator[Score]:
    """Every score of one evaluator that the journal holds of `cases`, in their order."""
    readings = ReadingKeys(evaluator)
    wanted = [(transcript_key(transcript), readings.of(sample)) for sample, transcript in cases]
    found = {(answer, reading): results for answer, reading, results in journal.results(wanted)}
    for (_, transcript), place in zip(cases, wanted, strict=True):
        for result in found.get(place, ()):
            yield Score(
                key=transcript.key,
                target=transcript.target,
                evaluator=readings.evaluator,
                measure=result.measure,
                outcome=result.outcome,
            )


async def reread(
    *,
    label: str,
    cases: Sequence[Case],
    readers: Iterable[Reader],
    journal: Journal,
    budget: BudgetLedger,
    progress: Progress,
    stop: asyncio.Event,
    grace_s: float = GRACE_S,
) -> int:
    """Have every answer read by every reader; how many readings that took now.

    Args:
        label: whose answers these are.
        cases: of one target, each with the sample that it answers.
        readers: what the journal holds of theirs is not read again.
        journal: open for writing.
        budget: what judge models may take.
        progress: told of durable readings only.
        stop: when set, nothing more is begun.
        grace_s: seconds that readings under way may take after `stop` or an error.

    Raises:
        InterruptedByUserError: `stop` was set; every finished reading is kept.
        BudgetReachedError: a limit was reached, likewise.
        StoreError: the journal cannot be written.
        TargetError: a judge cannot be asked any more.
        ModelassayError: a plugin broke its contract; it is named.
    """
    work = _Rereading(journal, budget, progress)
    for reader in readers:
        work.take(reader, unread(journal, cases, reader.evaluator))
    total = len(work.waiting)
    if total:
        await work.run(label, total, stop, grace_s)
    return total


@dataclass
class _Rereading:
    """One call of `reread`: desks, and the task that commits and reports."""

    journal: Journal
    budget: BudgetLedger
    progress: Progress
    waiting: list[tuple[Desk, Case]] = field(default_factory=list)
    done: int = 0
    """Readings that are durable."""

    def __post_init__(self) -> None:
        self.brake = Brake()
        self.commit = GroupCommit(self.journal)
        self.desks: list[Desk] = []
        self.kept = 0

    def take(self, reader: Reader, cases: Iterable[Case]) -> None:
        """Put `cases` on the pile of one reader."""
        desk = Desk(reader, keep=self._keep, brake=self.brake)
        self.desks.append(desk)
        self.waiting += [(desk, case) for case in cases]

    async def run(self, label: str, total: int, stop: asyncio.Event, grace_s: float) -> None:
        self.progress.begin(f"{label}: judging", total, 0)
        keys = {transcript_key(transcript) for _, (_, transcript) in self.waiting}
        for key in keys - self.journal.answered(keys):
            self.commit.add_answer(AnswerRow(key, None, 0, 0, b""))
        tasks = [asyncio.create_task(each) for each in (self._keep_committing(), self._watch(stop))]
        self._begin()
        try:
            await self._until_read(grace_s)
        finally:
            for desk in self.desks:
                await desk.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            try:
                await self._flush()
            finally:
                self.progress.end()
        if self.brake.reason is not None:
            raise self._explained(self.brake.reason, label, total)

    def _keep(self, row: ScoreRow) -> None:
        self.commit.add_scores(row)
        self.kept += 1

    def _begin(self) -> None:
        for desk, (sample, transcript) in self.waiting:
            desk.add(Item(transcript_key(transcript), sample, transcript))
        for desk in self.desks:
            desk.start()

    async def _until_read(self, grace_s: float) -> None:
        """Wait until all is read; once the brake leaves no patience, only for what was begun, and not for
        long."""
        await until_done(self._under_way(), self.brake, grace_s)

    def _under_way(self) -> set[asyncio.Task[None]]:
        return {task for desk in self.desks for task in desk.tasks}

    async def _keep_committing(self) -> None:
        while True:
            await self.commit.due()
            try:
                await self._flush()
            except Exception as error:
                self.brake.pull(error)

    async def _flush(self) -> None:
        kept = self.kept
        await self.commit.flush()
        if self.commit.disk_was_full:
            self.brake.pull(disk_full(self.journal.store))
        self.done = kept
        self.progress.advance(Standing(self.done, {}, 0, None, len(self._under_way()), self.budget.judged))

    async def _watch(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self.brake.pull(InterruptedByUserError("stopped"))

    def _explained(self, reason: Exception, label: str, total: int) -> Exception:
        """`reason`; when stopped on purpose, with how far we are and how to go on."""
        if not isinstance(reason, BudgetReachedError | InterruptedByUserError):
            return reason
        go_on = "run the same command again to continue; nothing that was read is read twice"
        return type(reason)(
            f"{reason.what}: {self.done:,} of {total:,} readings are kept",
            where=label,
            mend=reason.mend or go_on,
        )
