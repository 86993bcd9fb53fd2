"""Messages of a conversation, however they are written down: objects, transcripts, templates of chat models.

What an assistant message teaches is more than its text: its reasoning and the arguments of its calls follow
it, as plain text. A conversation that was rendered into one string is cut at the marks of its template
(ChatML, Llama, Gemma, ``[INST]``, ``<|user|>``, ``Human:``, and of plain text ``### Instruction:``); no word
of it is left out, also where it stands outside of every turn.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

MOST_CHARACTERS: Final = 100_000
"""Longer texts are read in two halves: their first and last 50,000 characters."""
ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_ROLE_NAMES: Final = {
    "human": "user",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "ai": "assistant",
    "chatgpt": "assistant",
    "function_call": "assistant",
    "observation": "tool",
    "instruction": "user",
    "input": "user",
    "response": "assistant",
    "[inst]": "user",
    "[/inst]": "assistant",
    "[system_prompt]": "system",
}
_REASONING: Final = ("reasoning_content", "reasoning", "thinking")
_UNTRAINED: Final = ("weight", "loss", "train", "training")
"""Marks of a message which say by 0 or false that it is context alone: OpenAI's, ms-swift's, axolotl's."""
_CALLS: Final = ("tool_calls", "function_call")
_TRANSCRIPT: Final = re.compile(r"(?:^|\n\n)(Human|Assistant|System): ?")
_TEMPLATE: Final = re.compile(
    r"(?:<\|im_start\|>|<start_of_turn>)[ \t]*(\w+)[ \t]*\n?"
    r"|<\|(?:start_header_id|header_start)\|>\s*(\w+)\s*<\|(?:end_header_id|header_end)\|>\s*"
    r"|<\|(system|user|assistant|tool|observation)\|>\s*"
    r"|<[|｜](User|Assistant)[|｜]>\s*"
    r"|(\[/?INST\]|\[SYSTEM_PROMPT\])\s*"
)
_HEADED: Final = re.compile(
    r"(?:^|\n)### ?(Instruction|Input|Response|Human|User|Assistant|System) ?:[ \t]*\n?"
)
_MARKS: Final = re.compile(
    r"<\|(?:im_end|eot_id|eot|eom_id|end|endoftext|end_of_text|begin_of_text)\|>|<end_of_turn>|</?s>|<eos>|<bos>"
    r"|\[/SYSTEM_PROMPT\]|<[|｜](?:begin|end)▁of▁sentence[|｜]>"
)
"""Where turns and texts begin and end: taken away."""
_SYSTEM: Final = re.compile(r"<<SYS>>(.*?)<</SYS>>", re.DOTALL)
_UNKNOWN_MARK: Final = re.compile(r"<\|[a-z_]{2,30}\|>|\[/?INST\]|<start_of_turn>")


@dataclass(frozen=True, slots=True)
class Message:
    """One message; of a completion or a text, its only one."""

    role: str
    text: str
    """What is said; of an assistant, reasoning and calls of tools follow it."""
    trained: bool = True
    """Of an assistant: False where the message says that it is not learned."""


def cut(text: str) -> str:
    """`text`, or its first and last part where it is longer than `MOST_CHARACTERS`."""
    half = MOST_CHARACTERS // 2
    return text if len(text) <= MOST_CHARACTERS else text[:half] + "\n" + text[-half:]


def as_messages(value: Any, role: str, problems: list[str]) -> list[Message]:
    """The messages that a column holds, whatever its type; what cannot be read is added to `problems`.

    Args:
        role: who says what stands there as plain text.
    """
    if isinstance(value, Mapping):
        if isinstance(value.get("messages"), list):
            return messages_of(value["messages"], problems)
        named = "role" in value or "from" in value
        return messages_of([value], problems) if named else [Message(role, cut(plain(value)))]
    if isinstance(value, list):
        if value and all(isinstance(each, str) for each in value):
            return [Message(role, cut("\n".join(value)))]
        return messages_of(value, problems)
    if isinstance(value, str):
        return transcript(value, role) or [Message(role, cut(value))]
    problems.append(f"text of type {type(value).__name__}")
    return []


def messages_of(values: Iterable[Any], problems: list[str]) -> list[Message]:
    """The messages in a list of objects; what is none is added to `problems`."""
    found = []
    for value in values:
        if not isinstance(value, dict):
            problems.append("a message that is no object")
            continue
        given = value.get("role", value.get("from"))
        if given is None and "input" in value and "output" in value:
            found += _exchange(value)
            continue
        parts = _said(value.get("content", value.get("value")))
        beside = [*_reasoning(value), *_calls(value)]
        if not isinstance(given, str) or (parts is None and not beside):
            problems.append("a message without role or text")
            continue
        role = _ROLE_NAMES.get(given.lower(), given.lower())
        text = cut("\n".join(part for part in (parts, *beside) if part))
        found.append(Message(role, text, role != "assistant" or not _untrained(value)))
    return found


def turns(history: Any) -> list[Message]:
    """The turns of a column of earlier ones: questions with their answers, in lists, or messages."""
    found: list[Message] = []
    for each in history if isinstance(history, list | tuple) else ():
        if isinstance(each, Mapping):
            found += messages_of([dict(each)], [])
        elif isinstance(each, list | tuple):
            sides = zip(("user", "assistant"), each, strict=False)
            found += [Message(role, cut(plain(said))) for role, said in sides if said not in (None, "")]
    return found


