"""``modelassay show``: one audit in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.options import chosen_store, json_option, print_json, reader_may_leave, store_option

if TYPE_CHECKING:
    from modelassay.records import AuditRecord


@click.command("show")
@click.argument("audit")
@store_option
@click.option("--findings", is_flag=True, help="Also print every finding.")
@json_option
def command(audit: str, store: Path | None, findings: bool, as_json: bool) -> None:
    """Show AUDIT (an id or the start of one): verdict, reasons, measures, files.

    Showing always exits 0; ``--json`` says which exit code the verdict has today.
    """
    from modelassay.audit import read_audit
    from modelassay.cli.deciding import verdict_today
    from modelassay.cli.summary import print_summary, summary

    place = chosen_store(store)
    record = read_audit(place, audit)
    folder = place / "audits" / record.id
    today = verdict_today(record, place)
    with reader_may_leave():
        if as_json:
            more = {"findings": record.findings} if findings else {}
            print_json({**summary(record, folder, today), **more})
        else:
            print_summary(record, folder, [], today)
            if findings:
                _print_findings(record)


def _print_findings(record: AuditRecord) -> None:
    from modelassay.report.text import visible

    click.echo()
    for finding in record.findings:
        click.echo(f"{finding.state:15} {finding.id}: {visible(finding.statement)}")
