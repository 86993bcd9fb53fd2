"""``modelassay inspect adapters``: adapters alone and stacked."""

from __future__ import annotations

from typing import Any

import click

from modelassay.cli.inspect_options import (
    dataset_options,
    finish,
    look_options,
    model_options,
    nulls_of,
    samples_of,
)


@click.command("adapters")
@click.argument("base")
@click.argument("adapters", nargs=-1, required=True, metavar="ADAPTER...")
@click.option(
    "--stacks",
    type=click.IntRange(2),
    default=2,
    show_default=True,
    help="Adapters of the largest stacks tried; the stack of all of them is always tried.",
)
@click.option("--most", type=click.IntRange(1), default=200, show_default=True, help="Stacks tried at most.")
@click.option(
    "--answers",
    type=click.IntRange(1),
    default=96,
    show_default=True,
    help="Harmful requests whose answers are generated and read, for the stacks that stand out.",
)
@click.option(
    "--community",
    is_flag=True,
    help="The adapters come from strangers: look at files, origin, licence and spectra too.",
)
@look_options
@dataset_options
def command(base: str, adapters: tuple[str, ...], **options: Any) -> int:
    """Try each ADAPTER on BASE alone, all of them stacked in this order, and pairs.

    An adapter may be harmless alone and lift refusals beside another one. BASE and ADAPTER are folders;
    ADAPTER@0.5 gives one another weight. The stack of all of them is the candidate that audits know as
    hf:BASE+ADAPTER+ADAPTER. Exits 10 when harm is shown.

    \b
    modelassay inspect adapters ./base ./style ./domain --out adapters.json
    modelassay inspect adapters ./base ./one ./two ./three --stacks 3 --community --nulls nulls.json
    """
    from modelassay.whitebox.adapters.bench import open_bench
    from modelassay.whitebox.adapters.examining import Settings, examine_adapters
    from modelassay.whitebox.requests import requests_of

    nulls = nulls_of(options["nulls"], base)
    origin, samples = samples_of(options)
    requests = requests_of(samples, origin=origin, seed=options["seed"])
    settings = Settings(
        largest=options["stacks"],
        most=options["most"],
        answers=options["answers"],
        community=options["community"],
    )

    def tell(what: str) -> None:
        if not options["quiet"]:
            click.echo(f"trying {what}", err=True)

    with open_bench(base, adapters, requests, options=model_options(options)) as bench:
        found = examine_adapters(bench, nulls=nulls, settings=settings, tick=tell)
    return finish(found, options)
