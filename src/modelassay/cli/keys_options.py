"""Options of ``modelassay keys``, and what is behind them: passphrases, the keyring, the log."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.errors import UsageError

if TYPE_CHECKING:
    from modelassay.evidence.events import Body
    from modelassay.evidence.keycards import KeyCard, Use
    from modelassay.evidence.keyring import Keyring
    from modelassay.evidence.ledger import Ledger
    from modelassay.evidence.notary import Cosigner

passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    help="File whose first line is the passphrase. [default: MODELASSAY_KEY_PASSPHRASE, else asked]",
)

unencrypted_option = click.option(
    "--unencrypted", is_flag=True, help="Write private keys in the clear: whoever reads the file can sign."
)


def open_keyring(passphrase_file: Path | None = None) -> Keyring:
    """The user's keys; a passphrase is asked for on a terminal only."""
    from modelassay.evidence.keyring import Keyring, passphrase_from

    ask = ask_passphrase if sys.stdin.isatty() else None
    return Keyring(passphrase=passphrase_from(file=passphrase_file, ask=ask))


def ask_passphrase(where: str) -> str:
    """The passphrase, typed by a person."""
    return str(click.prompt(f"passphrase of {where}", hide_input=True, err=True))


def new_passphrase(file: Path | None, *, unencrypted: bool) -> bytes | None:
    """The passphrase for keys to be made; None for keys in the clear.

    Raises:
        UsageError: there is none and nobody to ask, or both a passphrase and its absence are asked for.
    """
    from modelassay.evidence.keyring import passphrase_from

    if unencrypted:
        if file is not None:
            raise UsageError("--passphrase-file and --unencrypted contradict each other")
        return None
    secret = passphrase_from(file=file)("new key")
    if secret is None and sys.stdin.isatty():
        typed = click.prompt(
            "passphrase for the new keys", hide_input=True, confirmation_prompt=True, err=True
        )
        secret = str(typed).encode()
    if not secret:
        raise UsageError(
            "no passphrase for the new keys",
            mend="set MODELASSAY_KEY_PASSPHRASE or give --passphrase-file; "
            "--unencrypted writes them in the clear",
        )
    return secret


def shown(keyring: Keyring, card: KeyCard) -> dict[str, Any]:
    """What to hand out of a key, as plain data."""
    from modelassay.log.keys import public_pem

    return {
        "name": card.name,
        "use": card.use,
        "key": card.key,
        "origin": card.origin,
        "holder": card.holder,
        "holder_kind": card.holder_kind,
        "created": card.created,
        "ended": card.ended,
        "reason": card.reason,
        "vkey": card.vkey,
        "public_pem": public_pem(card.public).decode(),
        "private_file": str(keyring.folder / card.file("pem")),
        "public_file": str(keyring.folder / card.file("vkey" if card.vkey else "pub.pem")),
    }


def print_new(keyring: Keyring, card: KeyCard) -> None:
    """A new key for people: where it lies, and the text to hand out."""
    facts = shown(keyring, card)
    click.echo(f"{card.name} signs as {card.use}, held by {card.holder} ({card.holder_kind})")
    click.echo(f"  key id   {card.key}")
    click.echo(f"  private  {facts['private_file']}")
    click.echo(f"  public   {facts['public_file']}")
    click.echo(card.vkey or facts["public_pem"].rstrip())


def added(card: KeyCard) -> Body:
    """The event that `card`'s key counts."""
    from modelassay.evidence.events import KeyAdded

    return KeyAdded(
        name=card.name,
        key=card.key,
        spki=card.spki,
        use=card.use,
        holder=card.holder,
        holder_kind=card.holder_kind,
    )


def log_of(store: Path) -> Path | None:
    """The log of `store`; None when it has none yet."""
    from modelassay.log.reader import log_exists

    return store / "log" if log_exists(store / "log") else None


def own_log_key(store: Path, keyring: Keyring) -> str | None:
    """The name of the key that signs the log of `store`, empty where it is named otherwise than by the folder
    of keys; None where there is no log, nothing signs it yet, or what signed it counts no more.

    Raises:
        UsageError: it is not at hand, or cannot be unlocked.
    """
    from modelassay.log.writer import LogWriter

    folder = log_of(store)
    if folder is None:
        return None
    with LogWriter(folder) as log:
        if not log.origin:
            return None
        for card in keyring.cards():
            if card.use == "log" and not log.signed_by_another(card.public):
                if card.ended:
                    return None
                keyring.signer("log", card.name)
                return card.name
        signer = keyring.signer("log")
        if signer is None or log.signed_by_another(signer.public):
            raise UsageError(
                f"the key that signs the log, {log.origin}, is not at hand",
                where=str(folder),
                mend="run this where it is, or in another folder if the keys are for another store",
            )
    return ""


def log_events(
    store: Path,
    keyring: Keyring,
    log_key: str,
    bodies: Sequence[Body],
    witnesses: Sequence[Cosigner] = (),
    *,
    succeeds: bool = False,
) -> Ledger | None:
    """Log `bodies`, each unless it was logged before, when `store` has a log; that log.

    Its `sign` asks the witnesses, for when everything else is done.

    Args:
        succeeds: `log_key` may take the place of the key that signs the log.

    Raises:
        UsageError: the log's key cannot be told or unlocked, or another one signs the log.
        StoreError: the log cannot be written.
    """
    from modelassay.evidence.ledger import Ledger
    from modelassay.evidence.notary import Notary
    from modelassay.records import Actor

    if log_of(store) is None:
        return None
    signer = keyring.signer("log", log_key)
    card = keyring.card_of(signer.public) if signer else None
    notary = Notary(
        actor=Actor(name=card.holder if card else user(), key=signer.public.key_id if signer else ""),
        log_signer=signer,
        succeeds=succeeds or (keyring.replaced_by(signer.public) if signer else False),
        witnesses=tuple(witnesses),
    )
    ledger = Ledger(store, notary)
    for body in bodies:
        ledger.append_once(body)
    return ledger


def user() -> str:
    """Who runs this command, as the machine knows them."""
    import getpass
    import os

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def uses_of(given: Sequence[str]) -> tuple[Use, ...]:
    """The uses asked for; verdict and log unless told otherwise."""
    from modelassay.evidence.keycards import USES

    return tuple(use for use in USES if use in given) if given else ("verdict", "log")