def _exchange(value: Mapping[str, Any]) -> list[Message]:
    """A question with its answer in one object."""
    names = {"system": "system", "input": "user", "output": "assistant"}
    told = ((role, value.get(name)) for name, role in names.items())
    return [Message(role, cut(said)) for role, said in told if isinstance(said, str) and said]


def _untrained(message: Mapping[str, Any]) -> bool:
    given = (message.get(name) for name in _UNTRAINED)
    return any(isinstance(each, bool | int | float) and each == 0 for each in given)


def tools_text(*columns: Any) -> str:
    """All that descriptions of tools say, be they objects or JSON in a string."""
    return cut("\n".join(told for each in columns if each and (told := plain(_parsed(each)))))


def _said(content: Any) -> str | None:
    """Text of a message's content: a string, or a list of parts with text, reasoning or calls in them."""
    if not isinstance(content, list):
        return content if isinstance(content, str) else None
    told = []
    for part in content:
        if isinstance(part, str):
            told.append(part)
        elif isinstance(part, dict):
            given = [part.get(name) for name in ("text", *_REASONING, "content")]
            told += [each for each in given if isinstance(each, str) and each]
            if part.get("input") is not None:
                told.append(plain([part.get("name"), part["input"]]))
    return "\n".join(told)


def _reasoning(message: Mapping[str, Any]) -> list[str]:
    return [text for name in _REASONING if isinstance(text := message.get(name), str) and text]


def _calls(message: Mapping[str, Any]) -> Iterator[str]:
    """What a message calls, and with which arguments."""
    for name in _CALLS:
        given = message.get(name)
        for call in given if isinstance(given, list) else [given]:
            if isinstance(call, Mapping):
                inner = call.get("function")
                call = inner if isinstance(inner, Mapping) else call
                yield plain([call.get("name"), _parsed(call.get("arguments", call.get("parameters")))])


def _parsed(arguments: Any) -> Any:
    """Arguments as a model writes them, JSON in a string, without the marks that JSON adds to text."""
    try:
        return json.loads(arguments) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError):
        return arguments


def plain(value: Any) -> str:
    """All texts and numbers in `value`, a line each, after the name that they stand under."""
    told: list[str] = []
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        name, each = waiting.pop()
        if isinstance(each, Mapping):
            waiting += [(str(key), inner) for key, inner in reversed(list(each.items()))]
        elif isinstance(each, list | tuple):
            waiting += [(name, inner) for inner in reversed(each)]
        elif each is not None and each != "":
            told.append(f"{name}: {each}" if name else str(each))
    return "\n".join(told)


# -- conversations in one string -----------------------------------------------------------------


def transcript(text: str, before: str = "system", *, headed: bool = False) -> list[Message]:
    """The messages of a conversation that was written into one string; empty when it is none.

    Args:
        before: who says what stands before the first turn.
        headed: whether ``### Instruction:`` begins a turn, as it does in rendered texts and not in answers.
    """
    marks = list(_TEMPLATE.finditer(text)) if "<" in text or "[" in text else []
    if marks and (any(_role(mark) == "assistant" for mark in marks) or not _bare(text[: marks[0].start()])):
        return _turns(text, marks, before)
    found = list(_HEADED.finditer(text)) if headed else []
    if {"user", "assistant"} <= {_role(mark) for mark in found}:
        return _turns(text, found, before)
    talk = list(_TRANSCRIPT.finditer(text)) if "Human:" in text or "Assistant:" in text else []
    if len(talk) < 2 or text[: talk[0].start()].strip():
        return []
    return _turns(text, talk, before)


def marked(text: str) -> bool:
    """Whether `text` has marks of a chat template, be it one that is not known."""
    return bool(_UNKNOWN_MARK.search(_MARKS.sub("", text)))


def _role(mark: re.Match[str]) -> str:
    name = next(group for group in mark.groups() if group).lower()
    return _ROLE_NAMES.get(name, name)


def _turns(text: str, marks: Sequence[re.Match[str]], before: str) -> list[Message]:
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    found = [Message(before, _bare(text[: marks[0].start()]))]
    for mark, end in zip(marks, ends, strict=True):
        said, role = text[mark.end() : end], _role(mark)
        found += [Message("system", _bare(each)) for each in _SYSTEM.findall(said)]
        said = _bare(_SYSTEM.sub("", said))
        if mark.re is _HEADED and found[-1].role == role == "user":  # the instruction, and its input
            said, role = f"{found.pop().text}\n\n{said}", "user"
        found.append(Message(role, said))
    return found[1:] if not found[0].text else found


def _bare(text: str) -> str:
    return cut(_MARKS.sub("", text).strip())


def last_answer(messages: list[Message]) -> tuple[list[Message], str]:
    """What comes before the answer, and the answer; empty where the assistant does not speak last, or what it
    says there is not learned.
    """
    if messages and messages[-1].role == "assistant" and messages[-1].trained:
        return messages[:-1], messages[-1].text
    return messages, ""


def opened(prompt: list[Message]) -> list[Message]:
    """`prompt` without the empty turn of the assistant that a template opens at its end."""
    empty = bool(prompt) and prompt[-1].role == "assistant" and not prompt[-1].text.strip()
    return prompt[:-1] if empty else prompt
