"""Answers of commands that write one file: paid for from a budget, and kept in a folder as they come in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.errors import UsageError

if TYPE_CHECKING:
    from modelassay.config import Budget
    from modelassay.protocols import Target
    from modelassay.redteam.campaign.kept import KeptModel
    from modelassay.redteam.campaign.units import Part

answers_option = click.option(
    "--answers",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder in which answers are kept as they come in; the same command goes on with them.  "
    "[default: OUT.answers]",
)
budget_option = click.option(
    "--budget",
    "budgets",
    multiple=True,
    metavar="LIMIT=NUMBER",
    help="requests, tokens or minutes, of all models together; repeatable.",
)


def beside(out: Path) -> Path:
    """The folder of the answers that the file `out` is made of."""
    return out.with_name(f"{out.name}.answers")


def budget_without_money(texts: Sequence[str]) -> Budget:
    """A budget written as ``requests=1000``, of models that are named without a price.

    Raises:
        UsageError: no such limit, no number, or a limit in money.
    """
    from modelassay.cli.redteam_options import limits_of
    from modelassay.config import Budget

    limits = limits_of(tuple(texts))
    if "money" in limits:
        raise UsageError(
            "a limit in money needs the price of every model, which no option gives",
            where="--budget",
            mend="limit requests, tokens or minutes",
        )
    return Budget(**limits)


@asynccontextmanager
async def kept_models(
    targets: Sequence[Target], part: Part, folder: Path, budget: Budget, stop: asyncio.Event, *, quiet: bool
) -> AsyncIterator[list[KeptModel]]:
    """`targets`, each asked only what `folder` does not hold, from one budget; closed at the end.

    What is under way at the end, also at that of an error, is waited for and kept.

    Args:
        targets: models that are open.
        part: what they are.
        folder: of the answers; made where there is none.
        budget: what may be spent on all of them.
        stop: set to send nothing more.
        quiet: do not tell which folder it is.

    Raises:
        StoreError: the folder is in use or cannot be written.
        TargetError: a model cannot be asked at all.
    """
    from modelassay.canonical import digest_of
    from modelassay.engine import BudgetLedger, MeteredJudge
    from modelassay.redteam.campaign.journal import Journal
    from modelassay.redteam.campaign.kept import KeptModel
    from modelassay.whitebox.stating import now

    ledger = BudgetLedger(budget)
    found: list[KeptModel] = []
    try:
        # Any answer serves any settings: each stands under all that was asked, and of whom.
        with Journal(folder, digest_of({"kind": "answers"}), now()) as journal:
            if not quiet:
                there = f" ({len(journal):,} so far)" if len(journal) else ""
                click.echo(f"answers are kept in {folder}{there}; the same command goes on there", err=True)
            try:
                for target in targets:
                    metered = MeteredJudge(target)
                    metered.account = ledger.judge(None)
                    identity = await target.identify()
                    found.append(KeptModel(part, metered, identity, journal, stopping=stop.is_set))
                yield found
            finally:
                for each in found:
                    await each.settled()
    finally:
        for target in targets:
            await target.close()
