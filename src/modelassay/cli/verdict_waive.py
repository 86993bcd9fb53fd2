"""``modelassay verdict waive``: a person accepts the risk that a verdict names, for a time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.options import chosen_store, json_option, print_json, store_option
from modelassay.cli.signing import log_signing_options, log_witnessed, notary_of

if TYPE_CHECKING:
    from modelassay.evidence.events import WaiverGranted
    from modelassay.evidence.waivers import Waiver


@click.command("waive")
@click.argument("audit")
@click.option("--reason", required=True, help="Why the risk is accepted, for whoever reads the log.")
@click.option(
    "--expires",
    required=True,
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="First day on which the waiver no longer holds, as 2026-12-31.",
)
@click.option(
    "--key", "reference", default="", metavar="KEY", help="Who signs: a name, PEM file, env: or command:."
)
@click.option("--person", default="", metavar="NAME", help="Who signs. [default: the holder of the key]")
@log_signing_options
@store_option
@json_option
def command(
    audit: str,
    reason: str,
    expires: datetime,
    reference: str,
    person: str,
    passphrase_file: Path | None,
    store: Path | None,
    as_json: bool,
    **signing: Any,
) -> None:
    """Let the `review` verdict of AUDIT be deployed until --expires, on a person's word.

    It counts where an admission policy names the person's key under `people` and says `waivers: true`.
    A verdict that blocks, or is inconclusive, cannot be waived.
    """
    from modelassay.cli.keys_options import open_keyring
    from modelassay.cli.verdict_folder import issued_verdict
    from modelassay.errors import UsageError
    from modelassay.evidence.notary import utc_now
    from modelassay.evidence.waivers import Waiver, add_waiver

    place = chosen_store(store)
    verdict = issued_verdict(place, audit)
    facts = verdict.statement.predicate.facts
    if facts.outcome != "review":
        raise UsageError(
            f"the verdict says {facts.outcome}: only a review can be waived", where=verdict.audit
        )
    if expires.date() <= datetime.now(UTC).date():
        raise UsageError("is over already", where="--expires", mend="name a day to come")
    if not reason.strip():
        raise UsageError("is empty", where="--reason", mend="say why the risk is accepted")
    keyring = open_keyring(passphrase_file)
    signer = keyring.signer("verdict", reference)
    if signer is None:
        raise UsageError("no key to sign with", mend="make one with `modelassay keys new`, or name it: --key")
    notary = notary_of(passphrase_file=passphrase_file, **signing)  # unlocked before anything is written
    card = keyring.card_of(signer.public)
    waiver = Waiver(
        audit=verdict.audit,
        verdict=verdict.payload,
        holder=person or (card.holder if card else signer.public.name),
        reason=reason.strip(),
        granted=utc_now(),
        expires=expires.date().isoformat(),
    )
    path = add_waiver(verdict.folder, waiver, signer)
    log_witnessed(place, notary, _granted(waiver, signer.public.key_id))
    for warning in keyring.warnings:
        click.echo(f"warning: {warning}", err=True)
    if card is not None and card.holder_kind != "person":
        click.echo(f"warning: the key of {card.holder} is a pipeline's; a person should waive", err=True)
    if as_json:
        print_json({"audit": waiver.audit, "waiver": waiver, "key": signer.public.key_id, "file": str(path)})
        return
    click.echo(f"waived until {waiver.expires} by {waiver.holder}: {verdict.audit}")
    click.echo(str(path))


def _granted(waiver: Waiver, key: str) -> WaiverGranted:
    """What the log says of a waiver."""
    from modelassay.evidence.events import WaiverGranted

    return WaiverGranted(
        audit=waiver.audit,
        payload=waiver.verdict,
        holder=waiver.holder,
        key=key,
        reason=waiver.reason,
        expires=waiver.expires,
    )
