"""``modelassay log prove``: one entry's proof in a file."""

from __future__ import annotations

from pathlib import Path

import click

from modelassay.cli.log_options import chosen_log, log_option
from modelassay.cli.options import json_option, print_json, store_option


@click.command("prove")
@click.argument("index", type=click.IntRange(min=0))
@store_option
@log_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="File for the proof; its usual suffix is .tlog-proof.",
)
@click.option("--entry", type=click.Path(path_type=Path), help="Also write the entry's bytes to this file.")
@json_option
def command(
    index: int, store: Path | None, folder: Path | None, output: Path, entry: Path | None, as_json: bool
) -> None:
    """Write a proof that entry INDEX is in the log.

    It is checked offline, with the entry's bytes and the log's public key.
    """
    from modelassay.log.durable import write_atomic
    from modelassay.log.proof import prove, write_proof
    from modelassay.log.reader import LogReader

    log = LogReader(chosen_log(folder, store))
    proof = prove(log, index)
    write_atomic(output, write_proof(proof))
    if entry is not None:
        write_atomic(entry, log.entry(index))
    if as_json:
        print_json({"log": str(log.folder), "index": index, "size": proof.head.size, "proof": str(output)})
    else:
        click.echo(f"{output}: entry {index} of {proof.head.size:,} in {proof.head.origin}")
