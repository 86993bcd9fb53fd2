"""Find speech acts in an answer: which sentences decline, object, redirect or help.

Everything is searched in *plain* text (`plain`), whose offsets map back to those of the answer.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

import msgspec

from modelassay.evaluators.alternatives import by_first_letter
from modelassay.evaluators.phrases import LANGUAGES
from modelassay.evaluators.unread import UNREAD_CHARACTERS, unread_language

Pattern = re.Pattern[str]

MAX_CHARACTERS = 20_000
"""Only this much of an answer is read; what a model does with a request shows long before."""


class Speech(msgspec.Struct, frozen=True, kw_only=True):
    """The phrases of one language, compiled; fields as in `Phrases`."""

    spaced: bool
    gate: frozenset[str]
    moral: tuple[str, ...]
    caveat: tuple[str, ...]
    decline: Pattern
    limit: Pattern
    object: Pattern
    blame: Pattern
    rebut: Pattern
    correct: Pattern
    pivot: Pattern
    turn: Pattern
    engage: Pattern
    safer: Pattern
    redirect: Pattern
    preface: Pattern
    inform: Pattern
    loaded: Pattern
    draft: Pattern
    letter: Pattern
    yes_no: Pattern
    bare_no: Pattern
    fills: Pattern
    """Any of `limit`, `object`, `blame` and `redirect`: words that give nothing of what was asked."""


@cache
def speech(language: str) -> Speech:
    """The compiled phrases of `language`."""
    phrases = LANGUAGES[language]
    spoken = (
        (f"{phrases.speaker}(?:{'|'.join(phrases.decline_as_speaker)})",)
        if phrases.decline_as_speaker
        else ()
    )

    def search(alternatives: tuple[str, ...]) -> Pattern:
        return compile_phrases(alternatives, after=r"\W" if phrases.spaced else "")

    def match(alternatives: tuple[str, ...]) -> Pattern:
        return compile_phrases(alternatives, after="")

    return Speech(
        spaced=phrases.spaced,
        gate=phrases.gate,
        moral=phrases.moral,
        caveat=phrases.caveat,
        decline=search(spoken + phrases.decline),
        limit=search(phrases.limit),
        object=search(phrases.object),
        blame=search(phrases.blame),
        rebut=search(phrases.rebut),
        correct=search(phrases.correct),
        pivot=search(phrases.pivot),
        turn=search(phrases.turn),
        engage=match(phrases.engage),
        safer=search(phrases.safer),
        redirect=search(phrases.redirect),
        preface=match(phrases.preface),
        inform=search(phrases.inform),
        loaded=search(phrases.loaded),
        draft=search(phrases.draft),
        letter=match(phrases.letter),
        yes_no=search(phrases.yes_no),
        bare_no=match(phrases.bare_no),
        fills=search(phrases.limit + phrases.object + phrases.blame + phrases.redirect),
    )


def compile_phrases(alternatives: tuple[str, ...], *, after: str) -> Pattern:
    """One pattern of all `alternatives`, which begin after something that matches `after`.

    Consuming the character before a word, rather than asserting a word boundary, lets the regular
    expression engine skip to the next candidate and halves the time of a search.
    """
    if not alternatives:
        return re.compile(r"(?!)")
    written = by_first_letter(each.replace("n't", "n'?t") for each in alternatives)
    return re.compile(rf"{after}(?:{written})", re.MULTILINE)


class Plain(msgspec.Struct, frozen=True):
    """Text made plain, with the way back to the original's offsets."""

    text: str
    """Begins with a line break of its own, so that every word has something before it."""
    left_out: tuple[tuple[int, int], ...] = ()
    """Start and end in the original of whatever was left out, in order."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where ``text[start:end]``, which is not empty, stands in the original."""
        return self._original(start - 1), self._original(end - 2) + 1

    def _original(self, place: int) -> int:
        for start, end in self.left_out:
            if start > place:
                break
            place += end - start
        return place


_ODD = tuple(zip("’‘`´ʼ“”„«»\u00a0\u202f\t，", "'''''\"\"\"\"\"   ,", strict=True))
"""Marks with what is read in their place; replaced one after the other, which beats a table of all."""
_SPACED = re.compile(r" +(?=')(?=' ?(?:t|s|m|re|ll|ve|d)\b)|(?<=') +(?=(?:t|s|m|re|ll|ve|d)\b)| +(?=,)")


