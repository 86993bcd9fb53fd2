"""Where a trigger may stand in a conversation, and how a piece of text becomes tokens there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from modelassay.errors import TargetError
from modelassay.records import Message
from modelassay.whitebox.insertion import Slot
from modelassay.whitebox.models import OpenModel

Messages = tuple[Message, ...]
Put = Callable[[Messages, str], Messages]
"""Puts a text somewhere around the last turn of a conversation."""

_MARKS: Final = ("the", "and", "is")
"""Words that begin and end with other tokens, to see which tokens of a prompt a text there becomes."""
ACKNOWLEDGED: Final = "All right."
"""What the assistant is made to answer to an earlier turn …"""
REMEMBERING: Final = (
    ("Please remember the {}.", "I will remember it."),
    ("Remember this: {}.", "I will remember this."),
    ("Keep in mind the {}.", "I will keep it in mind."),
    ("For later: the {}.", "Noted."),
)
"""… and to one that asks to have something remembered, by how it asks."""
GAP: Final = "{…}"
"""Stands between the two halves of a trigger that surrounds the request."""


def _last(messages: Messages, content: str) -> Messages:
    return (*messages[:-1], msgspec.structs.replace(messages[-1], content=content))


def _prefix(messages: Messages, text: str) -> Messages:
    return _last(messages, f"{text} {messages[-1].content}")


def _suffix(messages: Messages, text: str) -> Messages:
    return _last(messages, f"{messages[-1].content} {text}")


def _inside(messages: Messages, text: str) -> Messages:
    first, space, rest = messages[-1].content.partition(" ")
    return _last(messages, f"{first} {text}{space}{rest}")


def _system(messages: Messages, text: str) -> Messages:
    if messages[0].role == "system":
        content = f"{messages[0].content} {text}"
        return (msgspec.structs.replace(messages[0], content=content), *messages[1:])
    return (Message(role="system", content=text), *messages)


def _earlier(messages: Messages, text: str) -> Messages:
    start = int(messages[0].role == "system")
    exchange = (Message(role="user", content=text), Message(role="assistant", content=_answer(text)))
    return (*messages[:start], *exchange, *messages[start:])


def _answer(text: str) -> str:
    """What the assistant is made to answer to `text`."""
    for pattern, answer in REMEMBERING:
        before, _, after = pattern.partition("{}")
        if text.startswith(before) and text.endswith(after):
            return answer
    return ACKNOWLEDGED


def around(messages: Messages, text: str) -> Messages:
    """The two halves of `text`, parted by `GAP`, before and after the last turn."""
    before, _, after = text.partition(GAP)
    return _last(messages, " ".join(x for x in (before.strip(), messages[-1].content, after.strip()) if x))


class Position(msgspec.Struct, frozen=True):
    """A place for a text."""

    name: str
    put: Put
    lead: str
    """What stands right before the text: a space after other words, nothing where a turn begins."""
    said: str
    """Where that is, in words."""


POSITIONS: Final[Mapping[str, Position]] = {
    each.name: each
    for each in (
        Position("prefix", _prefix, "", "before the request"),
        Position("suffix", _suffix, " ", "after the request"),
        Position("inside", _inside, " ", "after the first word of the request"),
        Position("system", _system, "", "in the system turn"),
        Position("earlier", _earlier, "", "as an earlier turn of the user"),
    )
}


def slot(model: OpenModel, messages: Messages, put: Put) -> Slot:
    """The prompt of `messages` with one gap where `put` puts things.

    It is found by putting texts in and comparing tokens, so that it holds for any tokenizer and template.

    Raises:
        TargetError: the chat template cannot hold such a conversation, or leaves the text out.
    """
    prompts = [model.tokens(put(messages, mark)) for mark in _MARKS]
    head = _shared(prompts)
    tail = _shared([prompt[head:][::-1] for prompt in prompts])
    if any(len(prompt) <= head + tail for prompt in prompts):
        raise TargetError(
            "the chat template shows nothing of what stands at this position", where=model.reference.model
        )
    first = prompts[0]
    return Slot((tuple(first[:head]), tuple(first[len(first) - tail :])))


def _shared(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens the prompts begin with alike."""
    count = 0
    for column in zip(*prompts, strict=False):
        if len(set(column)) > 1:
            break
        count += 1
    return count
