"""JSON Schemas of plan, policy and admission policy; drawn from the same types that read the files."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import msgspec

from modelassay.config.admission import AdmissionPolicy
from modelassay.config.coerce import SHORTHANDS
from modelassay.config.plan import Plan
from modelassay.config.presets import preset_names
from modelassay.records import Percent, Policy

KINDS: dict[str, type] = {"plan": Plan, "policy": Policy, "admission": AdmissionPolicy}


def json_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a ``plan``, ``policy`` or ``admission`` file, shorthands included."""
    record = KINDS[kind]
    schema = msgspec.json.schema(record)
    definitions = schema["$defs"]
    for name, definition in definitions.items():
        if definition.get("type") == "object":
            definition["additionalProperties"] = False
            _describe(name, definition)
            _allow_numbers(definition)
            _readable_defaults(definition)
    if "Percent" in definitions:
        definitions["Percent"] = {
            "description": "A percentage such as 5%, or a share such as 0.05.",
            "anyOf": [
                {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*%\s*$"},
                {"type": "number", "minimum": 0, "maximum": 1},
            ],
        }
    if "Policy" in definitions:
        definitions["Policy"]["properties"]["extends"] = {
            "description": definitions["Policy"]["properties"]["extends"]["description"],
            "enum": list(preset_names()),
        }
    for shorthand in SHORTHANDS:
        if shorthand.__name__ in definitions:
            full = definitions[shorthand.__name__]
            definitions[shorthand.__name__] = {"anyOf": [{"type": "string"}, full]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"modelassay {kind}",
        **schema,
    }


def _describe(name: str, definition: dict[str, Any]) -> None:
    """Put the docstring under each field into its property."""
    for field, text in _field_docstrings(name).items():
        if field in definition["properties"]:
            definition["properties"][field].setdefault("description", text)


def _allow_numbers(definition: dict[str, Any]) -> None:
    """Exact numbers are kept as text, but people write them bare."""
    for schema in definition["properties"].values():
        if schema.get("type") == "string" and "enum" not in schema:
            schema["type"] = ["string", "number"]
        inner = schema.get("additionalProperties")
        if isinstance(inner, dict) and inner.get("type") == "string":
            inner["type"] = ["string", "number", "boolean"]


def _readable_defaults(definition: dict[str, Any]) -> None:
    """Write default percentages as people do; leave out defaults that are whole records."""
    for schema in definition["properties"].values():
        default = schema.get("default")
        if isinstance(default, dict) and set(default) == {"basis_points"}:
            schema["default"] = str(Percent(**default))
        elif isinstance(default, dict):
            del schema["default"]


def _field_docstrings(name: str) -> dict[str, str]:
    """Docstrings that stand under the fields of the record called `name`."""
    import modelassay.config.admission as admissions
    import modelassay.config.plan as plans
    import modelassay.records as records

    record = next((r for room in (plans, admissions, records) if (r := getattr(room, name, None))), None)
    return {} if record is None or record is Percent else field_docstrings(record)


def field_docstrings(record: type) -> dict[str, str]:
    """Docstrings that stand under the fields of `record`, each in one line of Markdown."""
    body = ast.parse(inspect.getsource(record)).body[0]
    assert isinstance(body, ast.ClassDef)
    texts: dict[str, str] = {}
    for before, after in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(before, ast.AnnAssign)
            and isinstance(before.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            texts[before.target.id] = " ".join(after.value.value.split()).replace("``", "`")
    return texts
