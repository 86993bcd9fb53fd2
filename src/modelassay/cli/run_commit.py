"""``modelassay run commit``: the developer binds themselves to a run, before anybody asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelassay.cli.options import chosen_store, json_option, print_json, store_option
from modelassay.cli.run_options import kept_run
from modelassay.cli.signing import log_signing_options, notary_of


@click.command("commit")
@click.argument("run")
@log_signing_options
@store_option
@json_option
def command(run: str, store: Path | None, as_json: bool, **signing: Any) -> None:
    """Commit to every rollout of RUN in the log of its store.

    From here on no rollout can be changed, dropped or added unseen. Nothing is disclosed: parts are hashed
    with salts that stay in the store. Doing it again changes nothing, and signs what was not signed. What was
    recorded of a run before it was killed, and is not in its files yet, is written up first.

    \b
    modelassay run commit grpo --log-key developer
    """
    from modelassay.assessment.committing import FOLDER, commit_run
    from modelassay.assessment.recording import write_up
    from modelassay.training.protocol.challenge import commitment_of

    place = chosen_store(store)
    notary = notary_of(verdict_key=None, **signing)
    write_up(place, Path(run).name, notary)
    found = kept_run(run, place)
    made = commit_run(found, place, notary)
    folder = found.folder / FOLDER
    proved = (folder / "closed.tlog-proof").is_file()
    if as_json:
        print_json(
            {
                "run": made.committed.run,
                "commitment": commitment_of(made.committed),
                "steps": made.committed.steps,
                "rollouts": made.committed.rollouts,
                "folder": str(folder),
                "proved": proved,
            }
        )
        return
    click.echo(
        f"{made.committed.run}: {made.committed.rollouts:,} rollouts in {made.committed.steps:,} steps"
    )
    click.echo(f"commitment {commitment_of(made.committed)}")
    click.echo(f"give the assessor {folder}")
    if not proved:
        click.echo("the log is not signed: `modelassay keys new` makes keys; then run this again", err=True)
