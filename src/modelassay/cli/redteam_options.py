"""What the subcommands of ``modelassay redteam`` share: models paid for, a clean stop, what is told."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from modelassay.errors import ConfigError, ExitCode, UsageError

if TYPE_CHECKING:
    from modelassay.config import Budget, EvaluatorReference, ModelReference, Price
    from modelassay.protocols import Evaluator
    from modelassay.records import Examination
    from modelassay.redteam.campaign import CampaignSettings, Cast, Standing

T = TypeVar("T")


def budget_of(texts: tuple[str, ...]) -> dict[str, str]:
    """Limits written as ``requests=1000`` as fields of a budget, their numbers as texts.

    Raises:
        ConfigError: no such limit.
    """
    from modelassay.config import Budget
    from modelassay.errors import did_you_mean

    found: dict[str, str] = {}
    for each in (part.strip() for text in texts for part in text.split(",")):
        key, equals, value = each.partition("=")
        if not equals or key not in Budget.__struct_fields__:
            known = Budget.__struct_fields__
            raise ConfigError(f"{each!r} is no limit", where="--budget", mend=did_you_mean(key, known))
        found[key] = value
    return found


def limits_of(texts: tuple[str, ...]) -> dict[str, Any]:
    """Limits written as ``requests=1000`` as fields of a budget.

    Raises:
        UsageError: no such limit, or no number.
    """
    from decimal import Decimal, InvalidOperation

    found: dict[str, Any] = {}
    for key, value in budget_of(texts).items():
        try:
            good = Decimal(value) > 0 and (key in ("money", "minutes") or value.isdecimal())
        except InvalidOperation:
            good = False
        if not good:
            raise UsageError(
                f"{value!r} is no number above 0 for {key}",
                where="--budget",
                mend="a number above 0, such as requests=500; leave it out for no limit",
            )
        found[key] = value if key == "money" else float(value) if key == "minutes" else int(value)
    return found


@asynccontextmanager
async def opened_cast(
    settings: CampaignSettings, folder: Path, *, plan_folder: Path | None = None
) -> AsyncIterator[Cast]:
    """The models of a campaign, each paid for from its budget, closed at the end.

    Args:
        settings: of the campaign.
        folder: where relative paths start.
        plan_folder: where those of candidate and baseline do, when they are of a plan.

    Raises:
        UsageError: a reference that cannot be used, or a budget in money without every price.
    """
    from modelassay.engine import BudgetLedger, MeteredJudge
    from modelassay.redteam.adaptive import ScriptedAttacker, open_attacker
    from modelassay.redteam.campaign import Cast

    ledger = BudgetLedger(settings.budget)
    opened: dict[str, Any] = {}
    script: ScriptedAttacker | None = None
    try:
        for part in ("candidate", "baseline", "attacker", "judge"):
            reference: ModelReference | None = getattr(settings, part)
            if reference is None:
                continue
            price = _price(part, reference, settings.budget)
            of_plan = plan_folder is not None and part in ("candidate", "baseline")
            target = open_attacker(reference, folder=plan_folder if of_plan and plan_folder else folder)
            script = target if part == "attacker" and isinstance(target, ScriptedAttacker) else script
            metered = MeteredJudge(target, price)
            metered.account = ledger.judge(price)
            opened[part] = metered
        evaluator = None if settings.judge is not None else _evaluator(settings.evaluator, folder)
        yield Cast(**opened, script=script, evaluator=evaluator)
    finally:
        for target in opened.values():
            await target.close()


def _price(part: str, reference: ModelReference, budget: Budget) -> Price | None:
    """The price of a model; a script costs nothing."""
    from decimal import Decimal

    from modelassay.config import Price

    if reference.scheme == "scripted":
        return Price(input_per_million="0", output_per_million="0")
    if reference.price is None and Decimal(budget.money):
        raise ConfigError(
            "a limit in money needs the price of every model",
            where=part,
            mend="write it in a file as {model: …, price: {input_per_million: …, output_per_million: …}}",
        )
    return reference.price


def _evaluator(reference: EvaluatorReference, folder: Path) -> Evaluator:
    from modelassay.audit.parts import open_evaluators

    (evaluator,), judges = open_evaluators([reference], folder)
    if judges:
        raise ConfigError(
            "a judge model stands in the evaluator's settings",
            where="evaluator",
            mend="name it under `judge:`, where its requests count against the budget",
        )
    return evaluator


def to_the_end(start: Callable[[asyncio.Event], Coroutine[Any, Any, T]]) -> T:
    """Run `start` with Ctrl-C and SIGTERM turned into a clean stop; a second one ends at once."""

    async def supervised() -> T:
        stop = asyncio.Event()
        task = asyncio.create_task(start(stop))

        def interrupted() -> None:
            if stop.is_set():
                task.cancel()
            else:
                click.echo("\nstopping: waiting for answers under way, Ctrl-C again ends at once", err=True)
                stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, interrupted)
        return await task

    try:
        return asyncio.run(supervised())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


class Teller:
    """Tells how far a campaign is: a line that moves on a terminal, now and then a line elsewhere.

    Args:
        quiet: say nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._started = time.monotonic()
        self._told = -1e9
        self._first: int | None = None

    def __call__(self, standing: Standing) -> None:
        """Tell it."""
        now = time.monotonic()
        if self._quiet or (now - self._told < (0.2 if self._terminal else 5.0) and not _over(standing)):
            return
        self._told = now
        click.echo(
            ("\r\x1b[K" if self._terminal else "") + self._line(standing, now),
            err=True,
            nl=not self._terminal or _over(standing),
        )

    def _line(self, standing: Standing, now: float) -> str:
        from modelassay.engine import duration

        parts = [f"{standing.done:,} of {standing.total:,} attacks"]
        if self._first is None:
            self._first = standing.done
        seconds = now - self._started
        if (done := standing.done - self._first) and seconds > 0:
            rate = done / seconds
            parts.append(f"{rate:,.1f}/s")
            if not _over(standing):
                parts.append(f"{duration((standing.total - standing.done) / rate)} left")
        parts.append(f"{standing.requests:,} requests")
        if standing.tokens:
            parts.append(f"{standing.tokens:,} tokens")
        if standing.cost is not None:
            parts.append(f"cost {standing.cost:.4f}")
        parts += [f"{name.replace('_', ' ')} {count:,}" for name, count in sorted(standing.outcomes.items())]
        return ", ".join(parts)


def _over(standing: Standing) -> bool:
    return standing.done >= standing.total


def exit_code(examination: Examination, *, stopped: bool = False, little: str = "") -> ExitCode:
    """12 for one that a budget ended or that has no result, 10 when a finding is harmful or people have to
    look; 12 too where else nothing speaks against the candidate and there is too little to say so.

    A person's session without a finding is a result; attacks and questions without one were not put.

    Args:
        little: see `too_little`.
    """
    from modelassay.cli.inspect_options import concluded

    nothing = not examination.findings and examination.kind != "manual_red_team"
    code = ExitCode.INCONCLUSIVE if stopped or nothing else concluded(examination)
    return ExitCode.INCONCLUSIVE if little and code is ExitCode.ALLOWED else code


def too_little(examination: Examination) -> str:
    """Why an audit would not take it for a look at the candidate, such as too few attacks with a result;
    empty where it would."""
    import msgspec

    from modelassay.evidence.sufficient import limited, why_not_evidence

    held = {**examination.details, **limited(examination.kind)}
    return why_not_evidence(msgspec.structs.replace(examination, details=held))
