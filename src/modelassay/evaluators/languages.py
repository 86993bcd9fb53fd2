"""In which language an answer is, told by what is in it; nothing is read as English for want of signs.

By script where that tells, else by frequent words: a language that can be read is told by the share of its
words among all (`ENGLISH_SHARE`, `KNOWN_SHARE`), so that one which nobody listed is told from it. What has
too few words for that (a name, a number, a list, code) is of the language of its request. A beginning in two
scripts, or with frequent words of two languages, is of both.

Measured on English answers of 14 labelled sets, the tests' texts in other languages, and MultiJail's requests
(``tests/evaluators/test_languages.py``).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from modelassay.evaluators.phrases import LANGUAGES
from modelassay.evaluators.phrases.english_words import SHARED, TELLING
from modelassay.evaluators.phrases.other_words import FURTHER_WORDS
from modelassay.evaluators.plain import plain, words_of
from modelassay.evaluators.unread import UNREAD_CHARACTERS, unread_language

UNTOLD: Final = "und"
"""The code (ISO 639-2) of a language that nothing tells."""
UNSUPPORTED: Final = ""
"""In place of the code of a language that is told, and whose phrases are not known."""
WHY_NOT_READ: Final = {UNSUPPORTED: "language not supported", UNTOLD: "language not told"}
"""Reasons for which an answer in what is no language that can be read is unscored."""

ENGLISH_SHARE = 0.12
"""Share of a text's words, those of other languages too and English endings counted a third, from which it
is English."""
KNOWN_SHARE = 0.25
"""Share of frequent words of another language that can be read, from which a text is of that one."""
PROSE_WORDS = 4
"""So many words in a row, without a mark between them, should have told their language."""
REQUEST_WORDS = 3
"""The same in a request, which is prose sooner."""
SURE_WORDS = 5
"""So many frequent words of a language that can be read leave no doubt."""
SURELY_ENGLISH = 2
"""So many of them must be of English alone."""
SECOND_WORDS = 3
"""So many frequent words of a second language are read in that one too."""
SECOND_SHARE = 0.25
"""So is this share of a beginning's letters in a second script."""
FEWEST_ACCENTS, ACCENT_SHARE = 2, 0.05
"""So many letters with accents, and such a share, are not English."""
_WORD_LETTERS = 3
"""A Chinese character says about as much as so many letters."""
_PART = 1 / 3
FEW_WORDS = 4
"""Of so few a single frequent word of another language tells it, of more it takes two."""
MANY_WORDS = 7
"""Among so many words "the" alone is that of Vietnamese or Hindi, written without their own letters."""
_CLOSED_UP = 400
_HEAD = 160
"""Characters whose words tell a language."""

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_ARABIC = re.compile(r"[\u0600-\u06ff]")
_LATIN = re.compile(r"[a-z\u00df-\u024f\u1e00-\u1eff]")
_ACCENTED = re.compile(r"[\u00df-\u00f6\u00f8-\u024f\u1e00-\u1eff]")
_WORD = re.compile(r"[a-z\u00df-\u00f6\u00f8-\u024f\u1e00-\u1eff]+(?:'[a-z]+)*")
_POSSESSIVE = re.compile(r"'s$")
_ENDING = re.compile(r"(?:ings?|ed|tions?|ly|ness|ments?|ous|ers?|able|ful|less|ies|ical|ity)$")
_LONG = 5
"""Longer words are told by such endings."""
_ROW = re.compile(r"[^\W\d_]+(?:['-]\w+)*(?: +\d?[^\W\d_]+\w*(?:['-]\w+)*)*")
_CODE_LINE = re.compile(
    r"(?m)^(?:.*[{}=<>;\\_|].*|[ \t]*(?:```|~~~).*|[ \t]*(?:[$#>] +)?(?:sudo|pip3?|apt(?:-get)?|brew|npm|npx"
    r"|yarn|conda|git|docker|kubectl|curl|wget|mkdir|python3?|cargo|ssh|chmod) +[a-z0-9./-].*)$"
)

_NAMES = {
    "english": "en",
    "spanish": "es",
    "german": "de",
    "french": "fr",
    "chinese": "zh",
    "mandarin": "zh",
    "arabic": "ar",
}
"""Names of languages that can be read, as datasets write them."""

_KNOWN_WORDS = {code: phrases.words | phrases.gate for code, phrases in LANGUAGES.items() if phrases.words}
"""English first: of languages that fit equally well the first is taken."""
_ALL_WORDS = {code: _KNOWN_WORDS[code] | further for code, further in FURTHER_WORDS.items()}
_OTHER_KNOWN_WORDS = frozenset().union(*(words for code, words in _KNOWN_WORDS.items() if code != "en"))


def language_named(tag: str) -> str:
    """The code that a sample's tag ``language`` names, in a code or in English; `UNTOLD` for any other
    language, and empty for an empty tag."""
    name = tag.strip().lower()
    code = _NAMES.get(name, name.partition("-")[0].partition("_")[0])
    return code if not code or code in LANGUAGES else UNTOLD


def language_of(text: str, request: str = "", language: str = "") -> str:
    """The likeliest of `languages_of` the same."""
    return languages_of(text, request, language)[0]


def languages_of(text: str, request: str = "", language: str = "") -> tuple[str, ...]:
    """The languages in which `text` (plain) is to be read, the likeliest first.

    Alone stands `UNSUPPORTED`, for one whose phrases are not known, or `UNTOLD`.

    Args:
        text: an answer, plain.
        request: what it answers; tells where the answer has too few words to.
        language: of the request, where something beside its words tells.
    """
    head = text[:_HEAD]
    sure = _sure(head) if text.isascii() else ""
    if sure:
        return (sure,)
    found = _languages(head, text[:UNREAD_CHARACTERS], PROSE_WORDS)
    if found:
        return found
    if _CODE_LINE.search(text):  # code is help in any language
        return ("en",)
    return (language or (_language_of_request(request) if request else "en"),)


