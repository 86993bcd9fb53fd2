"""How far an answer is covered by a source text: the measured features of the faithfulness classifier.

Word overlap after light stemming (Porter 1980, a few of its steps), n-gram copying, and what people know
to go wrong: numbers and names that the source does not have, negation on one side only, the speaker's own
life and opinions in place of the source. The features are shares and counts; no word is kept.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from modelassay.evaluators.phrases.notation import word_set
from modelassay.evaluators.trained.cues import Known

MOST_CHARACTERS = 20000
"""Of a source or an answer, only so many characters are read."""
_LONG = 10
"""Letters of a stem that count when words count by their length."""

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*")
_DIGITS = b"0123456789"
_APART = bytes(
    code if code < 128 and (chr(code).isalpha() or chr(code) == "'") else 32 for code in range(256)
)
"""Cuts plain ASCII without numbers where no word of `_WORD` goes on."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_CAPITAL = re.compile(r"[A-ZÀ-ÖØ-Þ](?<=[\w,;:’'\"“(-]\s[A-ZÀ-ÖØ-Þ])[^\W\d_]+")
"""A capital letter inside a sentence: mostly a name."""

_FUNCTION = word_set(
    "a an the of in on at to for from by with as is are was were be been being am do does did have has had "
    "having and or but if so than then that this these those it its it's he she they them his her their him "
    "we you your our us who whom which what when where why how there here also very just not no nor can "
    "could will would shall should may might must about into over after before between during while because "
    "such some any each other more most own same too up out off only s t d ll m re ve that's there's he's "
    "she's they're you're we're i i'm me my mine i've i'd i'll don't doesn't didn't isn't aren't wasn't "
    "weren't"
)
_SPEAKER = word_set("i i'm me my mine i've i'd i'll myself")
_NEGATION = word_set(
    "not no never none nobody nothing neither nor don't doesn't didn't isn't aren't wasn't weren't can't "
    "cannot couldn't won't wouldn't hasn't haven't without unlikely hardly"
)
_CHAT = word_set(
    "yes yeah yep no oh wow well sure okay ok hi hello hey haha cool nice awesome great interesting true "
    "right agree sorry thanks really actually"
)
_OPINION = word_set(
    "think love like believe feel guess hope wish enjoy prefer favorite favourite agree bet imagine heard "
    "know sure remember seen watched tried"
)
_ADDRESS = word_set("you your yours you're")
_OURS = word_set("we our us we're")
_ENDINGS = (
    ("ingly", 4), ("edly", 4), ("ing", 4), ("ies", 3), ("ied", 3), ("ely", 4), ("ly", 4),
    ("ed", 4), ("es", 4), ("er", 5), ("est", 5), ("s", 3), ("e", 4),
)  # fmt: skip
"""Endings with the length, less one, that must stand before them."""

COVERAGE = (
    "covered", "covered_long", "unknown", "unknown_long", "covered_with_message", "message_only", "content",
    "no_content", "length", "source_length", "length_ratio", "covered_all", "source_used", "spelled_alike",
    "covered_squared", "all_covered",
)  # fmt: skip
COPYING = ("copied_2", "copied_3", "copied_4", "longest_run", "longest_run_words")
NEWS = ("numbers", "new_numbers", "names", "new_names", "negations", "negation_differs", "negation_added")
MANNER = (
    "speaker", "speaker_words", "address", "ours", "source_speaker", "questions", "exclamations", "chat",
    "chat_first", "opinion", "ellipsis",
)  # fmt: skip
SENTENCES = ("worst_sentence", "last_sentence", "first_sentence", "sentences")
TOGETHER = ("covered_but_speaker", "covered_but_question", "copied_but_new")
FEATURES = COVERAGE + COPYING + NEWS + MANNER + SENTENCES + TOGETHER
"""Names of the features, in the order of `overlap`."""


class ReadText:
    """A text cut into words and stems, once however often it is compared."""

    __slots__ = ("content", "grams", "letters", "stems", "text", "unique", "words")

    def __init__(self, text: str) -> None:
        self.text = text[:MOST_CHARACTERS].replace("’", "'")
        self.words = _words(self.text)
        self.stems = list(map(stem, self.words))
        self.unique = frozenset(self.stems)
        self.content = list(compress(self.stems, map(_says_something().__getitem__, self.words)))
        self.grams: dict[int, frozenset[tuple[str, ...]]] = {}
        self.letters: frozenset[str] | None = None

    def ngrams(self, length: int) -> frozenset[tuple[str, ...]]:
        """Every run of `length` stems."""
        if length not in self.grams:
            self.grams[length] = frozenset(zip(*(self.stems[i:] for i in range(length)), strict=False))
        return self.grams[length]

    def fragments(self) -> frozenset[str]:
        """Every run of four letters in a stem."""
        if self.letters is None:
            self.letters = frozenset().union(*map(_fragments, self.unique))
        return self.letters


def _words(text: str) -> list[str]:
    """The words and numbers of `text`, in lower case."""
    if not text.isascii():
        return list(map(str.lower, _WORD.findall(text)))
    low = text.lower().encode()  # bytes are cut fastest, where no number has a point in it
    if len(low.translate(None, _DIGITS)) < len(low):
        return _WORD.findall(low.decode())
    words = low.translate(_APART).decode().split()
    for at in [at for at, word in enumerate(words) if not word.isalpha()][::-1]:
        words[at : at + 1] = _WORD.findall(words[at])
    return words


@lru_cache(maxsize=1 << 15)
def stem(word: str) -> str:
    """`word` in lower case without the commonest English endings."""
    word = word.removesuffix("'s")
    for ending, before in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= before - 1:
            return word[:-3] + "i" if ending in ("ies", "ied") else word[: -len(ending)]
    return word[:-1] + "i" if word.endswith("y") and len(word) > 3 else word


@cache
def _says_something() -> Known[bool]:
    return Known(is_content)


@cache
def _length() -> Known[int]:
    """Letters of a stem that count."""
    return Known(lambda stem: min(len(stem), _LONG))


def is_content(word: str) -> bool:
    """Whether `word`, in lower case, says something by itself."""
    return word not in _FUNCTION


def overlap(source: ReadText, answer: str, message: ReadText) -> list[float]:
    """The features (`FEATURES`) of an `answer` to `message` that should rest on `source`."""
    read = ReadText(answer)
    coverage, copying, news = _coverage(read, source, message), _copying(read, source), _news(read, source)
    manner = _manner(read, source)
    sentences = _sentence_cover(read, source.unique) or [0.5]
    covered, speaks, asks = coverage[0], manner[0] > 0, manner[5] > 0
    return [
        *coverage,
        *copying,
        *news,
        *manner,
        *(min(sentences), sentences[-1], sentences[0], math.log1p(len(sentences))),
        *(covered * speaks, covered * asks, copying[0] * (news[1] + news[3] > 0)),
    ]


def _coverage(read: ReadText, source: ReadText, message: ReadText) -> list[float]:
    """How many words of the answer the source has."""
    known, asked = source.unique, message.unique
    content = read.content
    new = [each for each in content if each not in known]
    long, new_long = (sum(map(_length().__getitem__, each)) for each in (content, new))
    count, hits = len(content), len(content) - len(new)
    asked_only = sum(map(asked.__contains__, new))
    covered = _share(hits, count)
    return [
        covered,
        _share(long - new_long, long),
        math.log1p(len(new)),
        math.log1p(new_long),
        _share(hits + asked_only, count),
        _share(asked_only, count),
        math.log1p(count),
        float(not count),
        math.log1p(len(read.words)),
        math.log1p(len(source.words)),
        math.log((len(read.words) + 1) / (len(source.words) + 1)),
        _share(sum(map(known.__contains__, read.stems)), len(read.stems)),
        _share(len(known & read.unique), len(known)),
        _share(hits + sum(_likeness(each, source) for each in new), count),
        covered * covered,
        float(covered >= 1),
    ]


def _copying(read: ReadText, source: ReadText) -> list[float]:
    """How much of the answer stands in the source word for word."""
    pairs = source.ngrams(2)
    known = [pair in pairs for pair in zip(read.stems, read.stems[1:], strict=False)]
    run = _longest_run(known)
    shares = [
        sum(known) / len(known) if known else _copied(read, source, 2),
        *(_copied(read, source, length, run) for length in (3, 4)),
    ]
    return [*shares, run / max(len(read.words), 1), math.log1p(run)]


def _news(read: ReadText, source: ReadText) -> list[float]:
    """Numbers and names that the source lacks; negation on one side."""
    numbers = [word for word in read.words if word[0].isdigit()]
    names = [word.lower() for word in _CAPITAL.findall(read.text)]
    new_names = sum(stem(name) not in source.unique for name in names if name not in _FUNCTION)
    negations = sum(map(_NEGATION.__contains__, read.words))
    negated = not _NEGATION.isdisjoint(source.words)
    return [
        min(len(numbers), 3),
        min(sum(number not in source.unique for number in numbers), 3),
        min(len(names), 4),
        min(new_names, 4),
        min(negations, 2),
        float((negations > 0) != negated),
        float(negations > 0 and not negated),
    ]


def _manner(read: ReadText, source: ReadText) -> list[float]:
    """Whether the answer talks of its speaker, to its reader, or only keeps the conversation going."""
    words = set(read.words)
    speaker = 0 if words.isdisjoint(_SPEAKER) else sum(map(_SPEAKER.__contains__, read.words))
    return [
        float(speaker > 0),
        min(speaker, 3),
        float(not words.isdisjoint(_ADDRESS)),
        float(not words.isdisjoint(_OURS)),
        float(not _SPEAKER.isdisjoint(source.words)),
        min(read.text.count("?"), 2),
        min(read.text.count("!"), 2),
        0 if words.isdisjoint(_CHAT) else min(sum(map(_CHAT.__contains__, read.words)), 3),
        float(bool(read.words) and read.words[0] in _CHAT),
        0 if words.isdisjoint(_OPINION) else min(sum(map(_OPINION.__contains__, read.words)), 3),
        float("..." in read.text),
    ]


def measure(pairs: Iterable[Sequence[str]]) -> NDArray[np.float64]:
    """Features of (source, answer, message) triples, shape ``[triples, len(FEATURES)]``."""
    read = lru_cache(maxsize=64)(ReadText)
    rows = [overlap(read(source), answer, read(message)) for source, answer, message in pairs]
    return np.array(rows, np.float64).reshape(-1, len(FEATURES))


def _sentence_cover(read: ReadText, known: frozenset[str]) -> list[float]:
    """For each sentence with content words, the share of them that are `known`."""
    shares = []
    sentences = _SENTENCE.split(read.text)
    if len(sentences) == 1:
        content = read.content
        return [sum(map(known.__contains__, content)) / len(content)] if content else []
    for sentence in sentences:
        stems = [stem(word) for word in _words(sentence) if word not in _FUNCTION]
        if stems:
            shares.append(sum(map(known.__contains__, stems)) / len(stems))
    return shares


def _share(part: float, whole: float) -> float:
    """`part` of `whole`; a half where there is nothing to share."""
    return part / whole if whole else 0.5


def _copied(read: ReadText, source: ReadText, length: int, run: int = 0) -> float:
    """The share of the answer's runs of `length` stems that the source has; it has none longer than `run`."""
    count = len(read.stems) - length + 1
    if count <= 0:
        return _share(sum(map(source.unique.__contains__, read.stems)), len(read.stems))
    if run < length:
        return 0.0
    there = source.ngrams(length)
    return sum(map(there.__contains__, zip(*(read.stems[i:] for i in range(length)), strict=False))) / count


def _longest_run(known: Sequence[bool]) -> int:
    """About how many words of the answer follow each other as in the source, which has the pairs `known`."""
    if not any(known):
        return 0
    return 1 + max(map(len, bytes(known).split(b"\0")))


@lru_cache(maxsize=1 << 14)
def _fragments(word: str) -> tuple[str, ...]:
    return tuple([word[i : i + 4] for i in range(len(word) - 3)])


def _likeness(word: str, source: ReadText) -> float:
    """How much of the spelling of an unknown `word` occurs in words of the source."""
    parts = _fragments(word) if len(word) >= 5 else ()
    return sum(map(source.fragments().__contains__, parts)) / len(parts) if parts else 0.0
