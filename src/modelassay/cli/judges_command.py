"""``modelassay judges``: how evaluators agree with people, one module per subcommand."""

from __future__ import annotations

import click

from modelassay.cli.lazy_group import LazyGroup

SUBCOMMANDS: dict[str, str] = {
    "list": "List evaluators: what each measures, and what is known of its error.",
    "calibrate": "Measure an evaluator on labelled answers, and keep the figures.",
    "test": "Read a labelled set again: does the evaluator still read what it read?",
    "train": "Train the classifiers that come with the package.",
}
"""Every subcommand and its one-line help; the module is ``modelassay.cli.judges_<name>``."""


@click.group("judges", cls=LazyGroup, lazy=SUBCOMMANDS, module="modelassay.cli.judges_{}")
def command() -> None:
    """Measure, keep and check how evaluators agree with people.

    Your own calibrations lie in the store (``<store>/judges``) and count in every audit of that store.
    """
