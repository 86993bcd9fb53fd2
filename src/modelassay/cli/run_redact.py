"""``modelassay run redact``: a copy of a run to be handed over without some of its text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.options import chosen_store, json_option, print_json, store_option
from modelassay.cli.run_options import kept_run

if TYPE_CHECKING:
    from modelassay.training.protocol.absent import Removable


@click.command("redact")
@click.argument("run")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="New folder for the copy."
)
@click.option(
    "--withhold",
    "parts",
    multiple=True,
    required=True,
    type=click.Choice(["prompt", "completion", "grader"]),
    help="Part that the copy lacks; repeatable.",
)
@store_option
@json_option
def command(run: str, output: Path, parts: tuple[Removable, ...], store: Path | None, as_json: bool) -> None:
    """Write a copy of RUN without prompts, completions or the grader's part, to be handed to an assessor.

    Lengths and figures stay, and of what is withheld the hash that was committed to, so that the copy is told
    from a changed one, and `run open --withhold` fits to it. Checks that read what is withheld say that they
    cannot be made. Events, names of tasks and files of checkpoints are copied as they are.

    \b
    modelassay run redact grpo --withhold prompt -o for-the-assessor/grpo
    """
    from modelassay.assessment.erasing import copy_without

    place = chosen_store(store)
    found = kept_run(run, place)
    done = copy_without(found, place, output, parts)
    if as_json:
        print_json({"written": str(output), "withheld": list(done.parts), "rollouts": done.rollouts})
    else:
        click.echo(f"wrote {output}: {' and '.join(done.parts)} of {done.rollouts:,} rollouts withheld")
