"""``modelassay keys new``: a private key each for verdicts and for the log."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from modelassay.cli.keys_options import passphrase_option, unencrypted_option
from modelassay.cli.options import chosen_store, json_option, print_json, store_option


@click.command("new")
@click.argument("name", default="default")
@click.option(
    "--use",
    "uses",
    type=click.Choice(["verdict", "log", "witness"]),
    multiple=True,
    help="What to make a key for; repeatable. [default: verdict and log]",
)
@click.option("--person", default="", metavar="NAME", help="The person who answers for what the keys sign.")
@click.option("--origin", default="", help="Name of the log or witness. [default: made of NAME and the key]")
@unencrypted_option
@passphrase_option
@store_option
@json_option
def command(
    name: str,
    uses: tuple[str, ...],
    person: str,
    origin: str,
    unencrypted: bool,
    passphrase_file: Path | None,
    store: Path | None,
    as_json: bool,
) -> None:
    """Make keys called NAME and print their public halves, which those who check need.

    \b
    modelassay keys new acme-ci                       for a pipeline: verdicts and the log
    modelassay keys new jane --use verdict --person "Jane Doe"
    modelassay keys new w1 --use witness --origin witness.example/w1
    """
    from modelassay.cli.keys_options import (
        added,
        log_events,
        log_of,
        new_passphrase,
        open_keyring,
        own_log_key,
        print_new,
        shown,
        uses_of,
    )
    from modelassay.errors import UsageError
    from modelassay.evidence.notary import utc_now

    wanted = uses_of(uses)
    if origin and len([use for use in wanted if use != "verdict"]) != 1:
        raise UsageError("--origin names one log or one witness", mend="make one of them at a time")
    keyring = open_keyring(passphrase_file)
    place = chosen_store(store)
    signs = own_log_key(place, keyring)  # what the log needs is asked for before anything is written
    if log_of(place) is not None and signs is None and "log" not in wanted:
        keyring.signer("log")
    secret = new_passphrase(passphrase_file, unencrypted=unencrypted)
    for use in wanted:
        keyring.refuse_taken(name, use)
    make = partial(
        keyring.make,
        name,
        passphrase=secret,
        holder=person or name,
        holder_kind="person" if person else "pipeline",
        created=utc_now(),
    )
    cards = [make(use, origin=origin if use != "verdict" else "") for use in wanted]
    log_key = signs if signs is not None else name if "log" in wanted else ""
    log = log_events(place, keyring, log_key, [added(card) for card in cards], succeeds=signs is None)
    if as_json:
        print_json({"keys": [shown(keyring, card) for card in cards], "logged": log is not None})
        return
    for card in cards:
        print_new(keyring, card)
    if unencrypted:
        click.echo("warning: the private keys are not encrypted", err=True)
