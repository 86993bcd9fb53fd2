"""``modelassay diff``: what a later candidate does better and worse than an earlier one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.options import chosen_store, json_option, print_json, reader_may_leave, store_option
from modelassay.errors import ExitCode

if TYPE_CHECKING:
    from modelassay.records import Difference, Finding, ItemChange, MovedRate

SHOWN_ITEMS = 10
"""Prompts listed on each side; ``--json`` has them all."""


@click.command("diff")
@click.argument("audits", nargs=-1, required=True, metavar="[BEFORE] AFTER")
@store_option
@click.option("--all", "everything", is_flag=True, help="Also list what did not move.")
@json_option
def command(audits: tuple[str, ...], store: Path | None, everything: bool, as_json: bool) -> int:
    """Compare two audits: what the candidate of AFTER does better and worse than that of BEFORE.

    Each is an id (or the start of one) or the folder of a sealed audit. With one argument, BEFORE is the
    last candidate of the same release line that was let through: admitted to a deployment, fit for it by its
    verdict, or cleared by people, and not withdrawn since. Exits 11 when a regression is shown: a
    drop of any size on the prompts that both were asked, at the policy's confidence, corrected over all
    judged measures and slices.

    \b
    modelassay diff assistant-v6 assistant-v7
    modelassay diff assistant-v7            # against what is released
    """
    from modelassay.audit.difference import difference, open_answered
    from modelassay.audit.released import folder_of, released_before
    from modelassay.errors import UsageError

    if len(audits) > 2:
        raise UsageError("more than two audits", mend="name an earlier and a later one")
    place = chosen_store(store)
    after = folder_of(place, audits[-1])
    before = folder_of(place, audits[0]) if len(audits) == 2 else released_before(place, after)
    found = difference(open_answered(before), open_answered(after))
    code = ExitCode.BLOCKED if found.regressions else ExitCode.ALLOWED
    with reader_may_leave():
        if as_json:
            print_json({"difference": found, "exit_code": int(code)})
        else:
            _print(found, everything=everything)
    return int(code)


def _print(found: Difference, *, everything: bool) -> None:
    from modelassay.report.text import OUTCOME_WORDS, visible

    worse, better = len(found.regressions), len(found.improvements)
    word = click.style("REGRESSION SHOWN", fg="red", bold=True) if worse else "no regression shown"
    click.echo(f"{word}: {worse} worse, {better} better")
    for label, side in (("before", found.before), ("after", found.after)):
        what = f"{side.closed[:10]}  {OUTCOME_WORDS[side.outcome]}  {visible(side.candidate)}"
        click.echo(f"{label:7} {side.audit}  {what}")
    click.echo(
        f"shared  {found.shared_answers:,} answers on the same prompts; "
        f"{found.only_before:,} only before, {found.only_after:,} only after"
    )
    for warning in found.warnings:
        click.echo(f"warning: {warning}")
    _print_rates("worse", found.regressions)
    _print_rates("better", found.improvements)
    if everything:
        _print_rates("not shown", [rate for rate in found.rates if rate.direction == "not shown"])
        _print_rates("not compared", [rate for rate in found.rates if rate.direction == "not compared"])
    _print_items("newly failing prompts", found.new_failures)
    _print_items("fixed prompts", found.fixed)
    for title, lines in (("also changed", found.changed), ("not compared", found.not_compared)):
        if lines:
            click.echo(f"{title}:")
            for line in lines:
                click.echo(f"  - {visible(line)}")


def _print_rates(title: str, rates: Iterable[MovedRate]) -> None:
    from modelassay.report.text import percent, visible

    rates = list(rates)
    if rates:
        click.echo(f"\n{title}:")
    for rate in rates:
        if rate.shared is not None:
            detail = _on_shared(rate.shared)
        else:
            old, new = (percent(e.value) if e else "not asked" for e in (rate.before, rate.after))
            detail = f"{old} → {new}, no prompt in common"
        click.echo(f"  - {visible(rate.title)}: {detail}")


def _on_shared(finding: Finding) -> str:
    from modelassay.report.text import percent, with_interval

    old, new = (percent(e.value) if e else "–" for e in (finding.baseline, finding.candidate))
    return f"{old} → {new}, {with_interval(finding.difference, as_points=True)}"


def _print_items(title: str, items: tuple[ItemChange, ...]) -> None:
    from modelassay.report.text import visible

    if not items:
        return
    click.echo(f"\n{title}: {len(items):,}")
    for item in items[:SHOWN_ITEMS]:
        tags = ", ".join(f"{tag} {value}" for tag, value in sorted(item.tags.items()))
        click.echo(f"  - {item.measure}  {item.sample[:19]}…  {visible(tags)}")
    if len(items) > SHOWN_ITEMS:
        click.echo(f"  … {len(items) - SHOWN_ITEMS:,} more; --json lists all")
