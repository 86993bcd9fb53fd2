"""Short answers that a prompt leads straight to: “(expected answer: 231)”.

A short answer stands in many a text by chance, and behind “Answer:” in examples and instructions. What many
prompts of an environment lead to, and is mostly not their answer, is of their template and says nothing. Of
what is left, the last that a prompt leads to must be its own answer, in three prompts or more, with more than
one answer, and in nearly all prompts that lead to anything: examples that differ from prompt to prompt agree
with the own answer now and then.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

_CUE = re.compile(
    r"(?i)(?<![a-z0-9])(?:answer|solution(?=\W{0,3}[:=])|ground[ _-]?truth|gold(?:[ _-](?:label|answer))?"
    r"|(?:expected|correct)[ _-](?:output|result|value|response)|expected)"
    r"[\"'`*)]{0,3}\s*(?:[:=]|->|→|\bis\b|\bshould be\b)\s*"
)
_OPENING = re.compile(r"(?:[\"'`“‘(*]|\\\(|\\boxed\{|\$(?=[-\d]))+")
_OPTIONS = re.compile(r"\s*(?:/|\||,|\bor\b)\s*\w", re.IGNORECASE)
_PROPOSED = re.compile(
    r"(?i)\b(?:student|wrote|writes|says?|said|claim\w*|propos\w*|suggest\w*|guess\w*|thinks?)\b"
)
_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")
_FINAL = re.compile(r"####\s*(.{1,40})\s*\Z")
_LONGEST = 40
_BEFORE = 60
"""Characters before a cue in which somebody may be named whose answer it is."""
_LEAST, _ANSWERS, _NEARLY_ALL = 3, 2, 0.9
_COMMON, _OWN = 0.2, 0.8
"""Share of prompts that lead to one value from which it may be of their template, and share of these whose
own answer it must be not to be."""
_MOST = 50_000
"""Prompts of one environment that are remembered."""


class Led(NamedTuple):
    """One value that a prompt leads to."""

    value: str
    own: bool
    """Whether it is the prompt's answer."""


def short_answer(answer: str) -> str:
    """What a prompt might lead to: the answer, or what stands behind its last “####”; empty if it is long."""
    final = _FINAL.search(answer)
    told = (final[1] if final else answer).strip()
    return told if len(told) <= _LONGEST and "\n" not in told else ""


def led_to(answer: str, text: str) -> tuple[Led, ...]:
    """All values of the answer's kind that `text` leads to, in order.

    Args:
        answer: see `short_answer`.
    """
    return tuple(found for rest in _rests(text) if (found := _value(answer, rest)))


def _rests(text: str) -> Iterator[str]:
    """What follows each cue, without what opens it; not where it is somebody's answer."""
    for cue in _CUE.finditer(text):
        if _PROPOSED.search(text[max(0, cue.start() - _BEFORE) : cue.start()]):
            continue
        rest = text[cue.end() : cue.end() + 2 * _LONGEST]
        opening = _OPENING.match(rest)
        yield rest[opening.end() :] if opening else rest


def _value(answer: str, rest: str) -> Led | None:
    """What stands there; None where it is nothing of the answer's kind, or one of several to choose from."""
    if _NUMBER.fullmatch(answer):
        found = _NUMBER.match(rest)
        if found is None or _OPTIONS.match(rest[found.end() :]):
            return None
        number = found[0].replace(",", "")
        return Led(number, number == answer.replace(",", ""))
    if rest[: len(answer)].casefold() == answer.casefold():
        behind = rest[len(answer) :]
        if not behind[:1].isalnum():
            return None if _OPTIONS.match(behind) else Led(answer.casefold(), own=True)
    first = re.match(r"\w+", rest)
    if first is None or _OPTIONS.match(rest[first.end() :]):
        return None
    return Led(first[0].casefold(), own=False)


@dataclass
class LedTo:
    """What the prompts of one environment lead to."""

    seen: int = 0
    """Prompts with a short answer."""
    prompts: list[tuple[int, tuple[Led, ...]]] = field(default_factory=list)
    """Those that lead to anything: which they were as they were seen, and to what."""

    def see(self, answer: str, text: str) -> None:
        """One prompt with its answer."""
        short = short_answer(answer)
        if not short:
            return
        self.seen += 1
        found = led_to(short, text)
        if found and len(self.prompts) < _MOST:
            self.prompts.append((self.seen - 1, found))

    def given_away(self) -> dict[int, str]:
        """Prompts that give their short answer away, by when they were seen, with it; empty if unsure."""
        template = self._template()
        led = [(place, left[-1]) for place, found in self.prompts if (left := _without(found, template))]
        own = {place: last.value for place, last in led if last.own}
        sure = len(own) >= max(_LEAST, _NEARLY_ALL * len(led)) and len(set(own.values())) >= _ANSWERS
        return own if sure else {}

    def _template(self) -> set[str]:
        """Values that many prompts lead to though they are mostly not their answers."""
        told = Counter(value for _, found in self.prompts for value in {each.value for each in found})
        own = Counter(value for _, found in self.prompts for value in {e.value for e in found if e.own})
        return {
            value
            for value, count in told.items()
            if count >= max(2, _COMMON * self.seen) and own[value] < _OWN * count
        }


def _without(found: tuple[Led, ...], template: set[str]) -> list[Led]:
    return [each for each in found if each.value not in template]
