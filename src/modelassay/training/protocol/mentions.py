r"""Whether what was kept of a rollout says a text: as it stands, in messages, and in JSON within JSON.

Columns keep messages and other columns of the data as JSON, with escapes in names (``Zo\u00eb``,
``\"``), and whose values may be JSON again. Letter case, white space and the ways in which Unicode writes one
letter make no difference. A text that is spelled otherwise, split between two values, or written as tokens
is not found.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from modelassay.training.scanners.messages import turns_of

MOST_DEPTH = 60
"""Levels of values in values, and of JSON in JSON, that are read."""
MOST_ESCAPED = 4
"""How many times over escapes are undone that stand in a text which is no JSON as a whole."""
_SPACE = re.compile(r"\s+")
_ESCAPE = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\[\\\"/nrt]")
_BLANKS = frozenset("nrt")


def says(kept: str, texts: Collection[str]) -> bool:
    """Whether `kept`, or something that it holds, has one of `texts` in it."""
    wanted = [plain for text in texts if (plain := _plain(text))]
    return any(each in plain for plain in map(_plain, _readings(kept)) for each in wanted)


def _plain(text: str) -> str:
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def _readings(kept: str) -> Iterator[str]:
    """`kept` as it stands, every string in it, and the messages that it is a list of, put together."""
    yield from _strings(kept, 0)
    for turn in turns_of(kept) or ():
        yield turn.written


def _strings(value: Any, depth: int) -> Iterator[str]:
    if depth > MOST_DEPTH:
        return
    if isinstance(value, str):
        yield value
        yield from _unescaped(value)
        if value.lstrip().startswith(("{", "[", '"')):
            yield from _strings(_decoded(value), depth + 1)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from _strings(each, depth + 1)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each, depth + 1)


def _unescaped(text: str) -> Iterator[str]:
    """`text` with the escapes of JSON undone, again and again: it may quote JSON, or be cut from it."""
    for _ in range(MOST_ESCAPED):
        plainer = _ESCAPE.sub(_meant, text) if "\\" in text else text
        if plainer == text:
            return
        yield plainer
        text = plainer


def _meant(escape: re.Match[str]) -> str:
    """What an escape, or several of letters in a row, stands for; letters beyond 16 bits are pairs."""
    said = escape.group()
    if said[1] != "u":
        return " " if said[1] in _BLANKS else said[1]
    units = b"".join(int(each, 16).to_bytes(2, "big") for each in said.split("\\u")[1:])
    return units.decode("utf-16-be", "replace")


def _decoded(text: str) -> Any:
    """What `text` is the JSON of; nothing where it is none."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
