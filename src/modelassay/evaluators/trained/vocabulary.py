"""Words of many texts as numbers, so that what is known of words is counted by operations on whole arrays.

Every word is looked up once where it stands; its categories (`cues.Lexicon`), its stem and whether it says
something by itself are found once for as many words as are kept.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain
from threading import Lock

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelassay.evaluators.trained.cues import MOST_KNOWN_WORDS, Known, Lexicon, words_of_run
from modelassay.evaluators.trained.overlap import is_content, stem

Integers = NDArray[np.int64]

_SHORTEST_CONTENT = 3
"""Shorter words say nothing by themselves."""
_ONE = np.uint64(1)


class Numbered(msgspec.Struct, frozen=True):
    """The words of several texts, one text after the other, and what is known of each; all ``[words]``."""

    texts: int
    owner: Integers
    """The number of the text that each word is of."""
    categories: NDArray[np.uint64]
    """Bit ``c`` is set where a word is in category ``c`` of the lexicon."""
    stems: Integers
    """Words of one stem have one number."""
    content: NDArray[np.bool_]
    """Whether a word says something by itself."""

    def lengths(self) -> Integers:
        """How many words each text has."""
        return np.bincount(self.owner, minlength=self.texts)

    def counts(self, categories: int) -> Integers:
        """How many words of each text are in each of the first `categories`, ``[texts, categories]``."""
        marked = np.flatnonzero(self.categories)
        bits, owner = self.categories[marked], self.owner[marked]
        found = np.zeros((self.texts, categories), np.int64)
        for category in range(categories):
            has = (bits & np.uint64(1 << category)) != 0
            found[:, category] = np.bincount(owner[has], minlength=self.texts)
        return found

    def near(self, first: int, second: int, within: int, most: int = 3) -> Integers:
        """How many pairs of different words of two categories stand at most `within` words apart in each
        text, no more than `most`."""
        here = np.flatnonzero((self.categories >> np.uint64(first)) & _ONE)
        steps = np.concatenate([np.arange(-within, 0), np.arange(1, within + 1)])
        there = here[:, None] + steps
        inside = (there >= 0) & (there < self.owner.size)
        there[~inside] = 0
        paired = inside & (self.owner[there] == self.owner[here, None])
        paired &= ((self.categories[there] >> np.uint64(second)) & _ONE).astype(bool)
        found = np.bincount(self.owner[here], paired.sum(axis=1), minlength=self.texts)
        return np.minimum(found.astype(np.int64), most)

    def taken_up(self, source: Integers) -> tuple[Integers, Integers]:
        """What texts take up of the content words of others.

        Args:
            source: the number of the other text for each of the first texts, ``[first]``.

        Returns:
            How many stems the content words of the other text have, and how many of these stems the text has,
            both ``[first]``.
        """
        base = int(self.stems.max(initial=0)) + 1
        asks = np.isin(np.arange(self.texts), source)
        content = np.flatnonzero(self.content & asks[self.owner])
        wanted = np.unique(self.owner[content] * base + self.stems[content])
        sought = np.zeros(base, bool)
        sought[wanted % base] = True
        word = np.flatnonzero(sought[self.stems] & (self.owner < source.size))
        owner, stems = self.owner[word], self.stems[word]
        taken = np.isin(source[owner] * base + stems, wanted)
        found = np.unique(owner[taken] * base + stems[taken])
        has = np.bincount(wanted // base, minlength=self.texts)
        return has[source], np.bincount(found // base, minlength=source.size)


class Vocabulary:
    """Words with what is known of each, found once; safe to share between threads.

    Args:
        lexicon: of no more than 64 categories.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._lock = Lock()
        self._forget()

    def _forget(self) -> None:
        self._run = Known(self._learn)
        self._begins, self._holds = array("q"), array("q")
        self._stem: dict[str, int] = {}
        self._categories, self._stems, self._content = array("Q"), array("q"), array("b")

    def _learn(self, run: str) -> int:
        """A number for `run`, under which it is kept where what is known of its words begins."""
        words = words_of_run(run)
        self._begins.append(len(self._stems))
        self._holds.append(len(words))
        for word in words:
            self._categories.append(sum(1 << category for category in self._lexicon.categories(word)))
            self._stems.append(self._stem.setdefault(stem(word), len(self._stem)))
            self._content.append(len(word) >= _SHORTEST_CONTENT and is_content(word))
        return len(self._begins) - 1

    def read(self, texts: Sequence[Sequence[str]]) -> Numbered:
        """The words of `texts`, each of them given in runs (`cues.runs_in`)."""
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        with self._lock:
            if len(self._begins) > MOST_KNOWN_WORDS:
                self._forget()
            runs = map(self._run.__getitem__, chain.from_iterable(texts))
            run = np.fromiter(runs, np.int64, int(lengths.sum()))
            holds = np.array(self._holds, np.int64)[run]
            behind = np.cumsum(holds)
            # Word n of all is word n - (words before its run) of its run.
            word = np.repeat(np.array(self._begins, np.int64)[run] - behind + holds, holds)
            word += np.arange(word.size)
            owner = np.repeat(np.repeat(np.arange(len(texts)), lengths), holds)
            return Numbered(
                len(texts),
                owner,
                np.array(self._categories, np.uint64)[word],
                np.array(self._stems, np.int64)[word],
                np.array(self._content, bool)[word],
            )
