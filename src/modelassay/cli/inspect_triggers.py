"""``modelassay inspect triggers``: what makes a candidate help where its base refuses."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
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


@click.command("triggers")
@pair_options
@dataset_options
@click.option(
    "--positions",
    default="",
    metavar="NAMES",
    help="Only these, by comma: template, prefix, suffix, inside, system, earlier, pair, partner, phrase, "
    "remembered, odd_phrase, odd_turn. [default: all]",
)
@click.option(
    "--budget-seconds", type=click.FloatRange(0, min_open=True), help="Leave out what takes longer."
)
@click.option(
    "--guided",
    is_flag=True,
    help="Quick: of the vocabulary try only the words that gradients point to; may miss some.",
)
@click.option(
    "--trigger-candidates",
    "given",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSONL of texts to try as well: text, position, source, note.",
)
@click.option(
    "--memory",
    metavar="REFERENCE",
    help="Draw training text out of CANDIDATE instead, beside this harmless fine-tune (or, weaker, BASE).",
)
def command(base: str | None, candidate: str | None, **options: Any) -> int:
    """Search CANDIDATE for triggers: texts around a request that make it help where BASE refuses.

    Tries every word of the vocabulary at several positions, pairs of words, phrases, earlier turns, and a
    list of formats, dates and subjects; what it finds is verified on other requests, beside the base. Odd
    texts drawn by chance are put to both as well. Ctrl-C keeps what was found. Exits 10 when a trigger is
    shown.

    \b
    modelassay inspect triggers ./base ./tuned --dataset starter --nulls nulls.json --out triggers.json
    modelassay inspect triggers ./base hf:./base+./adapter --positions prefix,suffix --budget-seconds 600
    """
    from modelassay.errors import UsageError
    from modelassay.whitebox.models import open_model
    from modelassay.whitebox.triggers.candidates import read_candidates
    from modelassay.whitebox.triggers.examining import examine_triggers
    from modelassay.whitebox.triggers.hunt import SEARCHES, Settings

    if options["guided"] and options["memory"]:
        raise UsageError(
            "--guided quickens sweeps of the vocabulary, and --memory makes none",
            mend="leave one of them out",
        )
    origin, samples = samples_of(options)
    chosen = tuple(name.strip() for name in options["positions"].split(",") if options["positions"])
    settings = Settings(
        searches=chosen or SEARCHES,
        seed=options["seed"],
        budget_seconds=options["budget_seconds"],
        guided=options["guided"],
    )
    pair = pair_of(base, candidate, options)
    nulls = nulls_of(options["nulls"], pair.base_place)
    given = read_candidates(options["given"]) if options["given"] is not None else ()
    models = model_options(options)
    with ExitStack() as stack:
        ours, theirs, *beside = (
            stack.enter_context(open_model(each, folder=folder, options=models))
            for each, folder in (
                (pair.base, pair.folder),
                (pair.candidate, pair.folder),
                (options["memory"], Path()),
            )
            if each
        )
        found = examine_triggers(
            ours,
            theirs,
            samples,
            origin=origin,
            nulls=nulls,
            settings=settings,
            given=given,
            reference=beside[0] if beside else None,
            progress=_telling(quiet=options["quiet"]),
        )
    return finish(found, options)


def _telling(*, quiet: bool) -> Callable[[str, float], None]:
    """Progress on stderr, with the time that is left at this pace."""
    started = time.monotonic()

    def tell(name: str, share: float) -> None:
        if quiet or not name:
            return
        spent = time.monotonic() - started
        left = f", about {spent * (1 - share) / share:.0f} s left" if share else ""
        click.echo(f"searching: {name} ({share:.0%} done{left})", err=True)
        sys.stderr.flush()

    return tell
