"""Words of a text by category, and which categories stand near each other: cues for small classifiers.

A lexicon is written as lists of words, ``kill*`` for every word that begins so. A text is cut into words
once; each word is looked up once a process, whatever the number of categories. Words written to escape a
list (``sh1t``, ``a$$``, ``fuuuck``) are read as what they stand for.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import compress, count
from operator import not_
from typing import Generic, TypeVar

import msgspec

Found = TypeVar("Found")

MOST_KNOWN_WORDS = 1 << 15
"""Words whose categories are kept in memory."""

_WORD = re.compile(r"[^\W_]+(?:['’@$*!-][^\W_]+)*")
_APART = bytes(
    code if code > 127 or chr(code).isalnum() or chr(code) in "'@$*!-" else 32 for code in range(256)
)
"""Cuts plain ASCII where no word of `_WORD` goes on; bytes are translated fastest."""
_APART_TOO = "‘“”–—…•\xa0\u200b"
"""Marks that no word of `_WORD` goes across, and are often all that keeps a text from being plain ASCII."""
_DISGUISE = str.maketrans("@$013457!", "asoieasti")
_REPEAT = re.compile(r"(.)\1{2,}")
_FEWEST = 2
"""A stem has at least so many letters."""


def words_in(text: str) -> list[str]:
    """The words of `text`, in lower case."""
    words = runs_in(text)
    joined = list(compress(count(), map(not_, map(str.isalnum, words))))
    for at in reversed(joined):
        words[at : at + 1] = words_of_run(words[at])
    return words


def words_of_run(run: str) -> list[str]:
    """The words of one of `runs_in`: itself mostly, several that marks join, or none in marks alone."""
    return _WORD.findall(run)


def runs_in(text: str) -> list[str]:
    """Runs of characters, in lower case, that hold the words of `text`; quicker than to part them."""
    low, plain = _apart(text)
    return low.split() if plain else _WORD.findall(low)


def runs_of_parts(text: str, spans: Sequence[tuple[int, int]]) -> list[list[str]]:
    """`runs_in` each of `spans` of `text`."""
    low, plain = _apart(text)
    return [low[a:b].split() for a, b in spans] if plain else [runs_in(text[a:b]) for a, b in spans]


def _apart(text: str) -> tuple[str, bool]:
    """`text` in lower case, and whether it is plain ASCII with spaces between its runs."""
    low = text.lower()
    if not low.isascii():
        for mark in _APART_TOO:
            low = low.replace(mark, " ")
        if not low.isascii():
            return low, False
    return low.encode().translate(_APART).decode(), True


class Marked(msgspec.Struct, frozen=True):
    """Where in a text the words of each category stand."""

    words: int
    """How many words the text has."""
    places: Sequence[Sequence[int]]
    """Per category, the numbers of the words in it, rising."""

    def count(self, category: int) -> int:
        """How many words are in `category`."""
        return len(self.places[category])

    def near(self, first: int, second: int, within: int, most: int = 3) -> int:
        """Pairs of different words of two categories at most `within` words apart, no more than `most`."""
        found = 0
        others = self.places[second]
        for here in self.places[first] if others else ():
            for there in others:
                if here != there and abs(here - there) <= within:
                    found += 1
                    if found == most:
                        return found
        return found


class Known(dict[str, Found], Generic[Found]):
    """What `find` tells of each word, found once for as many words as are kept."""

    def __init__(self, find: Callable[[str], Found]) -> None:
        self._find = find

    def __missing__(self, word: str) -> Found:
        found = self._find(word)
        if len(self) < MOST_KNOWN_WORDS:
            self[word] = found
        return found


class Lexicon:
    """Words by category.

    Args:
        categories: the words of each category, separated by white space.
        prefixes: a word that an apostrophe or hyphen joins is looked up by its parts too.
    """

    def __init__(self, categories: Mapping[str, str]) -> None:
        self.names: tuple[str, ...] = tuple(categories)
        self._words: dict[str, frozenset[int]] = {}
        self._stems: dict[str, frozenset[int]] = {}
        for number, words in enumerate(categories.values()):
            for word in words.split():
                table = self._stems if word.endswith("*") else self._words
                key = word.rstrip("*")
                table[key] = table.get(key, frozenset()) | {number}
        self._known = Known(self._categories)

    def __getitem__(self, name: str) -> int:
        """The number of a category."""
        return self.names.index(name)

    def mark(self, text: str) -> Marked:
        """The words of `text`, in lower case or not, by category."""
        return self.mark_words(words_in(text))

    def mark_words(self, words: Sequence[str]) -> Marked:
        """The same for a text that `words_in` has cut."""
        marked: defaultdict[int, list[int]] = defaultdict(list)
        found = list(map(self._known.__getitem__, words))
        for at, of in compress(enumerate(found), found):
            for category in of:
                marked[category].append(at)
        places: list[Sequence[int]] = [()] * len(self.names)
        for category, here in marked.items():
            places[category] = here
        return Marked(len(words), places)

    def categories(self, word: str) -> tuple[int, ...]:
        """The numbers of the categories of `word`, in lower case; kept for the next time."""
        return self._known[word]

    def _categories(self, word: str) -> tuple[int, ...]:
        found = self._plain(word)
        if not found and not word.isalpha():
            found = self._plain(word.translate(_DISGUISE))
            for part in re.split(r"['’-]", word):
                found |= self._plain(part)
        if not found and _REPEAT.search(word):
            found = self._plain(_REPEAT.sub(r"\1", word)) | self._plain(_REPEAT.sub(r"\1\1", word))
        return tuple(sorted(found))

    def _plain(self, word: str) -> frozenset[int]:
        found = self._words.get(word, frozenset())
        for length in range(_FEWEST, len(word) + 1):
            found |= self._stems.get(word[:length], frozenset())
        return found


def capped(values: Sequence[float], most: float) -> list[float]:
    """Each of `values`, no larger than `most`."""
    return [min(value, most) for value in values]
