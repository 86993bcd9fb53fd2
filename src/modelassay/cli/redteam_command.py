"""``modelassay redteam``: attacks, one module per subcommand."""

from __future__ import annotations

import click

from modelassay.cli.lazy_group import LazyGroup

SUBCOMMANDS: dict[str, str] = {
    "list": "List the installed attacks: id, forms, what each needs.",
    "show": "Show what an attack makes of a request.",
    "run": "Attack models with an attacker model that reacts; the result is an examination.",
    "chat": "Test by hand: talk to candidate and baseline side by side, and note what you find.",
    "domain": "Write a dataset of requests on what a fine-tune was taught about.",
    "capability": "Probe for what the candidate can do that the baseline could not.",
    "keep": "Keep attacks that succeeded as regression items for later plans.",
    "import": "Take over a red-team run of another tool (garak) as an examination.",
}
"""Every subcommand and its one-line help; the module is ``modelassay.cli.redteam_<name>``."""


@click.group("redteam", cls=LazyGroup, lazy=SUBCOMMANDS, module="modelassay.cli.redteam_{}")
def command() -> None:
    """Attack models: with attacks that are settled beforehand, that react, or by hand."""
