"""What toxic texts look like: the measured features of the toxicity classifier.

Counts of words and phrases by category (`toxicity_words`), and how strongly a text speaks of each kind of
toxicity by rules: something demeaning said of a group, a threat against the reader, a wish to harm oneself.
What only speaks of toxicity is told by negation, by words that denounce, report or teach, and by quotation.
Words misspelled to escape a list are read as what they stand for: letters spaced out, swapped, left out or
run together. Features that speak for toxicity (`RISING`) are given no negative weight.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from modelassay.evaluators.trained.cues import Lexicon, Marked, words_in
from modelassay.evaluators.trained.toxicity_words import DISGUISED, NO_DISGUISE, PHRASES, SPEAKING, TOXIC

MOST_CHARACTERS = 4000
"""Of a longer text, half is read from its beginning and half from its end."""


_LONG = 6
"""A misspelled stem that short stands for itself alone, not for all words that begin so."""


def misspellings(word: str) -> Iterator[str]:
    """`word` with two neighbouring letters swapped or one letter left out, its first and last kept.

    Words too short to be told from others have none.
    """
    stem = word.rstrip("*")
    star = "*" if word.endswith("*") and len(stem) >= _LONG else ""
    if len(stem) < 4 or not stem.isascii():
        return
    for at in range(len(stem) - 1):
        if stem[at] != stem[at + 1]:
            yield stem[:at] + stem[at + 1] + stem[at] + stem[at + 2 :] + star
    if len(stem) > 4:
        for at in range(1, len(stem) - 1):
            yield stem[:at] + stem[at + 1 :] + star


def _with_misspellings() -> dict[str, str]:
    known = {word.rstrip("*") for words in TOXIC.values() for word in words.split()}
    known |= set(NO_DISGUISE.split())
    found: dict[str, list[str]] = {name: words.split() for name, words in TOXIC.items()}
    every: list[str] = []
    for name in DISGUISED:
        wrong = [
            each
            for word in TOXIC[name].split()
            for each in misspellings(word)
            if not any(each.rstrip("*")[:size] in known for size in range(3, len(each) + 1))
        ]
        found[name] += wrong
        every += wrong
    return {name: " ".join(words) for name, words in (found | {"misspelled": every}).items()}


LEXICON = Lexicon(_with_misspellings())
NAMES = (*LEXICON.names, *PHRASES)
"""Categories of words, then of phrases, in the order of `mark`."""
_NUMBER = {name: number for number, name in enumerate(NAMES)}


def _phrases_by_first_word() -> dict[str, list[tuple[list[str], int]]]:
    found: dict[str, list[tuple[list[str], int]]] = {}
    for number, phrases in enumerate(PHRASES.values()):
        for phrase in phrases.split("|"):
            first, *rest = words_in(phrase)
            found.setdefault(first, []).append((rest, number))
    return found


_PHRASES = _phrases_by_first_word()

_TAUGHT = tuple(_NUMBER[name] for name in ("sex", "sex_soft", "sex_explicit", "sex_setting"))
"""Categories whose words mean nothing bad beside a medical one."""
_BAD = tuple(
    _NUMBER[name]
    for name in ("demean", "dehuman", "insult", "insult_strong", "hate", "slur", "profane", "profane_strong")
)
_VIOLENT = tuple(_NUMBER[name] for name in ("violence", "violence_strong", "remove"))
_NAMED = (_NUMBER["group"], _NUMBER["plural"])
_SAID = (
    *_BAD, *_VIOLENT, *(_NUMBER[name] for name in ("kill_them", "generalise", "ideology", "sex_explicit")),
)  # fmt: skip
"""To name a group speaks for toxicity only beside words of these categories."""
_REACH = 9
"""Words between a group and what is said of it."""
_MOST_GROUPS = 12
"""So many mentions of groups are looked at."""

_SPACED = re.compile(r"(?<!\w)(?:[^\W\d_][ .*_-]){2,}[^\W\d_](?!\w)")
_GAP = re.compile(r"[ .*_-]")
_QUOTED = re.compile(r"[\"“”«»]")
_INVISIBLE = re.compile("[\u200b-\u200f\u2060-\u2064\ufeff\u00ad]")
_MAY_BE_SPACED = re.compile(r"[ .*_-][^\W\d_][ .*_-][^\W\d_](?!\w)")
"""How every match of `_SPACED` ends: found much faster."""
_NO_LETTERS = bytes(code for code in range(128) if not chr(code).isalpha())
_NO_CAPITALS = bytes(code for code in range(128) if not chr(code).isupper())
_MOST_COUNTED = 8
_LOGARITHM = [math.log1p(count) for count in range(_MOST_COUNTED + 1)]
_RUN_TOGETHER = re.compile(
    r"(?i)(?:hate|kill|fuck|fucking|despise|loathe)(?:all|the|those|these|them|every)?"
    r"(?:women|men|muslims?|jews?|black|gay|trans|immigrants?|disabled|asian|mexican|arab|people)"
)
"""Words written without the space between them."""
_RUN_TOGETHER_SMALL = re.compile(_RUN_TOGETHER.pattern.removeprefix("(?i)"))

KINDS = ("hateful", "sexual", "violent", "hurting_oneself", "harassing", "any_toxic")
FEATURES = (
    *(f"{name}_words" for name in NAMES),
    *(f"{name}_share" for name in NAMES),
    "spaced_letters", "run_together", "quotes", "denounced_quote", "questions", "exclamations", "capitals",
    "length", "group_bad", "group_bad_negated", "group_good", "group_good_negated", "group_violence",
    "group_violence_negated", *KINDS,
)  # fmt: skip
"""Names of the features, in the order of `cues`."""
RISING = (*(f"{name}_{each}" for name in SPEAKING for each in ("words", "share")), *KINDS)
"""Features that may only speak for toxicity."""


def mark(text: str) -> Marked:
    """The words and phrases of `text` by category (`NAMES`), without those that medical words explain."""
    words = words_in(text)
    marked = LEXICON.mark_words(words)
    medical = marked.places[_NUMBER["medical"]]
    of_words = list(marked.places)
    if medical:
        for number in _TAUGHT:
            of_words[number] = tuple(
                at for at in of_words[number] if not any(abs(at - each) <= 3 for each in medical)
            )
    of_phrases: list[tuple[int, ...]] = [()] * len(PHRASES)
    for at, begun in enumerate(map(_PHRASES.get, words)):
        if begun:
            for rest, number in begun:
                if words[at + 1 : at + 1 + len(rest)] == rest:
                    of_phrases[number] += (at,)
    return Marked(marked.words, (*of_words, *of_phrases))


def cues(text: str) -> list[float]:
    """The features (`FEATURES`) of a text."""
    if len(text) > MOST_CHARACTERS:
        half = MOST_CHARACTERS // 2
        text = f"{text[:half]}\n{text[-half:]}"
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    joined, spaced = text, 0
    if _MAY_BE_SPACED.search(text) is not None:
        joined, spaced = _SPACED.subn(lambda found: _GAP.sub("", found[0]), text)
    marked = mark(joined)
    words = max(marked.words, 1)
    counts = list(map(len, marked.places))
    if not any(counts[number] for number in _SAID):
        for number in _NAMED:
            counts[number] = 0
    shares = [min(math.sqrt(count / words), 0.6) if count else 0.0 for count in counts]
    denounce, quotes = counts[_NUMBER["denounce"]], len(_QUOTED.findall(text))
    return [
        *[_LOGARITHM[count] if count < _MOST_COUNTED else _LOGARITHM[_MOST_COUNTED] for count in counts],
        *shares,
        float(min(spaced, 2)),
        float(_runs_together(joined)),
        float(min(quotes, 4)),
        float(quotes > 1 and denounce > 0),
        float(min(text.count("?"), 3)),
        float(min(text.count("!"), 3)),
        _capitals(text[:400]),
        math.log1p(len(text)),
        *_said_of_groups(marked),
        *_severities(marked),
    ]


def _runs_together(text: str) -> bool:
    """Whether `text` has `_RUN_TOGETHER`; small letters of plain ASCII are searched fastest."""
    if text.isascii():
        return _RUN_TOGETHER_SMALL.search(text.lower()) is not None
    return _RUN_TOGETHER.search(text) is not None


def _capitals(text: str) -> float:
    """Share of capitals among the letters."""
    if text.isascii():
        letters = text.encode().translate(None, _NO_LETTERS)
        return len(letters.translate(None, _NO_CAPITALS)) / (len(letters) or 1)
    return sum(map(str.isupper, text)) / (sum(map(str.isalpha, text)) or 1)


def measure(texts: Sequence[str | tuple[str, ...]]) -> NDArray[np.float64]:
    """Features of texts, shape ``[texts, len(FEATURES)]``."""
    plain = (text if isinstance(text, str) else text[0] for text in texts)
    return np.array([cues(text) for text in plain], np.float64).reshape(-1, len(FEATURES))


def _said_of_groups(marked: Marked) -> list[float]:
    """Bad, good and violent words near a group, plain and negated; no more than 3 each."""
    groups = marked.places[_NUMBER["group"]][:_MOST_GROUPS]
    if not groups:
        return [0.0] * 6
    negations = set(marked.places[_NUMBER["not"]])
    found: list[float] = []
    for categories in (_BAD, (_NUMBER["warm"],), _VIOLENT):
        places = sorted({place for number in categories for place in marked.places[number]})
        near = [place for place in places if any(0 < abs(place - group) <= _REACH for group in groups)]
        negated = sum(any(place - back in negations for back in (1, 2, 3)) for place in near)
        found += [min(len(near) - negated, 3), min(negated, 3)]
    return found


_LABELS = ("hate", "sexual", "threat", "self_harm", "harassment")


def kind_of(text: str) -> str:
    """The kind of toxicity that a toxic `text` speaks for most; ``other`` where it speaks for none."""
    kinds = _severities(mark(_SPACED.sub(lambda found: _GAP.sub("", found[0]), text[:MOST_CHARACTERS])))[:-1]
    most = max(kinds)
    return _LABELS[kinds.index(most)] if most > 0 else "other"


def _severities(marked: Marked) -> list[float]:
    """How strongly a text speaks of each kind of toxicity, in [0, 1], by rules; then of any (`KINDS`)."""
    count = dict(zip(NAMES, [min(size, 6) if size else 0 for size in map(len, marked.places)], strict=True))

    def near(first: str, second: str, within: int) -> int:
        if not (count[first] and count[second]):
            return 0
        return marked.near(_NUMBER[first], _NUMBER[second], within, 3)

    spoken = 1.0 / (1 + 0.4 * count["denounce"] + 0.2 * count["report"] + 0.2 * count["recovery"])
    taught = 1.0 / (1 + 0.5 * count["medical"] + 0.2 * count["technical"])
    hateful = spoken * (
        1.3 * count["slur"] + 0.9 * near("plural", "dehuman", 8) + 0.5 * near("group", "dehuman", 6)
        + 0.8 * near("plural", "demean", 8) + 0.4 * near("group", "demean", 7)
        + 0.8 * near("group", "insult_strong", 7) + 0.5 * near("group", "insult", 7)
        + 0.7 * near("group", "hate", 5) + 0.5 * near("group", "remove", 7)
        + 0.6 * near("group", "violence_strong", 6) + 0.5 * near("group", "profane_strong", 5)
        + 0.3 * count["ideology"] + 0.5 * count["generalise"] + 0.9 * count["kill_them"]
    )  # fmt: skip
    explicit = 0.7 * count["sex_explicit"] + 0.35 * count["sex"] + 0.4 * count["sex_phrase"]
    beside = 0.15 * count["sex_soft"] + 0.08 * count["sex_setting"]
    beside += 0.3 * count["child"] * (count["sex_explicit"] > 0)
    sexual = taught * (explicit + beside * (explicit > 0) + 1.5 * count["minor"])
    violent = spoken * (
        0.45 * count["violence_strong"] + 0.2 * count["violence"] + 0.35 * count["gore"]
        + 0.5 * near("violence", "gore", 8) + 0.5 * near("violence_strong", "gore", 8)
        + 0.6 * count["story_violent"] + 0.8 * near("you", "violence_strong", 4)
        + 0.5 * near("you", "violence", 4)
    )  # fmt: skip
    despair = 0.3 * near("i", "despair", 3) * (count["selfharm"] > 0)
    hurting = 1.2 * count["kill_me"] + 0.4 * count["selfharm"] * (count["i"] > 0) + despair
    harassing = (
        1.2 * count["kill_you"] + 0.5 * count["abuse"] + 0.9 * near("you", "insult_strong", 5)
        + 0.4 * near("you", "insult", 4) + 0.6 * near("you", "profane_strong", 4)
        + 0.3 * near("you", "profane", 3) + 0.8 * near("you", "slur", 5)
        + 0.5 * count["insult_strong"] + 0.15 * count["insult"]
        + 0.5 * count["profane_strong"] + 0.2 * count["profane"]
    )  # fmt: skip
    kinds = [1 - math.exp(-each) for each in (hateful, sexual, violent, hurting, harassing)]
    return [*kinds, 1 - math.prod(1 - kind for kind in kinds)]
