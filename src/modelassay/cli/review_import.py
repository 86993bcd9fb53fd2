"""``modelassay review import``: what people elsewhere said."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from modelassay.cli.options import json_option, print_json, store_option
from modelassay.cli.review_options import annotator_option, labelling_of, tell_use


@click.command("import")
@click.argument("audit")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@annotator_option
@store_option
@json_option
def command(audit: str, file: Path, annotator: str, store: Path | None, as_json: bool) -> int:
    """Read the labels in FILE (CSV or JSON Lines, as exported), all or none; annotators are kept apart."""
    from modelassay.review.exchange import import_labels

    labelling = labelling_of(store, audit)
    time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    kept = import_labels(
        file.read_bytes(), labelling.items, labelling.book, time=time, annotator=annotator, where=str(file)
    )
    if as_json:
        print_json({"new": kept})
    else:
        click.echo(f"{kept:,} new labels" if kept else "no new labels in it", err=True)
        if kept:
            tell_use(audit, store)
    return 0
