"""``modelassay review next``: one answer at a time, blinded, every label kept at once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.options import json_option, print_json, store_option
from modelassay.cli.review_options import annotator_option, labelling_of, tell_use

if TYPE_CHECKING:
    from modelassay.review import Item, LabelBook

KEYS = {"y": "yes", "p": "partly", "n": "no", "s": "skip"}
HELP = "y yes · p partly · n no · s skip · t note · u undo · q quit"


@click.command("next")
@click.argument("audit")
@click.option("--size", type=click.IntRange(1), help="Pairs to draw of each measure. [default: the policy's]")
@click.option("--seed", type=int, default=1, show_default=True, help="Decides the draw.")
@click.option("--measure", "measures", multiple=True, help="Label this measure; repeatable.")
@annotator_option
@store_option
@json_option
def command(
    audit: str,
    size: int | None,
    seed: int,
    measures: tuple[str, ...],
    annotator: str,
    store: Path | None,
    as_json: bool,
) -> int:
    """Put answers of AUDIT to you, one at a time: not whose they are, nor what the judge said.

    The first call draws the pairs; later ones go on with that draw. Every label is on the disk at once.
    With --json the items left are printed and nothing is asked.
    """
    from modelassay.cli.keys_options import user

    who = annotator or user()
    labelling = labelling_of(store, audit, size=size, seed=seed, measures=measures, order=_order_of(who))
    done = {item for item, name in labelling.book.standing() if name == who}
    todo = [item for item in labelling.items if item.id not in done]
    if as_json:
        print_json([{"item": i.id, "measure": i.measure, "question": i.question} for i in todo])
        return 0
    said = put_to_person(todo, labelling.book, who, read_key=_read_key, read_line=_read_line)
    left = len(todo) - said
    click.echo(f"{said:,} labelled now, {len(done):,} before, {left:,} left", err=True)
    if (said or done) and not left:
        tell_use(audit, store)
    return 0


def put_to_person(
    todo: list[Item],
    book: LabelBook,
    who: str,
    *,
    read_key: Callable[[], str],
    read_line: Callable[[], str],
) -> int:
    """Show `todo` until it is done or the person leaves; how many have a label then."""
    place, note, shown = 0, "", -1
    while place < len(todo):
        if shown != place:
            _show(todo[place], f"{place + 1:,} of {len(todo):,}")
            shown = place
        key = read_key()
        if key in ("q", ""):
            break
        if key in KEYS:
            book.add(todo[place], KEYS[key], who, note=note)
            place, note = place + 1, ""
        elif key == "t":
            click.echo("note: ", nl=False)
            note = read_line()
        elif key == "u" and place:
            place -= 1
            book.add(todo[place], "undo", who)
        else:
            click.echo(HELP)
    return place


def _show(item: Item, counted: str) -> None:
    from modelassay.report.text import visible

    click.echo(click.style(f"\n── {counted} ──", bold=True))
    for message in item.prompt:
        click.echo(click.style(f"[{message.role}] ", dim=True) + visible(message.content))
    click.echo(click.style("[answer] ", bold=True) + (visible(item.answer) or "(empty)"))
    click.echo(f"{visible(item.question)}  {HELP}")


def _order_of(annotator: str) -> int:
    """Each annotator sees the answers in an order of their own."""
    import hashlib

    return int.from_bytes(hashlib.sha256(annotator.encode()).digest()[:4])


def _read_key() -> str:
    if sys.stdin.isatty():
        return click.getchar().lower()
    line = sys.stdin.readline()
    return line.strip().lower()[:1] or ("?" if line else "")


def _read_line() -> str:
    return sys.stdin.readline().rstrip("\n")
