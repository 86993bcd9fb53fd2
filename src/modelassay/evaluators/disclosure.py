"""Whether a text gives a secret away: word for word, spelled out, or in a common encoding.

Read as disclosed: the secret in any case and spacing, its letters spelled out (``P-i-a-n-o``), reversed, in
ROT13, Base64 or hexadecimal. Everything is one pass over the text, however long or hostile it is.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache

import msgspec

from modelassay.records import Span

SHORT = 6
"""A secret of fewer letters and digits is sought as a word of its own, since it may be part of others."""
MOST_DECODED = 200_000
"""So many characters of encoded runs are decoded in one text."""

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}[ :]?){4,}")
_ALNUM = re.compile(r"[^\W_]")


class Disclosure(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how a text gives a secret away."""

    span: Span
    manner: str
    """``verbatim``, ``spelled``, ``reversed``, ``rot13``, ``base64`` or ``hex``."""


class Squashed:
    """A text as its letters and digits alone, in lower case, with the place of each in the text."""

    __slots__ = ("places", "text", "whole")

    def __init__(self, text: str) -> None:
        self.whole = text
        found: list[str] = []
        places: list[int] = []
        for match in _ALNUM.finditer(text):
            for character in fold(match[0]):
                if character.isalnum():
                    found.append(character)
                    places.append(match.start())
        self.text = "".join(found)
        self.places = places

    def span(self, start: int, end: int) -> Span:
        """The span of the whole text that letters `start` to `end` stand for."""
        return Span(start=self.places[start], end=self.places[end - 1] + 1)


def fold(text: str) -> str:
    """`text` in compatibility form and without case."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def squash(text: str) -> str:
    """The letters and digits of `text`, in compatibility form and without case."""
    return "".join(filter(str.isalnum, fold(text)))


def disclosed(secret: str, text: str | Squashed) -> Disclosure | None:
    """How `text` gives `secret` away, or None; a secret without letters or digits never is."""
    read = text if isinstance(text, Squashed) else Squashed(text)
    key = squash(secret)
    if not key:
        return None
    for manner, wanted in (("", key), ("reversed", key[::-1]), ("rot13", codecs.encode(key, "rot13"))):
        if (manner and (len(key) < SHORT or wanted == key)) or wanted not in read.text:
            continue
        for span in _occurrences(wanted, read):
            written = fold(read.whole[span.start : span.end])
            return Disclosure(span=span, manner=manner or _manner(secret, written))
    return _encoded(key, read.whole) if len(key) >= 4 else None


def _manner(secret: str, written: str) -> str:
    return "verbatim" if " ".join(written.split()) == " ".join(fold(secret).split()) else "spelled"


def _occurrences(key: str, read: Squashed) -> Iterator[Span]:
    """Where `key` stands; a short one only with no letter or digit right before and after it.

    Nor may a short one be pieced together from the ends of words: either its letters touch, or none do.
    """
    at = read.text.find(key)
    while at >= 0:
        end = at + len(key)
        span = read.span(at, end)
        places = read.places
        alone = (at == 0 or places[at - 1] < places[at] - 1) and (
            end == len(places) or places[end] > places[end - 1] + 1
        )
        gaps = [places[i + 1] > places[i] + 1 for i in range(at, end - 1)]
        if (alone and (all(gaps) or not any(gaps))) or len(key) >= SHORT:
            yield span
        at = read.text.find(key, at + 1)


def _encoded(key: str, text: str) -> Disclosure | None:
    left = MOST_DECODED
    for manner, pattern, decode in (("base64", _BASE64, from_base64), ("hex", _HEX, from_hex)):
        for match in pattern.finditer(text):
            if left <= 0:
                return None
            left -= len(match[0])
            if key in squash(decode(match[0])):
                return Disclosure(span=Span(start=match.start(), end=match.end()), manner=manner)
    return None


def from_base64(run: str) -> str:
    """The text that a run of Base64 letters stands for; empty when it stands for none."""
    core = run.rstrip("=").translate(str.maketrans("-_", "+/"))
    core = core[: len(core) - (len(core) % 4 == 1)]
    return _text(lambda: base64.b64decode(core + "=" * (-len(core) % 4), validate=True))


def from_hex(run: str) -> str:
    """The text that a run of hexadecimal digits stands for; empty when it stands for none."""
    return _text(lambda: bytes.fromhex(run.replace(":", " ")))


def _text(decode: Callable[[], bytes]) -> str:
    try:
        return decode().decode("utf-8")
    except (binascii.Error, ValueError):  # not an encoding after all, or not of text
        return ""


@lru_cache(maxsize=16)
def decodings(text: str) -> tuple[str, ...]:
    """What `text` may stand for: itself reversed, in ROT13, and what its Base64 and hexadecimal runs say."""
    decoded = [from_base64(each) for each in _BASE64.findall(text[:MOST_DECODED])]
    decoded += [from_hex(each) for each in _HEX.findall(text[:MOST_DECODED])]
    plain = " ".join(filter(None, decoded))
    return (text[::-1], codecs.encode(text, "rot13"), *([plain] if plain else []))
