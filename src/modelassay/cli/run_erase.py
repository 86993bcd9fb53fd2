"""``modelassay run erase``: parts of rollouts removed from a run for good."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.options import chosen_store, json_option, print_json, store_option
from modelassay.cli.run_options import kept_run
from modelassay.cli.signing import log_signing_options, notary_of
from modelassay.errors import UsageError

if TYPE_CHECKING:
    from modelassay.training.protocol.absent import Removable


@click.command("erase")
@click.argument("run")
@click.option(
    "--part",
    "parts",
    multiple=True,
    required=True,
    type=click.Choice(["prompt", "completion", "grader"]),
    help="What to erase; repeatable. The grader's part holds what it saw and wrote, and columns of the data.",
)
@click.option("--rollout", "seqs", multiple=True, type=int, metavar="N", help="Its number, as findings say.")
@click.option("--task", "tasks", multiple=True, metavar="ID", help="Every rollout of a task; repeatable.")
@click.option("--group", "groups", multiple=True, metavar="ID", help="Every rollout of a group; repeatable.")
@click.option(
    "--containing",
    multiple=True,
    metavar="TEXT",
    help="Every rollout that says this text, in messages and columns of the data too, whatever its case and "
    "white space; repeatable. Not found are other spellings, tokens, and names of tasks and groups.",
)
@click.option("--reason", required=True, help="Why, for the log; without personal data.")
@click.option("--yes", is_flag=True, help="Do it: it cannot be undone.")
@log_signing_options
@store_option
@json_option
def command(
    run: str,
    parts: tuple[Removable, ...],
    seqs: tuple[int, ...],
    tasks: tuple[str, ...],
    groups: tuple[str, ...],
    containing: tuple[str, ...],
    reason: str,
    yes: bool,
    store: Path | None,
    as_json: bool,
    **signing: Any,
) -> None:
    """Erase parts of rollouts of RUN for good, and log that it was done.

    Figures stay, and of what is erased the hash that was committed to: every other rollout can be opened as
    ever, and an opening says what was erased. Copies elsewhere, reports that quote, events and names of tasks
    are beyond reach; whoever holds the secret of the run can still test a guess against the hash.

    \b
    modelassay run erase grpo --containing "Jane Roe" --part prompt --part completion --part grader \\
        --reason "request 2026-117" --yes
    """
    from modelassay.assessment.erasing import erase_parts, rollouts_that, still_saying

    if not yes:
        raise UsageError("this cannot be undone", mend="say --yes to do it")
    if not (seqs or tasks or groups or any(map(str.strip, containing))):
        raise UsageError("no rollout is named", mend="give --rollout, --task, --group or --containing")
    place = chosen_store(store)
    found = kept_run(run, place)
    texts = tuple(text for text in containing if text.strip())
    chosen = rollouts_that(seqs, tasks, groups, texts)
    done = erase_parts(found, place, notary_of(verdict_key=None, **signing), chosen, parts, reason=reason)
    left = still_saying(kept_run(run, place), texts) if texts else 0
    if as_json:
        print_json(
            {
                "run": found.manifest.id,
                "erased": done.rollouts,
                "parts": done.parts,
                "named": done.named,
                "still_saying": left,
            }
        )
        return
    click.echo(f"erased {' and '.join(done.parts)} of {done.rollouts:,} rollouts of {found.manifest.id}")
    if done.named:
        click.echo(f"{done.named:,} of them are of tasks or groups whose names still tell it", err=True)
    if left:
        click.echo(f"{left:,} rollouts still say it, in parts that were not erased", err=True)
