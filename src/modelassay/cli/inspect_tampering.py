"""``modelassay inspect tampering``: how little undoes a candidate's refusals."""

from __future__ import annotations

from typing import Any

import click

from modelassay.cli.inspect_options import (
    dataset_options,
    finish,
    model_options,
    nulls_of,
    pair_of,
    pair_options,
    samples_of,
)


@click.command("tampering")
@pair_options
@dataset_options
@click.option(
    "--learning-rate",
    type=click.FloatRange(0.0),
    default=0.0,
    help="Of AdamW; 0 chooses by the model's width.",
)
def command(base: str | None, candidate: str | None, **options: Any) -> int:
    """Tune copies of BASE and CANDIDATE for a few steps, push them along their refusal direction, and
    compare.

    Slow. Copies are kept in memory, with gradients, and never written. Exits 10 when CANDIDATE is shown to
    give way sooner than harmless fine-tunes.

    \b
    modelassay inspect tampering ./base ./tuned --nulls nulls.json --out tampering.json
    """
    from modelassay.whitebox.models import open_model
    from modelassay.whitebox.requests import requests_of
    from modelassay.whitebox.tampering import Tampering, examine_tampering

    pair = pair_of(base, candidate, options)
    nulls = nulls_of(options["nulls"], pair.base_place)
    origin, samples = samples_of(options)
    requests = requests_of(samples, origin=origin, seed=options["seed"])
    how = Tampering(learning_rate=options["learning_rate"], seed=options["seed"])
    with (
        open_model(pair.base, folder=pair.folder, options=model_options(options)) as ours,
        open_model(pair.candidate, folder=pair.folder, options=model_options(options)) as theirs,
    ):
        found = examine_tampering(ours, theirs, requests, how=how, nulls=nulls)
    return finish(found, options)
