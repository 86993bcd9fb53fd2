"""``modelassay records disclose``: single answers in one file that verifies alone."""

from __future__ import annotations

from pathlib import Path

import click

from modelassay.cli.options import json_option, print_json, store_option
from modelassay.cli.records_options import bundle_at


@click.command("disclose")
@click.argument("audit")
@click.option(
    "--sample", "samples", multiple=True, required=True, metavar="ID", help="Id of a sample; repeatable."
)
@click.option("--epoch", type=click.IntRange(0), help="Only this repetition. [default: all]")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="File to write.")
@store_option
@json_option
def command(
    audit: str, samples: tuple[str, ...], epoch: int | None, output: Path, store: Path | None, as_json: bool
) -> None:
    """Write both models' answers to samples of AUDIT (an id or a bundle), with the prompts, into one file.

    Whoever gets it checks it with `modelassay verify FILE` and sees nothing else of the audit.

    \b
    modelassay records disclose release-1 --sample sha256:… -o answer.json
    """
    from modelassay.evidence.bundle import open_bundle
    from modelassay.evidence.contents import Contents
    from modelassay.evidence.disclosure import disclose
    from modelassay.log.durable import write_atomic

    bundle = open_bundle(bundle_at(audit, store))
    keys = {
        transcript.key
        for transcript in Contents(bundle).transcripts.known
        if transcript.key.sample in samples and epoch in (None, transcript.key.epoch)
    }
    write_atomic(output, disclose(bundle, keys))
    if as_json:
        print_json({"written": str(output), "answers": 2 * len(keys)})
    else:
        click.echo(f"wrote {output}; `modelassay verify {output}` checks it")
