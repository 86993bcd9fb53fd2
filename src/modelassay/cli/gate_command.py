"""``modelassay gate``: what a policy makes of sealed evidence, one module per subcommand."""

from __future__ import annotations

import click

from modelassay.cli.lazy_group import LazyGroup

SUBCOMMANDS: dict[str, str] = {
    "decide": "Hold a sealed audit against a policy again; `gate AUDIT` is short for this.",
    "explain": "Walk through why: every rule, its figures, its limits, and what would change the decision.",
    "robustness": "How firm the decision is: which single change would turn it.",
    "accept-risk": "Accept in writing the risk of a verdict to deploy with enhanced monitoring.",
    "policies": "List the policies that come with the package, or print one.",
}
"""Every subcommand and its one-line help; the module is ``modelassay.cli.gate_<name>``."""


class GateGroup(LazyGroup):
    """A group whose first word may be left out: what is no subcommand is an audit to decide again."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``decide`` in front of anything but a subcommand and a call for help."""
        if args and args[0] not in self.list_commands(ctx) and args[0] not in ctx.help_option_names:
            args = ["decide", *args]
        return super().parse_args(ctx, args)


@click.group("gate", cls=GateGroup, lazy=SUBCOMMANDS, module="modelassay.cli.gate_{}")
def command() -> None:
    """Decide on sealed evidence again, and say why; no model is asked.

    \b
    modelassay gate assistant-v6 --policy high-stakes
    modelassay gate explain assistant-v6
    modelassay gate robustness assistant-v6
    modelassay gate policies
    """
