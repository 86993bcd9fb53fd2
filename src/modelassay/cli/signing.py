"""Who signs for a command: keys and witnesses from options, environment and the folder of keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from modelassay.cli.keys_options import passphrase_option

if TYPE_CHECKING:
    from modelassay.evidence.events import Body
    from modelassay.evidence.notary import Cosigner, Notary

F = TypeVar("F", bound=Callable[..., Any])

_VERDICT_OPTION = click.option(
    "--verdict-key",
    envvar="MODELASSAY_VERDICT_KEY",
    default="",
    metavar="KEY",
    help="Signs the verdict: a name, PEM file, env: or command:. [default: the one for that]",
)
log_key_option = click.option(
    "--log-key",
    envvar="MODELASSAY_LOG_KEY",
    default="",
    metavar="KEY",
    help="Signs the log's tree heads. [default: the one for logs]",
)
witness_option = click.option(
    "--witness",
    "witnesses",
    multiple=True,
    metavar="URL=VKEY|FILE",
    envvar="MODELASSAY_WITNESS",
    help="Witness that cosigns tree heads, and its verifier key; repeatable.",
)
_LOG_OPTIONS = (
    log_key_option,
    witness_option,
    click.option(
        "--actor",
        envvar="MODELASSAY_ACTOR",
        default="",
        metavar="NAME",
        help="Who acts, as the log says. [default: the holder of the key, else the user]",
    ),
    passphrase_option,
)


def signing_options(function: F) -> F:
    """``--verdict-key`` and `log_signing_options`."""
    return _VERDICT_OPTION(log_signing_options(function))


def log_signing_options(function: F) -> F:
    """``--log-key``, ``--witness``, ``--actor`` and ``--passphrase-file``."""
    for option in reversed(_LOG_OPTIONS):
        function = option(function)
    return function


def notary_of(
    *,
    verdict_key: str | None = None,
    log_key: str = "",
    witnesses: tuple[str, ...] = (),
    actor: str = "",
    passphrase_file: Path | None = None,
) -> Notary:
    """Who writes the log and signs; keys are unlocked now, before anything is asked or paid for.

    Args:
        verdict_key: empty for the one that the folder of keys has; None when no verdict will be signed.
        log_key: likewise.
        witnesses: each ``URL=KEY``.
        actor: who acts, unless it is the holder of the key.
        passphrase_file: unlocks the keys.

    Raises:
        UsageError: a key or witness is named and cannot be used.
        EvidenceError: a witness's key that is none.
    """
    from modelassay.cli.keys_options import open_keyring, user
    from modelassay.evidence.notary import Notary
    from modelassay.records import Actor

    keyring = open_keyring(passphrase_file)
    verdict = keyring.signer("verdict", verdict_key) if verdict_key is not None else None
    log = keyring.signer("log", log_key)
    for warning in keyring.warnings:
        click.echo(f"warning: {warning}", err=True)
    signer = verdict or log
    card = keyring.card_of(signer.public) if signer else None
    name = actor or (card.holder if card else user())
    return Notary(
        actor=Actor(name=name, key=signer.public.key_id if signer else ""),
        verdict_signers=(verdict,) if verdict else (),
        log_signer=log,
        succeeds=keyring.replaced_by(log.public) if log else False,
        witnesses=witnesses_of(witnesses),
        tell=lambda line: click.echo(line, err=True),
    )


def log_witnessed(store: Path, notary: Notary, body: Body, *, again: bool = False) -> None:
    """Log `body`, unless it was logged before and not `again`, under a tree head that witnesses cosigned.

    Raises:
        UsageError: `store` has no log.
        StoreError: the log cannot be written.
        EvidenceError: the log is damaged, or a witness refuses it.
    """
    from modelassay.cli.keys_options import log_of
    from modelassay.errors import UsageError
    from modelassay.evidence.ledger import Ledger

    if log_of(store) is None:
        raise UsageError("there is no log to write to", where=str(store), mend="name the --store")
    ledger = Ledger(store, notary)
    if again:
        ledger.append(body)
    else:
        ledger.append_once(body)
    if notary.log_signer is None:
        click.echo("the log is not signed: `modelassay log sign` signs it", err=True)
    elif not notary.witnesses:
        click.echo("no witness cosigned the log: name one with --witness", err=True)
    ledger.sign()


def unsigned_hint(notary: Notary) -> str:
    """What would let others check the audit; empty when everything is signed and witnessed."""
    parts = {"the verdict": notary.verdict_signers, "the log": notary.log_signer}
    missing = [part for part, signer in parts.items() if not signer]
    if missing:
        return f"{' and '.join(missing)} not signed: `modelassay keys new` makes keys; then run this again"
    return "" if notary.witnesses else "no witness cosigned the log: name one with --witness"


def witnesses_of(texts: Sequence[str]) -> tuple[Cosigner, ...]:
    """The witnesses that ``--witness`` names; see `log.witness_client.witness_named`."""
    from modelassay.log.witness_client import witness_named

    return tuple(map(witness_named, texts))
