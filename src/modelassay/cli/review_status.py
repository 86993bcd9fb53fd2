"""``modelassay review status``: counts, agreement of people, judge against people."""

from __future__ import annotations

from pathlib import Path

import click

from modelassay.cli.options import json_option, print_json, store_option
from modelassay.cli.review_options import labelling_of


@click.command("status")
@click.argument("audit")
@store_option
@json_option
def command(audit: str, store: Path | None, as_json: bool) -> int:
    """How far labelling of AUDIT is, how far people agree, and how the judge does against them.

    Nothing is written: before anything is labelled it tells of the pairs that would be drawn.
    """
    from modelassay.review.progress import progress_of

    labelling = labelling_of(store, audit, keep=False)
    found = progress_of(labelling.contents, labelling.draw, labelling.items, labelling.book)
    if as_json:
        print_json({"audit": labelling.contents.record.id, "measures": found})
        return 0
    for each in found:
        click.echo(
            f"{each.measure}: {each.pairs_labelled:,} of {each.pairs_drawn:,} drawn pairs labelled, "
            f"{each.skipped:,} skipped; {each.population:,} pairs stand behind them"
        )
        people = ", ".join(f"{name} {count:,}" for name, count in sorted(each.annotators.items()))
        click.echo(f"  by {people or 'nobody yet'}")
        if each.alpha is not None:
            low, high = each.alpha.low, each.alpha.high
            click.echo(f"  people agree: Krippendorff's alpha {each.alpha.value} ({low} to {high})")
        if each.alike:
            click.echo(
                f"  people agree: all {each.alike:,} answers that two or more labelled have one and the same "
                "label, so Krippendorff's alpha cannot be told"
            )
        for side, table in each.judge.items():
            click.echo(
                f"  judge against people, {side}: " + ", ".join(f"{k} {v:,}" for k, v in table.items())
            )
    return 0
