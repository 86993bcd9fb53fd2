"""``modelassay log heartbeat``: the log lives, though nothing happened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelassay.cli.options import chosen_store, json_option, print_json, store_option
from modelassay.cli.signing import log_signing_options, log_witnessed, notary_of


@click.command("heartbeat")
@log_signing_options
@store_option
@json_option
def command(store: Path | None, as_json: bool, **signing: Any) -> None:
    """Log that nothing happened, and have the tree head signed and cosigned anew.

    Who admits weights refuses a tree head that is older than its policy's `max_age`: run this more often.
    """
    from modelassay.evidence.events import Heartbeat
    from modelassay.log.reader import LogReader

    place = chosen_store(store)
    log_witnessed(place, notary_of(**signing), Heartbeat(), again=True)
    size = LogReader(place / "log").size
    if as_json:
        print_json({"log": str(place / "log"), "size": size})
    else:
        click.echo(f"{size:,} entries")
