"""Why work ends before its end."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from modelassay.errors import BudgetReachedError


class Brake:
    """Pulled once or more; the first reason is the one that is told."""

    def __init__(self) -> None:
        self._pulled = asyncio.Event()
        self.reason: Exception | None = None
        """The first reason, None as long as work goes on."""
        self.patient = True
        """Whether what is under way may take its time: so when only a budget was reached, because
        answers already paid for are worth waiting for."""

    def pull(self, reason: Exception) -> None:
        """Let nothing new begin."""
        if self.reason is None:
            self.reason = reason
        if not isinstance(reason, BudgetReachedError):
            self.patient = False
        self._pulled.set()

    async def pulled(self) -> None:
        """Wait until `pull`."""
        await self._pulled.wait()


async def until_done(tasks: Collection[asyncio.Task[None]], brake: Brake, grace_s: float) -> None:
    """Wait for `tasks`; once the brake leaves no patience, no longer than `grace_s`."""
    pulled = asyncio.create_task(brake.pulled())
    pending = set(tasks)
    try:
        while pending and brake.patient:
            timeout = grace_s if pulled.done() else None
            waited = pending if pulled.done() else {pulled, *pending}
            await asyncio.wait(waited, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            pending = {task for task in pending if not task.done()}
        if pending:
            await asyncio.wait(pending, timeout=grace_s)
    finally:
        pulled.cancel()