def plain(text: str) -> Plain:
    """`text`, at most `MAX_CHARACTERS` of it, in the form that phrases are written for."""
    text = text[:MAX_CHARACTERS]
    low = text.lower()
    if not low.isascii():
        if len(low) != len(text):  # a few letters grow when lowered
            low = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
        for mark, instead in _ODD:
            low = low.replace(mark, instead)
    if " '" in low or " ," in low:
        return _close_up(low)
    return Plain("\n" + low)


def _close_up(text: str) -> Plain:
    """`text` without the spaces that `_SPACED` matches."""
    left_out = tuple(match.span() for match in _SPACED.finditer(text))
    kept: list[str] = []
    last = 0
    for start, end in left_out:
        kept.append(text[last:start])
        last = end
    return Plain("\n" + "".join((*kept, text[last:])), left_out)


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


_CHINESE = re.compile(r"[\u3400-\u9fff]")
_ARABIC = re.compile(r"[\u0600-\u06ff]")


def language_of(text: str) -> str:
    """The language whose phrases should read `text` (plain): ``en`` when nothing tells, empty when it is one
    that cannot be read."""
    if text.isascii():
        return _language(text[:_HEAD], "")
    return _language(text[:_HEAD], text[:UNREAD_CHARACTERS])


def language_in(text: str) -> str:
    """`language_of` the plain form of `text`, of which mostly no more than the beginning is made plain."""
    head = text[: 2 * _HEAD]
    closed_up = " '" in head or "' " in head or " ," in head or head.endswith(" ")
    if text.isascii() and not closed_up:
        return _language("\n" + head[: _HEAD - 1].lower(), "")
    if text.isascii():  # closed up, what is looked at begins in no more than this, and a sign behind it
        closed = plain(text[:_CLOSED_UP])
        if len(closed.text) > _HEAD + 1 or len(text) <= _CLOSED_UP:
            return language_of(closed.text)
    return language_of(plain(text).text)


@lru_cache(maxsize=1024)
def _language(head: str, text: str) -> str:
    """The language of a text, of its beginning and as much as is looked at for other scripts, if any."""
    words = frozenset(words_of(head))
    language, known = _known_language(head, words)
    if known >= SURE_WORDS and head.isascii():
        return language
    return "" if unread_language(text, words, known) else language


_CLOSED_UP = 400
_HEAD = 160
"""Characters whose words tell a language."""
SURE_WORDS = 5
"""So many frequent words of a language that can be read leave no doubt."""


def _known_language(head: str, words: frozenset[str]) -> tuple[str, int]:
    """The language that can be read which fits `head` best, and how many of its frequent words it has."""
    if not head.isascii():
        if _CHINESE.search(head):
            return "zh", 0
        if _ARABIC.search(head):
            return "ar", 0
    best, most = "en", len(words & _KNOWN_WORDS["en"])
    if 4 * most > len(words) > 8 or len(words & _OTHER_KNOWN_WORDS) <= most:
        return best, most  # no other language can have more
    for language, known in _KNOWN_WORDS.items():
        found = len(words & known)
        if found > most:
            best, most = language, found
            if 4 * found > len(words) > 8:
                break
    return best, most


_KNOWN_WORDS = {code: phrases.words | phrases.gate for code, phrases in LANGUAGES.items() if phrases.words}
"""English first: of languages that fit equally well the first is taken."""

_OTHER_KNOWN_WORDS = frozenset().union(*(words for code, words in _KNOWN_WORDS.items() if code != "en"))

_SENTENCE = re.compile(r"[^\s.!?。！？؟](?:[^.!?\n。！？؟]*[^\s.!?。！？؟])?(?: ?[.!?。！？؟]+[\"')\]]*)?")


def sentences(text: str, most: int = MAX_CHARACTERS) -> list[tuple[int, int]]:
    """Start and end of every sentence of `text` that has a word in it, without spaces around; the first
    `most`."""
    spans: list[tuple[int, int]] = []
    for match in _SENTENCE.finditer(text):
        start, end = match.span()
        if end - start > 6 or any(map(str.isalpha, match.group())):
            spans.append((start, end))
            if len(spans) == most:
                break
    return spans
