"""``modelassay log head``: what the log says of itself."""

from __future__ import annotations

import base64
from pathlib import Path

import click

from modelassay.cli.log_options import chosen_log, log_option
from modelassay.cli.options import json_option, print_json, store_option


@click.command("head")
@store_option
@log_option
@json_option
def command(store: Path | None, folder: Path | None, as_json: bool) -> None:
    """Show the tree head: origin, size, root and the names under it.

    Nothing is verified here; `log verify` does that. A copy of the file ``checkpoint`` is what to keep:
    `log consistency` shows later that the log continues it.
    """
    from modelassay.log.note import parse_note
    from modelassay.log.reader import LogReader

    log = LogReader(chosen_log(folder, store))
    head = log.head() if log.checkpoint is not None else None
    names = [line.name for line in parse_note(log.checkpoint).signatures] if log.checkpoint else []
    unsigned = log.size - (head.size if head else 0)
    if as_json:
        print_json(
            {
                "log": str(log.folder),
                "origin": head.origin if head else None,
                "size": log.size,
                "root": base64.b64encode(log.root).decode(),
                "signed_size": head.size if head else None,
                "signatures": names,
            }
        )
        return
    click.echo(f"log      {log.folder}")
    click.echo(f"origin   {head.origin if head else '(none yet: it is the name of the first key)'}")
    click.echo(f"entries  {log.size:,}")
    click.echo(f"root     {base64.b64encode(log.root).decode()}")
    if head is None:
        click.echo("signed   no: tree head not signed")
    else:
        click.echo(f"signed   by {', '.join(names)}" + (f"; not the last {unsigned:,}" if unsigned else ""))
    if unsigned:
        click.echo("hint: `modelassay log sign` signs the log as it is", err=True)
