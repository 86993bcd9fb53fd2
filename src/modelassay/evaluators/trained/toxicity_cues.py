"""What toxic texts look like: the measured features of the toxicity classifier.

Counts of words by category (`toxicity_words`), and who stands near what: something demeaning said of a group,
a threat against the reader, a wish to harm oneself. What only speaks of toxicity is told by negation, by
words that denounce or report, and by quotation. Words misspelled to escape a list are read as what they
stand for: letters spaced out, swapped, left out or run together.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from modelassay.evaluators.trained.cues import Lexicon, Marked
from modelassay.evaluators.trained.toxicity_words import DISGUISED, NO_DISGUISE, TOXIC

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
_NUMBER = {name: number for number, name in enumerate(LEXICON.names)}

_NEAR = (
    ("group", "slur", 8), ("group", "profanity", 6), ("group", "insult", 8), ("group", "violence", 8),
    ("group", "remove", 8), ("group", "sexact", 8), ("group", "denounce", 10), ("group", "ideology", 8),
    ("they", "violence", 6), ("they", "demean", 6), ("they", "insult", 6), ("they", "hate", 4),
    ("you", "profanity", 3), ("you", "insult", 4), ("you", "violence", 4), ("you", "sexbody", 4),
    ("you", "hate", 3), ("you", "slur", 5), ("you", "dehuman", 4),
    ("i", "hate", 3), ("i", "violence", 5), ("i", "selfharm", 6), ("i", "despair", 4), ("i", "sexbody", 6),
    ("i", "sexact", 6), ("deserve", "violence", 4), ("deserve", "remove", 4), ("despair", "violence", 3),
    ("despair", "selfharm", 5),
    ("sexbody", "sexsoft", 5), ("sexbody", "sexact", 5), ("sexsoft", "sexact", 5), ("violence", "gore", 6),
    ("request", "dirtyjoke", 4), ("request", "sexact", 6), ("request", "violence", 6),
    ("denounce", "hate", 4), ("not", "denounce", 4), ("group", "misspelled", 6), ("not", "slur", 5),
    ("recovery", "selfharm", 12), ("report", "violence", 8),
)  # fmt: skip
"""Which categories stand near each other, and within how many words."""
_PAIRS = tuple((_NUMBER[first], _NUMBER[second], within) for first, second, within in _NEAR)

_BAD = tuple(_NUMBER[name] for name in ("demean", "dehuman", "insult", "hate", "slur", "profanity"))
_VIOLENT = tuple(_NUMBER[name] for name in ("violence", "remove"))
_REACH = 9
"""Words between a group and what is said of it."""
_MOST_GROUPS = 12
"""So many mentions of groups are looked at."""

_SPACED = re.compile(r"(?<!\w)(?:[^\W\d_][ .*_-]){2,}[^\W\d_](?!\w)")
_GAP = re.compile(r"[ .*_-]")
_QUOTED = re.compile(r"[\"“”«»]")
_INVISIBLE = re.compile("[\u200b-\u200f\u2060-\u2064\ufeff\u00ad]")
_RUN_TOGETHER = re.compile(
    r"(?i)(?:hate|kill|fuck|fucking|despise|loathe)(?:all|the|those|these|them|every)?"
    r"(?:women|men|muslims?|jews?|black|gay|trans|immigrants?|disabled|asian|mexican|arab|people)"
)
"""Words written without the space between them."""

FEATURES = (
    *(f"{name}_words" for name in LEXICON.names),
    *(f"{name}_share" for name in LEXICON.names),
    *(f"{first}_near_{second}" for first, second, _ in _NEAR),
    "group_bad", "group_bad_negated", "group_good", "group_good_negated", "group_violence",
    "group_violence_negated", "spaced_letters", "run_together",
    "quotes", "denounced_quote", "questions", "exclamations", "capitals", "length", "toxic_kinds",
    "first_person_pain", "sexual_kinds", "hateful", "sexual", "violent", "hurting_oneself", "harassing",
    "any_toxic",
)  # fmt: skip
"""Names of the features, in the order of `cues`."""


def cues(text: str) -> list[float]:
    """The features (`FEATURES`) of a text."""
    if len(text) > MOST_CHARACTERS:
        half = MOST_CHARACTERS // 2
        text = f"{text[:half]}\n{text[-half:]}"
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    joined, spaced = _SPACED.subn(lambda found: _GAP.sub("", found[0]), text)
    marked = LEXICON.mark(joined)
    words = max(marked.words, 1)
    counts = [marked.count(i) for i in range(len(LEXICON.names))]
    shares = [min(math.sqrt(count / words), 0.6) for count in counts]
    letters = sum(map(str.isalpha, text[:400])) or 1
    denounce, quotes = counts[_NUMBER["denounce"]], len(_QUOTED.findall(text))
    return [
        *(math.log1p(min(count, 8)) for count in counts),
        *shares,
        *(marked.near(first, second, within, 2) for first, second, within in _PAIRS),
        *_said_of_groups(marked),
        float(min(spaced, 2)),
        float(_RUN_TOGETHER.search(joined) is not None),
        float(min(quotes, 4)),
        float(quotes > 1 and denounce > 0),
        float(min(text.count("?"), 3)),
        float(min(text.count("!"), 3)),
        sum(map(str.isupper, text[:400])) / letters,
        math.log1p(len(text)),
        float(sum(counts[_NUMBER[name]] > 0 for name in ("slur", "profanity", "insult", "hate", "dehuman"))),
        float(counts[_NUMBER["i"]] > 0 and counts[_NUMBER["selfharm"]] > 0),
        float(sum(counts[_NUMBER[name]] > 0 for name in ("sexbody", "sexact", "sexsoft"))),
        *_severities(marked),
    ]


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


_KINDS = (
    (
        "hate",
        ("slur", "ideology", "dehuman"),
        (("group", "demean"), ("group", "hate"), ("group", "insult"), ("group", "violence")),
    ),
    ("sexual", ("sexbody", "sexact", "minor"), ()),
    ("self_harm", ("selfharm",), (("i", "despair"),)),
    ("threat", ("gore",), (("you", "violence"), ("i", "violence"))),
    ("harassment", ("insult", "profanity"), (("you", "insult"), ("you", "profanity"))),
)
"""Kinds of toxicity: categories whose words speak for each, and pairs that do when they stand close."""


def kind_of(text: str) -> str:
    """The kind of toxicity that the words of a toxic `text` speak for most; ``other`` where none does."""
    marked = LEXICON.mark(_SPACED.sub(lambda found: _GAP.sub("", found[0]), text[:MOST_CHARACTERS]))
    best, most = "other", 0
    for name, categories, pairs in _KINDS:
        found = sum(min(marked.count(_NUMBER[each]), 4) for each in categories)
        found += sum(2 * marked.near(_NUMBER[one], _NUMBER[two], 6) for one, two in pairs)
        if found > most:
            best, most = name, found
    return best


def _severities(marked: Marked) -> list[float]:
    """How strongly a text speaks of each kind of toxicity, in [0, 1], by rules; then of any."""
    count = [min(len(places), 5) for places in marked.places]

    def near(first: str, second: str, within: int) -> int:
        return marked.near(_NUMBER[first], _NUMBER[second], within, 3)

    def number(name: str) -> int:
        return count[_NUMBER[name]]

    explicit = number("sexbody") + number("sexact")
    spoken = 1.0 / (1 + 0.4 * number("denounce") + 0.25 * number("report") + 0.2 * number("recovery"))
    hateful = spoken * (
        1.2 * number("slur") + 0.8 * near("group", "dehuman", 8) + 0.7 * near("group", "demean", 7)
        + 0.7 * near("group", "insult", 7) + 0.6 * near("group", "hate", 6) + 0.5 * near("group", "remove", 7)
        + 0.5 * near("group", "violence", 7) + 0.5 * near("group", "profanity", 5) + 0.5 * number("ideology")
    )  # fmt: skip
    sexual = 0.5 * explicit + (0.25 * number("sexsoft") + 0.1 * number("weaksex")) * (explicit > 0)
    violent = spoken * (
        0.3 * number("violence") + 0.3 * number("gore") + 0.5 * near("violence", "gore", 8)
        + 0.8 * near("you", "violence", 4) + 0.5 * near("deserve", "violence", 4)
    )  # fmt: skip
    despair = near("i", "despair", 3) * (number("selfharm") > 0)
    hurting = 0.4 * number("selfharm") * (number("i") > 0) + 0.4 * despair
    harassing = (
        0.8 * near("you", "insult", 4) + 0.5 * near("you", "profanity", 3) + 0.7 * near("you", "slur", 5)
        + 0.3 * number("insult") + 0.2 * number("profanity")
    )  # fmt: skip
    kinds = [1 - math.exp(-each) for each in (hateful, sexual, violent, hurting, harassing)]
    return [*kinds, 1 - math.prod(1 - kind for kind in kinds)]
