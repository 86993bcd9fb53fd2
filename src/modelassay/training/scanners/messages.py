"""Conversations as the column ``completion`` keeps them: a JSON list of messages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MOST_DEPTH = 60
"""Levels of nested content that are read."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the policy made: the tool's name and its arguments as text."""

    name: str
    arguments: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation."""

    role: str
    """``assistant``, ``user``, ``system``, ``tool``."""
    text: str
    calls: tuple[ToolCall, ...] = ()

    @property
    def written(self) -> str:
        """Its text followed by the arguments of its calls."""
        return "\n".join([self.text, *(v for call in self.calls for v in call.arguments.values())])


def turns_of(text: str) -> tuple[Turn, ...] | None:
    """The messages that `text` is a JSON list of; None when it is plain text.

    Messages are read in the forms of OpenAI (``function.arguments`` a JSON string) and Inspect
    (``arguments`` an object); content may be a string or a list of parts.
    """
    if not text.lstrip().startswith("["):
        return None
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not items or not all(isinstance(item, dict) and isinstance(item.get("role"), str) for item in items):
        return None
    return tuple(
        Turn(
            role=item["role"],
            text="\n".join(_strings(item.get("content"))),
            calls=tuple(_calls(item.get("tool_calls"))),
        )
        for item in items
    )


def _calls(value: Any) -> Iterator[ToolCall]:
    for item in value if isinstance(value, list) else ():
        if not isinstance(item, dict):
            continue
        inner = item.get("function")
        body = inner if isinstance(inner, dict) else item
        name = body.get("name") if isinstance(body.get("name"), str) else inner
        yield ToolCall(_sound(name) if isinstance(name, str) else "", _arguments(body.get("arguments")))


def _arguments(value: Any) -> dict[str, str]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {"": _sound(value)}
    if isinstance(value, dict):
        return {_sound(str(key)): "\n".join(_strings(item)) for key, item in value.items()}
    return {} if value is None else {"": "\n".join(_strings(value))}


def _strings(value: Any, depth: int = 0) -> Iterator[str]:
    """Every string inside JSON `value`, in order; type names of content parts are left out."""
    if isinstance(value, str):
        yield _sound(value)
    elif depth >= MOST_DEPTH:
        return
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key != "type":
                yield from _strings(item, depth + 1)
    elif value is not None:
        yield str(value)


def _sound(text: str) -> str:
    """`text` without lone surrogates, which JSON can spell and UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
