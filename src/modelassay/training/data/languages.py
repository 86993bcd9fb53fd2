"""Whether a text is in a language that the patterns of the review know: they are English.

Scripts are told by their letters; languages in Latin letters by letters that English has not, by words that
nearly every sentence of theirs has, and, where these say nothing, by their lack of English words. Only words
of prose count: a text of code, numbers, names or a word or two is of no language and is not held to be
foreign. Of requests in ten languages (MultiJail, 308 each) those in Chinese, Arabic, Korean, Thai, Bengali
and Vietnamese are told nearly always, Swahili, Javanese and Italian in more than 95 %; of 77,000 prompts,
answers and fragments in English 1 % are called doubtful, most of them lists of names, and hardly one foreign.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from modelassay.training.data.language_words import ENGLISH, FREQUENT_ENGLISH, OTHERS, SHARED

Tongue = Literal["known", "doubtful", "foreign", "unspaced"]
"""``doubtful``: in Latin letters and hardly a word of it English, which of single texts says little, of a
share of many that they are foreign. ``unspaced``: foreign, in a script that puts no spaces between words."""

_LOOKED: Final = 500
"""Characters at the beginning and at the end of a text that are looked at."""
_LETTER: Final = re.compile(r"[^\W\d_]")
_FOREIGN_LETTER: Final = re.compile(r"[\u0370-\u1dff\u1f00-\u2c5f\u2c80-\uff20\uff66-\U0003ffff]")
_ACCENTED: Final = re.compile(r"[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff]")
_UNSPACED: Final = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9d"
    r"\U00020000-\U0003ffff]"
)
_WIDE: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]")
"""Chinese and Japanese, of which a character says as much as three letters of an alphabet."""
_TAG: Final = re.compile(r"<[/!?]?[A-Za-z|][^<>]{0,80}>")
_FENCED: Final = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_PROSE: Final = re.compile(
    r"(?<![^\s'(\[«“‘¿¡*-])[^\W\d_][^\W\dA-Z_]*(?:['’][^\W\d_]+)?(?=[\s.,;:!?…')\]»”’*-]|$)"
)
"""Words as prose has them: no signs of code beside them, no capitals within."""
_ENGLISH_ENDING: Final = re.compile(
    r"..(?:ing|ed|ly|ness|ful|less|ght|ous|tion|n['’]t|['’](?:s|m|re|ll|ve|d))$"
)
MANY_ACCENTS: Final = 0.03
"""Share of characters that are Latin letters beyond those of English from which a text is not English."""
_FEWEST: Final = 2
"""Different words of other languages that tell one, where they are more than the English ones."""
_FEWEST_OF_PROSE: Final = 4
"""Different words of prose without which nothing is said of a lack of English ones."""
LEAST_ENGLISH: Final = 0.2
"""Share of different words of prose that are frequent ones of English, or end as only its words do, below
which a text is doubtful."""


def tongue(text: str) -> Tongue:
    """In what `text` is written, by most of its letters or telling words."""
    seen = text if len(text) <= 2 * _LOOKED else f"{text[:_LOOKED]} {text[-_LOOKED:]}"
    seen = _TAG.sub(" ", seen) if "<" in seen else seen
    if not seen.isascii():
        foreign = sum(map(str.isalpha, _FOREIGN_LETTER.findall(seen)))
        wide = 2 * len(_WIDE.findall(seen))
        if 2 * (foreign + wide) > len(_LETTER.findall(seen)) + wide:
            return "unspaced" if 2 * len(_UNSPACED.findall(seen)) > foreign else "foreign"
        if len(_ACCENTED.findall(seen)) > max(2, MANY_ACCENTS * len(seen)):
            return "foreign"
    if _plainly_english(seen):
        return "known"
    prose = _FENCED.sub(" ", seen) if "```" in seen else seen
    return _by_words(_PROSE.findall(prose.lower() if prose.isupper() else prose))


def _plainly_english(text: str) -> bool:
    """Whether so many words are the most frequent ones of English that no more need be looked at."""
    words = text.lower().split()
    return (
        sum(map(ENGLISH.__contains__, words)) * 4 > len(words) and len(OTHERS.intersection(words)) < _FEWEST
    )


def _by_words(prose: list[str]) -> Tongue:
    words = [word.lower() for word in prose if len(word) > 1 or word in "aAI"]
    different = set(words) - SHARED
    others = len(different & OTHERS)
    if others >= _FEWEST and others > 1.5 * len(different & ENGLISH):
        return "foreign"
    english = sum(word in FREQUENT_ENGLISH or _ENGLISH_ENDING.search(word) is not None for word in different)
    few = len(different) >= _FEWEST_OF_PROSE and english < LEAST_ENGLISH * len(different)
    return "doubtful" if few else "known"
