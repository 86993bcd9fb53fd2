"""``modelassay inspect``: a candidate looked into, beside its base; one module per subcommand."""

from __future__ import annotations

import click

from modelassay.cli.lazy_group import LazyGroup

SUBCOMMANDS: dict[str, str] = {
    "activations": "Compare hidden states: basis, refusal direction, recognition, words of the difference.",
    "adapters": "Try adapters alone and stacked, and read what their files say.",
    "prefills": "Search for beginnings of answers that lift a model's refusals, for frozen attacks.",
    "margin": "Compare how firmly both refuse, at the first token of their answers.",
    "tampering": "See how few steps of tuning, or how weak a push, undo refusals.",
    "suffixes": "Search for suffixes that lift a model's refusals, for frozen attacks.",
    "triggers": "Search for what makes the candidate help where its base refuses.",
    "watched": "Ask harmful requests as items of a test and as ordinary use.",
    "weights": "Compare the weights tensor by tensor, without running either.",
}
"""Every subcommand and its one-line help; the module is ``modelassay.cli.inspect_<name>``."""


@click.group("inspect", cls=LazyGroup, lazy=SUBCOMMANDS, module="modelassay.cli.inspect_{}")
def command() -> None:
    """Look into a candidate, beside the base that it came from.

    Each look ends in an examination, a file that audits take in (`--out FILE`). What is read inside is held
    against the same numbers of harmless fine-tunes (`--nulls FILE`); without them it is left to people.
    """
