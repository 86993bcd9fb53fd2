"""``modelassay run diff``: two training runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.options import chosen_store, json_option, print_json, reader_may_leave, store_option
from modelassay.cli.run_options import open_run
from modelassay.errors import ExitCode

if TYPE_CHECKING:
    from modelassay.records import RunDifference

SHOWN_CHANGES = 20
"""Changed settings that are listed; ``--json`` has them all."""


@click.command("diff")
@click.argument("before")
@click.argument("after")
@click.option("--scanner", "scanners", multiple=True, metavar="NAME", help="Repeatable. [default: all]")
@click.option(
    "--patterns",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="Own scanner: YAML of patterns; repeatable.",
)
@click.option("--all", "everything", is_flag=True, help="Also list what did not move.")
@store_option
@json_option
def command(
    before: str,
    after: str,
    scanners: tuple[str, ...],
    patterns: tuple[Path, ...],
    everything: bool,
    store: Path | None,
    as_json: bool,
) -> int:
    """Compare two training runs: behaviours, what reward pays for them, rewards, settings, code, coverage.

    Each is a name of `run list` or a run's folder. Exits 11 when a behaviour surely shows more at the end of
    AFTER than at that of BEFORE, or reward surely pays more for it; else 12 when one of them has no training
    rollouts to compare.

    \b
    modelassay run diff grpo-v1 grpo-v2
    """
    from modelassay.assessment.comparing import compare_runs

    place = chosen_store(store)
    found = compare_runs(open_run(before, place), open_run(after, place), scanners, patterns)
    code = _exit_code(found)
    with reader_may_leave():
        if as_json:
            print_json({"difference": found, "exit_code": int(code)})
        else:
            _tell(found, everything=everything)
    return int(code)


def _exit_code(found: RunDifference) -> ExitCode:
    if found.regressions:
        return ExitCode.BLOCKED
    return ExitCode.INCONCLUSIVE if found.is_inconclusive else ExitCode.ALLOWED


def _tell(found: RunDifference, *, everything: bool) -> None:
    from modelassay.report.text import visible

    up = (
        "no behaviour can be compared"
        if found.is_inconclusive
        else f"{len(found.regressions)} behaviour(s) up"
    )
    click.echo(visible(f"{found.before} → {found.after}: {up}"))
    for warning in found.warnings:
        click.echo(f"  note: {visible(warning)}")
    for move in found.moves:
        if move.moved in ("not shown", "not compared") and not (everything or move in found.uncompared):
            continue
        what = f"{move.behaviour or 'reward'}{f' in {move.environment}' if move.environment else ''}"
        ends = f" [{move.difference.low:+.3f}, {move.difference.high:+.3f}]" if move.difference else ""
        values = f"{_value(move.before)} → {_value(move.after)}{ends}"
        unit = f" of the {move.unit}" if move.unit else ""
        click.echo(f"  {move.moved:<9} {move.quantity}: {visible(what)} {values}{unit}")
    for change in found.changes[:SHOWN_CHANGES]:
        click.echo(
            f"  changed   {change.kind} {visible(change.name)}: {visible(change.before[:60]) or '–'} → "
            f"{visible(change.after[:60]) or '–'}"
        )
    if len(found.changes) > SHOWN_CHANGES:
        click.echo(f"  and {len(found.changes) - SHOWN_CHANGES} more changes")
    for name, coverage in zip((found.before, found.after), found.coverage, strict=True):
        if coverage is not None:
            of = "" if coverage.expected_train is None else f" of {coverage.expected_train:,}"
            click.echo(f"  coverage  {visible(name)}: {coverage.found_train:,}{of} training rollouts")


def _value(value: object) -> str:
    return "–" if value is None else f"{value:.3f}"
