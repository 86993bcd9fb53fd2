"""A model whose replies are kept: what was asked before is answered from the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from modelassay.config import Price
from modelassay.errors import InterruptedByUserError, StoreError, TargetError
from modelassay.protocols import Target
from modelassay.records import Failure, Reply, Request, TargetIdentity
from modelassay.redteam.campaign.journal import Journal, call_key
from modelassay.redteam.campaign.units import Part, Taken, tab


class KeptModel:
    """A `protocols.Target` that asks `target` only what the journal does not hold.

    The same question, asked twice at once, is sent once. A model that wants several requests at a time is
    given those that wait. Failures are not kept: the next run asks again.

    Args:
        part: what the model is in the campaign.
        target: what is asked.
        identity: of `target`.
        journal: keeps its replies.
        price: of its tokens, where known.
        per_minute: most requests that are sent in a minute, spread evenly; 0 for as fast as it answers.
        stopping: whether nothing more may be sent.
    """

    def __init__(
        self,
        part: Part,
        target: Target,
        identity: TargetIdentity,
        journal: Journal,
        *,
        price: Price | None = None,
        per_minute: int = 0,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.batch_size = 1
        self.concurrency = target.concurrency * target.batch_size
        self.identity = identity
        self.live = Taken()
        """What was really sent by this process."""
        self.used: dict[str, Taken] = {}
        """What each reply took that was asked for, by its key, kept ones included: each is paid for once,
        however often it was asked for."""
        self._part = part
        self._target = target
        self._journal = journal
        self._price = price
        self._gap_s = 60 / per_minute if per_minute else 0.0
        self._next_s = 0.0
        self._stopping = stopping
        self._asked: dict[str, asyncio.Future[Reply | Failure]] = {}
        self._waiting: list[tuple[str, Request]] = []
        self._working = 0
        self._workers: set[asyncio.Task[None]] = set()
        self._broken: TargetError | StoreError | None = None

    async def identify(self) -> TargetIdentity:
        """Who answers."""
        return self.identity

    async def close(self) -> None:
        """Give back what the model holds, once the answers under way have come in and are kept."""
        await self.settled()
        await self._target.close()

    async def settled(self) -> None:
        """Wait for the answers under way, so that none that was paid for is lost; nothing more is sent."""
        self._stopping = lambda: True
        waiting, self._waiting = self._waiting, []
        for future in self._left(waiting):
            future.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    async def generate(self, requests: Sequence[Request]) -> Sequence[Reply | Failure]:
        """As of the model, each reply kept before it is given. Of several none is left under way: an error is
        raised once the others have come in.

        Raises:
            TargetError: the model cannot be asked any more.
            StoppedError: a budget was reached, or the work is being stopped.
        """
        if len(requests) == 1:
            return [await self._one(requests[0])]
        went = await asyncio.gather(*(self._one(each) for each in requests), return_exceptions=True)
        for each in went:
            if isinstance(each, BaseException):
                raise each
        return [each for each in went if not isinstance(each, BaseException)]

    async def _one(self, request: Request) -> Reply | Failure:
        key = call_key(self.identity.fingerprint, request)
        outcome: Reply | Failure | None = self._journal.get(key)
        if outcome is None:
            outcome = await self._sent(key, request)
        if (open_tab := tab.get()) is not None:
            open_tab.taken[self._part].add(outcome, self._price)
        if isinstance(outcome, Reply) and key not in self.used:
            self.used[key] = Taken()
            self.used[key].add(outcome, self._price)
        return outcome

    async def _sent(self, key: str, request: Request) -> Reply | Failure:
        under_way = self._asked.get(key)
        if under_way is None:
            under_way = self._asked[key] = asyncio.get_running_loop().create_future()
            self._waiting.append((key, request))
            if self._working < self._target.concurrency:
                self._working += 1
                worker = asyncio.create_task(self._work())
                self._workers.add(worker)
                worker.add_done_callback(self._workers.discard)
        return await asyncio.shield(under_way)

    async def _work(self) -> None:
        """Send what waits, as many at a time as the model wants, until nothing does."""
        try:
            while self._waiting:
                if self._target.batch_size > 1:
                    await asyncio.sleep(0)  # let those who are about to ask come in
                await self._send()
        finally:
            # Counted here and not when the task is done: whoever asks in between needs a worker.
            self._working -= 1

    async def _send(self) -> None:
        """Send the next of what waits, and hand out what came of it."""
        chunk = self._waiting[: self._target.batch_size]
        del self._waiting[: self._target.batch_size]
        if not chunk:
            return
        try:
            self._check()
            await self._pace(len(chunk))
            self._check()
            outcomes = await self._some([request for _, request in chunk])
            chunk, self._waiting[:0] = chunk[: len(outcomes)], chunk[len(outcomes) :]
            for (key, _), outcome in zip(chunk, outcomes, strict=True):
                self.live.add(outcome, self._price)
                if isinstance(outcome, Reply):
                    outcome = self._kept(key, outcome)
                self._asked.pop(key).set_result(outcome)
        except Exception as error:
            if isinstance(error, TargetError | StoreError):
                self._broken = error
            for future in self._left(chunk):
                future.set_exception(error)
                future.exception()  # somebody may have stopped waiting
        except BaseException:
            for future in self._left(chunk):
                future.cancel()
            raise

    def _left(self, chunk: Sequence[tuple[str, Request]]) -> list[asyncio.Future[Reply | Failure]]:
        """Those of `chunk` that wait for an outcome still."""
        found = [self._asked.pop(key) for key, _ in chunk if key in self._asked]
        return [future for future in found if not future.done()]

    def _check(self) -> None:
        """Object to sending anything more.

        Raises:
            InterruptedByUserError: the work is being stopped.
            TargetError: the model cannot be asked any more.
            StoreError: its replies cannot be kept any more.
        """
        if self._stopping():
            raise InterruptedByUserError(
                "stopped", mend="run the same command again to go on; nothing is asked twice"
            )
        if self._broken is not None:
            raise self._broken

    async def _some(self, requests: Sequence[Request]) -> Sequence[Reply | Failure]:
        """Outcomes of the first of `requests`: of all, but where a budget has no room for all."""
        some: Callable[[Sequence[Request]], Awaitable[Sequence[Reply | Failure]]] = getattr(
            self._target, "some", self._target.generate
        )
        return await some(requests)

    async def _pace(self, requests: int) -> None:
        """Wait until so many requests may be sent."""
        if self._gap_s:
            now = asyncio.get_running_loop().time()
            start = max(now, self._next_s)
            self._next_s = start + requests * self._gap_s
            await asyncio.sleep(start - now)

    def _kept(self, key: str, reply: Reply) -> Reply | Failure:
        try:
            self._journal.add(key, self._part, reply)
        except UnicodeEncodeError:
            return Failure(kind="bad_response", message="the answer is not valid Unicode text")
        return reply
