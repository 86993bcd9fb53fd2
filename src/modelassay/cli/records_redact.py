"""``modelassay records redact``: a copy of an audit with records withheld."""

from __future__ import annotations

from pathlib import Path

import click

from modelassay.cli.options import json_option, print_json, store_option
from modelassay.cli.records_options import bundle_at, selection_of, selection_options


@click.command("redact")
@click.argument("audit")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="New folder for the copy."
)
@selection_options
@store_option
@json_option
def command(
    audit: str,
    output: Path,
    samples: tuple[str, ...],
    tags: tuple[str, ...],
    side: str | None,
    keep_prompts: bool,
    store: Path | None,
    as_json: bool,
) -> None:
    """Write a copy of AUDIT (an id or a bundle) that withholds records; it verifies as redacted.

    Examples and report are left out. Scores stay, so that figures can be checked where prompts are kept.

    \b
    modelassay records redact release-1 --tag category=medical -o for-the-press
    modelassay records redact release-1 --side candidate -o without-answers
    """
    from modelassay.evidence.bundle import open_bundle
    from modelassay.evidence.contents import Contents
    from modelassay.evidence.redaction import redact, select, write_bundle

    bundle = open_bundle(bundle_at(audit, store))
    selection = selection_of(samples, tags, side, keep_prompts=keep_prompts)
    chosen = select(Contents(bundle), selection)
    write_bundle(redact(bundle, chosen), output)
    withheld = {file: len(indexes) for file, indexes in chosen.items()}
    if as_json:
        print_json({"written": str(output), "withheld": withheld})
    else:
        click.echo(f"wrote {output}: " + ", ".join(f"{n:,} {file} withheld" for file, n in withheld.items()))
