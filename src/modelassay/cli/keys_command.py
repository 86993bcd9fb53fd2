"""``modelassay keys``: the keys that sign verdicts, logs and cosignatures, one module per subcommand."""

from __future__ import annotations

import click

from modelassay.cli.lazy_group import LazyGroup

SUBCOMMANDS: dict[str, str] = {
    "new": "Make keys, and print what to hand out.",
    "list": "List keys: what they sign, who holds them, whether they still count.",
    "rotate": "Replace keys by new ones; what the old ones signed still counts.",
    "revoke": "Declare that a key no longer counts.",
}
"""Every subcommand and its one-line help; the module is ``modelassay.cli.keys_<name>``."""


@click.group("keys", cls=LazyGroup, lazy=SUBCOMMANDS, module="modelassay.cli.keys_{}")
def command() -> None:
    """Make, list, rotate and revoke keys.

    Private keys lie encrypted in one folder (MODELASSAY_KEYS, by default ~/.config/modelassay/keys).
    """
