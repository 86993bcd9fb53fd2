"""The request of a sample: the text of its last user turn, which attacks rewrite."""

from __future__ import annotations

import msgspec

from modelassay.records import Message, Sample


def request_of(sample: Sample) -> str:
    """The text of the last user turn; empty when there is none."""
    place = _place(sample)
    return "" if place is None else sample.messages[place].content


def with_request(sample: Sample, text: str) -> tuple[Message, ...]:
    """The sample's messages with `text` as the last user turn; all other turns stand.

    Raises:
        ValueError: the sample has no user turn.
    """
    place = _place(sample)
    if place is None:
        raise ValueError("the sample has no user turn")
    new = msgspec.structs.replace(sample.messages[place], content=text)
    return (*sample.messages[:place], new, *sample.messages[place + 1 :])


def with_system(messages: tuple[Message, ...], text: str) -> tuple[Message, ...]:
    """`messages` with `text` at the end of the first system turn, which is made where there is none."""
    for place, each in enumerate(messages):
        if each.role == "system":
            joined = f"{each.content}\n\n{text}" if each.content else text
            new = msgspec.structs.replace(each, content=joined)
            return (*messages[:place], new, *messages[place + 1 :])
    return (Message(role="system", content=text), *messages)


def _place(sample: Sample) -> int | None:
    found = [place for place, each in enumerate(sample.messages) if each.role == "user"]
    return found[-1] if found else None
