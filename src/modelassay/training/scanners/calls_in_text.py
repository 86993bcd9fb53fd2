"""Calls of tools that an assistant wrote into its text, in the marks that chat templates and harnesses use.

Read are the forms of Hermes and Qwen (``<tool_call>`` around JSON), Qwen3-coder and OpenHands
(``<function=…>`` with ``<parameter=…>``), Anthropic's text form (``<invoke name="…">``), GLM (``<arg_key>``),
Mistral, Llama, Phi, DeepSeek, Kimi and gpt-oss by their marks, tags with code (``<execute_bash>``),
keystrokes of Terminus, and JSON objects that are a whole message. What is read is taken out of the text, as
servers do it, so that a call is the same wherever it was written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from modelassay.training.scanners.messages import ToolCall, Turn, arguments_of, call_of

MOST_CALLS = 500
"""Marks of calls that are looked at in one text; calls behind them stay in it, and count as unread."""
MOST_TAGS = 20
"""Closing tags of which one is to end a parameter."""


@dataclass(frozen=True, slots=True)
class Read:
    """A text with its calls taken out."""

    rest: str
    calls: tuple[ToolCall, ...] = ()
    unread: int = 0
    """Calls that could not be read; the words of those that came to their end are kept all the same."""


CALL_SIEVE = (
    r"<tool_call>|<(?:\w+:)?(?:function|invoke)(?:=|\s+name=)|\[TOOL_CALLS\]|<\|python_tag\|>|<\|tool_call"
    r"|<[|｜]tool[_▁]call|<\|channel\|>|<execute_|<(?:bash|python)>|keystrokes|\"(?:arguments|parameters)\""
    r"|<use_mcp_tool>|<execute_command>|<write_to_file>|Action Input:"
)
"""Pattern, of RE2 too, of texts in which a call may stand."""
_SIEVE = re.compile(CALL_SIEVE)
_NAME = r"[\"']?([\w./:-]+)[\"']?"
_OPEN = re.compile(
    r"<tool_call>\s*"
    r"|\[TOOL_CALLS\]\s*([\w.:/-]+)\s*(?:\[CALL_ID\]\w+\s*)?\[ARGS\]\s*"
    rf"|<(?:\w+:)?(?:function|invoke)(?:=|\s+name=){_NAME}\s*>"
    r"|(?:\[TOOL_CALLS\]|<\|tool_call\|>|<\|python_tag\|>)\s*"
    r"|<[|｜]tool[_▁]call[_▁]begin[|｜]>(?:function<｜tool▁sep｜>)?([\w.:/-]*)\s*"
    r"(?:<｜tool▁sep｜>|<\|tool_call_argument_begin\|>)?\s*(?:```json\s*)?"
    r"|<\|channel\|>\w+\s+to=([\w.:/-]+)[^{}\n]{0,80}?<\|message\|>"
    r"|<(execute_(?:bash|ipython|ipython_cell|python)|bash|python)>"
    r"|<(keystrokes)\b[^>\n]*>"
)
"""Where a call begins; its name in whichever group."""
_PARAMETER = re.compile(rf"\s*<(?:\w+:)?param(?:eter)?(?:=|\s+name=){_NAME}[^>\n]*>")
_PARAMETER_END = re.compile(r"</(?:\w+:)?param(?:eter)?>(\s*(?:<|\Z))?")
_PARAMETER_LOST = re.compile(
    r"<(?:\w+:)?param(?:eter)?(?:=|\s+name=)|</(?:\w+:)?(?:function|invoke|tool_call)>"
)
_CLOSE = re.compile(
    r"\s*(?:</(?:\w+:)?(?:function|invoke|function_calls|tool_call)>|```|<\|/?(?:tool_call|call)(?:_end)?\|>"
    r"|<[|｜]tool[_▁]calls?(?:[_▁]section)?[_▁]end[|｜]>)"
)
_GLM = re.compile(r"<arg_key>(.*?)</arg_key>\s*<arg_value>(.*?)</arg_value>", re.DOTALL)
_WRAPPED = re.compile(
    r"</?(?:\w+:)?function_calls>|<[|｜]tool[_▁]calls(?:[_▁]section)?[_▁](?:begin|end)[|｜]>"
)
_LEFT = re.compile(
    r"(?<![`\"'])(?:<tool_call>|<(?:\w+:)?(?:function|invoke)(?:=|\s+name=)|\[TOOL_CALLS\]|<\|python_tag\|>"
    r"|<\|tool_call|<[|｜]tool[_▁]call|<use_mcp_tool>|<execute_command>|<write_to_file>)"
    r"|(?m:^Action Input:)"
)
"""What shows that a text holds a call which is in none of the forms that are read."""
_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_ENDS = ("<tool_call>", "</tool_call>", "<|call|>", "<|tool_call_end|>", "<|eom_id|>")
_decoder = json.JSONDecoder(strict=False)


def with_calls(turn: Turn) -> Turn:
    """`turn` with the calls in its text taken out of it; those that stand beside it are not doubled."""
    if turn.role != "assistant" or not _SIEVE.search(turn.text):
        return turn
    read = calls_in(turn.text)
    new = tuple(call for call in read.calls if call not in turn.calls)
    unread = turn.unread + (read.unread if not turn.calls else 0)
    return replace(turn, text=read.rest, calls=(*turn.calls, *new), unread=unread)


def calls_in(text: str) -> Read:
    """The calls in a text of the assistant, in order."""
    kept: list[str] = []
    calls: list[ToolCall] = []
    place = unread = 0
    looked_at = 0
    for opened in _OPEN.finditer(text):
        if opened.start() < place:
            continue
        looked_at += 1
        if looked_at > MOST_CALLS:
            break
        found = _opened(text, opened)
        if found is None:
            continue
        kept.append(text[place : opened.start()])
        new, place, lost = found
        calls += new
        unread += lost
    rest = "".join([*kept, text[place:]])
    if not calls and (bare := _bare(rest)) is not None:
        rest, calls = bare
    if calls:
        rest = _WRAPPED.sub("", rest)
    return Read(rest, tuple(calls), unread + len(_LEFT.findall(_THOUGHT.sub("", rest))))


_Found = tuple[list[ToolCall], int, int]
"""Calls, where the text goes on after them, and how many of them could not be read."""


def _opened(text: str, opened: re.Match[str]) -> _Found | None:
    """The calls that begin with a mark; None where the mark begins none, as in prose about it."""
    named, function, headed, addressed, tag, keys = opened.groups()
    start = opened.end()
    if tag or keys:
        return _tagged(text, start, tag or keys)
    if function:
        return _with_parameters(text, start, function)
    if text.startswith("<tool_call>", opened.start()):
        inner = _OPEN.match(text, start)
        if inner and inner.group(2):
            return _with_parameters(text, inner.end(), inner.group(2))
        if text.find("<arg_key>", start, start + 200) >= 0:
            return _of_pairs(text, start)
    code = text.startswith("<|python_tag|>", opened.start()) and text[start : start + 1] not in ("{", "[")
    return _as_json(text, start, named or headed or addressed or ("python" if code else ""))


def _tagged(text: str, start: int, tag: str) -> _Found | None:
    """Code between two tags, or to the end of a text that was cut off."""
    closed = text.find(f"</{tag}>", start)
    if closed < 0 and tag in ("bash", "python"):  # words of prose rather than a call
        return None
    end = closed if closed >= 0 else len(text)
    key = "keystrokes" if tag == "keystrokes" else "command" if tag.endswith("bash") else "code"
    call = ToolCall(tag, {key: text[start:end].strip("\n")})
    return [call], min(len(text), end + len(tag) + 3), 0


def _with_parameters(text: str, start: int, name: str) -> _Found:
    """A call whose arguments stand between tags of their own."""
    arguments: dict[str, str] = {}
    place = start
    while parameter := _PARAMETER.match(text, place):
        end, after = _parameter_end(text, parameter.end())
        arguments[parameter.group(1)] = text[parameter.end() : end].removeprefix("\n").removesuffix("\n")
        place = after
    if place == start and not _CLOSE.match(text, place):
        value, after = _json(text, place)
        if isinstance(value, dict):  # as Llama writes it
            return [ToolCall(name, arguments_of(value))], _closed(text, after), 0
    return [ToolCall(name, arguments)], _closed(text, place), 0


def _parameter_end(text: str, start: int) -> tuple[int, int]:
    """Where the value of a parameter ends, and where the text goes on after it.

    The tag that ends it is followed by another one: a value may hold such a tag too.
    """
    first: re.Match[str] | None = None
    for ended in islice(_PARAMETER_END.finditer(text, start), MOST_TAGS):
        first = first or ended
        if ended.group(1) is not None:
            first = ended
            break
    if first is not None:
        return first.start(), first.end() - len(first.group(1) or "")
    lost = _PARAMETER_LOST.search(text, start)
    end = lost.start() if lost else len(text)
    return end, end


def _of_pairs(text: str, start: int) -> _Found:
    """A call of GLM: its name, then keys and values."""
    end = _end(text, start)
    body = text[start:end]
    name = body[: body.find("<arg_key>")].strip()
    arguments = {key.strip(): value for key, value in _GLM.findall(body)}
    return [ToolCall(name, arguments)], _closed(text, end), 0


def _as_json(text: str, start: int, name: str) -> _Found | None:
    """A call whose body is JSON: name and arguments, or the arguments of the call `name`, or several calls.

    The words of one that is no JSON are kept as its only argument; one that the text is cut off in was never
    made, and is not counted.
    """
    value, place = _json(text, start)
    if value is not None:
        if name and isinstance(value, dict):
            return [ToolCall(name, arguments_of(value))], _closed(text, place), 0
        calls = [call_of(each) for each in (value if isinstance(value, list) else [value])]
        return [call for call in calls if call], _closed(text, place), calls.count(None)
    end = _end(text, start)
    words = text[start:end].strip()
    is_json = words.startswith(("{", "["))
    if not (name or is_json):
        return None
    return (
        [ToolCall(name, {"": words})] if words else [],
        _closed(text, end),
        int(is_json and end < len(text)),
    )


def _json(text: str, start: int) -> tuple[Any, int]:
    """The object or list that begins at `start`, and where it ends; None where there is none."""
    if text[start : start + 1] not in ("{", "["):
        return None, start
    try:
        return _decoder.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None, start


def _end(text: str, start: int) -> int:
    """Where a call ends by its marks at the latest: where another begins, or the text ends."""
    for mark in _ENDS:
        end = text.find(mark, start)
        text = text if end < 0 else text[:end]
    return len(text)


def _closed(text: str, place: int) -> int:
    """After the marks that close a call at `place`."""
    while closing := _CLOSE.match(text, place):
        place = closing.end()
    return place


def _bare(text: str) -> tuple[str, list[ToolCall]] | None:
    """The calls that a text is the JSON of, after its reasoning, and what else it says."""
    if not ("keystrokes" in text or '"arguments"' in text or '"parameters"' in text):
        return None
    thought = text.rfind("</think>")
    after = thought + len("</think>") if thought >= 0 else 0
    begun = re.compile(r"(?m)^[ \t]*(?:```(?:json)?\s*)?(?=[{\[])").search(text, after)
    if begun is None or ("keystrokes" not in text and text[after : begun.start()].strip()):
        return None
    calls: list[ToolCall] = []
    said = [text[: begun.start()].rstrip()]
    place = begun.end()
    while place < len(text):
        value, end = _json(text, place)
        new = list(_calls_of(value))
        if not new:
            break
        calls += new
        said += [each for key, each in value.items() if isinstance(each, str)] if "commands" in value else []
        place = re.compile(r"[\s;,]*").match(text, end).end()  # type: ignore[union-attr]
    if not calls:
        return None
    return "\n".join(each for each in (*said, text[place:].removeprefix("```").strip()) if each), calls


def _calls_of(value: Any) -> Iterator[ToolCall]:
    """The calls that a JSON value is; none where it is something else."""
    for each in value if isinstance(value, list) else [value]:
        if not isinstance(each, dict):
            return
        commands = each.get("commands")
        if isinstance(commands, list) and any(isinstance(c, dict) and "keystrokes" in c for c in commands):
            yield from (ToolCall("terminal", arguments_of(c)) for c in commands if isinstance(c, dict))
        elif isinstance(each.get("name"), str) and {"arguments", "parameters"} & each.keys():
            call = call_of(each)
            if call is not None:
                yield call
        else:
            return
