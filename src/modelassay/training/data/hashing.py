"""Words and runs of words as 64-bit numbers, whole batches of texts at once.

A word's number is the first eight bytes of its BLAKE2b digest, so that it is equal on every machine; a run of
words is a polynomial of their numbers modulo 2**64, finished by the mixing steps of SplitMix64 (Steele et al.
2014) so that its bits may be taken as random.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from modelassay.training.data.rows import DataRow

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]

_WITHIN = (
    r"\w\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f"
    r"\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u0711-\u07f3\u0816-\u082d\u0859-\u085b\u0898-\u08e1"
    r"\u08e3-\u0963\u0981-\u09e3\u09fe-\u0a75\u0a81-\u0ae3\u0afa-\u0b63\u0b82-\u0bd7\u0c00-\u0c63\u0c81-\u0c83"
    r"\u0cbc-\u0d4d\u0d57-\u0d63\u0d81-\u0df3\u0e31-\u0e3a\u0e47-\u0e4e\u0eb1-\u0ecd\u0f18\u0f19\u0f35\u0f37"
    r"\u0f39\u0f3e-\u0f84\u0f86-\u0fbc\u102b-\u103e\u1056-\u109d\u135d-\u135f\u1712-\u1734\u1752-\u17d3\u17dd"
    r"\u180b-\u180d\u180f-\u193b\u1a17-\u1a1b\u1a55-\u1a7f\u1ab0-\u1b44\u1b6b-\u1b73\u1b80-\u1bf3\u1c24-\u1c37"
    r"\u1cd0-\u1cd2\u1cd4-\u1dff\u200c\u200d\u20d0-\u20f0\u302a-\u302f\u3099\u309a\ua880-\ua8c5\ua980-\ua9c0"
    r"\uaa29-\uaa4d\uabe3-\uabea\uabec\uabed\ufb1e\ufe20-\ufe2f"
)
"""What goes on with a word: letters and digits, and of scripts that write vowels and tones above, below and
beside their letters these signs, with the joiners that some put between letters."""
WORD = re.compile(
    rf"\d+(?:[./:-]\d+)*|\w[{_WITHIN}]*(?:['’]\w[{_WITHIN}]*)*|[^\w\s]{{2,}}|"
    r"[^\w\s.,;:?!'\"()\[\]{}/*#<>=$%&+-]"
)
"""Words, numbers and dates whole, runs of marks, and single marks that prose does not use."""
_MOST_KNOWN = 2_000_000
_BASE = np.uint64(0x9E3779B97F4A7C15)


class _Numbers(dict[str, int]):
    """Number of each word, remembered."""

    def __missing__(self, word: str) -> int:
        if len(self) >= _MOST_KNOWN:
            self.clear()
        number = int.from_bytes(blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "little")
        self[word] = number
        return number


_numbers = _Numbers()


@dataclass(frozen=True)
class Batch:
    """The words of some texts, one after the other."""

    words: Hashes
    starts: Places
    """Where each text begins, and at the end the number of words; shape ``[texts + 1]``."""

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def text_of(self) -> Places:
        """Which text each word belongs to."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))


def words_of(text: str) -> list[str]:
    """The words of `text` in compatibility form (NFKC), lower case."""
    return WORD.findall(folded(text))


def folded(text: str) -> str:
    """`text` in the form in which texts are compared: NFKC, lower case."""
    return (text if text.isascii() else unicodedata.normalize("NFKC", text)).lower()


def digest_of_text(text: str) -> bytes:
    """16 bytes that stand for `text`, folded, whatever its spacing."""
    return blake2b(" ".join(folded(text).split()).encode("utf-8", "replace"), digest_size=16).digest()


@dataclass(frozen=True)
class RowWords:
    """The words of some rows, cut once for all who read them."""

    asked: list[list[str]]
    """System message and what users say."""
    answers: list[list[str]]
    others: list[list[str]]
    """Earlier answers and rejected ones."""

    @property
    def all(self) -> list[list[str]]:
        """Every word of each row."""
        return [a + b + c for a, b, c in zip(self.asked, self.answers, self.others, strict=True)]


def wholes_of(rows: Sequence[DataRow], cut: RowWords) -> list[list[list[str]]]:
    """What stands whole in each of `rows`: its prompt, with and without its answer, and each user message."""
    return [
        [
            asked,
            asked + answer,
            *(
                words_of(m.text)
                for m in row.prompt
                if m.role == "user" and (row.system or m.text != row.asked)
            ),
        ]
        for row, asked, answer in zip(rows, cut.asked, cut.answers, strict=True)
    ]


def cut_rows(rows: Sequence[DataRow]) -> RowWords:
    """The words of `rows`."""
    return RowWords(
        [words_of(f"{row.system}\n{row.asked}" if row.system else row.asked) for row in rows],
        [words_of(row.answer) for row in rows],
        [
            words_of("\n".join((*(m.text for m in row.prompt if m.role == "assistant"), row.rejected)))
            for row in rows
        ],
    )


def hash_words(texts: Sequence[Sequence[str]]) -> Batch:
    """The numbers of words that are cut already."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    starts = np.concatenate(([0], np.cumsum(lengths)))
    numbers = np.fromiter(map(_numbers.__getitem__, chain.from_iterable(texts)), np.uint64, int(starts[-1]))
    return Batch(numbers, starts)


def runs(batch: Batch, length: int) -> tuple[Hashes, Places]:
    """The number of each run of `length` words that lies in one text, and which text that is."""
    total = len(batch.words) - length + 1
    if total <= 0:
        return np.empty(0, np.uint64), np.empty(0, np.int64)
    value = batch.words[:total].copy()
    for shift in range(1, length):
        value *= _BASE
        value += batch.words[shift : shift + total]
    of = batch.text_of
    whole = of[:total] == of[length - 1 :]
    return mixed(value[whole]), of[:total][whole]


def mixed(values: Hashes) -> Hashes:
    """The finishing steps of SplitMix64."""
    z = values + _BASE
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def distinct_pairs(texts: Places, values: Hashes) -> tuple[Places, Hashes]:
    """Each (text, value) once, ordered by value and then text."""
    order = np.lexsort((texts, values))
    texts, values = texts[order], values[order]
    if not len(values):
        return texts, values
    fresh = np.concatenate(([True], (values[1:] != values[:-1]) | (texts[1:] != texts[:-1])))
    return texts[fresh], values[fresh]
