"""``modelassay log verify``: the whole log by its bytes."""

from __future__ import annotations

import base64
from pathlib import Path

import click

from modelassay.cli.log_options import chosen_log, key_option, log_option, log_verifiers, read_head
from modelassay.cli.options import json_option, print_json, store_option


@click.command("verify")
@store_option
@log_option
@key_option
@click.option(
    "--head",
    "heads",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A copy of ``checkpoint`` kept earlier, which the log must continue; repeatable.",
)
@json_option
def command(
    store: Path | None, folder: Path | None, keys: tuple[str, ...], heads: tuple[Path, ...], as_json: bool
) -> None:
    """Check every entry, hash and file of the log against its tree head.

    Exits 13 at the first thing that is wrong, and names it. Without ``--key`` the signature is not checked;
    without ``--head`` a log that was rewritten whole by whoever holds its key passes.
    """
    from modelassay.log.reader import signed_head
    from modelassay.log.verify import verify_log

    place = chosen_log(folder, store)
    origin = signed_head(place).origin if keys else ""
    report = verify_log(
        place, log_verifiers(keys, origin), remembered=[read_head(path, keys) for path in heads]
    )
    if as_json:
        print_json(
            {
                "log": str(place),
                "verified": True,
                "origin": report.head.origin if report.head else None,
                "size": report.size,
                "root": base64.b64encode(report.root).decode(),
                "signed_size": report.head.size if report.head else None,
                "signed_by": [line.name for line in report.verified],
                "pending": report.pending,
                "continues": [str(path) for path in heads],
            }
        )
        return
    click.echo(f"log verified: {report.size:,} entries in {place}")
    if report.head is None:
        click.echo("tree head not signed")
    elif not keys:
        click.echo(f"tree head of {report.head.origin}: signature not checked, no --key was given")
    else:
        click.echo(f"tree head of {report.head.origin}: signature verified")
    if report.head is not None and report.unsigned:
        click.echo(f"the last {report.unsigned:,} entries are not under a signed tree head")
    if report.pending:
        click.echo(f"{report.pending:,} more entries are pending; the next writer shows them")
    for path in heads:
        click.echo(f"continues {path}")
