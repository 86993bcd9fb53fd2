"""Whether what is disclosed of a rollout tells what is withheld of it: its tokens, or its text once more.

Names of tasks, columns of the data and what a grader saw or wrote often hold prompt or completion a second
time. What is searched for is the text itself, where it is short, or a run of `RUN` characters of it; numbers
in a row that may be its tokens; and columns that are named after it. What a completion repeats of its prompt
is the policy's own text, and is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import msgspec

from modelassay.training.protocol.parts import PARTS, TEXTS, Contents, Layout, owner_of, text_in
from modelassay.training.scanners.messages import turns_of

RUN = 24
"""Characters of a text that stand nowhere else by chance."""
_SHORT = 4
"""Characters of a whole text from which it is searched for within others; a shorter one must be all of it."""
_TOKENS = 8
"""Numbers in a row that may be the tokens of a text of which nobody says how many it has."""
_SPACE = re.compile(r"\s+")


class Told(NamedTuple):
    """That an open part tells what is withheld."""

    part: str
    text: str
    """``prompt`` or ``completion``."""
    where: str
    """The column that does."""


def told_elsewhere(
    parts: Contents, layout: Layout, withheld: Collection[str], closed: Collection[str]
) -> Told | None:
    """The first open part of a rollout that tells a text of `withheld`; None where none does.

    Args:
        parts: all of the rollout.
        withheld: parts that are there, and are kept back.
        closed: all parts that are not disclosed.
    """
    named = dict(zip(PARTS, parts, strict=True))
    figures: dict[str, Any] = msgspec.json.decode(named["figures"])
    for text in (name for name in TEXTS if name in withheld):
        hidden = _Hidden(text_in(named[text].decode("utf-8", "replace"), layout))
        for column in ("task", "group", "env"):
            if "figures" not in closed and hidden.is_in(str(figures[column])):
                return Told("figures", text, column)
        if "grader" not in closed:
            where = _in_grader(named["grader"], text, hidden, figures.get(f"{text}_tokens"))
            if where:
                return Told("grader", text, where)
    return None


class _Hidden:
    """A text that must not stand anywhere else."""

    def __init__(self, text: str) -> None:
        turns = turns_of(text)
        said = [text] if turns is None else [turn.written for turn in turns]
        self._texts = [each for each in map(_plain, said) if each]
        self._runs = {
            each[i : i + RUN] for each in self._texts for i in range(len(each) - RUN + 1) if len(each) >= RUN
        }

    def is_in(self, other: str) -> bool:
        """Whether it stands in `other`, or enough of it."""
        plain = _plain(other)
        if any(each == plain or (len(each) >= _SHORT and each in plain) for each in self._texts):
            return True
        return bool(self._runs) and any(plain[i : i + RUN] in self._runs for i in range(len(plain) - RUN + 1))


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text).strip().casefold()


def _in_grader(part: bytes, text: str, hidden: _Hidden, tokens: int | None) -> str:
    """The column of the grader's part that tells `text`; empty when none does."""
    seen, wrote, extra = msgspec.json.decode(part, type=tuple[str | None, str | None, str])
    for column, said in (("grader_input", seen), ("grader_output", wrote)):
        if said and any(hidden.is_in(each) for each in (said, *_strings(_decoded(said)))):
            return column
    columns = _decoded(extra)
    if not isinstance(columns, dict):
        return "extra" if hidden.is_in(extra) else ""
    for name, value in columns.items():
        if (
            owner_of(name) == text
            or any(map(hidden.is_in, _strings(value)))
            or any(count >= (tokens or _TOKENS) for count in _rows_of_numbers(value))
        ):
            return f"{name} of extra"
    return ""


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)


def _rows_of_numbers(value: Any) -> Iterator[int]:
    """Lengths of the lists of whole numbers in `value`."""
    if isinstance(value, dict):
        for each in value.values():
            yield from _rows_of_numbers(each)
    elif isinstance(value, list):
        if value and all(isinstance(each, int) and not isinstance(each, bool) for each in value):
            yield len(value)
        for each in value:
            yield from _rows_of_numbers(each)
