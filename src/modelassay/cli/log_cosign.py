"""``modelassay log cosign``: cosign one tree head by files."""

from __future__ import annotations

from pathlib import Path

import click

from modelassay.cli.options import json_option, print_json
from modelassay.cli.witness_options import witness_options


@click.command("cosign")
@click.argument("request", type=click.Path(path_type=Path))
@witness_options
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="File for the cosignature."
)
@json_option
def command(
    request: Path,
    reference: str,
    state: Path,
    logs: tuple[str, ...],
    passphrase_file: Path | None,
    output: Path,
    as_json: bool,
) -> None:
    """As a witness, cosign the tree head in the file REQUEST, which `modelassay log request` wrote.

    Rollback and forks are refused: what was cosigned before is remembered.
    """
    from modelassay.cli.witness_options import open_witness
    from modelassay.errors import EvidenceError
    from modelassay.log.durable import write_atomic
    from modelassay.log.reader import read_file
    from modelassay.log.witness import MOST_REQUEST_BYTES, CosigningRefusedError

    data = read_file(request, MOST_REQUEST_BYTES)
    witness, vkey = open_witness(reference, state, logs, passphrase_file)
    try:
        lines = witness.add_checkpoint(data)
    except CosigningRefusedError as refused:
        mend = (
            f"ask for a new request: `modelassay log request --old {refused.known}`" if refused.known else ""
        )
        raise EvidenceError(f"not cosigned: {refused.what}", where=str(request), mend=mend) from refused
    write_atomic(output, lines)
    if as_json:
        print_json({"vkey": vkey, "cosignature": lines.decode().rstrip("\n"), "output": str(output)})
    else:
        click.echo(f"cosigned: {output}")
