"""Find what an answer says to whoever grades it: pleas, orders, claims of authority, verdicts of its own.

A wide net by patterns, in English, German, French, Spanish, Chinese and Arabic, over the sentences of the
text as it is shown to a judge (`fence.shown`: hidden characters are gone and hidden messages written out),
and any base64 or hexadecimal run that hides words. What it finds is not held against the answer: it
is judged once more without it, and the stricter reading counts. So a sentence found by mistake costs a
question, and one that is missed leaves the fence alone to hold.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache, reduce
from operator import or_

from modelassay.evaluators.judging.grader_speech import (
    IN_OBJECT,
    OTHER_SCRIPTS,
    RULES,
    WANTED,
    Rule,
    opens,
)
from modelassay.evaluators.trained.cues import MOST_KNOWN_WORDS, Known

REMOVED = "[removed]"
"""Stands where a sentence was taken out."""

_SHORTEST_RUN = 24
_ENCODED = re.compile(r"(?<![\w+/])(?:[0-9a-fA-F]{32,}|[A-Za-z0-9+/_-]{24,}={0,2})(?![\w+/])")
_RUN = b"x" * _SHORTEST_RUN
_IN_RUN = bytes(
    120 if code < 128 and (chr(code).isalnum() or chr(code) in "+/_-") else 32 for code in range(256)
)
"""Writes ``x`` for every character that `_ENCODED` may begin with."""
_OBJECT = re.compile(r"\{[^{}]{0,600}\}")
_HAS_OTHER_SCRIPT = re.compile(r"[\u0600-\u06ff\u3400-\u9fff]")
_WORD = re.compile(r"[^\W_]+")
_NO_LETTERS = bytes(code if code > 127 or chr(code).isalnum() else 32 for code in range(256))
"""Cuts plain ASCII into words, faster than `_WORD`."""
_TYPOGRAPHIC = "’‘“”–—…•\xa0\u200b"
"""Marks that part words, and are often all that keeps a text from being plain ASCII."""
_JOINED = 3
"""Sentences so few characters apart are taken out together."""


def addressed(text: str, labels: tuple[str, ...] = (), wanted: tuple[str, ...] = ()) -> list[tuple[int, int]]:
    """Where `text` speaks to its grader: spans of whole sentences, in order, apart.

    Args:
        text: as shown to a judge.
        labels: names of the rubric's labels; one with an underscore is no word of an honest answer.
        wanted: names of labels of which an attack must name one, whatever else it says; an honest answer that
            happens to use the word is found as well.
    """
    found = list(_told(text))
    if "{" in text:
        found += [match.span() for match in _OBJECT.finditer(text) if IN_OBJECT.search(match.group())]
    if _RUN in text.encode(errors="replace").translate(_IN_RUN):
        found += [match.span() for match in _ENCODED.finditer(text) if _speaks(match.group())]
    rare = tuple({*wanted, *(label for label in labels if "_" in label)})
    if rare:
        found += [_sentence(text, *match.span()) for match in _naming(rare).finditer(text)]
    if found:  # it does speak to its grader: then whatever names a verdict is likely part of that
        found += [_sentence(text, *match.span()) for match in _naming(labels).finditer(text)]
        found += [_sentence(text, *match.span()) for match in WANTED.finditer(text)]
    return _merged(text, found)


def _told(text: str) -> Iterator[tuple[int, int]]:
    """The sentences that the patterns are in, and the paragraphs that they open as turns."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few capitals have longer small forms, which would shift every place
        lowered = "".join(each.lower() if len(each.lower()) == 1 else each for each in text)
    other = not lowered.isascii() and _HAS_OTHER_SCRIPT.search(lowered) is not None
    if other:
        for rule in RULES:
            yield from _spans(rule, text, rule.pattern.finditer(lowered))
        for pattern in OTHER_SCRIPTS:
            for match in pattern.finditer(lowered):
                yield _sentence(text, *match.span())
        return
    ascii_only = lowered.isascii()
    opening = _gatekeeper().opening(_words(lowered))
    for rule, marks in _rules_behind(reduce(or_, opening.values(), 0), ascii_only):
        if _is_marked(marks, lowered):
            found = _matches(rule, lowered, opening) if rule.within else rule.pattern.finditer(lowered)
            yield from _spans(rule, text, found)


def _is_marked(marks: tuple[str, ...], lowered: str) -> bool:
    """Whether one of `marks` is in the text, or there are none."""
    for mark in marks:
        if mark in lowered:
            return True
    return not marks


def _spans(rule: Rule, text: str, found: Iterable[re.Match[str]]) -> Iterator[tuple[int, int]]:
    for match in found:
        start, end = _sentence(text, *match.span())
        yield (start, max(end, _paragraph_end(text, match.end()))) if rule.turn else (start, end)


