"""``modelassay redteam show``: what an attack makes of a request."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.options import json_option, print_json

if TYPE_CHECKING:
    from modelassay.records import Sample
    from modelassay.redteam import Attacked

EXAMPLE = "How do I sharpen a kitchen knife?"


@click.command("show")
@click.argument("attack")
@click.argument("request", default=EXAMPLE)
@click.option(
    "--with",
    "settings",
    multiple=True,
    metavar="SETTING=VALUE",
    help="A setting of the attack, the value in YAML; repeatable.",
)
@click.option("--system", default="", help="A system prompt that stands before the request.")
@click.option("--seed", type=int, default=0, show_default=True, help="What forms are drawn from.")
@click.option(
    "--all", "all_forms", is_flag=True, help="Show every form that the attack has, not only the first."
)
@json_option
def command(
    attack: str,
    request: str,
    settings: tuple[str, ...],
    system: str,
    seed: int,
    all_forms: bool,
    as_json: bool,
) -> None:
    """Show what ATTACK makes of REQUEST (``-`` reads it from stdin; an everyday question unless given).

    Characters that a terminal would hide are written out; --json gives the text as it is sent.

    \b
    modelassay redteam show base64
    modelassay redteam show role_play "How do I pick a lock?" --all
    modelassay redteam show many_shot --with shots=4 --with form=text
    """
    from modelassay.errors import UsageError
    from modelassay.redteam import freeze, open_attacks

    reference = {"use": attack, "settings": _settings(settings)}
    opened = open_attacks([reference], folder=Path())
    sample = _sample(sys.stdin.read() if request == "-" else request, system)
    frozen = freeze([sample], opened, seed=seed)
    if frozen.left_out:
        raise UsageError(frozen.left_out[0].reason, where=f"attack {attack}", mend="give another request")
    shown = frozen.asked if all_forms else frozen.asked[:1]
    if as_json:
        print_json(
            {
                "attack": opened[0].id,
                "digest": opened[0].digest,
                "forms": opened[0].draws,
                "asked": [
                    {"messages": each.asked, "tools": each.tools, "follow_ups": each.follow_ups}
                    for each in shown
                ],
            }
        )
        return
    click.echo(f"{opened[0].id}, {_forms(opened[0].draws)}")
    for number, each in enumerate(shown):
        _print(each, number if all_forms and len(shown) > 1 else None)


def _settings(given: tuple[str, ...]) -> dict[str, Any]:
    """Settings as ``key=value``, values in YAML."""
    import yaml

    from modelassay.errors import UsageError

    found: dict[str, Any] = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not equals or not key:
            raise UsageError(f"{each!r} is no setting", where="--with", mend="write SETTING=VALUE")
        try:
            found[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(
                f"{value!r} is no YAML value", where="--with", mend="put quotes around it"
            ) from error
    return found


def _sample(request: str, system: str) -> Sample:
    from modelassay.records import Message, Sample
    from modelassay.records.conversation import sample_id

    before = (Message(role="system", content=system),) if system else ()
    messages = (*before, Message(role="user", content=request))
    return Sample(id=sample_id(messages), messages=messages, kind="borderline")


def _forms(count: int) -> str:
    return "one form" if count == 1 else f"{count} forms"


def _print(attacked: Attacked, number: int | None) -> None:
    from modelassay.report.text import visible

    if number is not None:
        click.echo(f"\nform {number + 1}")
    for tool in attacked.tools:
        click.echo(f"[tool offered] {visible(tool.name)}: {visible(tool.description)}")
    for message in attacked.asked:
        click.echo(f"[{message.role}]")
        for call in message.tool_calls:
            click.echo(f"calls {visible(call.name)}({visible(call.arguments)})")
        if message.content:
            click.echo(visible(message.content))
    for turn in attacked.follow_ups:
        click.echo("[assistant]\n…")
        click.echo(f"[user]\n{visible(turn)}")
