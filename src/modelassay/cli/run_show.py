"""``modelassay run show``: what a training run is, and how much of it is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.options import chosen_store, json_option, print_json, reader_may_leave, store_option
from modelassay.cli.run_options import open_run

if TYPE_CHECKING:
    from modelassay.records import RunCoverage
    from modelassay.training.run import Run


@click.command("show")
@click.argument("run")
@store_option
@json_option
def command(run: str, store: Path | None, as_json: bool) -> None:
    """Show one training run: settings, rewards, checkpoints, and the statement of its coverage.

    RUN is a name of `run list`, or a folder that holds run.json.
    """
    found = open_run(run, chosen_store(store))
    with reader_may_leave():
        if as_json:
            print_json(
                {
                    "manifest": found.manifest,
                    "coverage": found.coverage(),
                    "checkpoints": found.checkpoints(),
                    "datasets": found.datasets(),
                    "events": found.events(),
                }
            )
        else:
            _tell(found)


def _tell(run: Run) -> None:
    from modelassay.report.text import visible

    manifest, checkpoints, events = run.manifest, run.checkpoints(), run.events()
    kind = " ".join(
        word for word in (manifest.framework, manifest.framework_version, manifest.algorithm) if word
    )
    click.echo(f"{visible(manifest.name)}: {manifest.origin} from {visible(kind)}")
    for reward in manifest.rewards:
        weight = "weight unknown" if reward.weight is None else f"weight {reward.weight}"
        click.echo(f"  reward {visible(reward.name)}: {weight}")
    if manifest.group_size:
        click.echo(f"  groups of {manifest.group_size}")
    if checkpoints:
        click.echo("  checkpoints: " + ", ".join(visible(each.name) for each in checkpoints))
    if events:
        click.echo(f"  events: {len(events):,}")
    coverage = run.coverage()
    for line in coverage_lines(coverage) if coverage else ["no statement of coverage"]:
        click.echo(f"  {visible(line)}")


def coverage_lines(coverage: RunCoverage) -> list[str]:
    """A coverage statement, a line each."""
    of = "" if coverage.expected_train is None else f" of {coverage.expected_train:,}"
    lines = [f"training rollouts: {coverage.found_train:,}{of}; of evaluations: {coverage.found_eval:,}"]
    if coverage.batches_found is not None:
        of = "" if coverage.batches_expected is None else f" of {coverage.batches_expected:,}"
        lines.append(f"training batches: {coverage.batches_found:,}{of}")
    counts = {
        "duplicated": coverage.duplicated,
        "quarantined": coverage.quarantined,
        "lost by the recorder": coverage.gaps,
        "filtered": coverage.filtered,
        "groups of equal rewards": coverage.zero_variance_groups,
    }
    lines += [f"{name}: {count:,}" for name, count in counts.items() if count]
    for name, steps in (
        ("overwritten by evaluations", coverage.overwritten_steps),
        ("missing", coverage.missing_steps),
        ("written twice", coverage.repeated_steps),
    ):
        if steps:
            more = "" if len(steps) <= 12 else f" and {len(steps) - 12:,} more"
            lines.append(f"steps {name}: {', '.join(map(str, steps[:12]))}{more}")
    return lines + [f"note: {statement}" for statement in coverage.statements]
