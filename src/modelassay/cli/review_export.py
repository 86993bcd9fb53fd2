"""``modelassay review export``: the answers to be labelled, for people elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from modelassay.cli.options import json_option, print_json, store_option
from modelassay.cli.review_options import labelling_of


@click.command("export")
@click.argument("audit")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to; .csv or .jsonl.",
)
@click.option("--size", type=click.IntRange(1), help="Pairs to draw of each measure. [default: the policy's]")
@click.option("--seed", type=int, default=1, show_default=True, help="Decides the draw.")
@store_option
@json_option
def command(audit: str, output: Path, size: int | None, seed: int, store: Path | None, as_json: bool) -> int:
    """Write the answers of AUDIT that were drawn: not whose they are, nor what the judge said."""
    from modelassay.errors import UsageError
    from modelassay.review.exchange import export_csv, export_jsonl

    writers = {".csv": export_csv, ".jsonl": export_jsonl}
    if output.suffix not in writers:
        raise UsageError(f"no format {output.suffix!r}", where=str(output), mend="end it in .csv or .jsonl")
    items = labelling_of(store, audit, size=size, seed=seed).items
    output.write_bytes(writers[output.suffix](items))
    if as_json:
        print_json({"items": len(items), "file": str(output)})
    else:
        click.echo(f"{len(items):,} answers to label in {output}", err=True)
    return 0
