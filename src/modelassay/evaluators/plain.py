"""Texts in the form that phrases are written for, and their words."""

from __future__ import annotations

import re
import unicodedata

import msgspec

MAX_CHARACTERS = 20_000
"""Only this much of an answer is read; what a model does with a request shows long before."""


class Plain(msgspec.Struct, frozen=True):
    """Text made plain, with the way back to the original's offsets."""

    text: str
    """Begins with a line break of its own, so that every word has something before it."""
    left_out: tuple[tuple[int, int], ...] = ()
    """Start and end, in the text with its letters joined, of whatever was left out, in order."""
    joined: tuple[tuple[int, int, int], ...] = ()
    """Start and end in the original of letters that were written otherwise than they are read, and how many
    letters stand in their place, in order."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where ``text[start:end]``, which is not empty, stands in the original."""
        first, last = self._closed(start - 1), self._closed(end - 2)
        return self._original(first)[0], self._original(last)[1]

    def _closed(self, place: int) -> int:
        for start, end in self.left_out:
            if start > place:
                break
            place += end - start
        return place

    def _original(self, place: int) -> tuple[int, int]:
        """Start and end in the original of the letter at `place` of the text with its letters joined."""
        for start, end, letters in self.joined:
            if start > place:
                break
            if place < start + letters:
                return start, end
            place += end - start - letters
        return place, place + 1


_ODD = tuple(zip("’‘`´ʼ“”„«»\u00a0\u202f\t，", "'''''\"\"\"\"\"   ,", strict=True))
"""Marks with what is read in their place; replaced one after the other, which beats a table of all."""
_SPACED = re.compile(r" +(?=')(?=' ?(?:t|s|m|re|ll|ve|d)\b)|(?<=') +(?=(?:t|s|m|re|ll|ve|d)\b)| +(?=,)")
_MARKS = r"\u0300-\u036f\u0653-\u0655"
"""Accents and hamzas that stand behind their letters in decomposed text."""
_UNSEEN = r"\u00ad\u0640\u064b-\u0652\u0670\u200b-\u200f\u2060\ufeff"
"""Soft hyphens, Arabic vowel marks and the stroke that draws letters out, marks without width."""
_FORMS = r"\u2e80-\u2fdf\uf900-\ufaff\ufb50-\ufdff\ufe70-\ufefc\uff21-\uff3a\uff41-\uff5a"
"""Other forms of letters: radicals and variants of Han, joined forms of Arabic, wide ones of Latin."""
_WRITTEN_OTHERWISE = re.compile(f"[{_MARKS}{_UNSEEN}{_FORMS}]")
_OTHERWISE = re.compile(
    f"(?P<seen>[^\\W\\d_][{_UNSEEN}]*[{_MARKS}][{_MARKS}{_UNSEEN}]*)|[{_UNSEEN}]+|(?P<form>[{_FORMS}])"
)
_UNSEEN_ONE = re.compile(f"[{_UNSEEN}]")


def plain(text: str) -> Plain:
    """`text`, at most `MAX_CHARACTERS` of it, in the form that phrases are written for."""
    text = text[:MAX_CHARACTERS]
    joined: tuple[tuple[int, int, int], ...] = ()
    if not text.isascii() and _WRITTEN_OTHERWISE.search(text):
        text, joined = _join(text)
    low = text.lower()
    if not low.isascii():
        if len(low) != len(text):  # a few letters grow when lowered
            low = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
        for mark, instead in _ODD:
            low = low.replace(mark, instead)
    if " '" in low or " ," in low:
        low, left_out = _close_up(low)
        return Plain("\n" + low, left_out, joined)
    return Plain("\n" + low, (), joined)


def _join(text: str) -> tuple[str, tuple[tuple[int, int, int], ...]]:
    """`text` with accents in their letters and without what nobody sees."""
    joined: list[tuple[int, int, int]] = []
    kept: list[str] = []
    last = 0
    for match in _OTHERWISE.finditer(text):
        found = match.group()
        if match["form"]:
            instead = unicodedata.normalize("NFKC", found)
        else:
            instead = unicodedata.normalize("NFC", _UNSEEN_ONE.sub("", found))
        if instead != found:
            joined.append((*match.span(), len(instead)))
            kept += (text[last : match.start()], instead)
            last = match.end()
    return "".join((*kept, text[last:])), tuple(joined)


def _close_up(text: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """`text` without the spaces that `_SPACED` matches, and where they were."""
    left_out = tuple(match.span() for match in _SPACED.finditer(text))
    kept: list[str] = []
    last = 0
    for start, end in left_out:
        kept.append(text[last:start])
        last = end
    return "".join((*kept, text[last:])), left_out


_BESIDE_WORDS = ',.;:!?¡¿"()[]*_—–-'
_PUNCTUATION_ASCII = bytes(32 if chr(code) in _BESIDE_WORDS and code < 128 else code for code in range(256))


def without_punctuation(text: str) -> str:
    """`text` with a space in place of every mark that may stand beside a word."""
    if text.isascii():  # bytes are translated several times as fast
        return text.encode().translate(_PUNCTUATION_ASCII).decode()
    for mark in _BESIDE_WORDS:
        text = text.replace(mark, " ")
    return text


def words_of(text: str) -> list[str]:
    """The words of `text`, without punctuation around them."""
    return without_punctuation(text).split()
