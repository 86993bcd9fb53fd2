"""``modelassay plan``: what an audit would ask, take and be able to show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.options import (
    data_dir_option,
    json_option,
    offline_option,
    places_of,
    plan_argument,
    print_json,
    set_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelassay.audit.forecast import Forecast
    from modelassay.records import Finding


@click.command("plan")
@plan_argument
@set_option
@data_dir_option
@offline_option
@click.option(
    "--baseline-rate",
    type=click.FloatRange(0, 1),
    default=0.95,
    show_default=True,
    help="Assumed rate of wanted answers of the baseline.",
)
@click.option("--seconds-per-request", type=click.FloatRange(min=0), default=2.0, show_default=True)
@click.option(
    "--output-tokens",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="Assumed tokens of a typical answer.",
)
@json_option
def command(
    plan: Path,
    overrides: tuple[str, ...],
    data_dir: Path | None,
    offline: bool,
    baseline_rate: float,
    seconds_per_request: float,
    output_tokens: int,
    as_json: bool,
) -> None:
    """Show what PLAN would ask: requests, time, cost, and the smallest drop each slice could show.

    Nothing is asked and nothing is spent; datasets are read (downloaded on first use), and what the plan
    declares of the candidate's lineage is held against the files that it names.

    \b
    modelassay plan plan.yaml
    modelassay plan plan.yaml --set repeats=4 --set decoding.temperature=1
    """
    import asyncio

    import msgspec

    from modelassay.artifacts import lineage_findings, resolve_lineage
    from modelassay.audit.forecast import Assumptions, forecast
    from modelassay.audit.parts import check_names, open_questions
    from modelassay.config import load_plan, policy_of
    from modelassay.gate import check_policy

    loaded = load_plan(plan, overrides)
    policy = policy_of(loaded, plan.parent)
    check_policy(policy, where=str(plan.parent / loaded.policy) if loaded.policy else "the default policy")
    store = Path(loaded.output.store)
    places = places_of(plan, store=store, data_dir=data_dir, offline=offline)
    assumptions = Assumptions(
        baseline_rate=baseline_rate, seconds_per_request=seconds_per_request, output_tokens=output_tokens
    )
    declared = lineage_findings(resolve_lineage(loaded.lineage, plan.parent))
    questions = open_questions(loaded, places)
    asyncio.run(check_names(loaded, policy, questions, plan.parent))
    expected = forecast(loaded, policy, questions, assumptions)
    expected = msgspec.structs.replace(expected, lineage=declared)
    if as_json:
        print_json(expected)
    else:
        _print(expected)


def _print(expected: Forecast) -> None:
    for warning in expected.warnings:
        click.echo(f"warning: {warning}", err=True)
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in expected.samples.items())
    total = sum(expected.samples.values())
    click.echo(f"{expected.name}: {total:,} prompts ({kinds}), each asked {expected.repeats}× of both models")
    for pin in expected.datasets:
        click.echo(f"  {pin.name}@{pin.digest}  {pin.rows:,} rows")
    click.echo()
    for side in expected.sides:
        click.echo(f"{side.reference}")
        click.echo(
            f"  {side.requests:,} requests, about {side.input_tokens:,} input and {side.output_tokens:,} "
            f"output tokens (at most {side.most_output_tokens:,}), about {side.minutes} min at "
            f"{expected.assumptions.seconds_per_request:g} s a request"
        )
        if side.cost:
            click.echo(f"  cost about {side.cost}, at most {side.most_cost}")
    if expected.judged_answers:
        click.echo(f"each judge model would read up to {expected.judged_answers:,} answers")
    click.echo()
    taken = expected.assumptions
    click.echo(
        f"Smallest drop that would be shown {taken.power:.0%} of the time, if the baseline does what is "
        f"wanted in {taken.baseline_rate:.0%} of answers:"
    )
    width = max(len(_name(item.slice)) for item in expected.slices) if expected.slices else 0
    for item in expected.slices:
        drop = f"{item.smallest_drop * 100:5.1f} points" if item.smallest_drop < 1 else "none can be shown"
        note = "" if item.assessable else "  too few to assess"
        click.echo(f"  {item.kind:8} {_name(item.slice):{width}}  {item.pairs:6,} pairs  {drop}{note}")
    _print_lineage(expected.lineage)


def _print_lineage(findings: Sequence[Finding]) -> None:
    """What is open or in conflict in the declaration; what is in order needs no line."""
    from modelassay.report.lineage import LINEAGE_WORDS
    from modelassay.report.text import visible

    wanting = [finding for finding in findings if finding.state != "shown_fine"]
    click.echo()
    click.echo("Declared lineage:" if wanting else "Declared lineage: nothing open, no conflict")
    for finding in wanting:
        word = "note" if finding.severity == "low" else LINEAGE_WORDS[finding.state]
        click.echo(f"  {word:11} {visible(finding.statement)}")


def _name(tags: dict[str, str]) -> str:
    return ", ".join(f"{tag} {value}" for tag, value in tags.items()) or "all"
