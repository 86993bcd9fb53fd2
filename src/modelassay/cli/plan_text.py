"""The forecast of a plan in words, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from modelassay.audit.planning import (
        Affordable,
        Assumptions,
        ChecklistItem,
        Drawing,
        Forecast,
        RedTeamForecast,
        Repeating,
        RequiredEvidence,
        SliceForecast,
        Total,
    )
    from modelassay.records import Finding

_CASES = {
    "from_scratch": "from scratch",
    "baseline_kept": "with the baseline's answers kept",
    "now": "not in the journal yet",
}
_MARKS = {"met": "✓", "open": "✗", "unknown": "?", "there": "✓", "planned": "✓", "missing": "✗"}
_ITEMS = {
    "time": "time",
    "money": "cost",
    "benchmark": "whole benchmark",
    "prompts": "prompts",
    "domain": "domain and categories",
    "manual_red_team": "red-teaming by hand",
}


def print_forecast(expected: Forecast) -> None:
    """All of `expected`, section by section; warnings go to stderr."""
    for warning in expected.warnings:
        click.echo(f"warning: {warning}", err=True)
    _print_asked(expected)
    _section("All together:", map(_total_line, expected.totals))
    if expected.kept and (expected.kept.baseline or expected.kept.candidate):
        kept = expected.kept
        click.echo(
            f"  the journal holds {kept.baseline:,} of {kept.questions:,} answers of the baseline and "
            f"{kept.candidate:,} of the candidate (from {', '.join(kept.audits)}), good if the models are "
            "what they were"
        )
    _print_assumptions(expected.assumptions)
    _print_slices(expected)
    _section("The same requests as repeats, or as more prompts (smallest drop shown):", _repeating(expected))
    click.echo("  repeats at temperature 0 are alike; above 0 they also show consistency and edge cases")
    _print_drawing(expected.drawing)
    for each in expected.affordable:
        _print_affordable(each)
    _section("A practical evaluation before deployment:", map(_item_line, expected.checklist))
    _print_evidence(expected.evidence)
    _print_lineage(expected.lineage)


def _print_asked(expected: Forecast) -> None:
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in expected.samples.items())
    total = sum(expected.samples.values())
    click.echo(f"{expected.name}: {total:,} prompts ({kinds}), each asked {expected.repeats}× of both models")
    for pin in expected.datasets:
        dated = f", of {pin.dated}" if pin.dated else ""
        click.echo(f"  {pin.name}@{pin.digest}  {pin.rows:,} rows{dated}")
    if expected.red_team:
        _print_red_team(expected.red_team)
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
    for judge in expected.judges:
        cost = f", cost about {judge.cost}" if judge.cost else ""
        click.echo(
            f"{judge.evaluator}, judged by {judge.reference}\n  up to {judge.requests:,} judgements, about "
            f"{judge.input_tokens:,} input and {judge.output_tokens:,} output tokens, about "
            f"{judge.minutes} min{cost}"
        )
    if expected.judged_answers:
        click.echo(f"each judge model would read up to {expected.judged_answers:,} answers")


def _print_red_team(red_team: RedTeamForecast) -> None:
    """How many attacked questions there are, and what they take."""
    total = sum(red_team.questions.values())
    families = ", ".join(f"{family} {count:,}" for family, count in red_team.questions.items())
    click.echo(f"  red team: {total:,} attacked questions on {red_team.samples:,} samples ({families})")
    for name, side in zip(("baseline", "candidate"), red_team.sides, strict=True):
        cost = f", cost about {side.cost}" if side.cost else ""
        click.echo(
            f"    {name}: {side.requests:,} requests, about {side.input_tokens:,} input and "
            f"{side.output_tokens:,} output tokens, about {side.minutes} min{cost}; within what follows"
        )


def _total_line(total: Total) -> str:
    cost = f"about {total.cost}" if total.cost else "cost not known"
    cost += "" if total.priced or not total.cost else " for what has a price"
    judged = f", {total.judgements:,} judgements" if total.judgements else ""
    return (
        f"{_CASES[total.case]}: {total.requests:,} requests{judged}, {total.tokens:,} tokens, {cost}, "
        f"about {total.minutes:g} min"
    )


def _print_assumptions(taken: Assumptions) -> None:
    def marked(name: str, text: str) -> str:
        return f"{text}{' (measured)' if name in taken.measured else ''}"

    rates = "".join(f", {rate:.1%} on {kind}" for kind, rate in taken.rates.items())
    phis = "".join(f", {phi:g} on {kind}" for kind, phi in taken.correlations.items())
    lines = [
        marked("rates", f"the baseline does what is wanted in {taken.baseline_rate:.1%} of answers{rates}"),
        marked("correlations", f"phi of both models on a prompt {taken.correlation:g}{phis}"),
        f"correlation of changes in a cluster {taken.correlation_in_cluster:g}, of repeats "
        f"{taken.correlation_of_repeats:g}",
        marked("output_tokens", f"{taken.output_tokens:,} tokens an answer")
        + ", "
        + marked("seconds_per_request", f"{taken.seconds_per_request:g} s a request"),
    ]
    _section(f"Assumed{f', measured in {taken.like}' if taken.like else ''}:", lines)


def _print_slices(expected: Forecast) -> None:
    taken = expected.assumptions
    click.echo()
    click.echo(
        f"Smallest drop that each slice shows {taken.power:.0%} of the time, and the prompts it takes "
        f"to show\na drop of {taken.drop:.0%} and to show that there is none as large:"
    )
    named = list(_named([(item.kind, item.slice, _shown(item)) for item in expected.slices]))
    width = max((len(name) for _, name, _ in named), default=0)
    kinds = max((len(kind) for kind, _, _ in named), default=0)
    for kind, name, shown in named:
        click.echo(f"  {kind:{kinds}} {name:{width}}  {shown}")


def _shown(item: SliceForecast) -> str:
    drop = f"{item.smallest_drop * 100:5.1f} points" if item.smallest_drop < 1 else "none can be shown"
    return (
        f"{item.pairs:6,} pairs  {drop:12}  show {_needed(item.prompts_to_show, item)}  "
        f"clear {_needed(item.prompts_to_clear, item)}{'' if item.assessable else '  too few to assess'}"
    )


def _named(rows: Sequence[tuple[str, dict[str, str], str]]) -> Iterable[tuple[str, str, str]]:
    """Kind, name and figures of each slice; values of a tag with the same figures stand on one line."""
    groups: dict[tuple[str, tuple[str, ...], str], list[str]] = {}
    for kind, tags, shown in rows:
        groups.setdefault((kind, tuple(tags), shown), []).append(_name(tags))
    for (kind, keys, shown), names in groups.items():
        yield kind, names[0] if len(names) == 1 else f"{len(names)} of {'*'.join(keys)}", shown


def _needed(prompts: int | None, item: SliceForecast) -> str:
    if prompts is None:
        return "never"
    missing = prompts - item.prompts
    return f"{prompts:,} (+{missing:,})" if missing > 0 else f"{prompts:,} ✓"


def _repeating(expected: Forecast) -> Iterable[str]:
    def line(each: Repeating) -> str:
        return (
            f"{each.kind:8} {each.repeats:2}× {each.requests:7,} requests  {_points(each.smallest_drop)} "
            f"repeated, {_points(each.smallest_drop_if_prompts)} as different prompts"
        )

    return map(line, expected.repeating)


def _print_drawing(drawing: Sequence[Drawing]) -> None:
    if not drawing:
        return
    lines = []
    for each in drawing:
        who = "unchanged candidate" if not each.drop else f"candidate {each.drop:.0%} down"
        reached = ", ".join(f"{outcome} {count}" for outcome, count in each.outcomes.items())
        lines.append(
            f"{each.kind:8} {who}: {each.expected:,.0f} of {each.prompts:,} prompts ({each.share:.0%}), nine "
            f"times in ten at most {each.ninth_decile:,}; {reached}"
        )
    first = drawing[0]
    _section(
        f"Sequential in place of fixed mode ({first.repetitions} simulated audits, seed {first.seed}):", lines
    )


def _print_affordable(each: Affordable) -> None:
    reason = {"money": "the money ends", "time": "the time ends", "plan": "all of the plan fits"}
    fits = f"; {each.would_fit:,} prompts like these would fit" if each.would_fit is not None else ""
    known = "" if each.money_known else " (not every model has a price)"
    rows = []
    for item in each.slices:
        shown = _points(item.smallest_drop) if item.smallest_drop < 1 else "none can be shown"
        rows.append((item.kind, item.slice, f"{item.prompts:,} prompts, smallest drop {shown}"))
    lines = [f"{kind:8} {name}: {shown}" for kind, name, shown in _named(rows)]
    _section(
        f"Within the limits, {_CASES[each.case]}: {each.prompts:,} prompts, then "
        f"{reason[each.limited_by]}{fits}{known}",
        lines,
    )


def _item_line(item: ChecklistItem) -> str:
    change = f" → {item.change}" if item.change else ""
    return f"{_MARKS[item.state]} {_ITEMS[item.name]}: {item.statement}{change}"


def _print_evidence(required: Sequence[RequiredEvidence]) -> None:
    """What the policy requires beside the suite, and what brings what would be missing."""
    from modelassay.report.text import visible

    if not required:
        return
    lines = [
        f"{_MARKS[each.state]} {each.kind.replace('_', ' ')}: {visible(each.statement)}"
        + (f" → {each.supplied_by}" if each.supplied_by else "")
        for each in required
    ]
    _section("Evidence that the policy requires:", lines)
    if any(each.state == "missing" for each in required):
        click.echo("  while one is missing the audit can only end inconclusive, or worse")


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


def _section(title: str, lines: Iterable[str]) -> None:
    click.echo()
    click.echo(title)
    for line in lines:
        click.echo(f"  {line}")


def _points(share: float) -> str:
    return f"{share * 100:.1f} points"


def _name(tags: dict[str, str]) -> str:
    return ", ".join(f"{tag} {value}" for tag, value in tags.items()) or "all"
