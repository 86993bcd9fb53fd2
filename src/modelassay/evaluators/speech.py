"""Find speech acts in an answer: which sentences decline, object, redirect or help.

Everything is searched in *plain* text (`plain`), whose offsets map back to those of the answer.
"""

from __future__ import annotations

import re
from functools import cache

import msgspec

from modelassay.evaluators.alternatives import by_first_letter
from modelassay.evaluators.languages import language_in, language_of, languages_of
from modelassay.evaluators.phrases import LANGUAGES
from modelassay.evaluators.plain import MAX_CHARACTERS, Plain, plain, without_punctuation, words_of

__all__ = [
    "MAX_CHARACTERS",
    "Pattern",
    "Plain",
    "Speech",
    "compile_phrases",
    "language_in",
    "language_of",
    "languages_of",
    "plain",
    "sentences",
    "speech",
    "without_punctuation",
    "words_of",
]

Pattern = re.Pattern[str]


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
