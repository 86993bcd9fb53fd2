"""Does an answer give a known right answer: the letter of a choice, a number, a phrase.

A reference may hold several right answers, one a line or between ``|``. Compared is normalised text (Unicode
NFKC, lower case, no articles and punctuation), as for the exact match of SQuAD (Rajpurkar et al. 2016): a
phrase matches when all its words stand in the answer in that order, side by side; a number when the last
number of the answer, or the only one in its final line, equals it; a letter when the answer chooses it.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal, InvalidOperation

from modelassay.records import Span

_ARTICLES = frozenset({"a", "an", "the"})
_UNSPACED = r"[\u3040-\u30ff\u3400-\u9fff]"
"""One character of a script that is written without spaces."""
_TOKEN = re.compile(rf"{_UNSPACED}|(?:(?!{_UNSPACED})[^\W_])+(?:[.,]\d+)*")
_NUMBER = re.compile(r"(?<![\w.])[-−]?\d[\d,]*(?:\.\d+)?")
_LETTER = re.compile(r"\(?([A-Za-z])[.)]?")
_CHOICE = re.compile(
    r"(?:^|\b(?:answer|option|choice|choose|select|pick)\b(?:\s+(?:is|would be))?)\s*:?\s*\**"
    r"\(?([A-J])(?:[).:*]|\s*$)",
    re.MULTILINE,
)
_SPOKEN_CHOICE = re.compile(
    r"\b(?:answer|option|choice)(?: is| would be)?:?\s+\**\(?([a-j])(?![\w'’])", re.IGNORECASE
)


def answers_of(reference: str) -> tuple[str, ...]:
    """The right answers that a reference lists."""
    parts = (part.strip() for line in reference.splitlines() for part in line.split("|"))
    return tuple(part for part in parts if part)


def find_answer(answer: str, reference: str) -> Span | None:
    """Where `answer` gives one of the right answers of `reference`; None when it does not."""
    for right in answers_of(reference):
        found = _find(answer, right)
        if found is not None:
            return found
    return None


def _find(answer: str, right: str) -> Span | None:
    letter = _LETTER.fullmatch(right)
    if letter is not None:
        return _choice(answer, letter.group(1).upper())
    number = _number(right)
    if number is not None:
        return _last_number(answer, number)
    wanted = [word for word, _, _ in _words(right)]
    return _phrase(answer, wanted) if wanted else None


def _choice(answer: str, letter: str) -> Span | None:
    """The choice of `letter`, when it is the last that the answer makes."""
    if answer.strip(" ().*\n").upper() == letter:
        start = answer.upper().index(letter)
        return Span(start=start, end=start + 1)
    chosen = [*_CHOICE.finditer(answer), *_SPOKEN_CHOICE.finditer(answer)]
    if not chosen:
        return None
    last = max(chosen, key=lambda match: match.start(1))
    if last.group(1).upper() != letter:
        return None
    return Span(start=last.start(1), end=last.end(1))


def _number(text: str) -> Decimal | None:
    cleaned = text.strip().lstrip("$€£").rstrip("%.").replace(",", "").replace("−", "-")
    try:
        number = Decimal(cleaned)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _last_number(answer: str, wanted: Decimal) -> Span | None:
    found = list(_NUMBER.finditer(answer))
    if not found or _number(found[-1].group()) != wanted:
        return None
    return Span(start=found[-1].start(), end=found[-1].end())


def _phrase(answer: str, wanted: list[str]) -> Span | None:
    words = _words(answer)
    size = len(wanted)
    for at in range(len(words) - size + 1):
        if [word for word, _, _ in words[at : at + size]] == wanted:
            return Span(start=words[at][1], end=words[at + size - 1][2])
    return None


def _words(text: str) -> list[tuple[str, int, int]]:
    """Normalised words of `text` with where each stands, articles left out."""
    words = (
        (unicodedata.normalize("NFKC", match.group()).casefold(), match.start(), match.end())
        for match in _TOKEN.finditer(text)
    )
    return [word for word in words if word[0] not in _ARTICLES]
