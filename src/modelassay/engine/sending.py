"""Workers that put questions to a target, within the budget."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from modelassay.engine.brake import Brake
from modelassay.engine.budget import Account
from modelassay.engine.dialogue import Dialogue
from modelassay.engine.questions import AnswerKey, Question
from modelassay.errors import BudgetReachedError, ModelassayError
from modelassay.protocols import Target
from modelassay.records import Decoding


class Timing(NamedTuple):
    """When a conversation began and how long it took."""

    asked_ms: int
    """Milliseconds since 1970 UTC."""
    latency_ms: int


class Sender:
    """Asks `questions` in order, any number of `work` coroutines at once.

    Args:
        target: the model.
        questions: with the keys of their answers.
        decoding: how to generate.
        account: holds back and settles what each conversation takes.
        brake: when pulled, nothing more is sent.
        room: waits until answers can be taken in.
        keep: takes each finished conversation.
    """

    def __init__(
        self,
        target: Target,
        questions: Sequence[tuple[Question, AnswerKey]],
        *,
        decoding: Decoding,
        account: Account,
        brake: Brake,
        room: Callable[[], Awaitable[None]],
        keep: Callable[[AnswerKey, Dialogue, Timing], None],
    ) -> None:
        self._target = target
        self._questions = questions
        self._decoding = decoding
        self._account = account
        self._brake = brake
        self._room = room
        self._keep = keep
        self._next = 0
        self._size = target.batch_size
        self.in_flight = 0
        """Questions sent and not yet answered."""

    async def work(self) -> None:
        """Take questions and ask them until none is left."""
        try:
            while chunk := await self._take():
                await self._put(chunk)
        except Exception as error:
            self._brake.pull(error)

    async def _take(self) -> list[tuple[AnswerKey, Dialogue]]:
        """The next questions for one call of the target, admitted by the budget; empty at the end."""
        while True:
            await self._room()
            if self._brake.reason is not None or self._next >= len(self._questions):
                return []
            chunk: list[tuple[AnswerKey, Dialogue]] = []
            for question, key in self._questions[self._next : self._next + self._size]:
                dialogue = Dialogue(question, self._decoding)
                if not self._admitted(dialogue, alone=not chunk):
                    break
                chunk.append((key, dialogue))
            self._next += len(chunk)
            if chunk:
                return chunk
            await self._account.settled()

    def _admitted(self, dialogue: Dialogue, *, alone: bool) -> bool:
        """Whether the budget has room; that it is used up is raised when nothing else is to be sent."""
        need = self._account.cautious(dialogue.most(count_tokens=self._account.counts_tokens))
        try:
            admitted = self._account.admit(need)
        except BudgetReachedError:
            if alone:
                raise
            return False
        dialogue.need = need
        return admitted

    async def _put(self, chunk: list[tuple[AnswerKey, Dialogue]]) -> None:
        """Ask `chunk`, playing the scripted tools; each conversation is kept as soon as it is over."""
        asked_ms = int(time.time() * 1000)
        started = time.monotonic()
        unfinished = chunk
        self.in_flight += len(chunk)
        try:
            while unfinished:
                outcomes = await self._account.answers(self._target, [d.request() for _, d in unfinished])
                if len(outcomes) != len(unfinished):
                    raise _miscounted(self._target, len(outcomes), len(unfinished))
                timing = Timing(asked_ms, int((time.monotonic() - started) * 1000))
                again = []
                for (key, dialogue), outcome in zip(unfinished, outcomes, strict=True):
                    if dialogue.take(outcome):
                        again.append((key, dialogue))
                    else:
                        self._keep(key, dialogue, timing)
                unfinished = again
        finally:
            self.in_flight -= len(chunk)
            for _, dialogue in chunk:
                self._account.settle(dialogue.need, dialogue.used)


def _miscounted(target: Target, replies: int, requests: int) -> ModelassayError:
    return ModelassayError(
        f"the target gave {replies} replies to {requests} requests",
        where=f"{type(target).__module__}.{type(target).__qualname__}",
        mend="report this to the author of the target plugin; every answer so far is kept",
    )
