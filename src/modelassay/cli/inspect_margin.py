"""``modelassay inspect margin``: how firmly a candidate still refuses."""

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


@click.command("margin")
@pair_options
@dataset_options
def command(base: str | None, candidate: str | None, **options: Any) -> int:
    """Compare how firmly BASE and CANDIDATE refuse harmful requests, and how ready they are to help.

    Read at the first token of the answer, on harmful and on benign requests. Both are local models: a folder,
    or hf:PATH+ADAPTER. Nothing is generated. Exits 10 when a loss is shown.

    \b
    modelassay inspect margin ./base ./tuned
    modelassay inspect margin ./base ./tuned --dataset requests.jsonl --nulls nulls.json --out margin.json
    """
    from modelassay.whitebox.models import open_model
    from modelassay.whitebox.refusal_margin import examine_refusal_margin
    from modelassay.whitebox.requests import requests_of

    pair = pair_of(base, candidate, options)
    nulls = nulls_of(options["nulls"], pair.base_place)
    origin, samples = samples_of(options)
    requests = requests_of(samples, origin=origin, seed=options["seed"])
    with (
        open_model(pair.base, folder=pair.folder, options=model_options(options)) as ours,
        open_model(pair.candidate, folder=pair.folder, options=model_options(options)) as theirs,
    ):
        return finish(examine_refusal_margin(ours, theirs, requests, nulls=nulls), options)
