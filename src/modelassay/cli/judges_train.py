"""``modelassay judges train``: the classifiers that come with the package, from labelled rows."""

from __future__ import annotations

from pathlib import Path

import click

from modelassay.cli.options import data_dir_option, json_option, print_json


@click.command("train")
@click.argument("names", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the weights.")
@data_dir_option
@json_option
def command(names: tuple[str, ...], out: Path, data_dir: Path | None, as_json: bool) -> None:
    """Train classifiers (all of them by default) on the permissively licensed rows of the data folder.

    The same rows give the same bytes.
    """
    from modelassay.cli.judges_options import labelled_data
    from modelassay.evaluators.trained.classifier import SUFFIX
    from modelassay.evaluators.trained.recipes import RECIPES, train
    from modelassay.evaluators.trained.weights import unpack

    out.mkdir(parents=True, exist_ok=True)
    made = []
    for name in names or tuple(RECIPES):
        click.echo(f"training {name}", err=True)
        data = train(name, labelled_data(data_dir))
        path = out / f"{name}{SUFFIX}"
        path.write_bytes(data)
        card = unpack(data, where=str(path)).card
        made.append({"name": name, "version": card.version, "file": str(path), "kappa": card.agreement})
        if not as_json:
            kappas = ", ".join(f"{each} {kappa:.3f}" for each, kappa in card.agreement.items())
            click.echo(f"{name}@{card.version}: {len(data):,} bytes; kappa out of fold: {kappas}")
    if as_json:
        print_json({"classifiers": made})
