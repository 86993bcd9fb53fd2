"""``modelassay records``: single records of an audit, one module per subcommand."""

from __future__ import annotations

import click

from modelassay.cli.lazy_group import LazyGroup

SUBCOMMANDS: dict[str, str] = {
    "redact": "Write a copy of an audit that withholds records and still verifies.",
    "disclose": "Write single answers into one file that verifies alone.",
    "erase": "Remove records from the store for good.",
}
"""Every subcommand and its one-line help; the module is ``modelassay.cli.records_<name>``."""


@click.group("records", cls=LazyGroup, lazy=SUBCOMMANDS, module="modelassay.cli.records_{}")
def command() -> None:
    """Withhold, disclose or erase single records of an audit.

    Each prompt and each answer is committed to on its own, so the rest still verifies.
    """
