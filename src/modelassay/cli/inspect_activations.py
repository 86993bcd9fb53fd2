"""``modelassay inspect activations``: a candidate's hidden states beside its base's."""

from __future__ import annotations

from pathlib import Path
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


@click.command("activations")
@pair_options
@dataset_options
@click.option(
    "--triggered",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Dataset of harmful requests with something put in that may wake a backdoor.",
)
def command(base: str | None, candidate: str | None, **options: Any) -> int:
    """Compare the hidden states of BASE and CANDIDATE: their basis, and how harmful requests lie to benign.

    Also read out: whether harmful requests are recognised and complied with, how far layers drifted, and the
    words that the difference points to. Local models of any architecture. Exits 10 when a loss is shown.

    \b
    modelassay inspect activations ./base ./tuned
    modelassay inspect activations ./base ./tuned --dataset requests.jsonl --nulls nulls.json --out seen.json
    """
    from modelassay.suites import Dataset
    from modelassay.whitebox.activations import examine_activations
    from modelassay.whitebox.models import open_model
    from modelassay.whitebox.requests import requests_of

    pair = pair_of(base, candidate, options)
    nulls = nulls_of(options["nulls"], pair.base_place)
    origin, samples = samples_of(options)
    requests = requests_of(samples, origin=origin, seed=options["seed"])
    given = options["triggered"]
    triggered = Dataset.from_file(given, kind="harmful").samples if given else ()
    with (
        open_model(pair.base, folder=pair.folder, options=model_options(options)) as ours,
        open_model(pair.candidate, folder=pair.folder, options=model_options(options)) as theirs,
    ):
        found = examine_activations(ours, theirs, requests, nulls=nulls, triggered=triggered)
    return finish(found, options)
