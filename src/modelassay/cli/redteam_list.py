"""``modelassay redteam list``: the attacks there are."""

from __future__ import annotations

from datetime import date

import click

from modelassay.cli.options import json_option, print_json


@click.command("list")
@json_option
def command(as_json: bool) -> None:
    """List the installed attacks: id, when it was written or changed, how many forms of a request it has,
    what it needs."""
    from modelassay.redteam import entries
    from modelassay.redteam.adaptive import STRATEGIES

    found = entries()
    strategies = {name: _summary(kind) for name, kind in STRATEGIES.items()}
    if as_json:
        print_json({"attacks": found, "strategies": strategies})
        return
    heading = None
    for each in found:
        family = each.family or "others"
        if family != heading:
            click.echo(f"{family}:")
            heading = family
        forms = f", {each.draws} forms" if each.draws > 1 else ""
        needs = f", needs {', '.join(each.needs)}" if each.needs else ""
        adaptive = "" if each.frozen else ", not frozen"
        click.echo(f"  {each.id or each.name}{_age(each.dated, date.today())}{forms}{needs}{adaptive}")
        click.echo(f"      {each.summary}")
    click.echo("attacks that react (`modelassay redteam run`):")
    for name, summary in strategies.items():
        click.echo(f"  {name}")
        click.echo(f"      {summary}")


def _summary(kind: type) -> str:
    """First sentence of a class's docstring."""
    import inspect

    return " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())


def _age(dated: str, today: date) -> str:
    """``, of 2026-11-21 (3 days ago)``; empty where nothing is known."""
    if not dated:
        return ""
    days = (today - date.fromisoformat(dated)).days
    return f", of {dated} ({'1 day' if days == 1 else f'{days} days'} ago)" if days > 0 else f", of {dated}"
