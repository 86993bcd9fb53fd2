"""``modelassay demo``: planted faults, found."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.options import json_option, places_of, print_json, quiet_option

if TYPE_CHECKING:
    from modelassay.records import AuditRecord


@click.command("demo")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Where models, plans and audits go.",
)
@quiet_option
@json_option
def command(folder: Path, quiet: bool, as_json: bool) -> int:
    """Train tiny models with planted faults here, audit each, show the verdicts side by side.

    Needs the extra `local` (torch on the CPU is enough) and a few minutes. Exits 0 when every fault was
    found and the harmless model was let through, 1 otherwise.
    """
    from modelassay.demo import run_demo
    from modelassay.gate import exit_code
    from modelassay.report.text import OUTCOME_WORDS, visible

    folder.mkdir(parents=True, exist_ok=True)

    def code_of(record: AuditRecord) -> int:
        return int(exit_code(record.verdict, datetime.now(UTC).date()))

    rows = run_demo(
        folder,
        tell=lambda line: None if quiet else click.echo(line, err=True),
        audit_plan=lambda plan: _audit(plan, folder / "assay", quiet=quiet),
        exit_code=code_of,
    )
    good = all(row.as_planted for row in rows.values())
    if as_json:
        print_json(rows)
        return 0 if good else 1
    click.echo()
    for name, row in rows.items():
        mark = "as planted" if row.as_planted else "NOT AS PLANTED"
        click.echo(f"{name:15} {OUTCOME_WORDS[row.outcome]:32} exit {row.exit_code:<3} {mark}")
        click.echo(f"{'':15} planted: {row.story}")
        click.echo(f"{'':15} {visible(row.headline)}")
        click.echo(f"{'':15} {row.report}")
    click.echo()
    click.echo(f"plans: {folder}/*.yaml (run one again with `modelassay audit`), audits: {folder / 'assay'}")
    return 0 if good else 1


def _audit(plan: Path, store: Path, *, quiet: bool) -> AuditRecord:
    """Run the plan at `plan` just as ``modelassay audit`` does."""
    from modelassay.cli.audit_command import run_plan
    from modelassay.cli.signing import notary_of

    places = places_of(plan, store=store, data_dir=None, offline=True, quiet=quiet)
    return run_plan(plan, (), places, notary=notary_of(verdict_key=""), quiet=quiet)
