"""Conversations as the column ``completion`` keeps them: a JSON list of messages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelassay.training.plain_data import UNREAD

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
    """What it says; reasoning only where it stands in the text."""
    calls: tuple[ToolCall, ...] = ()
    reasoning: str = ""
    """Reasoning that the message keeps apart from its text."""
    unread: int = 0
    """Calls that stand in the message and could not be read, or only as text that is no call."""

    @property
    def aloud(self) -> str:
        """Its text after its reasoning, which is put between the tags that others write themselves."""
        return f"<think>\n{self.reasoning}\n</think>\n{self.text}" if self.reasoning else self.text

    @property
    def written(self) -> str:
        """Reasoning and text, followed by the arguments of its calls."""
        return self._with_calls(self.aloud)

    @property
    def answer(self) -> str:
        """What is written, but for reasoning that is kept apart: what a grader of answers is given."""
        return self._with_calls(self.text)

    def _with_calls(self, text: str) -> str:
        return "\n".join([text, *(v for call in self.calls for v in call.arguments.values())])


def turns_of(text: str) -> tuple[Turn, ...] | None:
    """The messages that `text` is a JSON list of; None when it is plain text.

    Messages are read in the forms of OpenAI (``function.arguments`` a JSON string, ``function_call``, items
    of its Responses), Anthropic (``tool_use`` in the content), verifiers (calls as JSON strings) and Inspect
    (``arguments`` an object); content may be a string or a list of parts. A message alone, or a response of a
    server that holds it, counts as a list of one. Reasoning is read from the keys
    that servers and trainers keep it under, and from parts of the content that are marked as it; of what a
    provider enciphered only a summary can be read.
    """
    if not text.lstrip().startswith(("[", "{")):
        return None
    try:
        items = _items(json.loads(text))
    except (ValueError, RecursionError):
        return None
    if not items or not all(isinstance(item, dict) and isinstance(item.get("role"), str) for item in items):
        return None
    return tuple(map(_turn, items))


def _items(value: Any) -> list[Any]:
    """The messages in `value`: a list of them, one alone, or a response that has them inside."""
    if isinstance(value, dict):
        choices = value.get("choices")
        if isinstance(value.get("role"), str) and {"content", *_CALL_KEYS} & value.keys():
            value = [value]
        elif isinstance(choices, list) and choices and isinstance(choices[0], dict):
            value = [choices[0].get("message")]
        else:
            value = value.get("output")
    return [_with_role(item) for item in value] if isinstance(value, list) else []


def _with_role(item: Any) -> Any:
    """An item of OpenAI's Responses, which names a type and no role, as the message that it is.

    An object that said nothing of itself when it was recorded may have been a call.
    """
    if isinstance(item, dict) and UNREAD in item:
        return {"role": "assistant", "tool_calls": [item]}
    kind = item.get("type") if isinstance(item, dict) and "role" not in item else None
    if kind in ("function_call", "custom_tool_call"):
        return {"role": "assistant", "tool_calls": [item]}
    if kind in ("function_call_output", "custom_tool_call_output"):
        return {"role": "tool", "content": item.get("output")}
    if kind == "reasoning":
        return {"role": "assistant", "reasoning": [item.get("summary"), item.get("content")]}
    return item


_CALL_KEYS = ("tool_calls", "function_call")
_APART = ("reasoning_content", "reasoning", "thinking", "thinking_blocks", "reasoning_details")
"""Keys of a message whose value is reasoning: of DeepSeek and vLLM, gpt-oss, LiteLLM and OpenRouter."""
_PARTS = ("thinking", "reasoning", "reasoning_content", "text", "content", "summary")
"""Keys of a piece of reasoning that hold its words; others hold signatures and ciphers."""
_HIDDEN = ("summary",)
"""Likewise, of a piece that is said to be redacted."""


def _turn(item: dict[str, Any]) -> Turn:
    content = item.get("content")
    thoughts: list[str] = []
    given = [call for key in _CALL_KEYS for call in _listed(item.get(key))]
    if isinstance(content, list):
        thoughts = [text for part in content if _is_reasoning(part) for text in _thoughts(part)]
        given += [part for part in content if _is_call(part)]
        content = [part for part in content if not _is_reasoning(part) and not _is_call(part)]
    text = "\n".join(_strings(content))
    for key in _APART:
        if key in item:
            thoughts += _thoughts(item[key])
    calls = [call_of(each) for each in given]
    return Turn(
        role=item["role"],
        text=text,
        calls=tuple(call for call in calls if call is not None),
        reasoning=_once(thoughts, text) if thoughts else "",
        unread=calls.count(None),
    )


def _listed(value: Any) -> list[Any]:
    """Calls under a key of a message: a list, one alone, or either of them as JSON in a string."""
    if isinstance(value, str) and value.strip():
        value = _decoded(value)
    return value if isinstance(value, list) else [] if value in (None, "") else [value]


def _is_call(part: Any) -> bool:
    """Whether a part of the content is a call of a tool: Anthropic's ``tool_use``, or Gemini's."""
    if not isinstance(part, dict):
        return False
    kind = part.get("type")
    named = isinstance(kind, str) and kind.endswith(("tool_use", "tool_call", "function_call"))
    return named or isinstance(part.get("functionCall"), dict)


def _is_reasoning(part: Any) -> bool:
    """Whether a part of the content is reasoning: by its type, or of Gemini by a mark beside its text."""
    if not isinstance(part, dict):
        return False
    kind = part.get("type")
    return part.get("thought") is True or (
        isinstance(kind, str) and kind.startswith(("thinking", "reasoning", "redacted_thinking"))
    )


def _thoughts(value: Any, depth: int = 0) -> Iterator[str]:
    """The words of reasoning in `value`: a text, a piece with a text, or a list of them."""
    if isinstance(value, str):
        yield _sound(value)
    elif depth >= MOST_DEPTH:
        return
    elif isinstance(value, list):
        for item in value:
            yield from _thoughts(item, depth + 1)
    elif isinstance(value, dict):
        for key in _HIDDEN if value.get("redacted") is True else _PARTS:
            if key in value:
                yield from _thoughts(value[key], depth + 1)


def _once(thoughts: list[str], text: str) -> str:
    """`thoughts` joined, without those that a message has twice: under two keys, or in its `text` too."""
    kept: list[str] = []
    for thought in (each.strip() for each in thoughts):
        if thought and thought not in text and not any(thought in other for other in kept):
            kept.append(thought)
    return "\n".join(kept)


def call_of(item: Any) -> ToolCall | None:
    """The call that `item` is, an object or the JSON of one; None when it cannot be read."""
    if isinstance(item, str):
        item = _decoded(item)
    if not isinstance(item, dict):
        return None
    inner = next((item[key] for key in _INNER if item.get(key) is not None), None)
    body = inner if isinstance(inner, dict) else item
    name = body.get("name") if isinstance(body.get("name"), str) else inner
    given = next((body[key] for key in _ARGUMENTS if body.get(key) is not None), None)
    if not isinstance(name, str) and given is None:
        return None
    return ToolCall(_sound(name) if isinstance(name, str) else "", arguments_of(given))


_INNER = ("function", "custom", "functionCall")
"""Keys of a call that hold its body; of Inspect's the name of the function."""
_ARGUMENTS = ("arguments", "input", "parameters", "args")


def _decoded(text: str) -> Any:
    """What `text` is the JSON of; itself where it is none."""
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return text


def arguments_of(value: Any) -> dict[str, str]:
    """Arguments by name as text; what names none stands under the empty name."""
    if isinstance(value, str):
        value = _decoded(value)
    if isinstance(value, str):
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
