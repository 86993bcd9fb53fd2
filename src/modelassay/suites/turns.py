"""Conversations, tools and options from plain JSON, in this product's form or the chat completions form.

Both `{"role": "user", "content": "…"}` lists with flat tool calls (`id`, `name`, `arguments`) and the
nested form of OpenAI's chat completions API (`function: {name, arguments}`) are read. Every complaint
is a `ValueError` whose two arguments are what is wrong and the mend; the caller knows the place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import msgspec

from modelassay.errors import did_you_mean
from modelassay.records import AttackedRequest, Choice, Message, Role, Tool, ToolCall

_ROLES: tuple[str, ...] = get_args(Role)
_ASKING = ("user", "tool")


def parse_messages(value: Any, *, begun: bool = False) -> tuple[Message, ...]:
    """The conversation that `value` holds, a list of turns or JSON text of one.

    Args:
        value: from a row.
        begun: whether it may end with the beginning of an answer, as some attacks do.

    Raises:
        ValueError: it is no conversation that a model can continue.
    """
    turns = _decoded(value, "a list of {role, content}")
    if not isinstance(turns, Sequence) or isinstance(turns, str) or not turns:
        raise ValueError("not a list of turns", 'write [{"role": "user", "content": "…"}]')
    messages = tuple(_message(turn, number) for number, turn in enumerate(turns, start=1))
    _check_order(messages, begun=begun)
    return messages


def parse_tools(value: Any) -> tuple[Tool, ...]:
    """The tools that `value` holds, a list or JSON text of one, each with its scripted ``result``.

    Raises:
        ValueError: an entry has no name, or names repeat.
    """
    entries = _decoded(value, "a list of {name, description, parameters, result}")
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        raise ValueError("not a list of tools", 'write [{"name": "…", "description": "…", "result": "…"}]')
    tools = tuple(_tool(entry, number) for number, entry in enumerate(entries, start=1))
    names = [tool.name for tool in tools]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"two tools are named {repeated[0]!r}", "give each tool its own name")
    return tools


def parse_follow_ups(value: Any) -> tuple[str, ...]:
    """Further user turns: a list of texts.

    Raises:
        ValueError: an entry is no text, or an empty one.
    """
    if not all(isinstance(turn, str) and turn.strip() for turn in value):
        raise ValueError("not a list of turns that say something", 'write ["…", "…"]')
    return tuple(value)


def parse_attacked(value: Any) -> AttackedRequest:
    """What stands behind a row that is an attack.

    Raises:
        ValueError: a field is missing or no text.
    """
    try:
        return msgspec.convert(value, AttackedRequest)
    except msgspec.ValidationError as error:
        raise ValueError(
            f"not what an attack was made of: {error}", "write {sample, attack, family, request}"
        ) from error


def parse_choices(value: Any) -> tuple[Choice, ...]:
    """The options that `value` holds, a list or JSON text of one: of texts, or of {label, text}.

    A text alone is an option that the prompt does not list: models that tell likelihoods weigh it.

    Raises:
        ValueError: fewer than two options, an option without text, or a label or unlisted text twice.
    """
    shape = 'a list such as [{"label": "A", "text": "…"}] or ["…", "…"]'
    entries = _decoded(value, shape)
    if not isinstance(entries, Sequence) or isinstance(entries, str) or len(entries) < 2:
        raise ValueError("not a list of two or more options", f"write {shape}, or name another column")
    choices = tuple(_choice(entry, number) for number, entry in enumerate(entries, start=1))
    said = [choice.continuation for choice in choices]
    repeated = sorted({each for each in said if said.count(each) > 1})
    if repeated:
        raise ValueError(f"two options are {repeated[0]!r}", "give each option a label of its own")
    return choices


def _choice(entry: Any, number: int) -> Choice:
    given = {"text": entry} if isinstance(entry, str) else entry
    try:
        choice = msgspec.convert(given, Choice)
    except msgspec.ValidationError as error:
        raise ValueError(f"option {number}: {error}", "write its text, or {label, text}") from error
    if not choice.text.strip():
        raise ValueError(f"option {number} has no text", "write it, or leave the option out")
    return choice


def _decoded(value: Any, shape: str) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ValueError(f"malformed JSON: {error}", f"write {shape} as JSON") from error


def _message(turn: Any, number: int) -> Message:
    if not isinstance(turn, Mapping):
        raise ValueError(f"turn {number} is not an object", 'write {"role": "user", "content": "…"}')
    role = turn.get("role")
    if role not in _ROLES:
        raise ValueError(f"turn {number} has the role {role!r}", did_you_mean(str(role), _ROLES))
    calls = tuple(_call(call, number) for call in turn.get("tool_calls") or ())
    if calls and role != "assistant":
        raise ValueError(f"turn {number} calls tools as {role!r}", "only the assistant calls tools")
    content = turn.get("content")
    if content is None and calls:
        content = ""
    if not isinstance(content, str):
        raise ValueError(f"turn {number} has no text as content", "give text; images and parts are not read")
    if not content.strip() and not calls and role != "tool":
        raise ValueError(f"turn {number} ({role}) is empty", "remove the turn or the row")
    return Message(role=role, content=content, tool_calls=calls, tool_call_id=_answered(turn, role, number))


def _answered(turn: Mapping[str, Any], role: str, number: int) -> str:
    call = turn.get("tool_call_id") or ""
    if role == "tool" and not (isinstance(call, str) and call):
        raise ValueError(f"turn {number} (tool) names no tool_call_id", "name the call that it answers")
    return str(call) if role == "tool" else ""


def _call(call: Any, number: int) -> ToolCall:
    inner = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(inner, Mapping) or not isinstance(inner.get("name"), str):
        raise ValueError(f"turn {number} has a tool call without a name", "write {id, name, arguments}")
    arguments = inner.get("arguments", "{}")
    if not isinstance(arguments, str):
        arguments = msgspec.json.encode(arguments).decode()
    return ToolCall(id=str(call.get("id", "")), name=inner["name"], arguments=arguments)


def _check_order(messages: tuple[Message, ...], *, begun: bool) -> None:
    last = messages[-1].role
    if last not in _ASKING and not (begun and last == "assistant"):
        raise ValueError(
            f"the conversation ends with a turn of the {last}, so nothing is left to answer",
            "end it with a user or tool turn",
        )
    known: set[str] = set()
    for number, message in enumerate(messages, start=1):
        if message.role == "system" and number > 1:
            raise ValueError(f"turn {number} is a system turn", "only the first turn may be one")
        known.update(call.id for call in message.tool_calls)
        if message.role == "tool" and message.tool_call_id not in known:
            raise ValueError(
                f"turn {number} answers the call {message.tool_call_id!r}, which nobody made",
                "repeat the id of a call made before",
            )


def _tool(entry: Any, number: int) -> Tool:
    inner = entry.get("function", entry) if isinstance(entry, Mapping) else None
    if not isinstance(inner, Mapping) or not isinstance(inner.get("name"), str) or not inner["name"]:
        raise ValueError(f"tool {number} has no name", "write {name, description, parameters, result}")
    parameters = inner.get("parameters") or {}
    if not isinstance(parameters, Mapping):
        raise ValueError(f"the parameters of tool {number} are not an object", "give a JSON Schema")
    result = inner.get("result", entry.get("result", ""))
    if not isinstance(result, str):
        result = msgspec.json.encode(result).decode()
    return Tool(
        name=inner["name"],
        description=str(inner.get("description", "")),
        parameters=dict(parameters),
        result=result,
    )
