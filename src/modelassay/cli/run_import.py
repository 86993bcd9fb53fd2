"""``modelassay run import``: what a training framework left on disk, as a run of the store."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.options import (
    chosen_store,
    json_option,
    print_json,
    quiet_option,
    reader_may_leave,
    store_option,
)
from modelassay.cli.run_options import runs_folder
from modelassay.errors import UsageError

if TYPE_CHECKING:
    from modelassay.training.run import Run


@click.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--framework", default="", metavar="NAME", help="Whose layout it is. [default: told by layout]")
@click.option(
    "--map",
    "mapping",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML file that says which column of a table is what.",
)
@click.option("--name", default="", help="Of the run in the store. [default: the source's name]")
@click.option(
    "--tokenizer",
    type=click.Path(exists=True, path_type=Path),
    help="Folder with tokenizer.json, for sources that keep token ids without text.",
)
@click.option(
    "--group-size",
    type=click.IntRange(min=1),
    help="Rollouts per prompt, where the source neither says nor shows it.",
)
@store_option
@quiet_option
@json_option
def command(
    source: Path,
    framework: str,
    mapping: Path | None,
    name: str,
    tokenizer: Path | None,
    group_size: int | None,
    store: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Take over a training run without changes to its code, and say how much of it was found.

    SOURCE is the output folder of TRL, verl, OpenRLHF, NeMo-RL, open-instruct, prime-rl, verifiers, the
    Tinker cookbook, Atropos or Inspect, or a table of rollouts. Nothing in it is executed, pickles are never
    loaded, and rows that cannot be read are kept apart with the reason.

    \b
    modelassay run import outputs/grpo
    modelassay run import rollouts/ --framework verl --name math-7b
    modelassay run import rows.jsonl --map columns.yaml
    """
    from modelassay.training.importers import ImportOptions, import_run

    folder = runs_folder(chosen_store(store)) / _run_name(name or source.resolve().name.split(".")[0])
    run = import_run(
        source,
        folder,
        name=name,
        framework=framework,
        options=ImportOptions(mapping=mapping, tokenizer=tokenizer, group_size=group_size),
        progress=_progress(quiet),
    )
    with reader_may_leave():
        if as_json:
            print_json({"run": folder.name, "manifest": run.manifest, "coverage": run.coverage()})
        else:
            _tell(run)


def _run_name(text: str) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:80]
    if not name:
        raise UsageError(f"{text!r} is no name for a run", mend="give one with --name")
    return name


def _progress(quiet: bool) -> Callable[[int], None]:
    if quiet or not sys.stderr.isatty():
        return lambda rows: None
    return lambda rows: click.echo(f"\r{rows:,} rollouts", nl=False, err=True)


def _tell(run: Run) -> None:
    from modelassay.cli.run_show import coverage_lines
    from modelassay.report.text import visible

    manifest, coverage = run.manifest, run.coverage()
    click.echo(f"imported {visible(run.folder.name)} from {manifest.framework}")
    for line in coverage_lines(coverage) if coverage else []:
        click.echo(f"  {visible(line)}")
