"""``modelassay log attach``: put a witness's cosignature below the tree head."""

from __future__ import annotations

from pathlib import Path

import click

from modelassay.cli.log_options import chosen_log, log_option
from modelassay.cli.options import json_option, print_json, store_option


@click.command("attach")
@click.argument("response", type=click.Path(path_type=Path))
@click.option(
    "--witness", required=True, metavar="VKEY|FILE", help="The witness's verifier key, or a file with it."
)
@store_option
@log_option
@json_option
def command(response: Path, witness: str, store: Path | None, folder: Path | None, as_json: bool) -> None:
    """Add the cosignature in the file RESPONSE to the log's tree head, once it was checked.

    Proofs that are written from then on carry it.
    """
    from modelassay.errors import EvidenceError
    from modelassay.log.cosignature import CosignatureVerifier
    from modelassay.log.keys import load_vkey
    from modelassay.log.note import parse_note
    from modelassay.log.reader import LogReader, read_file
    from modelassay.log.witness_client import MOST_RESPONSE_BYTES, read_response
    from modelassay.log.writer import LogWriter

    place = chosen_log(folder, store)
    verifier = CosignatureVerifier(load_vkey(witness))
    data = read_file(response, MOST_RESPONSE_BYTES)
    with LogWriter(place) as log:
        reader = LogReader(place)
        head = reader.head()
        assert reader.checkpoint is not None
        try:
            lines = read_response(data, reader.checkpoint, verifier)
        except EvidenceError as error:
            raise EvidenceError(
                f"not a cosignature on the log's tree head: {error.what}",
                where=str(response),
                mend="the log may have grown since: write a new request",
            ) from error
        signatures = len(parse_note(log.add_signatures(lines)).signatures)
    if as_json:
        print_json({"log": str(place), "size": head.size, "witness": verifier.name, "signatures": signatures})
    else:
        click.echo(f"{verifier.name} cosigned {head.size:,} entries of {head.origin}")
        click.echo("run the same audit again and its bundle has this cosignature too", err=True)
