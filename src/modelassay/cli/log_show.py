"""``modelassay log show``: the events."""

from __future__ import annotations

from pathlib import Path

import click

from modelassay.cli.log_options import chosen_log, log_option
from modelassay.cli.options import json_option, print_json, reader_may_leave, store_option


@click.command("show")
@store_option
@log_option
@click.option("--kind", "kinds", multiple=True, help="Only events of this kind; repeatable.")
@click.option("--since", type=click.IntRange(min=0), default=0, help="From this entry on.")
@click.option("--last", type=click.IntRange(min=1), help="Only so many, the newest.")
@json_option
def command(
    store: Path | None,
    folder: Path | None,
    kinds: tuple[str, ...],
    since: int,
    last: int | None,
    as_json: bool,
) -> None:
    """Print the events, a line each; ``--json`` prints all of them with their bodies.

    Every entry is checked against the tree head before it is shown.
    """
    from collections import deque
    from typing import get_args

    from modelassay.errors import UnknownNameError
    from modelassay.evidence.events import decode
    from modelassay.log.reader import LogReader
    from modelassay.records import Event
    from modelassay.records.event import EventKind
    from modelassay.report.text import visible

    for kind in kinds:
        if kind not in get_args(EventKind):
            raise UnknownNameError("kind of event", kind, get_args(EventKind))
    log = LogReader(chosen_log(folder, store))
    shown: deque[Event] = deque(maxlen=last)
    for entry in log.entries(since):
        event = decode(entry)
        if not kinds or event.kind in kinds:
            shown.append(event)
    if as_json:
        print_json({"log": str(log.folder), "size": log.size, "events": list(shown)})
        return
    with reader_may_leave():
        for event in shown:
            subject = next((str(event.body[key]) for key in _TELLING if event.body.get(key)), "")
            told = f"{visible(event.actor.name)}  {visible(subject)}".rstrip()
            click.echo(f"{event.seq:>6}  {event.time}  {event.kind:18} {told}")


_TELLING = ("audit", "name", "payload", "key", "verdict")
"""Fields of a body that say best what an event is about."""
