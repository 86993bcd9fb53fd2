"""``modelassay verdict``: what people do to a verdict after it was issued, one module per subcommand."""

from __future__ import annotations

import click

from modelassay.cli.lazy_group import LazyGroup

SUBCOMMANDS: dict[str, str] = {
    "sign": "Add your signature to a verdict.",
    "withdraw": "Log that a verdict no longer holds.",
    "revocations": "Sign a list of standing and withdrawn verdicts, for admission elsewhere.",
}
"""Every subcommand and its one-line help; the module is ``modelassay.cli.verdict_<name>``."""


@click.group("verdict", cls=LazyGroup, lazy=SUBCOMMANDS, module="modelassay.cli.verdict_{}")
def command() -> None:
    """Act on a verdict after it was issued."""
