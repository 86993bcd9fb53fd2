"""Write `docs/reference.md`, `docs/evaluators.md` and `docs/schemas/` from the code they describe.

    python docs/generate.py

`tests/docs/test_docs.py` fails when the files that are kept differ from what this would write.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from modelassay import plugins
from modelassay.cli import COMMANDS, modelassay
from modelassay.cli.schema_command import schema_text
from modelassay.config.schema import KINDS, json_schema
from modelassay.errors import ExitCode, ModelassayError
from modelassay.evidence.statements import LEVELS
from modelassay.handover import schema as handover_schema

DOCS = Path(__file__).parent
HEAD = """\
# Reference

Written by `docs/generate.py` from the code; edit that, not this.
"""
EVALUATORS_HEAD = """\
# Evaluators

Written by `docs/generate.py` from the docstrings of `evaluators/`; edit those, not this.

Each reads answers into scores, 1 being the wanted end. In a plan it goes by its name (`evaluators: [refusal,
bias_detection]`, or `{use: task_accuracy, settings: {match: exact}}`); in Python it is a class of
`modelassay.evaluators`, which reads single answers too:

```python
from modelassay.evaluators import BiasDetection, ContentSafety

BiasDetection().evaluate(input=prompt, output=response, cohort="non-english").score
ContentSafety().evaluate(input=prompt, output=response, policy=policy_text).score
```

How often an evaluator errs against people's labels is measured, not declared: `modelassay judges list` shows
it, and an audit carries it into its findings.
"""
ENVIRONMENT = {
    "MODELASSAY_STORE": "folder of the store, like `--store`",
    "MODELASSAY_DATA": "folder with local copies of public datasets, like `--data-dir`",
    "MODELASSAY_CACHE": "folder for downloaded datasets; otherwise `modelassay/data` in the user's cache",
    "MODELASSAY_<COMMAND>_<OPTION>": "any other option, such as `MODELASSAY_AUDIT_QUIET=1`",
    "MODELASSAY_KEYS": "folder of keys; otherwise `modelassay/keys` in the user's configuration",
    "MODELASSAY_VERDICT_KEY, MODELASSAY_LOG_KEY, MODELASSAY_WITNESS_KEY": (
        "the key that signs verdicts, the log, cosignatures: a name, a PEM file, `env:NAME` or "
        "`command:PUBLIC_KEY_FILE:PROGRAM`"
    ),
    "MODELASSAY_LOG_ORIGIN, MODELASSAY_WITNESS_NAME": (
        "name of the log or witness, when its key comes without one"
    ),
    "MODELASSAY_KEY_PASSPHRASE": "passphrase of encrypted keys, unless `--passphrase-file` is given",
    "MODELASSAY_WITNESS_STATE": "folder of what a witness remembers, like `--state`",
    "OPENAI_API_KEY": "key of served models, unless the plan's `api_key_env` names another variable",
    "HF_TOKEN, HF_ENDPOINT": "token for gated datasets, and a mirror of the hub",
    "NO_COLOR": "no colours, as everywhere",
}
"""What a user can set, and what it does."""


def pages() -> dict[str, str]:
    """Every generated file: path relative to `docs`, and its text."""
    schemas = {f"schemas/{kind}.schema.json": schema_text(kind) for kind in KINDS}
    schemas["schemas/handover.schema.json"] = handover_schema.schema_text()
    sections = [
        HEAD,
        commands(),
        exit_codes(),
        *(fields(kind) for kind in KINDS),
        plugin_lists(),
        environment(),
        verified_levels(),
    ]
    return {"reference.md": "\n".join(sections), "evaluators.md": evaluators(), **schemas}


def commands() -> str:
    """Every command with its options."""
    lines = ["## Commands", ""]
    with click.Context(modelassay, info_name="modelassay") as context:
        for name in COMMANDS:
            command = modelassay.get_command(context, name)
            assert command is not None
            for path, leaf in _leaves(f"modelassay {name}", command):
                lines += [f"### `{path}{_arguments(leaf)}`", "", _prose(leaf.help or ""), ""]
                options = [p for p in leaf.params if isinstance(p, click.Option)]
                lines += [f"- `{', '.join(o.opts)}`{_metavar(o)} {_help(o)}".rstrip() for o in options]
                lines += [""] if options else []
    return "\n".join(lines)


def _leaves(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        with click.Context(command) as context:
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                yield from _leaves(f"{path} {name}", inner)
    else:
        yield path, command


def _arguments(command: click.Command) -> str:
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    return "".join(
        f" {(p.name or '').upper()}" if p.required else f" [{(p.name or '').upper()}]" for p in arguments
    )


def _metavar(option: click.Option) -> str:
    if option.is_flag:
        return ""
    return f" `{option.metavar or option.type.name.upper()}`"


def _help(option: click.Option) -> str:
    default = f" [default: {option.default}]" if option.show_default else ""
    variable = f" [`{option.envvar}`]" if isinstance(option.envvar, str) else ""
    return f"{option.help or ''}{default}{variable}".strip()


def _prose(text: str) -> str:
    """A command's help without its examples, as one paragraph a block."""
    blocks = [block for block in text.split("\n\n") if not block.lstrip().startswith("\b")]
    return "\n\n".join(" ".join(block.split()) for block in blocks).strip().replace("``", "`")


