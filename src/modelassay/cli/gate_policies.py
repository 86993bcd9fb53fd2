"""``modelassay gate policies``: the acceptance criteria that come with the package."""

from __future__ import annotations

from typing import Any

import click

from modelassay.cli.options import json_option, print_json


def shipped_policies() -> list[dict[str, Any]]:
    """Each with whom it is for, and where it differs from the default."""
    from modelassay.config import DEFAULT_POLICY, preset, preset_names, preset_summary
    from modelassay.gate import policy_changes

    default = preset(DEFAULT_POLICY)
    return [
        {
            "policy": name,
            "summary": preset_summary(name),
            "differs": policy_changes(default, preset(name)),
        }
        for name in preset_names()
    ]


def show_policies(*, as_json: bool) -> None:
    """Each with whom it is for, and where it differs from the default."""
    found = shipped_policies()
    if as_json:
        print_json({"policies": found})
        return
    for each in found:
        click.echo(f"{each['policy']}: {each['summary']}")
        for change in each["differs"]:
            click.echo(f"  {change.direction}: {change}")


@click.command("policies")
@click.argument("name", required=False)
@json_option
def command(name: str | None, as_json: bool) -> None:
    """List the policies that come with the package, or print the file of NAME, to start one of your own from.

    A plan takes one by name (`policy: finetuning-default`), and a policy file may build on one (`extends:`).

    \b
    modelassay gate policies
    modelassay gate policies high-stakes
    """
    from modelassay.config import preset, preset_text

    if name is not None:
        text = preset_text(name)
        if as_json:
            print_json({"policy": name, "text": text, "values": preset(name)})
        else:
            click.echo(text, nl=False)
        return
    show_policies(as_json=as_json)
