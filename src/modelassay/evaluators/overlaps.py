"""How much of one text stands word for word in another: runs of words found by hashed shingles.

A shingle is a run of `n` words (Broder 1997); both texts are read once, so time and memory grow with their
length alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from modelassay.records import Span

_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SCRIPT_WITHOUT_SPACES = re.compile("[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]")


class Tokens(msgspec.Struct, frozen=True):
    """The words of a text, in lower case; in scripts without spaces each letter is one."""

    words: tuple[str, ...]
    places: tuple[tuple[int, int], ...]
    """Start and end of each word in the text."""

    def span(self, start: int, end: int) -> Span:
        """The span of the words from `start` to `end`."""
        return Span(start=self.places[start][0], end=self.places[end - 1][1])


def tokens(text: str) -> Tokens:
    """The words of `text`."""
    words: list[str] = []
    places: list[tuple[int, int]] = []
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        if not match[0].isascii() and _SCRIPT_WITHOUT_SPACES.search(match[0]):
            words.extend(match[0].lower() if len(match[0]) == 1 else list(match[0]))
            places.extend((at, at + 1) for at in range(start, end))
            continue
        words.append(match[0].lower().replace("’", "'"))
        places.append((start, end))
    return Tokens(tuple(words), tuple(places))


def shingle_hashes(words: Sequence[str], length: int) -> list[int]:
    """A 64-bit number for each run of `length` words, by a rolling polynomial modulo 2**61 - 1.

    Equal on every machine and in every process, as it rests on the words' bytes alone.
    """
    if length <= 0 or len(words) < length:
        return []
    codes = [_code(word) for word in words]
    top = pow(_BASE, length - 1, _PRIME)
    value = 0
    for code in codes[:length]:
        value = (value * _BASE + code) % _PRIME
    found = [value]
    for out, into in zip(codes, codes[length:], strict=False):
        value = ((value - out * top) * _BASE + into) % _PRIME
        found.append(value)
    return found


_PRIME = (1 << 61) - 1
_BASE = 0x1F3D5B79A4C6E8B


def _code(word: str) -> int:
    return int.from_bytes(word.encode("utf-8", "surrogatepass")[:64]) % _PRIME + 1


class Overlap(msgspec.Struct, frozen=True, kw_only=True):
    """What two texts share, in words of the first."""

    longest: int
    """Words of the longest shared run; 0 when it is shorter than a shingle."""
    start: int
    """Number of the run's first word."""
    covered: float
    """Share of the second text's words that stand in shared shingles."""


def overlap(first: Sequence[str], second: Sequence[str], length: int) -> Overlap:
    """The runs of `length` words and more that `first` and `second` share."""
    places: dict[int, list[int]] = {}
    for at, shingle in enumerate(shingle_hashes(second, length)):
        places.setdefault(shingle, []).append(at)
    seen = bytearray(len(second))
    best = start = 0
    before: dict[int, int] = {}
    for at, shingle in enumerate(shingle_hashes(first, length)):
        now: dict[int, int] = {}
        for there in places.get(shingle, ())[:_MOST_PLACES]:
            now[there] = before.get(there - 1, length - 1) + 1
            seen[there : there + length] = b"\x01" * length
            if now[there] > best:
                best, start = now[there], at + length - now[there]
        before = now
    return Overlap(longest=best, start=start, covered=sum(seen) / len(second) if second else 0.0)


_MOST_PLACES = 8
"""A shingle that repeats in a text is followed at so many places."""
