"""``modelassay inspect suffixes``: suffixes that lift a local model's refusals, for frozen attacks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.inspect_options import (
    dataset_options,
    model_options,
    samples_of,
    search_options,
    write_rows,
)
from modelassay.cli.options import print_json, reader_may_leave
from modelassay.errors import StoreError

if TYPE_CHECKING:
    from modelassay.whitebox.suffixes.optimising import Suffix


@click.command("suffixes")
@click.argument("model")
@dataset_options
@click.option(
    "--method", type=click.Choice(("gcg", "random")), default="gcg", show_default=True, help="How to search."
)
@click.option("--count", type=click.IntRange(1, 100), default=1, show_default=True, help="How many.")
@click.option("--length", type=click.IntRange(1, 64), default=8, show_default=True, help="Words of a suffix.")
@click.option(
    "--steps", type=click.IntRange(1), default=50, show_default=True, help="Steps for each of them."
)
@click.option(
    "--tried", type=click.IntRange(1), default=64, show_default=True, help="Replacements tried in a step."
)
@click.option("--budget-seconds", type=click.FloatRange(0, min_open=True), help="Stop each of them by then.")
@search_options
def command(model: str, **options: Any) -> int:
    """Search for suffixes that lift the refusals of MODEL, over several requests at once.

    The file is what the attack adversarial_suffix takes, so that base and candidate are shown the same. It is
    written anew whenever one is found, so that an interruption loses the one that is searched alone. A suffix
    belongs to the model that it was found on.

    \b
    modelassay inspect suffixes ./base --method gcg --count 4 --out suffixes.jsonl
    modelassay redteam show adversarial_suffix --with file=suffixes.jsonl
    """
    from modelassay.whitebox.models import open_model
    from modelassay.whitebox.suffixes.optimising import Budget, find_suffixes

    _, samples = samples_of(options)
    budget = Budget(steps=options["steps"], tried=options["tried"], seconds=options["budget_seconds"])
    with open_model(model, options=model_options(options)) as opened:
        name = str(opened.identity.fingerprint)
        found = find_suffixes(
            opened,
            samples,
            method=options["method"],
            count=options["count"],
            length=options["length"],
            budget=budget,
            seed=options["seed"],
            progress=_telling(quiet=options["quiet"]),
            keep=_keeping(options["out"], name),
        )
    rows = [each.row(name) for each in found]
    with reader_may_leave():
        if options["as_json"]:
            print_json({"found_on": name, "suffixes": found})
        for each in found if not options["as_json"] else ():
            click.echo(
                f"{each.lifted} of {each.held_out} other requests lifted, log-odds of refusing "
                f"{each.odds[0]:.1f} → {each.odds[1]:.1f}: {each.text}"
            )
    if options["out"] is not None:  # what was found is told even where it cannot be written
        write_rows(options["out"], rows, "suffixes")
    return 0


def _keeping(out: Path | None, name: str) -> Callable[[Suffix], None]:
    """Writes what was found so far; where that cannot be written, the command says so once all is found."""
    from modelassay.whitebox.suffixes.optimising import best_first

    found: list[Suffix] = []

    def keep(suffix: Suffix) -> None:
        found.append(suffix)
        if out is not None:
            with suppress(StoreError):  # raised again by the last writing, after all was searched and told
                write_rows(out, [each.row(name) for each in best_first(found)], "suffixes")

    return keep


def _telling(*, quiet: bool) -> Callable[[int, int, float], None]:
    def tell(number: int, step: int, odds: float) -> None:
        if not quiet and step % 10 == 0:
            click.echo(f"suffix {number + 1}, step {step}: log-odds of refusing {odds:.2f}", err=True)

    return tell
