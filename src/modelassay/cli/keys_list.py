"""``modelassay keys list``: the keys in the folder of keys."""

from __future__ import annotations

import click

from modelassay.cli.options import json_option, print_json


@click.command("list")
@json_option
def command(as_json: bool) -> None:
    """List keys: what they sign, who holds them, whether they still count."""
    from modelassay.cli.keys_options import open_keyring, shown

    keyring = open_keyring()
    cards = keyring.cards()
    if as_json:
        print_json({"folder": str(keyring.folder), "keys": [shown(keyring, card) for card in cards]})
        return
    if not cards:
        click.echo(f"no keys in {keyring.folder}; `modelassay keys new` makes some")
        return
    width = max(len(card.name) for card in cards)
    for card in cards:
        state = f"ended {card.ended}: {card.reason}" if card.ended else "counts"
        who = f"{card.holder} ({card.holder_kind})"
        click.echo(f"{card.name:{width}}  {card.use:7}  {card.key}  {who}  {state}")
        if card.vkey:
            click.echo(f"{'':{width}}  {card.vkey}")
