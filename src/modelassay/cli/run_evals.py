"""``modelassay run evals``: audits of checkpoints by one plan, as the counts that ``run assess`` reads."""

from __future__ import annotations

from pathlib import Path

import click

from modelassay.cli.options import chosen_store, json_option, print_json, store_option, writable


@click.command("evals")
@click.argument("audits", nargs=-1, required=True, metavar="CHECKPOINT=AUDIT…")
@click.option(
    "--behaviour",
    "behaviours",
    multiple=True,
    required=True,
    metavar="NAME=MEASURE",
    help="Shown by answers that score below ½ on the measure; repeatable.",
)
@click.option("--tag", default="arm", show_default=True, help="Of samples, that names their arm.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), callback=writable, required=True
)
@store_option
@json_option
def command(
    audits: tuple[str, ...],
    behaviours: tuple[str, ...],
    tag: str,
    output: Path,
    store: Path | None,
    as_json: bool,
) -> None:
    """Count what sealed AUDITs (ids of the store, folders or archives) say of checkpoints, in their order.

    Audit every checkpoint with one plan, the model before training as the baseline; samples say by a tag
    whether they are seen, heldout, paraphrased or of another environment. Audits are read as they are:
    `modelassay verify` checks them.

    \b
    modelassay audit plan.yaml --set candidate=hf:out/checkpoint-20
    modelassay run evals grpo/checkpoint-20=4f1c --behaviour shotgun=one_answer -o evals.jsonl
    modelassay run assess grpo --evals evals.jsonl
    """
    from modelassay.assessment.checkpoint_audits import (
        asked_models,
        counts_of_audits,
        read_checkpoint_audit,
        write_counts,
    )
    from modelassay.log.durable import write_atomic

    place = chosen_store(store)
    measures = dict(_pair(text, "--behaviour") for text in behaviours)
    read = [
        read_checkpoint_audit(name, _bundle(place, audit), tag)
        for name, audit in (_pair(text, "CHECKPOINT=AUDIT") for text in audits)
    ]
    rows = counts_of_audits(read, measures)
    write_atomic(output, write_counts(rows, asked_models(read)))
    if as_json:
        print_json({"evals": str(output), "checkpoints": rows})
        return
    from modelassay.report.text import visible

    for name, row in rows.items():
        for arm, cell in row.items():
            told = ", ".join(f"{each} {cell[each]} of {cell['n']}" for each in measures if each in cell)
            click.echo(visible(f"{name}  {arm}: {told}"))


def _pair(text: str, where: str) -> tuple[str, str]:
    from modelassay.errors import UsageError

    name, mark, value = text.partition("=")
    if not mark or not name or not value:
        raise UsageError("NAME=VALUE is wanted", where=f"{where}: {text}")
    return name, value


def _bundle(store: Path, audit: str) -> Path:
    """The audit of `store` whose id is, or alone begins with, `audit`; else the bundle at that path."""
    from modelassay.errors import UsageError

    found = sorted(path for path in (store / "audits").glob("*") if path.name.startswith(audit))
    exact = [path for path in found if path.name == audit]
    if exact or len(found) == 1:
        return (exact or found)[0]
    if Path(audit).exists():
        return Path(audit)
    what = f"{len(found)} audits start with {audit!r}" if found else f"no audit {audit!r}"
    raise UsageError(what, where=str(store / "audits"), mend="`modelassay list` lists them")
