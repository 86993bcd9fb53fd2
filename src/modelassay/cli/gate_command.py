"""``modelassay gate``: what a policy makes of sealed evidence, one module per subcommand."""

from __future__ import annotations

import click

from modelassay.cli.lazy_group import LazyGroup

SUBCOMMANDS: dict[str, str] = {
    "policies": "List the policies that come with the package, or print one.",
}
"""Every subcommand and its one-line help; the module is ``modelassay.cli.gate_<name>``."""


@click.group("gate", cls=LazyGroup, lazy=SUBCOMMANDS, module="modelassay.cli.gate_{}")
def command() -> None:
    """What a policy makes of sealed evidence; no model is asked."""
