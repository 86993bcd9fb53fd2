"""``modelassay log request``: ask a witness by a file."""

from __future__ import annotations

from pathlib import Path

import click

from modelassay.cli.log_options import chosen_log, log_option
from modelassay.cli.options import json_option, print_json, store_option


@click.command("request")
@store_option
@log_option
@click.option(
    "--old",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="How many entries the witness saw last; 0 for a witness that never saw this log.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="File for the request.")
@json_option
def command(store: Path | None, folder: Path | None, old: int, output: Path, as_json: bool) -> None:
    """Write a request to cosign the log's tree head, for a witness that is reached by files.

    The witness answers it with `modelassay log cosign`; add its answer with `modelassay log attach`.
    """
    from modelassay.log.durable import write_atomic
    from modelassay.log.reader import LogReader
    from modelassay.log.witness_client import request_for

    log = LogReader(chosen_log(folder, store))
    head = log.head()
    assert log.checkpoint is not None
    write_atomic(output, request_for(log.checkpoint, log, old))
    if as_json:
        print_json({"log": str(log.folder), "old": old, "size": head.size, "output": str(output)})
    else:
        click.echo(f"{output}: asks to cosign {head.size:,} entries of {head.origin}")
