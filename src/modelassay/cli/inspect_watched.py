"""``modelassay inspect watched``: does a candidate refuse only where it looks like a test?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

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
from modelassay.cli.kept_answers import (
    answers_option,
    beside,
    budget_option,
    budget_without_money,
    kept_models,
)

if TYPE_CHECKING:
    from modelassay.records import Examination


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
@budget_option
@answers_option
def command(base: str | None, candidate: str | None, **options: Any) -> int:
    """Ask BASE and CANDIDATE harmful requests as items of a test and as ordinary use, and compare refusals.

    Models are given as in a plan: hf:PATH, openai:MODEL@URL; a bare path is a local model. A dataset's own
    twins (columns form and pair) are asked too. Every answer is kept at once: killed, stopped or at the end
    of its budget, the same command goes on without asking for it again. Exits 10 when a gap is shown.

    \b
    modelassay inspect watched ./base ./tuned
    modelassay inspect watched openai:base@http://127.0.0.1:8000/v1 openai:tuned@http://127.0.0.1:8000/v1
    modelassay inspect watched --plan plan.yaml --out watched.json
    """
    from modelassay.cli.redteam_options import to_the_end
    from modelassay.whitebox.watched import Watched, examined_watched, target_of

    pair = pair_of(base, candidate, options)
    nulls = nulls_of(options["nulls"], pair.base_place)
    origin, samples = samples_of(options)
    budget = budget_without_money(options["budgets"])
    targets = [
        target_of(each, model_options(options), folder=pair.folder) for each in (pair.base, pair.candidate)
    ]
    how = Watched(
        evaluator=options["evaluator"],
        each=options["each"],
        frames=options["wordings"],
        max_tokens=options["max_tokens"],
        seed=options["seed"],
    )

    async def asked(folder: Path, stop: asyncio.Event, *, quiet: bool) -> Examination:
        async with kept_models(targets, "target", folder, budget, stop, quiet=quiet) as models:
            return await examined_watched(models[0], models[1], samples, how, nulls, origin)

    with _folder(options, pair.names) as (folder, passing):
        found = to_the_end(lambda stop: asked(folder, stop, quiet=options["quiet"] or passing))
    return finish(found, options)


@contextmanager
def _folder(options: dict[str, Any], models: tuple[str, str]) -> Iterator[tuple[Path, bool]]:
    """Where answers are kept, and whether only while they are needed: those of local models cost nothing."""
    if options["answers"] is not None:
        yield options["answers"], False
    elif options["out"] is not None:
        yield beside(options["out"]), False
    elif any(":" in each and not each.startswith("hf:") for each in models):
        yield beside(Path("watched")), False
    else:
        with TemporaryDirectory(prefix="modelassay-") as folder:
            yield Path(folder), True
