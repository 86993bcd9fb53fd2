"""``modelassay verdict withdraw``: a verdict no longer holds."""

from __future__ import annotations

from pathlib import Path

import click

from modelassay.cli.keys_options import passphrase_option
from modelassay.cli.options import chosen_store, json_option, print_json, store_option


@click.command("withdraw")
@click.argument("audit")
@click.option("--reason", required=True, help="Why, for whoever reads the log.")
@click.option(
    "--log-key", default="", metavar="KEY", help="Key to sign the log with. [default: the one for logs]"
)
@passphrase_option
@store_option
@json_option
def command(
    audit: str, reason: str, log_key: str, passphrase_file: Path | None, store: Path | None, as_json: bool
) -> None:
    """Log that the verdict of AUDIT (an id, the start of one, or a bundle's folder) no longer holds.

    The bundle stays as it is and cannot show this: who admits weights must read the log, or a signed list
    made from it after this.
    """
    from modelassay.cli.keys_options import log_events, open_keyring
    from modelassay.cli.verdict_folder import issued_verdict
    from modelassay.errors import UsageError
    from modelassay.evidence.events import VerdictWithdrawn

    place = chosen_store(store)
    verdict = issued_verdict(place, audit)
    if not reason.strip():
        raise UsageError("is empty", where="--reason", mend="say why the verdict no longer holds")
    keyring = open_keyring(passphrase_file)
    event = VerdictWithdrawn(audit=verdict.audit, payload=verdict.payload, reason=reason.strip())
    log_events(place, keyring, log_key, [event])
    for warning in keyring.warnings:
        click.echo(f"warning: {warning}", err=True)
    if as_json:
        print_json({"audit": verdict.audit, "payload": verdict.payload, "reason": event.reason})
        return
    click.echo(f"withdrawn: {verdict.audit}")
    click.echo(
        "hand out the log, or a new list: modelassay verdict revocations -o revocations.dsse.json", err=True
    )
