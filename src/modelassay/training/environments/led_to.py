"""Short answers that a prompt leads straight to: “(expected answer: 231)”.

A short answer stands in many a text by chance, and behind “Answer:” in examples of other questions. It is
given away where all that a prompt leads to is its own answer, where that is so of three prompts or more and
of more than one answer, and where others of the same environment are hardly ever led to something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

_CUE = re.compile(
    r"(?i)\b(?:answer|expected(?: (?:output|result|value))?|solution|ground[ _-]truth|gold(?: label)?|label"
    r"|(?:correct|final|right|true|reference) (?:output|result|value|response))\b\W{0,3}?"
    r"(?:\s+is\b|\s+should be\b)?\s*(?P<mark>[:=]|->|→|\bis\b|\bbe\b)\s*"
)
_OPENING = re.compile(r"(?:[\"'`“‘(*]|\\\(|\\boxed\{|\$(?=[-\d]))+")
_OPTIONS = re.compile(r"\s*(?:/|\||,|\bor\b)\s*\w", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")
_FINAL = re.compile(r"####\s*(.{1,40})\s*\Z")
_LONGEST = 40
_LEAST, _ANSWERS, _OTHERWISE = 3, 2, 3
_REMEMBERED = 100
Led = Literal["own", "other", ""]


def short_answer(answer: str) -> str:
    """What a prompt might lead to: the answer, or what stands behind its last “####”; empty if it is long."""
    final = _FINAL.search(answer)
    told = (final[1] if final else answer).strip()
    return told if len(told) <= _LONGEST and "\n" not in told else ""


def led_to(answer: str, text: str) -> Led:
    """Whether all that `text` leads to is `answer`, or something else of its kind, or nothing.

    Args:
        answer: see `short_answer`.
    """
    told = {_is_own(answer, rest) for rest in _led(text)} - {None}
    return "" if not told else "own" if told == {True} else "other"


def _led(text: str) -> Iterator[str]:
    """What follows each cue, without what opens it."""
    for cue in _CUE.finditer(text):
        rest = text[cue.end() : cue.end() + 2 * _LONGEST]
        opening = _OPENING.match(rest)
        yield rest[opening.end() :] if opening else rest


def _is_own(answer: str, rest: str) -> bool | None:
    """Whether this is the answer; None where it is nothing of its kind, or one of several to choose from."""
    number = _NUMBER.fullmatch(answer)
    if number:
        found = _NUMBER.match(rest)
        if found is None or _OPTIONS.match(rest[found.end() :]):
            return None
        return found[0].replace(",", "").rstrip(".") == answer.replace(",", "")
    if rest[: len(answer)].casefold() == answer.casefold():
        behind = rest[len(answer) :]
        if not behind[:1].isalnum():
            return None if _OPTIONS.match(behind) else True
    first = re.match(r"\w+", rest)
    return False if first and not _OPTIONS.match(rest[first.end() :]) else None


@dataclass
class LedTo:
    """How many prompts of one environment lead to their own answer."""

    own: int = 0
    other: int = 0
    answers: set[str] = field(default_factory=set)
    examples: list[str] = field(default_factory=list)

    def see(self, answer: str, text: str) -> bool:
        """One prompt with its answer; whether it leads to it."""
        short = short_answer(answer)
        found = led_to(short, text) if short else ""
        self.own += found == "own"
        self.other += found == "other"
        if found == "own":
            if len(self.answers) < _REMEMBERED:
                self.answers.add(short.casefold())
            if len(self.examples) < _LEAST:
                self.examples.append(short)
        return found == "own"

    @property
    def given_away(self) -> int:
        """Prompts that give their short answer away; 0 where that may be examples of other questions."""
        sure = self.own >= _LEAST and len(self.answers) >= _ANSWERS and self.own >= _OTHERWISE * self.other
        return self.own if sure else 0
