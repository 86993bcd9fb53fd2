"""Judges spend from the same budget as the models that are judged."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from decimal import Decimal

import pytest

from modelassay.config import Budget, Price
from modelassay.engine import BudgetLedger, Journal, MeteredJudge, Reader, TextProgress
from modelassay.errors import BudgetReachedError, ConfigError
from modelassay.records import Decoding, Message, Request, Sample, Score, Transcript

PRICE = Price(input_per_million="2", output_per_million="10")


def request(text: str = "judge this", most: int = 5) -> Request:
    return Request(messages=(Message(role="user", content=text),), decoding=Decoding(max_tokens=most), seed=0)


def judge_of(parts, ledger: BudgetLedger, target, price: Price | None = None) -> MeteredJudge:
    judge = MeteredJudge(target, price)
    judge.account = ledger.judge(price)
    return judge


def judging(parts, judge: MeteredJudge):
    """An evaluator of the tests that asks `judge` once about each answer."""

    class Judging(parts.evaluator):  # type: ignore[misc, name-defined]
        async def score(self, items: Sequence[tuple[Sample, Transcript]]) -> Sequence[Score]:
            await judge.generate([request(transcript.answer) for _, transcript in items])
            return await super().score(items)

    return Judging()


async def test_no_more_is_asked_than_the_budget_has_room_for(parts) -> None:
    ledger, target = BudgetLedger(Budget(requests=7)), parts.target(batch_size=4)
    judge = judge_of(parts, ledger, target)
    assert len(await judge.generate([request()] * 4)) == 4
    with pytest.raises(BudgetReachedError, match="7 requests is used up: 7 spent"):
        await judge.generate([request()] * 4)
    assert target.calls == [4, 3]
    assert ledger.judged.spend.requests == 7


async def test_tokens_and_money_of_a_judge_count(parts) -> None:
    ledger = BudgetLedger(Budget(money="0.0003"))
    judge = judge_of(parts, ledger, parts.target(), PRICE)
    with pytest.raises(BudgetReachedError, match="in money"):
        await judge.generate([request()] * 100)
    spend, cost = ledger.judged
    assert (spend.input_tokens, spend.output_tokens) == (10 * spend.requests, 5 * spend.requests)
    assert cost == PRICE.of(spend.input_tokens, spend.output_tokens)
    assert Decimal("0.0002") < cost <= Decimal("0.0003")


def test_a_limit_in_money_needs_the_price_of_every_judge() -> None:
    with pytest.raises(ConfigError, match="every judge model"):
        BudgetLedger(Budget(money="1")).judge(None)


def test_the_cost_of_judges_is_told_only_if_all_have_a_price() -> None:
    ledger = BudgetLedger(Budget())
    ledger.judge(PRICE)
    assert ledger.judged.cost == 0
    ledger.judge(None)
    assert ledger.judged.cost is None


async def test_a_judge_is_asked_no_more_at_once_than_it_takes(parts) -> None:
    target = parts.target(concurrency=3, delay_s=0.001)
    judge = MeteredJudge(target)
    await asyncio.gather(*(judge.generate([request()]) for _ in range(20)))
    assert target.most_under_way == 3


@pytest.mark.parametrize("batch", [1, 64])
async def test_an_audit_whose_judge_exhausts_the_budget_stops_and_goes_on(
    tmp_path, parts, batch: int
) -> None:
    questions, model, target = parts.questions(50), parts.target(), parts.target()

    async def run(journal: Journal) -> None:
        ledger = BudgetLedger(Budget(requests=64))
        reader = Reader(judging(parts, judge_of(parts, ledger, target)), batch=batch)
        await parts.ask(journal, questions, model, evaluators=[reader], budget=ledger)

    with Journal.open(tmp_path / "assay") as journal:
        with pytest.raises(BudgetReachedError, match="answers are still to be judged"):
            await run(journal)
        assert len(model.requests) + len(target.requests) == 64
        await run(journal)
    assert len(model.requests) == 50
    lost = 0 if batch == 1 else 14  # a batch of several loses what was paid of it
    assert len(target.requests) == 50 + lost


async def test_what_judges_take_is_told(journal: Journal, parts) -> None:
    stream, ledger = io.StringIO(), BudgetLedger(Budget())
    judge = judge_of(parts, ledger, parts.target(), PRICE)
    await parts.ask(
        journal,
        parts.questions(30),
        evaluators=[judging(parts, judge)],
        budget=ledger,
        progress=TextProgress(stream),
    )
    assert "judges 30 requests, 450 tokens, cost 0.0021" in stream.getvalue().splitlines()[-1]
