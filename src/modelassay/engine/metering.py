"""A judge model whose requests count against the budget, as those of the models do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from modelassay.config import Price
from modelassay.engine.budget import Account, Spend, estimated_tokens
from modelassay.errors import BudgetReachedError
from modelassay.protocols import Target
from modelassay.records import Failure, Reply, Request, TargetIdentity


class MeteredJudge:
    """A target that asks `target` only what the account has room for, once it has an account.

    Args:
        target: the judge.
        price: what it costs, where that is known.
    """

    def __init__(self, target: Target, price: Price | None = None) -> None:
        self.price = price
        self.account: Account | None = None
        """Who pays; None while nothing limits or counts the requests."""
        self.batch_size = target.batch_size
        self.concurrency = target.concurrency
        self._target = target
        self._slots = asyncio.Semaphore(max(1, target.concurrency))

    async def identify(self) -> TargetIdentity:
        """Who judges.

        Raises:
            TargetError: the judge cannot be asked at all.
        """
        return await self._target.identify()

    async def generate(self, requests: Sequence[Request]) -> Sequence[Reply | Failure]:
        """As of the judge; however many ask at once, it is asked no more at once than it takes.

        Raises:
            TargetError: the judge cannot be asked any more.
            BudgetReachedError: a limit was reached before the last of `requests`.
        """
        outcomes: list[Reply | Failure] = []
        while len(outcomes) < len(requests):
            outcomes += await self.some(requests[len(outcomes) :])
        return outcomes

    async def some(self, requests: Sequence[Request]) -> Sequence[Reply | Failure]:
        """Outcomes of the first of `requests`, of as many as the budget has room for; at least one. Whoever
        keeps what they are given loses nothing to a limit.

        Raises:
            TargetError: the judge cannot be asked any more.
            BudgetReachedError: there is no room for the first.
        """
        async with self._slots:
            return await self._some(requests)

    async def close(self) -> None:
        """Give back what the judge holds."""
        await self._target.close()

    async def _some(self, requests: Sequence[Request]) -> Sequence[Reply | Failure]:
        """Outcomes of the first of `requests`, of as many as the budget has room for; at least one."""
        account = self.account
        if account is None:
            return await self._target.generate(requests)
        needs = await _admitted(account, requests)
        outcomes: Sequence[Reply | Failure] = ()
        try:
            outcomes = await account.answers(self._target, requests[: len(needs)])
        finally:
            for number, need in enumerate(needs):
                outcome = outcomes[number] if number < len(outcomes) else None
                account.settle(need, _used(requests[number], outcome, need))
        return outcomes


async def _admitted(account: Account, requests: Sequence[Request]) -> list[Spend]:
    """What is held back for the first of `requests`, waiting until there is room for one."""
    needs: list[Spend] = []
    while not needs:
        for request in requests:
            need = account.cautious(_most(request, count_tokens=account.counts_tokens))
            try:
                admitted = account.admit(need)
            except BudgetReachedError:
                if not needs:
                    raise
                break
            if not admitted:
                break
            needs.append(need)
        if not needs:
            await account.settled()
    return needs


def _most(request: Request, *, count_tokens: bool) -> Spend:
    if not count_tokens:
        return Spend(1)
    return Spend(1, estimated_tokens(request.messages), request.decoding.max_tokens)


def _used(request: Request, outcome: Reply | Failure | None, need: Spend) -> Spend:
    """What one request took: as reported, or estimated where tokens count and none are reported."""
    if not isinstance(outcome, Reply):
        return Spend(1)
    if outcome.input_tokens or outcome.output_tokens or not need.output_tokens:
        return Spend(1, outcome.input_tokens, outcome.output_tokens)
    return Spend(1, estimated_tokens(request.messages), estimated_tokens((outcome.message,)))