def exit_codes() -> str:
    """What an exit status means."""
    rows = [f"| {int(code)} | {code.meaning} |" for code in ExitCode]
    return "\n".join(["## Exit codes", "", "| code | meaning |", "|---|---|", *rows, ""])


def fields(kind: str) -> str:
    """Every key of a plan, policy or admission file."""
    definitions = {name: _record(schema) for name, schema in json_schema(kind)["$defs"].items()}
    lines = [f"## The {kind} file", ""]
    for name in _in_order(KINDS[kind].__name__, definitions):
        record = definitions[name]
        lines += [f"### {kind}: {name}" if name != KINDS[kind].__name__ else f"### {kind}", ""]
        lines += [" ".join(record.get("description", "").split()), ""]
        lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
        for key, schema in record["properties"].items():
            default = "required" if key in record.get("required", ()) else _default(schema)
            meaning = schema.get("description", "")
            cells = (f"`{key}`", _type(schema, kind, definitions), default, meaning)
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines)


def _record(schema: dict[str, Any]) -> dict[str, Any]:
    """The record among the forms of a definition."""
    forms: list[dict[str, Any]] = [s for s in schema.get("anyOf", [schema]) if "properties" in s]
    return forms[0] if forms else schema


def _in_order(root: str, definitions: dict[str, Any]) -> list[str]:
    """Records in the order in which a reader meets them."""
    found = [root]
    for name in found:
        for reference in _references(definitions[name].get("properties", {})):
            if reference not in found and "properties" in definitions[reference]:
                found.append(reference)
    return found


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].rpartition("/")[2]
        for inner in schema.values():
            yield from _references(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)


