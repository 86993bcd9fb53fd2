"""Options that the subcommands of ``modelassay log`` share, and the keys behind them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.options import chosen_store

if TYPE_CHECKING:
    from modelassay.log.note import NoteVerifier, OpenedNote, TreeHead

log_option = click.option(
    "--log",
    "folder",
    type=click.Path(path_type=Path),
    envvar="MODELASSAY_LOG",
    help="Folder of the log. [default: log/ in the store]",
)

key_option = click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="VKEY|FILE",
    help="Public key that signs the log: a verifier key, or a file with one or with PEM; repeatable.",
)


def chosen_log(folder: Path | None, store: Path | None) -> Path:
    """The log: its own option first, then the store's."""
    return folder if folder is not None else chosen_store(store) / "log"


def log_verifiers(keys: tuple[str, ...], origin: str) -> list[NoteVerifier]:
    """What checks the signatures of `keys` on tree heads of the log called `origin`.

    A key in PEM has no name of its own, so it counts under the log's.

    Raises:
        EvidenceError: not an Ed25519 public key.
    """
    from modelassay.log.keys import load_public
    from modelassay.log.note import Ed25519Verifier, vkey_of

    return [Ed25519Verifier(vkey_of(load_public(key), name=origin)) for key in keys]


def read_head(path: Path, keys: tuple[str, ...]) -> TreeHead:
    """The tree head in the file at `path`, as ``checkpoint`` was once; its signature checked by `keys`.

    Raises:
        EvidenceError: missing, not a tree head, or not signed by one of `keys`, when any are given.
    """
    from modelassay.errors import EvidenceError
    from modelassay.log.note import TreeHead, parse_note
    from modelassay.log.reader import read_file

    data = read_file(path)
    try:
        head = TreeHead.parse(parse_note(data).text)
        if keys:
            open_log_note(data, head.origin, keys)
    except EvidenceError as error:
        raise EvidenceError(error.what, where=str(path), mend=error.mend) from error
    return head


def open_log_note(data: bytes, origin: str, keys: tuple[str, ...]) -> OpenedNote:
    """The signed tree head `data`, by one of `keys`.

    Raises:
        EvidenceError: none of them signed it.
    """
    from modelassay.log.note import open_note

    return open_note(data, log_verifiers(keys, origin))
