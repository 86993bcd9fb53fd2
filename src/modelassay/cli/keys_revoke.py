"""``modelassay keys revoke``: a key that was lost, stolen or misused."""

from __future__ import annotations

import re
from pathlib import Path

import click

from modelassay.cli.keys_options import passphrase_option
from modelassay.cli.options import chosen_store, json_option, print_json, store_option
from modelassay.cli.signing import log_key_option, witness_option, witnesses_of

_KEY_ID = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


@click.command("revoke")
@click.argument("key_id")
@click.option("--reason", required=True, help="Why, for whoever reads the log.")
@click.option(
    "--from",
    "since",
    default="",
    metavar="TIME",
    help="From when its signatures are worthless, as 2026-11-21T03:00:00Z. [default: now]",
)
@log_key_option
@witness_option
@passphrase_option
@store_option
@json_option
def command(
    key_id: str,
    reason: str,
    since: str,
    log_key: str,
    witnesses: tuple[str, ...],
    passphrase_file: Path | None,
    store: Path | None,
    as_json: bool,
) -> None:
    """Declare that the key with id KEY_ID no longer counts, here and in the store's log.

    The key need not be at hand. Without a log nobody else learns of it: tell those who trust the key.
    """
    from modelassay.cli.keys_options import log_events, log_of, open_keyring
    from modelassay.errors import UsageError
    from modelassay.evidence.events import KeyRevoked
    from modelassay.evidence.notary import utc_now

    if not _KEY_ID.fullmatch(key_id):
        raise UsageError(f"{key_id!r} is not a key id", mend="`modelassay keys list` shows them: SHA256:…")
    if since and not _TIME.fullmatch(since):
        raise UsageError(f"{since!r} is not a time", mend="write it as 2026-11-21T03:00:00Z, in UTC")
    cosigners = witnesses_of(witnesses)
    keyring = open_keyring(passphrase_file)
    at = since or utc_now()
    place = chosen_store(store)
    card = next((card for card in keyring.cards() if card.key == key_id), None)
    if card is None and log_of(place) is None:
        keyring.card(key_id)  # says which keys there are
    # Logged first: a log whose only key is the one revoked is signed by it a last time.
    event = KeyRevoked(key=key_id, reason=reason, since=at)
    log = log_events(place, keyring, log_key, [event], cosigners)
    if card is not None and not card.ended:
        keyring.end(card, at=at, reason=reason)
    if log is not None:
        log.sign()
    if as_json:
        print_json({"key": key_id, "from": at, "reason": reason, "logged": log is not None})
        return
    click.echo(f"revoked {key_id} from {at}" + (", logged" if log else ""))
    if log is None:
        click.echo(f"no log in {place}: tell those who trust this key", err=True)
