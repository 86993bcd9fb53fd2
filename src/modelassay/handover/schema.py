"""The JSON Schema of a hand-over, drawn from the records that write and read it."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from modelassay import comparison, records
from modelassay.config.schema import field_docstrings
from modelassay.handover import document
from modelassay.handover.document import Handover


def schema_text() -> str:
    """The JSON Schema (2020-12) of a hand-over as indented text."""
    return json.dumps(json_schema(), indent=2) + "\n"


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a hand-over; what it does not name is refused."""
    schema = msgspec.json.schema(Handover)
    for name, definition in schema["$defs"].items():
        record = next(getattr(room, name) for room in (document, comparison, records) if hasattr(room, name))
        definition["additionalProperties"] = False
        for field, text in field_docstrings(record).items():
            definition["properties"][field].setdefault("description", text)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "modelassay hand-over"}
    return {**head, **schema}
