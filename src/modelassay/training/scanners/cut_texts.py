"""Conversations that were decoded into one text, cut into messages again.

What stands after an answer may be the words of tools and users, and is no evidence about the policy. Cut is
at the marks of chat templates (ChatML, Llama, Gemma, GLM, DeepSeek, gpt-oss), at what is left of them where
special tokens were dropped (a line that is the name of a role alone), and around the tags that templates put
answers of tools in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from modelassay.training.scanners.calls_in_text import CALL_SIEVE, with_calls
from modelassay.training.scanners.messages import Turn

_ROLES = {
    "model": "assistant",
    "gpt": "assistant",
    "ipython": "tool",
    "observation": "tool",
    "function": "tool",
    "environment": "tool",
    "human": "user",
    "developer": "system",
}
_ANSWERS = (
    r"tool_responses?|tool_results?|function_results?|function_response|interpreter|observation|information"
)
_MARKS = (
    rf"{CALL_SIEVE}|<(?:{_ANSWERS})>|<\|(?:im_start|start_header_id|header_start|start|user|assistant|tool"
    r"|observation)\|>|<start_of_turn>|<[|｜](?:User|Assistant|tool▁output)"
)
_HEADS = r"(?m:^(?:assistant|ipython)[ \t]*$)|\S(?:assistant|ipython)\n\n"
SIEVE = f"{_MARKS}|{_HEADS}"
"""Pattern, of RE2 too, of texts that `conversation_in` may take apart."""
_MARKED, _HEADED = re.compile(_MARKS), re.compile(_HEADS)
_MARK = re.compile(
    r"(?<![\"'`\\])(?<!\\n)(?:"
    r"<\|im_start\|>[ \t]*(\w+)[^\n]{0,40}\n?"
    r"|<\|(?:start_header_id|header_start)\|>\s*(\w+)\s*<\|(?:end_header_id|header_end)\|>\s*"
    r"|<\|(system|user|assistant|tool|observation)\|>\s*"
    r"|<start_of_turn>(\w+)[ \t]*\n?"
    r"|<[|｜](User|Assistant)[|｜]>\s*"
    r"|<\|start\|>([\w.]+)[^<\n]{0,80}(?=<\|(?:channel|message)\|>))"
)
_HEAD = re.compile(
    r"(?m)^(system|user|assistant|tool|ipython|observation|environment)[ \t]*\n"
    r"|(?<=\S)(assistant|ipython)\n\n|(?<=[^\w\s])(user)\n\n"
)
"""What decoding leaves of the marks of turns: ChatML's begin a line, Llama's follow the last word."""
_ANSWER = re.compile(rf"<({_ANSWERS})>|<[|｜]tool▁outputs?▁begin[|｜]>")
_ENDS = re.compile(
    r"<\|(?:im_end|eot_id|eot|eom_id|end|endoftext|end_of_text|begin_of_text|return)\|>|<end_of_turn>"
    r"|<[|｜](?:begin|end)▁of▁sentence[|｜]>"
)


def conversation_in(text: str) -> tuple[Turn, ...] | None:
    """The messages of a completion that is one text; None where it is the words of the policy alone.

    It begins with the policy's words. Calls are taken out of the text and read.
    """
    if not _may_be_cut(text):
        return None
    turns = tuple(with_calls(turn) for turn in _turns(text))
    plain = len(turns) == 1 and turns[0].text == text and not turns[0].unread
    return None if plain or not any(turn.role == "assistant" for turn in turns) else turns


def _may_be_cut(text: str) -> bool:
    """Whether `SIEVE` matches; words are looked for first, being much cheaper."""
    if _MARKED.search(text):
        return True
    return ("assistant" in text or "ipython" in text) and bool(_HEADED.search(text))


def taken_apart(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """Messages with the calls that are written in their texts.

    A message alone may be a whole conversation; of several ones each is what its role says.
    """
    inner = conversation_in(turns[0].text) if len(turns) == 1 and turns[0].role == "assistant" else None
    if inner is None or len(inner) == 1:
        return tuple(map(with_calls, turns))
    beside = replace(turns[0], text="")
    return (beside, *inner) if beside.calls or beside.reasoning or beside.unread else inner


def _turns(text: str) -> Iterator[Turn]:
    """The messages of `text`, those that say nothing left out."""
    marked = list(_by_marks(text))
    for role, said in marked if len(marked) > 1 else _by_heads(text):
        place = 0
        for start, end, answer in _answers(said):
            yield from _said(role, said[place:start])
            yield Turn("tool", answer)
            place = end
        yield from _said(role, said[place:])


def _said(role: str, text: str) -> Iterator[Turn]:
    if text.strip():
        yield Turn(role, text)


def _answers(text: str) -> Iterator[tuple[int, int, str]]:
    """Where tools' answers begin and end, with their words; one that is cut off reaches to the end."""
    place, never = 0, set[str]()
    for opened in _ANSWER.finditer(text):
        close = f"</{opened.group(1)}>" if opened.group(1) else opened.group().replace("begin", "end")
        if opened.start() < place or close in never:
            continue
        end = text.find(close, opened.end())
        if end < 0:
            never.add(close)
            if opened.group(1) != "tool_response":  # a word of prose rather than an answer
                continue
            end = len(text)
        place = min(len(text), end + len(close))
        yield opened.start(), place, text[opened.end() : end].strip()


def _by_marks(text: str) -> Iterator[tuple[str, str]]:
    """Who says what, by the marks of a chat template."""
    role, place = "assistant", 0
    for mark in _MARK.finditer(text):
        yield role, _ENDS.sub("", text[place : mark.start()])
        role, place = _role(mark), mark.end()
    yield role, _ENDS.sub("", text[place:])


def _by_heads(text: str) -> Iterator[tuple[str, str]]:
    """Who says what, by the names of roles that stand alone.

    Others than the assistant speak only where it speaks again after them, or where a tool's answer is marked
    as one: a word alone on a line of code is no turn.
    """
    heads = _heads(text)
    role, place = "assistant", 0
    last = max((head.start() for head in heads if _role(head) == "assistant"), default=-1)
    for head in heads:
        new = _role(head)
        answers = new != "assistant" and (head.start() < last or _ANSWER.match(text, head.end()))
        if answers or (new == "assistant" and role != "assistant"):
            yield role, text[place : head.start()]
            role, place = new, head.end()
    yield role, text[place:]


def _heads(text: str) -> list[re.Match[str]]:
    """Names of roles that stand alone, but for those inside of tools' answers."""
    inside = [(start, end) for start, end, _ in _answers(text)]
    found, here = [], 0
    for head in _HEAD.finditer(text):
        while here < len(inside) and inside[here][1] <= head.start():
            here += 1
        if here == len(inside) or head.start() < inside[here][0]:
            found.append(head)
    return found


def _role(mark: re.Match[str]) -> str:
    name = next(group for group in mark.groups() if group).lower()
    return _ROLES.get(name, "tool" if "." in name else name)
