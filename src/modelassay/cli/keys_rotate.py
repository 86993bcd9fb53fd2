"""``modelassay keys rotate``: new keys in the place of old ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.keys_options import passphrase_option, unencrypted_option
from modelassay.cli.options import chosen_store, json_option, print_json, store_option

if TYPE_CHECKING:
    from modelassay.evidence.keycards import KeyCard
    from modelassay.evidence.keyring import Keyring


@click.command("rotate")
@click.argument("name")
@unencrypted_option
@passphrase_option
@store_option
@json_option
def command(
    name: str, unencrypted: bool, passphrase_file: Path | None, store: Path | None, as_json: bool
) -> None:
    """Replace every key called NAME by a new one for the same use, holder and origin.

    The old keys stay, so that what they signed can be checked, but sign nothing more. Hand out the new
    public keys that this prints.
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
    )
    from modelassay.errors import UnknownNameError
    from modelassay.evidence.events import KeyRevoked
    from modelassay.evidence.notary import utc_now

    keyring = open_keyring(passphrase_file)
    cards = [card for card in keyring.cards() if not card.ended]
    old = [card for card in cards if card.name == name]
    if not old:
        raise UnknownNameError("key", name, {card.name for card in cards}, where=str(keyring.folder))
    place = chosen_store(store)
    signs = own_log_key(place, keyring)  # what the log needs is asked for before anything is written
    if log_of(place) is not None and signs is None and all(card.use != "log" for card in old):
        keyring.signer("log")
    secret = new_passphrase(passphrase_file, unencrypted=unencrypted)
    successor = keyring.free_name(name)
    at = utc_now()
    made = [_successor(keyring, card, successor, passphrase=secret, created=at) for card in old]
    reason = f"replaced by {successor}"
    revoked = [KeyRevoked(key=card.key, reason=reason, since=at) for card in old]
    replaces = any(card.use == "log" for card in made) and signs in (name, None)
    log_key = successor if replaces else signs or ""
    events = [*(added(card) for card in made), *revoked]
    logged = log_events(place, keyring, log_key, events, succeeds=replaces) is not None
    for card in old:
        keyring.end(card, at=at, reason=reason)
    if as_json:
        ended = [card.key for card in old]
        print_json({"keys": [shown(keyring, card) for card in made], "ended": ended, "logged": logged})
        return
    for card in made:
        print_new(keyring, card)
    click.echo(f"{name} signs nothing more; those who check need the new keys beside the old", err=True)
    if unencrypted:
        click.echo("warning: the private keys are not encrypted", err=True)


def _successor(keyring: Keyring, card: KeyCard, name: str, **settings: Any) -> KeyCard:
    """A key called `name` in the place of that of `card`: of the same use, holder and origin."""
    return keyring.make(
        name,
        card.use,
        holder=card.holder,
        holder_kind=card.holder_kind,
        origin=card.origin,
        **settings,
    )