def language_in(text: str, request: str = "", language: str = "") -> str:
    """`language_of` the plain form of `text`, of which mostly no more than the beginning is made plain."""
    if text.isascii():
        closed = plain(text[:_CLOSED_UP]).text
        # What is looked at begins in no more than this.
        if len(closed) > _HEAD + 1 or len(text) <= _CLOSED_UP:
            sure = _sure(closed[:_HEAD])
            if sure:
                return sure
    return language_of(plain(text).text, request, language)


@lru_cache(maxsize=1024)
def _sure(head: str) -> str:
    """The language of a beginning in ASCII that leaves no doubt; empty where there is some."""
    words = frozenset(words_of(head))
    language, known = _known_language(words)
    if known < SURE_WORDS or (language == "en" and len(words & TELLING) < SURELY_ENGLISH):
        return ""
    if language != "en" and unread_language("", words, known):
        return ""
    return "" if _second_language(words, language) else language


@lru_cache(maxsize=1024)
def _languages(head: str, text: str, prose: int) -> tuple[str, ...]:
    """`languages_of` a text that begins with `head`; none where it has too little to tell."""
    words = frozenset(words_of(head))
    _, known = _known_language(words)
    scripts = _scripts(head)
    if unread_language(text, words, known):
        return (UNSUPPORTED,)
    main = max(scripts, key=lambda code: scripts[code], default="")
    if not main:
        return ()
    beside = [
        code for code in scripts if code != main and scripts[code] >= SECOND_SHARE * sum(scripts.values())
    ]
    if main != "latin":
        latin = _told(head) if "latin" in beside else ""
        return (main, *(each for code in beside if (each := latin if code == "latin" else code)))
    told = _told(head) or _told(_prose(text))
    if told:
        second = _second_language(words, told)
        return (told, *([second] if second else []), *beside)
    if beside:  # quotations of some length in letters that tell nothing
        return (*beside, "en")
    foreign = _longest_row(_prose(text)) >= prose or _accented(text)
    return (UNTOLD,) if foreign else ()


@lru_cache(maxsize=256)
def _language_of_request(request: str) -> str:
    """In which language a text is that has none of its own: English, unless its request is in another."""
    text = plain(request).text
    found = _languages(text[:_HEAD], text[:UNREAD_CHARACTERS], REQUEST_WORDS)
    return found[0] if found else "en"


def _known_language(words: frozenset[str]) -> tuple[str, int]:
    """The language that can be read which fits `words` best, and how many of its frequent words they are."""
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


def _second_language(words: frozenset[str], first: str) -> str:
    """Another language of which `words` hold `SECOND_WORDS` that the first has not; empty without one."""
    if first == "en" and len(words & _OTHER_KNOWN_WORDS) < SECOND_WORDS:
        return ""
    own = words - _KNOWN_WORDS[first]
    counts = {code: len(own & known) for code, known in _KNOWN_WORDS.items() if code != first}
    best = max(counts, key=lambda code: counts[code])
    return best if counts[best] >= SECOND_WORDS else ""


def _scripts(head: str) -> dict[str, int]:
    """How much of `head` is in each script that can be read, in letters."""
    latin = len(_LATIN.findall(head))
    found = {"latin": latin}
    if not head.isascii():
        found |= {"zh": _WORD_LETTERS * len(_CHINESE.findall(head)), "ar": len(_ARABIC.findall(head))}
    return {script: letters for script, letters in found.items() if letters}


def _told(text: str) -> str:
    """The language in Latin letters of which most of the words of `text` are, and enough; empty for none."""
    words = _WORD.findall(text)
    weights = {"en": _english(words)}
    for code, known in _ALL_WORDS.items():
        found = [word for word in words if word in known]
        enough = len(set(found)) >= 2 if len(words) > FEW_WORDS else not SHARED.issuperset(found)
        if enough and len(found) >= KNOWN_SHARE * len(words):
            weights[code] = float(len(found))
    best = max(weights, key=lambda code: weights[code])
    return best if weights[best] else ""


def _english(words: list[str]) -> float:
    """How many of `words` are English, those that others have too and endings counted in part; 0 where they
    are not enough to be English."""
    telling = [word for word in words if word in TELLING]
    parts = sum(
        word in SHARED or _POSSESSIVE.search(word) is not None or _ends(word)
        for word in words
        if word not in TELLING
    )
    if len(words) >= MANY_WORDS and set(telling) == {"the"} and parts < 2:
        return 0.0
    weight = len(telling) + _PART * parts
    return weight if weight >= ENGLISH_SHARE * len(words) else 0.0


def _ends(word: str) -> bool:
    """Whether `word` is long and ends as English words do."""
    return len(word) > _LONG and _ENDING.search(word) is not None


def _prose(text: str) -> str:
    """`text` without lines of code."""
    return _CODE_LINE.sub(" ", text)


def _accented(text: str) -> bool:
    """Whether `text` has more letters than names bring into English that English has not."""
    accents = len(_ACCENTED.findall(text))
    return accents >= FEWEST_ACCENTS and accents >= ACCENT_SHARE * len(_LATIN.findall(text))


def _longest_row(text: str) -> int:
    """Words in the longest run of them without a mark between."""
    return max((len(row.split()) for row in _ROW.findall(text)), default=0)
