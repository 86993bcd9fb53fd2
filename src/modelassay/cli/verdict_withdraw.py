"""``modelassay verdict withdraw``: a verdict no longer holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelassay.cli.options import chosen_store, json_option, print_json, store_option
from modelassay.cli.signing import log_signing_options, log_witnessed, notary_of


@click.command("withdraw")
@click.argument("audit")
@click.option("--reason", required=True, help="Why, for whoever reads the log.")
@log_signing_options
@store_option
@json_option
def command(audit: str, reason: str, store: Path | None, as_json: bool, **signing: Any) -> None:
    """Log that the verdict of AUDIT (an id, the start of one, or a bundle's folder) no longer holds.

    The bundle stays as it is and cannot show this: who admits weights must read the log, or a signed list
    made from it after this.
    """
    from modelassay.cli.verdict_folder import issued_verdict
    from modelassay.errors import UsageError
    from modelassay.evidence.events import VerdictWithdrawn

    place = chosen_store(store)
    verdict = issued_verdict(place, audit)
    if not reason.strip():
        raise UsageError("is empty", where="--reason", mend="say why the verdict no longer holds")
    event = VerdictWithdrawn(audit=verdict.audit, payload=verdict.payload, reason=reason.strip())
    log_witnessed(place, notary_of(**signing), event)
    if as_json:
        print_json({"audit": verdict.audit, "payload": verdict.payload, "reason": event.reason})
        return
    click.echo(f"withdrawn: {verdict.audit}")
    click.echo(
        "hand out the log, or a new list: modelassay verdict revocations -o revocations.dsse.json", err=True
    )
