"""``modelassay schema``: JSON Schemas for editors."""

from __future__ import annotations

import json

import click

from modelassay.cli.options import json_option


def schema_text(kind: str) -> str:
    """The JSON Schema of a ``plan``, ``policy`` or ``admission`` file as indented text."""
    from modelassay.config.schema import json_schema

    return json.dumps(json_schema(kind), indent=2) + "\n"


@click.command("schema")
@click.argument("kind", type=click.Choice(["plan", "policy", "admission"]))
@json_option
def command(kind: str, as_json: bool) -> None:
    """Print the JSON Schema of KIND, for editors and validators.

    \b
    modelassay schema plan > plan.schema.json
    """
    click.echo(schema_text(kind), nl=False)
