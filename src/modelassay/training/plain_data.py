"""Objects of libraries as data that JSON can hold: messages and calls of clients, numbers of numpy."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

UNREAD: Final = "unread object"
"""Key under which the type of an object stands that says nothing of what it holds."""
MOST_BYTES: Final = 1 << 16
"""Of an array that is kept number by number; a larger one is kept as its own summary."""
_OF_MESSAGES: Final = frozenset({"role", "content", "tool_calls", "tool_call_id", "function", "arguments"})
"""Fields by any of which an object is known to be a message or a call."""
_ADDRESS: Final = " at 0x"


def plain_data(value: Any) -> Any:
    """What `value` holds: its own export, its fields, or its words.

    Fields of plain objects are taken of messages and calls alone: clients hold keys, and environments the
    world. What says nothing of itself becomes ``{"unread object": TYPE}``, never its address.
    """
    if isinstance(value, type):
        return str(value)
    if callable(getattr(value, "model_dump", None)):
        return value.model_dump(mode="json")
    if callable(getattr(value, "to_dict", None)):
        return value.to_dict()
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    if callable(getattr(value, "tolist", None)) and getattr(value, "nbytes", 0) <= MOST_BYTES:
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    fields = _fields(value)
    if fields.keys() & _OF_MESSAGES:
        return fields
    told = str(value)
    return {UNREAD: f"{type(value).__module__}.{type(value).__qualname__}"} if _ADDRESS in told else told


def unread_in(text: str) -> bool:
    """Whether JSON `text` has an object in it that said nothing of what it holds."""
    return f'"{UNREAD}":' in text


def _fields(value: Any) -> dict[str, Any]:
    """Fields of an object that are not its own affair."""
    slots = [name for kind in type(value).__mro__ for name in vars(kind).get("__slots__", ())]
    held = {name: getattr(value, name) for name in slots if isinstance(name, str) and hasattr(value, name)}
    held |= getattr(value, "__dict__", {})
    return {name: each for name, each in held.items() if not name.startswith("_")}
