"""``modelassay verdict sign``: one more signature on a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.keys_options import passphrase_option
from modelassay.cli.options import chosen_store, json_option, print_json, store_option
from modelassay.cli.signing import log_key_option, witness_option, witnesses_of

if TYPE_CHECKING:
    from modelassay.evidence.signing_off import UnsignedOff


@click.command("sign")
@click.argument("audit")
@click.option(
    "--key", "reference", default="", metavar="KEY", help="Who signs: a name, PEM file, env: or command:."
)
@log_key_option
@witness_option
@click.option("--person", default="", metavar="NAME", help="Who signs. [default: the holder of the key]")
@passphrase_option
@store_option
@json_option
def command(
    audit: str,
    reference: str,
    log_key: str,
    witnesses: tuple[str, ...],
    person: str,
    passphrase_file: Path | None,
    store: Path | None,
    as_json: bool,
) -> None:
    """Add your signature to the verdict of AUDIT (an id, the start of one, or a bundle's folder).

    So a person signs off what a pipeline signed, and m of n can be asked for. The first signature stays.
    """
    from modelassay.audit import read_audit
    from modelassay.cli.keys_options import log_events, log_of, open_keyring
    from modelassay.errors import UsageError
    from modelassay.evidence.events import VerdictSigned
    from modelassay.evidence.signing_off import read_unsigned_off, sign_off

    place = chosen_store(store)
    folder = Path(audit) if Path(audit).is_dir() else place / "audits" / read_audit(place, audit).id
    verdict = read_unsigned_off(folder)
    cosigners = witnesses_of(witnesses)
    keyring = open_keyring(passphrase_file)
    signer = keyring.signer("verdict", reference)
    if signer is None:
        raise UsageError("no key to sign with", mend="make one with `modelassay keys new`, or name it: --key")
    if log_of(place) is not None:
        keyring.signer("log", log_key)  # unlocked before anything is written
    card = keyring.card_of(signer.public)
    holder = person or (card.holder if card else signer.public.name)
    added = not verdict.signed_by(signer.public.key_id)
    if added:
        sign_off(verdict, signer)
    event = VerdictSigned(
        audit=verdict.audit, payload=verdict.payload, key=signer.public.key_id, holder=holder
    )
    log = log_events(place, keyring, log_key, [event], cosigners)
    if log is not None:
        log.sign()
    for warning in keyring.warnings:
        click.echo(f"warning: {warning}", err=True)
    made = {"key": signer.public.key_id, "holder": holder, "added": added, "logged": log is not None}
    if as_json:
        facts = verdict.statement.predicate.facts
        said = {"audit": verdict.audit, "outcome": facts.outcome, "payload": verdict.payload}
        print_json({**said, **made, "signatures": len(verdict.envelope.signatures) + added})
        return
    _print_signed(verdict, holder, added)
    if log is None:
        click.echo(f"no log in {place}: the signature is in the bundle only", err=True)


def _print_signed(verdict: UnsignedOff, holder: str, added: bool) -> None:
    facts = verdict.statement.predicate.facts
    click.echo(f"{holder} signed: {facts.headline}" if added else f"{holder} had signed before")
    if facts.origin:
        click.echo("its results were imported from another tool: nothing shows that the models gave them")
    click.echo(f"{verdict.audit} has {len(verdict.envelope.signatures) + added} signatures")
