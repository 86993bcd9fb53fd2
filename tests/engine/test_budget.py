"""Budgets: never overdrawn, told plainly, and no obstacle to coming to an end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelassay.config import Budget, Price
from modelassay.engine import BudgetLedger, Journal, MeteredJudge, read_transcripts
from modelassay.engine.budget import Spend
from modelassay.errors import BudgetReachedError, ConfigError, ExitCode, InterruptedByUserError
from modelassay.records import Decoding, Message, Reply, Request, Tool, ToolCall

PRICE = Price(input_per_million="2", output_per_million="10")
SHORT = Decoding(max_tokens=5)


async def test_requests_are_asked_to_the_last_and_resumed_to_the_end(journal: Journal, parts) -> None:
    questions, asked = parts.questions(100), 0
    for expected in (30, 30, 30):
        target = parts.target(concurrency=8)
        with pytest.raises(BudgetReachedError) as caught:
            await parts.ask(journal, questions, target, budget=BudgetLedger(Budget(requests=30)))
        assert len(target.requests) == expected
        asked += expected
        assert f"30 requests is used up: 30 spent, and the next question may need 1: {asked} of 100" in str(
            caught.value
        )
        assert caught.value.exit_code is ExitCode.INCONCLUSIVE
    usage = await parts.ask(journal, questions, budget=BudgetLedger(Budget(requests=30)))
    assert (usage.cached, usage.requests) == (90, 10)


async def test_a_budget_too_small_for_one_question_is_not_worth_running_again(
    journal: Journal, parts
) -> None:
    with pytest.raises(BudgetReachedError) as caught:
        await parts.ask(journal, parts.questions(3), budget=BudgetLedger(Budget(tokens=10)))
    assert "raise the limit" in caught.value.mend
    with pytest.raises(BudgetReachedError) as caught:
        await parts.ask(journal, parts.questions(3), budget=BudgetLedger(Budget(requests=1)))
    assert "run the same command again" in caught.value.mend


async def test_one_budget_spans_both_models(journal: Journal, parts) -> None:
    ledger = BudgetLedger(Budget(requests=30))
    await parts.ask(journal, parts.questions(20), budget=ledger)
    target = parts.target()
    with pytest.raises(BudgetReachedError):
        await parts.ask(journal, parts.questions(40)[20:], target, budget=ledger)
    assert len(target.requests) == 10


async def test_models_asked_at_once_share_a_budget(tmp_path, parts) -> None:
    ledger = BudgetLedger(Budget(requests=30))
    targets = [parts.target(delay_s=0.001), parts.target(delay_s=0.002)]
    with Journal.open(tmp_path / "one") as one, Journal.open(tmp_path / "two") as two:
        ended = await asyncio.gather(
            *(
                parts.ask(journal, parts.questions(50), target, budget=ledger)
                for journal, target in zip((one, two), targets, strict=True)
            ),
            return_exceptions=True,
        )
    assert [type(error) for error in ended] == [BudgetReachedError] * 2
    assert sum(len(target.requests) for target in targets) == 30


async def test_tokens_are_never_overdrawn(journal: Journal, parts) -> None:
    questions = parts.questions(100)
    with pytest.raises(BudgetReachedError, match="the budget of 400 tokens"):
        await parts.ask(journal, questions, decoding=SHORT, budget=BudgetLedger(Budget(tokens=400)))
    found = [t for _, t in read_transcripts(journal, parts.identity.fingerprint, SHORT, questions)]
    spent = sum(transcript.input_tokens + transcript.output_tokens for transcript in found)
    assert 400 - 2 * 15 <= spent <= 400  # 15 each; the rest is less than one cautious estimate


async def test_money_is_never_overdrawn(journal: Journal, parts) -> None:
    ledger = BudgetLedger(Budget(money="0.0035"), {parts.identity.fingerprint: PRICE})
    questions = parts.questions(100)
    with pytest.raises(BudgetReachedError, match=r"the budget of 0\.0035 in money"):
        await parts.ask(journal, questions, decoding=SHORT, budget=ledger)
    found = list(read_transcripts(journal, parts.identity.fingerprint, SHORT, questions))
    each = Decimal("0.00007")  # 10 tokens in at 2, 5 out at 10 for a million
    assert Decimal("0.0035") - 2 * each <= len(found) * each <= Decimal("0.0035")


async def test_cost_is_told(journal: Journal, parts) -> None:
    ledger = BudgetLedger(Budget(), {parts.identity.fingerprint: PRICE})
    usage = await parts.ask(journal, parts.questions(100), budget=ledger)
    assert usage.cost == "0.007"


async def test_tokens_that_a_server_does_not_report_are_estimated(journal: Journal, parts) -> None:
    silent = parts.target(
        lambda request: Reply(message=Message(role="assistant", content="x" * 30), finish="stop")
    )
    with pytest.raises(BudgetReachedError):
        await parts.ask(
            journal, parts.questions(100), silent, decoding=SHORT, budget=BudgetLedger(Budget(tokens=1000))
        )
    assert 10 < len(silent.requests) < 60


def test_a_limit_in_money_needs_prices(parts) -> None:
    with pytest.raises(ConfigError, match="price"):
        BudgetLedger(Budget(money="1")).account(parts.identity.fingerprint)


async def test_minutes_are_counted_from_the_start(journal: Journal, parts) -> None:
    now = 0.0

    def script(request):
        nonlocal now
        now += 10.0
        return parts.reply("fine")

    ledger = BudgetLedger(Budget(minutes=2.0), clock=lambda: now)
    with pytest.raises(BudgetReachedError, match="2 minutes"):
        await parts.ask(journal, parts.questions(100), parts.target(script, concurrency=1), budget=ledger)
    assert now == 120.0


async def test_answers_paid_for_are_waited_for_beyond_the_grace(journal: Journal, parts) -> None:
    questions = parts.questions(20)
    target = parts.target(delay_s=0.3, concurrency=10)
    with pytest.raises(BudgetReachedError, match="5 of 20"):
        await parts.ask(journal, questions, target, budget=BudgetLedger(Budget(requests=5)), grace_s=0.05)


async def test_but_not_when_the_user_wants_to_leave(journal: Journal, parts) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.1, stop.set)
    target = parts.target(delay_s=3600, concurrency=10)
    with pytest.raises((BudgetReachedError, InterruptedByUserError), match="0 of 20"):
        await parts.ask(
            journal,
            parts.questions(20),
            target,
            budget=BudgetLedger(Budget(requests=5)),
            stop=stop,
            grace_s=0.05,
        )


async def test_a_conversation_with_tools_is_admitted_as_a_whole_or_not_at_all(
    journal: Journal, parts
) -> None:
    tools = (Tool(name="look", description="looks", result="nothing there"),)
    questions = [parts.question(f"look {number}", tools=tools) for number in range(20)]

    def script(request):
        if request.messages[-1].role == "tool":
            return parts.reply("fine")
        call = ToolCall(id="1", name="look", arguments="{}")
        return Reply(message=Message(role="assistant", content="", tool_calls=(call,)), finish="tool_calls")

    target = parts.target(script)
    with pytest.raises(
        BudgetReachedError, match="20 requests is used up: 16 spent, and the next question may need 5"
    ):
        await parts.ask(journal, questions, target, budget=BudgetLedger(Budget(requests=20)))
    found = [t for _, t in read_transcripts(journal, parts.identity.fingerprint, Decoding(), questions)]
    assert len(target.requests) == 16
    assert [transcript.answer for transcript in found] == ["fine"] * 8


spends = st.builds(Spend, st.integers(1, 5), st.integers(0, 50), st.integers(0, 50))


@given(st.lists(st.tuples(spends, st.floats(0, 1)), max_size=60), st.integers(1, 300), st.data())
def test_no_order_of_admitting_and_settling_overdraws(steps, limit: int, data) -> None:
    ledger = BudgetLedger(Budget(tokens=limit))
    account = ledger.account("sha256:1")
    under_way: list[tuple[Spend, Spend]] = []
    for need, share in steps:
        used = Spend(need.requests, int(need.input_tokens * share), int(need.output_tokens * share))
        try:
            if account.admit(need):
                under_way.append((need, used))
        except BudgetReachedError:
            assert not under_way
            break
        while under_way and data.draw(st.booleans()):
            account.settle(*under_way.pop(0))
    for pair in under_way:
        account.settle(*pair)
    assert account.used.input_tokens + account.used.output_tokens <= limit


class Slow:
    """A served model that hangs: each request takes its whole time."""

    batch_size, concurrency, timeout_s = 1, 4, 0.2

    def __init__(self, answers: int) -> None:
        self.left, self.sent, self.ends = answers, 0, set[float]()

    def try_until(self, end: float) -> None:
        self.ends.add(end)

    async def generate(self, requests: Sequence[Request]) -> list[Reply]:
        self.sent += len(requests)
        self.left -= len(requests)
        if self.left < 0:
            await asyncio.sleep(60)
        said = Message(role="assistant", content="yes")
        return [Reply(message=said, finish="stop", served_model="m") for _ in requests]


async def test_minutes_are_kept_though_the_model_hangs(journal: Journal, parts) -> None:
    started, target = time.monotonic(), Slow(answers=20)
    with pytest.raises(BudgetReachedError, match=r"budget of 0\.002 minutes is used up: 20 of 100") as caught:
        await parts.ask(journal, parts.questions(100), target, budget=BudgetLedger(Budget(minutes=0.002)))
    assert time.monotonic() - started < 2
    assert caught.value.exit_code is ExitCode.INCONCLUSIVE
    assert (target.sent, len(target.ends)) == (24, 1)


async def test_minutes_are_kept_though_a_judge_hangs() -> None:
    ledger, target = BudgetLedger(Budget(minutes=0.001)), Slow(answers=1)
    judge = MeteredJudge(target)
    judge.account = ledger.judge(None)
    asked = [Request(messages=(Message(role="user", content="?"),), decoding=SHORT, seed=0)]
    await judge.generate(asked)
    with pytest.raises(BudgetReachedError, match="minutes is used up"):
        await judge.generate(asked)
    assert target.sent == 2


async def test_money_is_not_overdrawn_where_an_endpoint_counts_more_than_was_forecast(
    journal: Journal, parts
) -> None:
    """Such as the tokens of a system prompt that it puts before every question."""

    def longer(request: Request) -> Reply:
        said = Message(role="assistant", content="yes")
        return Reply(message=said, finish="stop", input_tokens=1000, output_tokens=5)

    limit = Budget(money="0.0300")
    ledger = BudgetLedger(limit, {parts.identity.fingerprint: PRICE})
    target = parts.target(longer, concurrency=1)
    with pytest.raises(BudgetReachedError, match="in money is used up"):
        await parts.ask(journal, parts.questions(100), target, decoding=SHORT, budget=ledger)
    assert len(target.requests) * PRICE.of(1000, 5) == Decimal("0.0287")  # 14 of them; one more is too much
