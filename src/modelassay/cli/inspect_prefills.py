"""``modelassay inspect prefills``: beginnings of answers that lift a local model's refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from modelassay.cli.inspect_options import (
    dataset_options,
    model_options,
    samples_of,
    search_options,
    write_rows,
)
from modelassay.cli.options import print_json, reader_may_leave


@click.command("prefills")
@click.argument("model")
@dataset_options
@click.option("--count", type=click.IntRange(1, 100), default=4, show_default=True, help="How many.")
@click.option(
    "--opening",
    "openings",
    multiple=True,
    help="Begin the search with these words, in place of those of the package; repeatable.",
)
@click.option(
    "--words",
    type=click.IntRange(0, 64),
    default=4,
    show_default=True,
    help="Tokens by which beginnings are made longer, at most.",
)
@click.option(
    "--beam", type=click.IntRange(1, 256), default=6, show_default=True, help="Beginnings kept at a length."
)
@click.option(
    "--likeliest",
    type=click.IntRange(1, 1024),
    default=8,
    show_default=True,
    help="Of the model's likeliest tokens, so many are tried after each.",
)
@click.option("--budget-seconds", type=click.FloatRange(0, min_open=True), help="Make none longer by then.")
@search_options
def command(model: str, **options: Any) -> int:
    """Search for beginnings of an answer after which MODEL no longer refuses, over several requests at once.

    They are made of the model's own likely words, from mild openings and from nothing. The file is what the
    attack prefill takes, so that base and candidate are shown the same.

    \b
    modelassay inspect prefills ./base --count 4 --out prefills.jsonl
    modelassay redteam show prefill --with file=prefills.jsonl
    """
    from modelassay.whitebox.models import open_model
    from modelassay.whitebox.prefills.searching import OPENINGS, Budget, find_prefills

    _, samples = samples_of(options)
    budget = Budget(
        words=options["words"],
        beam=options["beam"],
        likeliest=options["likeliest"],
        seconds=options["budget_seconds"],
    )
    with open_model(model, options=model_options(options)) as opened:
        found = find_prefills(
            opened,
            samples,
            count=options["count"],
            openings=options["openings"] or OPENINGS,
            budget=budget,
            seed=options["seed"],
            progress=_telling(quiet=options["quiet"]),
        )
        name = str(opened.identity.fingerprint)
    with reader_may_leave():
        if options["as_json"]:
            print_json({"found_on": name, "prefills": found})
        for each in found if not options["as_json"] else ():
            click.echo(
                f"{each.lifted} of {each.held_out} other requests lifted, log-odds of refusing "
                f"{each.odds[0]:.1f} → {each.odds[1]:.1f}: {each.text}"
            )
        if not found:
            click.echo("nothing lowers the log-odds of refusing", err=True)
    if options["out"] is not None and found:  # what was found is told even where it cannot be written
        write_rows(options["out"], [each.row(name) for each in found], "beginnings")
    return 0


def _telling(*, quiet: bool) -> Callable[[int, float], None]:
    def tell(words: int, odds: float) -> None:
        if not quiet:
            click.echo(f"{words} tokens longer: log-odds of refusing {odds:.2f} at least", err=True)

    return tell
