"""``modelassay redteam list``: the attacks there are."""

from __future__ import annotations

import click

from modelassay.cli.options import json_option, print_json


@click.command("list")
@json_option
def command(as_json: bool) -> None:
    """List the installed attacks: id, how many forms of a request each has, what each needs."""
    from modelassay.redteam import entries

    found = entries()
    if as_json:
        print_json({"attacks": found})
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
        click.echo(f"  {each.id or each.name}{forms}{needs}{adaptive}")
        click.echo(f"      {each.summary}")
