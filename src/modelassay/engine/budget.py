"""What may still be spent: checked before a request is sent, settled when its answer is in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from modelassay.canonical import Digest
from modelassay.config import Budget, Price
from modelassay.errors import BudgetReachedError, ConfigError
from modelassay.protocols import Target
from modelassay.records import Failure, Message, Reply, Request


class Spend(msgspec.Struct, frozen=True):
    """Requests and tokens: an estimate held back, or what was really used."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    def plus(self, other: Spend) -> Spend:
        """Both together."""
        return Spend(
            self.requests + other.requests,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
        )


class Judged(NamedTuple):
    """What judge models took so far, for both models' answers."""

    spend: Spend = Spend()
    cost: Decimal | None = None
    """None where not every judge has a price."""


class BudgetLedger:
    """One budget for everything that one command asks.

    An earlier run's spending does not count: the same command, run again, has the whole budget for
    what is still missing, so that it can come to an end.

    Args:
        budget: the limits of the plan; what judge models take counts too.
        prices: price by the model's fingerprint, where one is known.
        clock: seconds, for the limit in minutes; it starts now.
    """

    def __init__(
        self,
        budget: Budget,
        prices: Mapping[Digest, Price | None] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = budget
        self._money = Decimal(budget.money)
        self._prices = dict(prices or {})
        self._clock = clock
        self._end = clock() + 60 * budget.minutes if budget.minutes else None
        self._requests = 0
        self._tokens = 0
        self._spent = Decimal(0)
        self._held = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._judges: list[Account] = []

    @property
    def counts_tokens(self) -> bool:
        """Whether requests must be estimated before they are sent."""
        return bool(self._limits.tokens or self._money)

    def account(self, fingerprint: Digest) -> Account:
        """The account of one model.

        Raises:
            ConfigError: the budget limits money and this model's price is not known.
        """
        price = self._prices.get(fingerprint)
        if price is None and self._money:
            raise ConfigError(
                "a limit in money needs the price of both models",
                where="budget: money",
                mend="add `price:` with `input_per_million` and `output_per_million` to the model",
            )
        return Account(self, price)

    def judge(self, price: Price | None) -> Account:
        """The account of a judge model with this price.

        Raises:
            ConfigError: the budget limits money and no price is given.
        """
        if price is None and self._money:
            raise ConfigError(
                "a limit in money needs the price of every judge model",
                where="budget: money",
                mend="write the judge as {model: …, price: {input_per_million: …, output_per_million: …}}; "
                '"0" for one that costs nothing',
            )
        account = Account(self, price)
        self._judges.append(account)
        return account

    @property
    def judged(self) -> Judged:
        """What all judges took so far."""
        total, costs = Spend(), [account.cost for account in self._judges]
        for account in self._judges:
            total = total.plus(account.used)
        known = [cost for cost in costs if cost is not None]
        whole = bool(known) and len(known) == len(costs)
        return Judged(total, sum(known, Decimal(0)) if whole else None)

    def admit(self, need: Spend, cost: Decimal) -> bool:
        """Hold back `need`, at most; False when it fits only if requests under way need less.

        Raises:
            BudgetReachedError: it cannot fit any more.
        """
        if self._end is not None and self._clock() >= self._end:
            raise self._late()
        reached = self._over(need, cost)
        if reached and not self._held:
            # A question that finds the whole budget too small would find it so in every run.
            mend = (
                ""
                if self._requests
                else "raise the limit: it has no room for this question even when unspent"
            )
            raise BudgetReachedError(reached, mend=mend)
        if reached:
            return False
        self._add(need, cost)
        self._held += 1
        return True

    async def answers(self, target: Target, requests: Sequence[Request]) -> Sequence[Reply | Failure]:
        """What `target` answers to `requests`.

        Once the minutes are used up a served model tries nothing again, and has as long as one request may
        take to answer what is under way; a model that tells no such time is waited for.

        Raises:
            TargetError: it cannot be asked any more.
            BudgetReachedError: it took longer.
        """
        patience_s: float | None = getattr(target, "timeout_s", None)
        if self._end is None or patience_s is None:
            return await target.generate(requests)
        if callable(try_until := getattr(target, "try_until", None)):
            try_until(self._end)
        limit = asyncio.timeout(max(0.0, self._end + patience_s - self._clock()))
        try:
            async with limit:
                return await target.generate(requests)
        except TimeoutError:
            if not limit.expired():
                raise
            raise self._late() from None

    def _late(self) -> BudgetReachedError:
        return BudgetReachedError(f"the budget of {self._limits.minutes:g} minutes is used up")

    def settle(self, need: Spend, held: Decimal, used: Spend, cost: Decimal) -> None:
        """Put what was `used` in place of what was held back."""
        self._held -= 1
        self._requests += used.requests - need.requests
        self._tokens += used.input_tokens + used.output_tokens - need.input_tokens - need.output_tokens
        self._spent += cost - held
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for future in waiting:
                if not future.done():
                    future.set_result(None)

    async def settled(self) -> None:
        """Wait until something under way has been settled."""
        if self._held:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future

    def _add(self, need: Spend, cost: Decimal) -> None:
        self._requests += need.requests
        self._tokens += need.input_tokens + need.output_tokens
        self._spent += cost

    def _over(self, need: Spend, cost: Decimal) -> str:
        """Which limit `need` would break and how far we are, empty when it breaks none."""
        limits = self._limits
        tokens = need.input_tokens + need.output_tokens
        if limits.requests and self._requests + need.requests > limits.requests:
            return _reached(f"{limits.requests} requests", self._requests, need.requests)
        if limits.tokens and self._tokens + tokens > limits.tokens:
            return _reached(f"{limits.tokens} tokens", self._tokens, tokens)
        if self._money and self._spent + cost > self._money:
            return _reached(f"{self._money} in money", self._spent, cost)
        return ""


class Account:
    """One model's side of a `BudgetLedger`."""

    def __init__(self, ledger: BudgetLedger, price: Price | None) -> None:
        self._ledger = ledger
        self._price = price
        self.counts_tokens = ledger.counts_tokens
        self.used = Spend()
        """All that was settled on this account."""
        self._seen = Spend()
        """The most tokens that anything took which took more than was held back for it."""

    @property
    def cost(self) -> Decimal | None:
        """What was settled, in money; None when no price is known."""
        return None if self._price is None else self.price_of(self.used)

    def cautious(self, need: Spend) -> Spend:
        """`need`, or what was seen to be taken against such a forecast: an endpoint may count more tokens,
        of a system prompt of its own or by another tokeniser."""
        if not self.counts_tokens:
            return need
        return Spend(
            need.requests,
            max(need.input_tokens, self._seen.input_tokens),
            max(need.output_tokens, self._seen.output_tokens),
        )

    def admit(self, need: Spend) -> bool:
        """See `BudgetLedger.admit`."""
        return self._ledger.admit(need, self.price_of(need))

    def settle(self, need: Spend, used: Spend) -> None:
        """See `BudgetLedger.settle`."""
        self._ledger.settle(need, self.price_of(need), used, self.price_of(used))
        self.used = self.used.plus(used)
        over = self.cautious(Spend(0, *_beyond(need, used)))
        self._seen = Spend(0, over.input_tokens, over.output_tokens)

    async def answers(self, target: Target, requests: Sequence[Request]) -> Sequence[Reply | Failure]:
        """See `BudgetLedger.answers`."""
        return await self._ledger.answers(target, requests)

    async def settled(self) -> None:
        """See `BudgetLedger.settled`."""
        await self._ledger.settled()

    def price_of(self, spend: Spend) -> Decimal:
        """The price of `spend`; 0 when no price is known."""
        if self._price is None:
            return Decimal(0)
        return self._price.of(spend.input_tokens, spend.output_tokens)


def estimated_tokens(messages: tuple[Message, ...]) -> int:
    """A cautious guess of the tokens in `messages`: one for three bytes, and eight a message.

    Common tokenisers need about one token for four bytes of English and for two to three of other
    scripts' UTF-8.
    """
    return sum(8 + len(message.content.encode(errors="replace")) // 3 for message in messages)


def _beyond(need: Spend, used: Spend) -> tuple[int, int]:
    """Tokens in and out that were used, where they are more than was held back; else 0."""
    return (
        used.input_tokens if used.input_tokens > need.input_tokens else 0,
        used.output_tokens if used.output_tokens > need.output_tokens else 0,
    )


def _reached(limit: str, spent: object, need: object) -> str:
    return f"the budget of {limit} is used up: {spent} spent, and the next question may need {need}"
