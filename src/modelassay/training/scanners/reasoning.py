"""The part of a completion that is reasoning: between the tags that models put around it."""

from __future__ import annotations

import re

SIEVE = r"<think|</think|<thought|</thought|<reasoning|<scratchpad|<\|channel\|>analysis"
"""RE2 pattern of completions that have such a part."""

_OPEN = re.compile(
    r"<(think|thinking|thought|reasoning|scratchpad)>|<\|channel\|>analysis<\|message\|>", re.IGNORECASE
)
_CLOSE = re.compile(r"</(?:think|thinking|thought|reasoning|scratchpad)>|<\|end\|>", re.IGNORECASE)


def reasoning_in(text: str) -> str:
    """The reasoning in `text`, parts joined by line breaks; empty when none is marked.

    A part that is never closed reaches to the end; one that is never opened (templates that put the opening
    tag into the prompt) begins at the start.
    """
    parts: list[str] = []
    place = 0
    first_close = _CLOSE.search(text)
    first_open = _OPEN.search(text)
    if first_close and (first_open is None or first_close.start() < first_open.start()):
        parts.append(text[: first_close.start()])
        place = first_close.end()
    while opened := _OPEN.search(text, place):
        closed = _CLOSE.search(text, opened.end())
        parts.append(text[opened.end() : closed.start() if closed else len(text)])
        place = closed.end() if closed else len(text)
    return "\n".join(part.strip() for part in parts if part.strip())
