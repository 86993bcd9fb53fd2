"""What the subcommands of ``modelassay review`` share: which audit, its draw, its items, its labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from modelassay.cli.options import chosen_store

if TYPE_CHECKING:
    from modelassay.evidence.contents import Contents
    from modelassay.review import Draw, Item, LabelBook

annotator_option = click.option(
    "--annotator", envvar="MODELASSAY_ANNOTATOR", default="", help="Who labels. [default: the user]"
)


def tell_use(audit: str, store: Path | None) -> None:
    """Say on stderr what labels are for."""
    place = chosen_store(store)
    click.echo(
        f"to correct what the judge read by them: modelassay rejudge {audit} --labels {place}", err=True
    )


class Labelling(NamedTuple):
    """One audit being labelled."""

    contents: Contents
    draw: Draw
    items: Sequence[Item]
    book: LabelBook


def labelling_of(
    store: Path | None,
    audit: str,
    *,
    size: int | None = None,
    seed: int = 1,
    measures: Sequence[str] = (),
    order: int = 1,
    keep: bool = True,
) -> Labelling:
    """The sealed audit with its draw (made now if there is none), items and labels.

    Args:
        keep: whether a draw that is made now is kept; a look writes nothing.

    Raises:
        UsageError: no such audit, or texts of it are withheld.
    """
    from modelassay.audit.given import open_given
    from modelassay.audit.released import folder_of
    from modelassay.review import LabelBook, draw_of, items_of

    place = chosen_store(store)
    contents = open_given(folder_of(place, audit)).contents
    draw = draw_of(place, contents, size=size, seed=seed, measures=measures, keep=keep)
    book = LabelBook(place, contents.record.id)
    return Labelling(contents, draw, items_of(contents, draw, seed=order), book)
