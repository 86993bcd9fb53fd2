"""Who signs for a command: keys and witnesses from options, environment and the folder of keys."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from modelassay.evidence.keyring import Keyring
    from modelassay.evidence.notary import Notary
    from modelassay.log.signing import Signer

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--verdict-key",
        envvar="MODELASSAY_VERDICT_KEY",
        default="",
        help="Key that signs the verdict: a name, a PEM file, env:NAME or command:PUBLIC:PROGRAM.",
    ),
    click.option(
        "--log-key",
        envvar="MODELASSAY_LOG_KEY",
        default="",
        help="Key that signs the log's tree heads, likewise.",
    ),
    click.option(
        "--actor",
        envvar="MODELASSAY_ACTOR",
        default="",
        help="Who acts, as the log names them. [default: the verdict key's holder, else the user]",
    ),
)


def signing_options(function: F) -> F:
    """``--verdict-key``, ``--log-key`` and ``--actor``."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def notary_of(
    *,
    verdict_key: str = "",
    log_key: str = "",
    actor: str = "",
    quiet: bool = False,
) -> Notary:
    """Who writes the log and signs; keys are unlocked now, before anything is asked or paid for.

    Raises:
        UsageError: a key is named and cannot be used.
    """
    from modelassay.evidence.keyring import Keyring, passphrase_from
    from modelassay.evidence.notary import Notary
    from modelassay.records import Actor

    keyring = Keyring(passphrase=passphrase_from(ask=_ask if sys.stdin.isatty() else None))
    verdict = keyring.signer("verdict", verdict_key)
    log = keyring.signer("log", log_key)
    for warning in keyring.warnings:
        click.echo(f"warning: {warning}", err=True)
    return Notary(
        actor=Actor(name=actor or _holder(keyring, verdict), key=verdict.public.key_id if verdict else ""),
        verdict_signers=(verdict,) if verdict else (),
        log_signer=log,
        tell=_silent if quiet else lambda line: click.echo(line, err=True),
    )


def unsigned_hint(notary: Notary) -> str:
    """What the user could do so that others can check the audit; empty when everything is signed."""
    missing = [
        what
        for what, present in (
            ("verdict", notary.verdict_signers),
            ("log", notary.log_signer),
        )
        if not present
    ]
    if missing:
        return f"not signed: {' and '.join(missing)}; `modelassay keys new` makes keys, then run this again"
    return "" if notary.witnesses else "no witness cosigned the log; name one with --witness URL"


def _holder(keyring: Keyring, verdict: Signer | None) -> str:
    card = keyring.card_of(verdict.public) if verdict else None
    if card is not None:
        return card.holder
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def _ask(where: str) -> str:
    return str(click.prompt(f"passphrase of {where}", hide_input=True, err=True))


def _silent(_: str) -> None:
    pass