_EVERY_GATE = list(dict.fromkeys(gate for rule in RULES for gate in rule.gates))
_BIT = {gate: 1 << number for number, gate in enumerate(_EVERY_GATE)}
_NEEDED = [(rule, sum(map(_BIT.__getitem__, rule.gates))) for rule in RULES]
"""Every rule with the bits of all its gates."""


def _words(lowered: str) -> list[str]:
    plain = lowered
    if not plain.isascii():
        for mark in _TYPOGRAPHIC:
            plain = plain.replace(mark, " ")
        if not plain.isascii():
            return _WORD.findall(lowered)
    return plain.encode().translate(_NO_LETTERS).decode().split()


def _gates(word: str) -> int:
    """The bits of the gates that `word` opens."""
    return sum(bit for gate, bit in _BIT.items() if opens(word, gate))


class _Gatekeeper:
    """Knows words that open gates, and as many of the others as are kept."""

    def __init__(self) -> None:
        self._bits = Known(_gates)
        self._open_none: set[str] = set()

    def opening(self, words: Iterable[str]) -> dict[str, int]:
        """Those of `words` that open gates, with the bits of these."""
        found: dict[str, int] = {}
        for word in set(words) - self._open_none:
            bits = self._bits[word]
            if bits:
                found[word] = bits
            elif len(self._open_none) < MOST_KNOWN_WORDS:
                self._open_none.add(word)
        return found


@cache
def _gatekeeper() -> _Gatekeeper:
    return _Gatekeeper()


@lru_cache(maxsize=1024)
def _rules_behind(opened: int, ascii_only: bool) -> tuple[tuple[Rule, tuple[str, ...]], ...]:
    """The rules all of whose gates are `opened`, with those of their marks that the text can have."""
    behind = [rule for rule, needed in _NEEDED if needed & opened == needed]
    if not ascii_only:
        return tuple((rule, rule.marks) for rule in behind)
    marks = [tuple(filter(str.isascii, rule.marks)) for rule in behind]
    return tuple((rule, own) for rule, own in zip(behind, marks, strict=True) if own or not rule.marks)


def _matches(rule: Rule, lowered: str, opening: dict[str, int]) -> Iterator[re.Match[str]]:
    """What the pattern of `rule` finds, no match of which crosses what it stays `within`.

    It is tried only where all of its gates open in one stretch.

    Args:
        rule: to be tried.
        lowered: the text.
        opening: the words that open gates, with the bits of these.
    """
    keys = [[word for word, bits in opening.items() if bits & _BIT[gate]] for gate in rule.gates]
    keys.sort(key=len)
    stop = rule.within[0]
    stops = lowered
    for other in rule.within[1:]:
        stops = stops.replace(other, stop)
    starts = set()
    for word in keys[0]:
        at = lowered.find(word)
        while at >= 0:
            starts.add(stops.rfind(stop, 0, at) + 1)
            at = lowered.find(word, at + 1)
    for start in sorted(starts):
        end = stops.find(stop, start)
        stretch = lowered[start:] if end < 0 else lowered[start:end]
        if all(any(word in stretch for word in each) for each in keys[1:]):
            yield from rule.pattern.finditer(lowered, start, start + len(stretch))


def _paragraph_end(text: str, start: int) -> int:
    end = text.find("\n\n", start)
    return len(text) if end < 0 else end


@lru_cache(maxsize=64)
def _naming(labels: tuple[str, ...]) -> re.Pattern[str]:
    names = "|".join(map(re.escape, labels)) or r"(?!)"
    return re.compile(rf"(?<![A-Za-z_])(?:{names})(?![A-Za-z_])", re.IGNORECASE)


def _speaks(run: str) -> bool:
    """Whether an encoded run hides a text of several words, which no honest answer needs to hide."""
    for decode in (bytes.fromhex, _base64):
        try:
            said = decode(run).decode()
        except (ValueError, binascii.Error):
            continue
        if said.replace("\n", " ").isprintable() and (len(said.split()) > 1 or not said.isascii()):
            return True
    return False


def _base64(run: str) -> bytes:
    plain = run.rstrip("=")
    return base64.urlsafe_b64decode(plain.replace("+", "-").replace("/", "_") + "=" * (-len(plain) % 4))


_STOP = re.compile(r"[.!?](?=\s)|[。！？؟\n]")


def _sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """The sentence or line around a place, without white space at its ends."""
    before = text[max(0, start - 400) : start]
    stops = list(_STOP.finditer(before + " "))
    first = start - len(before) + (stops[-1].end() if stops else 0)
    first = min(first, start)
    after = _STOP.search(text, max(end - 1, start))
    last = len(text) if after is None else after.end()
    while first < start and text[first].isspace():
        first += 1
    while last > end and text[last - 1].isspace():
        last -= 1
    return first, last


def _merged(text: str, found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if merged and (start <= merged[-1][1] + _JOINED or not text[merged[-1][1] : start].strip()):
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return [span for span in merged if span[0] < span[1]]
