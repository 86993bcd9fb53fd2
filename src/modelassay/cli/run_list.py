"""``modelassay run list``: the training runs of a store."""

from __future__ import annotations

from pathlib import Path

import click

from modelassay.cli.options import chosen_store, json_option, print_json, reader_may_leave, store_option
from modelassay.cli.run_options import open_run, run_names


@click.command("list")
@store_option
@json_option
def command(store: Path | None, as_json: bool) -> None:
    """List the training runs of a store, with their framework and how many rollouts are kept."""
    place = chosen_store(store)
    runs = [open_run(name, place) for name in run_names(place)]
    rows = [
        {
            "run": run.folder.name,
            "name": run.manifest.name,
            "origin": run.manifest.origin,
            "framework": run.manifest.framework,
            "algorithm": run.manifest.algorithm,
            "rollouts": coverage.found if coverage else None,
            "expected": coverage.expected_train if coverage else None,
        }
        for run in runs
        for coverage in [run.coverage()]
    ]
    if as_json:
        print_json({"runs": rows})
        return
    from modelassay.report.text import visible

    with reader_may_leave():
        if not rows:
            click.echo(f"no training runs in {place}")
        for row in rows:
            count = "" if row["rollouts"] is None else f"{row['rollouts']:,} rollouts"
            click.echo(f"{row['run']}  {row['origin']}  {visible(str(row['framework']))}  {count}")
