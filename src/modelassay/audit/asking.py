"""Ask both models at once; what ends one ends the other cleanly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from modelassay.audit.opened import Opened, Side
from modelassay.audit.without_asking import reader_of
from modelassay.engine import BudgetLedger, Progress, ask
from modelassay.errors import InterruptedByUserError


def ledger_of(opened: Opened) -> BudgetLedger:
    """The plan's budget, all of it still to be spent; from now on its judges spend from it.

    Raises:
        ConfigError: the budget limits money, and a judge's price is not known.
    """
    plan = opened.plan
    prices = {
        side.identity.fingerprint: model.price
        for side, model in zip(opened.sides, (plan.baseline, plan.candidate), strict=True)
    }
    ledger = BudgetLedger(plan.budget, prices)
    for judge in opened.judges:
        judge.account = ledger.judge(judge.price)
    return ledger


async def ask_both(
    opened: Opened,
    progress_of: Callable[[], Progress],
    stop: asyncio.Event,
    *,
    ledger: BudgetLedger | None = None,
) -> None:
    """Have every question answered by both models and judged, or in the journal already.

    Args:
        ledger: what may be spent, where other questions are asked from the same budget.

    Raises:
        TargetError: a model cannot be asked any more.
        StoppedError: Ctrl-C or a budget limit; everything answered is kept.
    """
    plan = opened.plan
    spending = ledger or ledger_of(opened)
    readers = [reader_of(*each) for each in zip(opened.evaluators, plan.evaluators, strict=True)]
    halt = asyncio.Event()

    async def ask_one(side: Side) -> None:
        try:
            await ask(
                target=side.target,
                identity=side.identity,
                questions=opened.questions,
                decoding=plan.decoding,
                journal=opened.journal,
                evaluators=readers,
                budget=spending,
                progress=progress_of(),
                stop=halt,
            )
        except BaseException:
            halt.set()
            raise

    async def pass_on() -> None:
        await stop.wait()
        halt.set()

    watch = asyncio.create_task(pass_on())
    try:
        results = await asyncio.gather(*(ask_one(side) for side in opened.sides), return_exceptions=True)
    finally:
        watch.cancel()
    errors = [result for result in results if isinstance(result, BaseException)]
    if errors:
        raise min(errors, key=_telling)


def _telling(error: BaseException) -> int:
    """Lower for the error that caused the other: being stopped is a consequence."""
    return 1 if isinstance(error, InterruptedByUserError | asyncio.CancelledError) else 0
