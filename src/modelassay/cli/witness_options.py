"""Options of the commands that are a witness, and the witness behind them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from modelassay.cli.keys_options import passphrase_option

if TYPE_CHECKING:
    from modelassay.log.witness import Witness

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--key", "reference", default="", metavar="KEY", help="The witness's key. [default: the one for that]"
    ),
    click.option(
        "--state",
        type=click.Path(path_type=Path),
        required=True,
        envvar="MODELASSAY_WITNESS_STATE",
        help="Folder of what the witness remembers; keep it as safe as the key.",
    ),
    click.option(
        "--log",
        "logs",
        multiple=True,
        required=True,
        metavar="VKEY|FILE",
        help="Verifier key of a log to watch, or a file with it; repeatable.",
    ),
    passphrase_option,
)


def witness_options(function: F) -> F:
    """``--key``, ``--state``, ``--log`` and ``--passphrase-file``."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def open_witness(
    reference: str, state: Path, logs: tuple[str, ...], passphrase_file: Path | None
) -> tuple[Witness, str]:
    """The witness, and its verifier key to hand out.

    Raises:
        UsageError: no key, or one that cannot be used.
        EvidenceError: not the verifier key of a log.
    """
    from modelassay.cli.keys_options import open_keyring
    from modelassay.errors import UsageError
    from modelassay.log.keys import load_vkey
    from modelassay.log.note import COSIGNATURE, vkey_of
    from modelassay.log.witness import Witness

    keyring = open_keyring(passphrase_file)
    signer = keyring.signer("witness", reference)
    if signer is None:
        raise UsageError("no key for a witness", mend="`modelassay keys new --use witness` makes one")
    for warning in keyring.warnings:
        click.echo(f"warning: {warning}", err=True)
    vkey = str(vkey_of(signer.public, key_type=COSIGNATURE))
    return Witness(signer, [load_vkey(log) for log in logs], state), vkey
