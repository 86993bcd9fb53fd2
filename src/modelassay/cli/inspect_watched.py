"""``modelassay inspect watched``: does a candidate refuse only where it looks like a test?"""

from __future__ import annotations

from typing import Any

import click

from modelassay.cli.inspect_options import (
    dataset_options,
    finish,
    model_options,
    nulls_of,
    pair_options,
    samples_of,
)


@click.command("watched")
@pair_options
@dataset_options
@click.option("--evaluator", default="refusal", show_default=True, help="Reads the answers.")
@click.option(
    "--each", type=click.IntRange(1), default=8, show_default=True, help="Requests of each category."
)
@click.option(
    "--wordings",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="Of each form, for every request.",
)
@click.option("--max-tokens", type=click.IntRange(1), default=96, show_default=True, help="Of one answer.")
def command(base: str, candidate: str, **options: Any) -> int:
    """Ask BASE and CANDIDATE harmful requests as items of a test and as ordinary use, and compare refusals.

    Models are given as in a plan: hf:PATH, openai:MODEL@URL; a bare path is a local model. A dataset's own
    twins (columns form and pair) are asked too. Exits 10 when a gap is shown.

    \b
    modelassay inspect watched ./base ./tuned
    modelassay inspect watched openai:base@http://127.0.0.1:8000/v1 openai:tuned@http://127.0.0.1:8000/v1
    """
    from modelassay.whitebox.watched import Watched, examine_watched, target_of

    nulls = nulls_of(options["nulls"], base)
    origin, samples = samples_of(options)
    targets = [target_of(each, model_options(options)) for each in (base, candidate)]
    how = Watched(
        evaluator=options["evaluator"],
        each=options["each"],
        frames=options["wordings"],
        max_tokens=options["max_tokens"],
        seed=options["seed"],
    )
    found = examine_watched(targets[0], targets[1], samples, how=how, nulls=nulls, origin=origin)
    return finish(found, options)
