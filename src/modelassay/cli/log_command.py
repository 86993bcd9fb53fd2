"""``modelassay log``: the append-only log of a store, one module per subcommand."""

from __future__ import annotations

import click

from modelassay.cli.lazy_group import LazyGroup

SUBCOMMANDS: dict[str, str] = {
    "head": "Show the tree head: how many entries, which root, signed by whom.",
    "verify": "Check every entry, hash and file of the log against its tree head.",
    "show": "Print the events.",
    "heartbeat": "Log that nothing happened, so that the tree head stays young.",
    "sign": "Sign the log as it is, when its last entries were written without a key.",
    "prove": "Write a proof that one entry is in the log, to be checked offline.",
    "consistency": "Show that the log continues a tree head that was kept earlier.",
    "witness": "Serve a witness that cosigns tree heads.",
    "request": "Write a request to cosign the tree head, for a witness that is reached by files.",
    "cosign": "As a witness, answer such a request.",
    "attach": "Add a witness's answer to the tree head.",
}
"""Every subcommand and its one-line help; the module is ``modelassay.cli.log_<name>``."""


@click.group("log", cls=LazyGroup, lazy=SUBCOMMANDS, module="modelassay.cli.log_{}")
def command() -> None:
    """Read, check, prove and sign the append-only log of a store.

    The log is a folder of plain files (C2SP tlog-tiles) that other people's tools read as well.
    """