def _type(schema: dict[str, Any], kind: str, definitions: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if "properties" not in definitions[name]:
            return "percentage"
        return f"[{name}](#{kind}-{name.lower()})"
    if "enum" in schema:
        return ", ".join(f"`{value}`" if value != "" else "empty" for value in schema["enum"])
    if "anyOf" in schema:
        kinds = [_type(s, kind, definitions) for s in schema["anyOf"] if s.get("type") != "null"]
        return " or ".join(kinds)
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'], kind, definitions)}"
    if schema.get("type") == "object":
        inner = schema.get("additionalProperties")
        return f"mapping to {_type(inner, kind, definitions)}" if isinstance(inner, dict) else "mapping"
    names = {"integer": "whole number", "string": "text", "number": "number", "boolean": "true or false"}
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return names[types[0]]


def _default(schema: dict[str, Any]) -> str:
    default = schema.get("default")
    return "" if default in (None, "", (), []) else f"`{json.dumps(default)}`"


def plugin_lists() -> str:
    """The built-in plugins of each group."""
    lines = ["## Plugins that come with it", ""]
    for group in plugins.GROUPS:
        lines += [f"### {group}", ""]
        points = sorted(entry_points(group=f"modelassay.{group}"), key=lambda point: point.name)
        built_in = [point for point in points if point.module.startswith("modelassay.")]
        lines += [f"- `{point.name}`: {_first_line(point.module, point.attr)}" for point in built_in] or [
            "None yet."
        ]
        lines.append("")
    return "\n".join(lines)


def _first_line(module: str, name: str) -> str:
    """The first line of a class's docstring, else of its module's; nothing is imported for it."""
    found = find_spec(module)
    assert found is not None
    assert found.origin is not None
    tree = ast.parse(Path(found.origin).read_text("utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    text = ast.get_docstring(classes[0] if classes else tree) or ""
    return " ".join(text.partition("\n\n")[0].split()).replace("``", "`")


def evaluators() -> str:
    """A table of all evaluators that come with the package, and a section each."""
    points = [p for p in entry_points(group="modelassay.evaluators") if p.module.startswith("modelassay.")]
    found: dict[type, list[str]] = {}
    for point in sorted(points, key=lambda point: point.name):
        found.setdefault(point.load(), []).append(point.name)
    table = ["| in a plan | class | measures | role |", "|---|---|---|---|"]
    parts = []
    for kind, names in found.items():
        measures = _measures(kind)
        shown = ", ".join(f"`{m.name}`" for m in measures) or "those of its rubric"
        roles = ", ".join(dict.fromkeys(m.role for m in measures))
        plan = ", ".join(f"`{name}`" for name in names)
        table.append(f"| {plan} | [{kind.__name__}](#{kind.__name__.lower()}) | {shown} | {roles} |")
        parts.append(_evaluator(kind))
    return "\n".join([EVALUATORS_HEAD, *table, "", *parts])


def _measures(kind: Any) -> tuple[Any, ...]:
    """What instances of `kind` measure, where that needs no settings."""
    try:
        return tuple(kind().measures)
    except (ModelassayError, TypeError):
        return ()


def _evaluator(kind: Any) -> str:
    """One evaluator: what its module says, what 1 means on each measure, its settings."""
    module = sys.modules[kind.__module__]
    lines = [f"## {kind.__name__}", "", _markdown(module.__doc__ or kind.__doc__ or ""), ""]
    for measure in _measures(kind):
        lines.append(f"- `{measure.name}`: 1 means that answers {measure.wanted}")
    settings = getattr(kind, "settings_type", None) or next(
        (
            each
            for name, each in vars(module).items()
            if name.endswith("Settings") and each.__module__ == kind.__module__
        ),
        None,
    )
    rows = list(_settings(settings)) if settings else []
    if rows:
        lines += ["", "| setting | meaning |", "|---|---|", *rows]
    return "\n".join([*lines, ""])


def _settings(settings: type) -> Iterator[str]:
    """A row for each field, with the sentence that stands under it in the source."""
    for owner in reversed(settings.__mro__):
        if not owner.__module__.startswith("modelassay."):
            continue
        body = ast.parse(inspect.getsource(owner)).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, text in pairwise(body.body):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                meaning = (
                    " ".join(ast.literal_eval(text.value).split()).replace("``", "`").replace("|", "\\|")
                )
                default = ast.unparse(field.value) if field.value else "required"
                yield f"| `{ast.unparse(field.target)}` (`{default}`) | {meaning} |"


def _markdown(text: str) -> str:
    """A docstring, its tables as they stand."""
    clean = inspect.cleandoc(text).replace("``", "`")
    return re.sub(
        r"^={4}.*?^={4}.*?^={4}[= ]*$", r"```text\n\g<0>\n```", clean, flags=re.DOTALL | re.MULTILINE
    )


def environment() -> str:
    """Environment variables."""
    rows = [f"| `{name}` | {meaning} |" for name, meaning in ENVIRONMENT.items()]
    return "\n".join(["## Environment", "", "| variable | meaning |", "|---|---|", *rows, ""])


def verified_levels() -> str:
    """Levels of signed verdicts."""
    rows = [f"| `MODELASSAY_{name}` | {meaning} |" for name, meaning in LEVELS.items()]
    rows.append("| `FAILED` | anything else |")
    head = [
        "## Verified levels",
        "",
        "What a signed verdict states (SLSA verification summary, `verifiedLevels`).",
        "",
    ]
    return "\n".join([*head, "| level | meaning |", "|---|---|", *rows, ""])


def main() -> None:
    """Write every page."""
    for name, text in pages().items():
        path = DOCS / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
