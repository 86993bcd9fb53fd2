"""``modelassay population``: where a candidate lies among other audited fine-tunes of its baseline."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.options import chosen_store, json_option, print_json, reader_may_leave, store_option

if TYPE_CHECKING:
    from modelassay.comparison import ReferencePopulation
    from modelassay.records import AuditRecord


@click.command("population")
@click.argument("audit")
@click.option(
    "--bundles",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Compare with the bundles in this folder. [default: the store's audits of the same baseline]",
)
@store_option
@json_option
def command(audit: str, bundles: Path | None, store: Path | None, as_json: bool) -> None:
    """Show where the candidate of AUDIT lies among other audited fine-tunes of the same baseline.

    AUDIT is an id, the start of one, or the path of a bundle. Compared are audits of the same baseline with
    the same prompts, decoding and evaluators, each candidate once. Context for people: no verdict rests on
    it, and the exit code is 0 whatever comes out.

    \b
    modelassay population assistant-v6
    modelassay population assistant-v6 --bundles ./audited-elsewhere
    """
    from modelassay.comparison import reference_population
    from modelassay.exports.sealed import find_audit

    place = chosen_store(store)
    record = find_audit(audit, place).record
    found = reference_population(record, others_of(place, bundles))
    with reader_may_leave():
        if as_json:
            print_json(found)
        else:
            _print(found)


def others_of(store: Path, bundles: Path | None) -> Iterable[AuditRecord]:
    """The audits to compare with; what cannot be read is told on stderr.

    Raises:
        UsageError: there is no folder `bundles`.
    """
    from modelassay.audit.population import audits_of, bundles_in

    def tell(name: str, why: str) -> None:
        click.echo(f"warning: {name} does not count: {why}", err=True)

    return audits_of(store, tell) if bundles is None else bundles_in(bundles, tell)


def _print(found: ReferencePopulation) -> None:
    from modelassay.report.population import population_lines

    for line in population_lines(found):
        click.echo(line)
