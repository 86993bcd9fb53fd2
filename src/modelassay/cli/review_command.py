"""``modelassay review``: people label answers and decide, one module per subcommand."""

from __future__ import annotations

import click

from modelassay.cli.lazy_group import LazyGroup

SUBCOMMANDS: dict[str, str] = {
    "next": "Show one answer at a time and keep what you say of it.",
    "export": "Write the answers to be labelled for people elsewhere.",
    "import": "Read back what people elsewhere said.",
    "status": "How far labelling is, how people agree, and how the judge does against them.",
    "sign": "Sign off a written risk assessment of a verdict that needs review.",
    "withdraw": "Take back a risk acceptance or a sign-off.",
}
"""Every subcommand and its one-line help; the module is ``modelassay.cli.review_<name>``."""


@click.group("review", cls=LazyGroup, lazy=SUBCOMMANDS, module="modelassay.cli.review_{}")
def command() -> None:
    """Label answers of a sealed audit by hand, and sign off what a verdict leaves to people.

    A stratified sample of pairs is drawn once and kept; people see answers blinded. `modelassay rejudge AUDIT
    --labels STORE` then seals the labels and corrects what the judge read.
    """
