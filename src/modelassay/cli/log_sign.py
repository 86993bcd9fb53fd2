"""``modelassay log sign``: a signed tree head for what was written without a key."""

from __future__ import annotations

from pathlib import Path

import click

from modelassay.cli.keys_options import open_keyring, passphrase_option
from modelassay.cli.log_options import chosen_log, log_option
from modelassay.cli.options import json_option, print_json, store_option


@click.command("sign")
@store_option
@log_option
@click.option(
    "--log-key", "reference", default="", metavar="KEY", help="Key to sign with. [default: the one for logs]"
)
@passphrase_option
@json_option
def command(
    store: Path | None, folder: Path | None, reference: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """Sign the log as it is, when its last entries were written without a key.

    A log that is signed already stays as it is.
    """
    from modelassay.errors import UsageError
    from modelassay.log.note import TreeHead, parse_note
    from modelassay.log.reader import log_exists
    from modelassay.log.writer import LogWriter

    place = chosen_log(folder, store)
    if not log_exists(place):
        raise UsageError("there is no log here", where=str(place), mend="name the folder of a log")
    signer = open_keyring(passphrase_file).signer("log", reference)
    if signer is None:
        raise UsageError(
            "no key for the log", mend="make one with `modelassay keys new`, or name it: --log-key"
        )
    with LogWriter(place) as log:
        checkpoint = log.publish(signer)
    assert checkpoint is not None
    head = TreeHead.parse(parse_note(checkpoint).text)
    if as_json:
        print_json({"log": str(place), "origin": head.origin, "size": head.size})
    else:
        click.echo(f"signed {head.size:,} entries of {head.origin}")
