"""The judges on the bench: targets that are asked in batches, and what they took."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from modelassay.protocols import Target
from modelassay.records import Failure, Reply, Request

T = TypeVar("T")


class Spent(msgspec.Struct):
    """Requests put to judges since they were opened, and the tokens that they say they took."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    def add(self, outcome: Reply | Failure) -> None:
        """Count one request."""
        self.requests += 1
        if isinstance(outcome, Reply):
            self.input_tokens += outcome.input_tokens
            self.output_tokens += outcome.output_tokens


class Seat:
    """One judge of a panel.

    Args:
        target: the model that judges.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.fingerprint = ""

    @property
    def short(self) -> str:
        """First twelve hexadecimal digits of the fingerprint."""
        return self.fingerprint.removeprefix("sha256:")[:12]

    async def identify(self) -> None:
        """Find out who judges.

        Raises:
            TargetError: the judge cannot be asked at all.
        """
        if not self.fingerprint:
            self.fingerprint = (await self.target.identify()).fingerprint

    async def ask(self, requests: Sequence[Request]) -> list[Reply | Failure]:
        """A reply or failure for each request, as many at once as the judge takes.

        Raises:
            TargetError: the judge cannot be asked any more.
        """
        size = max(1, self.target.batch_size)
        slots = asyncio.Semaphore(max(1, self.target.concurrency))

        async def one(batch: Sequence[Request]) -> Sequence[Reply | Failure]:
            async with slots:
                return await self.target.generate(batch)

        batches = (requests[i : i + size] for i in range(0, len(requests), size))
        return [reply for batch in await together(one(batch) for batch in batches) for reply in batch]


async def together(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results of all `work` in order; the first error stops the rest, so nothing unread is paid for."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
