"""``modelassay log consistency``: the log continues what was kept of it."""

from __future__ import annotations

import base64
from pathlib import Path

import click

from modelassay.cli.log_options import chosen_log, key_option, log_option, open_log_note, read_head
from modelassay.cli.options import json_option, print_json, store_option


@click.command("consistency")
@click.argument("old_head", type=click.Path(path_type=Path))
@store_option
@log_option
@key_option
@json_option
def command(
    old_head: Path, store: Path | None, folder: Path | None, keys: tuple[str, ...], as_json: bool
) -> None:
    """Show that the log continues OLD_HEAD, a copy of ``checkpoint`` kept earlier.

    Exits 13 when entries were removed or history was rewritten. Reads a few tiles only; ``--json`` prints
    the RFC 9162 proof.
    """
    from modelassay.log.merkle import verify_consistency
    from modelassay.log.reader import LogReader
    from modelassay.log.verify import check_continues

    log = LogReader(chosen_log(folder, store))
    old = read_head(old_head, keys)
    if keys:
        head = log.head()
        assert log.checkpoint is not None
        open_log_note(log.checkpoint, head.origin, keys)
    check_continues(log, old)
    proof = log.consistency_proof(old.size)
    verify_consistency(old.size, old.root, log.size, log.root, proof)
    if as_json:
        print_json(
            {
                "log": str(log.folder),
                "origin": old.origin,
                "old_size": old.size,
                "size": log.size,
                "root": base64.b64encode(log.root).decode(),
                "proof": [base64.b64encode(each).decode() for each in proof],
            }
        )
    else:
        click.echo(f"the log of {log.size:,} entries continues its first {old.size:,}")
