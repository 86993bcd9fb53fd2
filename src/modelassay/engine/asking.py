"""Ask one model all questions that the journal cannot answer yet, and have the answers read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

import msgspec

from modelassay.engine.brake import Brake, until_done
from modelassay.engine.budget import Account, BudgetLedger
from modelassay.engine.dialogue import Dialogue
from modelassay.engine.group_commit import GroupCommit
from modelassay.engine.journal import AnswerRow, Journal
from modelassay.engine.progress import Progress, Standing
from modelassay.engine.questions import AnswerKey, AnswerKeys, Question, once_each
from modelassay.engine.scoring import Desk, Item, Reader
from modelassay.engine.sending import Sender, Timing
from modelassay.engine.store_lock import disk_full
from modelassay.errors import BudgetReachedError, InterruptedByUserError
from modelassay.protocols import Evaluator, Target
from modelassay.records import Decoding, Failure, TargetIdentity, Transcript, Usage

GRACE_S = 10.0
"""Seconds that requests under way may take after Ctrl-C or an error."""
_BACKLOG_CHUNK = 256

_encoder = msgspec.json.Encoder()


async def ask(
    *,
    target: Target,
    identity: TargetIdentity,
    questions: Sequence[Question],
    decoding: Decoding,
    journal: Journal,
    evaluators: Sequence[Evaluator | Reader],
    budget: BudgetLedger,
    progress: Progress,
    stop: asyncio.Event,
    grace_s: float = GRACE_S,
) -> Usage:
    """Have every question answered by `target` and every answer read by all `evaluators`.

    What the journal holds is not asked again, except failed requests; answers that an evaluator has
    not read yet are read from the journal. Whatever ends the work, every answer that came in is in
    the journal when this returns or raises, so that the same call continues where it stopped.

    Args:
        target: the model.
        identity: who it is; its fingerprint is part of every key.
        questions: what to ask; a pair key that occurs twice is asked once.
        decoding: how to generate.
        journal: open for writing.
        evaluators: each reads every answer, given as its `Reader` says; its ``settings``, where it has any,
            are part of the key under which its scores are kept.
        budget: shared by all models of one command.
        progress: told at most about ten times a second, of durable answers only.
        stop: when set, nothing more is sent.
        grace_s: seconds that requests under way may take after `stop` or an error.

    Returns:
        What was spent in this call. Failed requests are counted, and kept as data.

    Raises:
        BudgetReachedError: a limit was reached.
        InterruptedByUserError: `stop` was set.
        TargetError: the model cannot be asked any more.
        StoreError: the journal cannot be written.
        ModelassayError: a plugin broke its contract; it is named.
    """
    brake = Brake()
    commit = GroupCommit(journal)
    readers = [each if isinstance(each, Reader) else Reader(each) for each in evaluators]
    desks = [Desk(reader, keep=commit.add_scores, brake=brake) for reader in readers]
    keys = AnswerKeys(identity.fingerprint, decoding)
    work = _sorted(once_each(questions), keys, journal, desks)
    account = budget.account(identity.fingerprint)
    asking = _Asking(identity, work, journal, commit, desks, brake, budget, account)
    sender = asking.sender(target, decoding)
    return await asking.run(sender, min(target.concurrency, len(work.to_ask)), progress, stop, grace_s)


class _Work(msgspec.Struct, frozen=True):
    """What is to be done."""

    total: int
    to_ask: list[tuple[Question, AnswerKey]]
    to_read: list[tuple[Question, AnswerKey, list[Desk]]]
    """Answered in an earlier run, and not yet read by these desks."""


def _sorted(
    questions: Sequence[Question], keys: AnswerKeys, journal: Journal, desks: Sequence[Desk]
) -> _Work:
    """Hold `questions` against the journal."""
    keyed = [(question, keys.of(question.key)) for question in questions]
    answered = journal.answered(key for _, key in keyed)
    readings = journal.readings(answered) if desks else set()
    work = _Work(len(keyed), [], [])
    for question, key in keyed:
        if key not in answered:
            work.to_ask.append((question, key))
        elif missing := [desk for desk in desks if (key, desk.reading(question.sample)) not in readings]:
            work.to_read.append((question, key, missing))
    return work


@dataclass
class _Asking:
    """One call of `ask`: the workers, the desks, and the task that commits and reports."""

    identity: TargetIdentity
    work: _Work
    journal: Journal
    commit: GroupCommit
    desks: Sequence[Desk]
    brake: Brake
    budget: BudgetLedger
    account: Account
    committed: asyncio.Event = field(default_factory=asyncio.Event)
    finished: bool = False

    def sender(self, target: Target, decoding: Decoding) -> Sender:
        """The workers' common part, wired to the journal and the desks."""
        return Sender(
            target,
            self.work.to_ask,
            decoding=decoding,
            account=self.account,
            brake=self.brake,
            room=self._room,
            keep=self._keep,
        )

    async def run(
        self, sender: Sender, workers: int, progress: Progress, stop: asyncio.Event, grace_s: float
    ) -> Usage:
        label = self.identity.reference
        report = _Report(progress, label, self.commit, self.budget, self.account, sender, self.desks)
        cached = self.work.total - len(self.work.to_ask)
        report.begin(self.work.total, cached)
        keeper = asyncio.create_task(self._keep_committing(report))
        watch = asyncio.create_task(self._watch(stop))
        tasks = [asyncio.create_task(sender.work()) for _ in range(workers)]
        tasks.append(asyncio.create_task(self._read_backlog()))
        try:
            await until_done(tasks, self.brake, grace_s)
            await self._until_read(report, grace_s)
        finally:
            await _cancel([watch, *tasks])
            for desk in self.desks:
                await desk.close()
            self.finished = True
            self.commit.hurry()
            await asyncio.shield(keeper)
            try:
                await self.commit.flush()
            finally:
                report.end()
        if self.brake.reason is not None:
            raise self._explained(self.brake.reason, cached)
        return self._usage(cached)

    def _keep(self, key: AnswerKey, dialogue: Dialogue, timing: Timing) -> None:
        """Hand a finished conversation to the journal and to the evaluators."""
        transcript = dialogue.transcript(self.identity.fingerprint)
        try:
            data = _encoder.encode(transcript)
        except UnicodeEncodeError:
            transcript = _unencodable(transcript)
            data = _encoder.encode(transcript)
        failure = transcript.failure.kind if transcript.failure else None
        self.commit.add_answer(AnswerRow(key, failure, timing.asked_ms, timing.latency_ms, data))
        for desk in self.desks:
            desk.add(Item(key, dialogue.question.sample, transcript))

    async def _room(self) -> None:
        """Wait until neither the disk nor an evaluator is behind, or the brake is pulled."""
        while self.brake.reason is None and (self.commit.crowded or any(desk.crowded for desk in self.desks)):
            self.committed.clear()
            await self.committed.wait()

    async def _keep_committing(self, report: _Report) -> None:
        """Commit what came in, report it, and let part-filled batches be read."""
        while not self.finished:
            await self.commit.due()
            try:
                if self.brake.patient:
                    self._start_reading()
                await self.commit.flush()
                if self.commit.disk_was_full:
                    self.brake.pull(disk_full(self.journal.store))
                report.advance()
            except Exception as error:
                self.brake.pull(error)
            self.committed.set()

    def _start_reading(self) -> None:
        for desk in self.desks:
            desk.start()

    async def _watch(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self.brake.pull(InterruptedByUserError("stopped"))

    async def _read_backlog(self) -> None:
        """Give the evaluators the answers of earlier runs that they have not read."""
        try:
            waiting = iter(self.work.to_read)
            while chunk := list(islice(waiting, _BACKLOG_CHUNK)):
                await self._room()
                if self.brake.reason is not None:
                    return
                transcripts = self.journal.transcripts(key for _, key, _ in chunk)
                for (question, key, desks), transcript in zip(chunk, transcripts, strict=True):
                    for desk in desks:
                        desk.add(Item(key, question.sample, transcript))
        except Exception as error:
            self.brake.pull(error)

    async def _until_read(self, report: _Report, grace_s: float) -> None:
        """Wait for the evaluators; once they must hurry, only for what they have begun."""
        if self.brake.patient:
            self._start_reading()
            await self._until_committed()
            report.begin_reading()
        reading = [task for desk in self.desks for task in desk.tasks]
        await until_done(reading, self.brake, grace_s)

    async def _until_committed(self) -> None:
        while self.commit.uncommitted and self.brake.patient:
            self.committed.clear()
            self.commit.hurry()
            await self.committed.wait()

    def _usage(self, cached: int) -> Usage:
        used, cost = self.account.used, self.account.cost
        return Usage(
            requests=used.requests,
            cached=cached,
            failed=self.commit.failed.total(),
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            cost="" if cost is None else f"{cost.normalize():f}",
        )

    def _explained(self, reason: Exception, cached: int) -> Exception:
        """`reason`; when stopped on purpose, with how far we are and how to go on."""
        if not isinstance(reason, BudgetReachedError | InterruptedByUserError):
            return reason
        go_on = "run the same command again to continue; no answer in the journal is asked twice"
        there = cached + self.commit.answered - self.commit.failed.total()
        unread = sum(desk.waiting for desk in self.desks)
        unjudged = f", {unread:,} answers are still to be judged" if unread else ""
        return type(reason)(
            f"{reason.what}: {there:,} of {self.work.total:,} questions are answered{unjudged}",
            where=self.identity.reference,
            mend=reason.mend or go_on,
        )


@dataclass
class _Report:
    """What `Progress` is told: first of the asking, then of the reading that takes longer."""

    progress: Progress
    label: str
    commit: GroupCommit
    budget: BudgetLedger
    account: Account
    sender: Sender
    desks: Sequence[Desk]
    to_read: int | None = None

    def begin(self, total: int, cached: int) -> None:
        self.progress.begin(self.label, total, cached)

    def begin_reading(self) -> None:
        """From now on only evaluators are at work."""
        left = self._unread()
        if left:
            self.end()
            self.to_read = left
            self.progress.begin(f"{self.label}: reading the answers", left, 0)

    def advance(self) -> None:
        commit, used = self.commit, self.account.used
        done, failed = commit.answered, dict(commit.failed)
        if self.to_read is not None:
            done, failed = self.to_read - self._unread(), {}
        tokens = used.input_tokens + used.output_tokens
        standing = Standing(
            done, failed, tokens, self.account.cost, self.sender.in_flight, self.budget.judged
        )
        self.progress.advance(standing)

    def end(self) -> None:
        self.advance()
        self.progress.end()

    def _unread(self) -> int:
        return sum(desk.waiting for desk in self.desks)


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _unencodable(transcript: Transcript) -> Transcript:
    """In place of an answer with lone surrogates, which no UTF-8 text can hold."""
    return msgspec.structs.replace(
        transcript,
        messages=(),
        served_model="",
        failure=Failure(kind="bad_response", message="the answer is not valid Unicode text"),
    )
