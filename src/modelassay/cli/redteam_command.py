"""``modelassay redteam``: attacks, one module per subcommand."""

from __future__ import annotations

import click

from modelassay.cli.lazy_group import LazyGroup

SUBCOMMANDS: dict[str, str] = {
    "list": "List the installed attacks: id, forms, what each needs.",
    "show": "Show what an attack makes of a request.",
}
"""Every subcommand and its one-line help; the module is ``modelassay.cli.redteam_<name>``."""


@click.group("redteam", cls=LazyGroup, lazy=SUBCOMMANDS, module="modelassay.cli.redteam_{}")
def command() -> None:
    """List attacks, and show what they make of a request."""
