"""Whether one statement contradicts another, as far as their words tell.

Two sentences that share most of their content words contradict each other when one is denied and the other
not, when they give different numbers, when they have opposite words, or when all but one word is the same.
Precise rather than complete: a contradiction in other words is not seen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import msgspec

from modelassay.evaluators.phrases.notation import word_set
from modelassay.evaluators.trained.overlap import is_content, stem

Kind = Literal["number", "negation", "opposite", "word"]

SHARED = 0.6
"""Share of the shorter sentence's content words that the other must have."""
FEWEST_SHARED = 2
"""So many content words must be shared at least."""

_WORD = re.compile(r"\d+(?:[.,]\d+)*%?|[^\W\d_]+(?:['’][^\W\d_]+)*")
_NEGATION = word_set(
    "not no never none nobody nothing neither nor don't doesn't didn't isn't aren't wasn't weren't can't "
    "cannot couldn't won't wouldn't hasn't haven't hadn't without false untrue"
)
_OPPOSITES = tuple(
    tuple(word_set(side) for side in pair.split("/"))
    for pair in (
        "east eastern eastward/west western westward",
        "north northern/south southern",
        "increase increases increased increasing rise rises rose rising grow grows grew growing higher/"
        "decrease decreases decreased decreasing fall falls fell falling shrink shrinks shrank lower",
        "warm warmer warming hot hotter/cool cooler cooling cold colder",
        "before/after",
        "first/last",
        "largest biggest/smallest",
        "longest/shortest",
        "highest tallest/lowest",
        "more most/less least fewer",
        "above/below",
        "inside/outside",
        "alive living/dead extinct",
        "male man father son brother/female woman mother daughter sister",
        "true correct/false incorrect",
        "win wins won/lose loses lost",
        "begin begins began start starts started/end ends ended",
        "open opened/closed shut",
        "always/never",
        "all every/none",
        "accept accepts accepted/reject rejects rejected refused",
        "legal/illegal",
        "safe/unsafe dangerous",
        "possible/impossible",
        "same/different",
        "left/right",
        "day/night",
        "summer/winter",
        "oldest/youngest newest",
        "solid/liquid",
        "positive/negative",
        "buy bought/sell sold",
    )
)


class Contradiction(msgspec.Struct, frozen=True):
    """Two statements that do not go together."""

    claim: int
    """Which of the claims."""
    statement: int
    """Which of the statements it contradicts."""
    kind: Kind


class _Read(msgspec.Struct, frozen=True):
    content: frozenset[str]
    """Stems of content words, numbers and words that only deny left out."""
    words: frozenset[str]
    numbers: frozenset[str]
    denied: bool


def find_contradiction(claims: Sequence[str], statements: Sequence[str]) -> Contradiction | None:
    """The first of `claims` that contradicts one of `statements`, with that one; None when none does.

    A claim that one of `statements` makes too contradicts none.
    """
    for index, claim in enumerate(claims):
        read = _read(claim)
        near = [(place, _read(each)) for place, each in enumerate(statements)]
        near = [(place, each) for place, each in near if _alike(read, each)]
        kinds = [(place, _kind(read, each)) for place, each in near]
        if any(kind is None for _, kind in kinds):
            continue
        for place, kind in kinds:
            if kind is not None:
                return Contradiction(index, place, kind)
    return None


def _alike(one: _Read, other: _Read) -> bool:
    shared = len(one.content & other.content)
    fewer = min(len(one.content), len(other.content))
    return shared >= FEWEST_SHARED and shared >= SHARED * fewer


def _kind(one: _Read, other: _Read) -> Kind | None:
    """How two statements about the same contradict each other."""
    new, same_numbers = one.content - other.content, one.numbers == other.numbers
    if one.numbers and other.numbers and not one.numbers & other.numbers and len(new) <= 1:
        return "number"
    if len(new) <= 2 and any(_opposed(one.words, other.words, sides) for sides in _OPPOSITES):
        return "opposite" if one.denied == other.denied else None
    if one.denied != other.denied and len(new) <= 1:
        return "negation"
    if len(new) == len(other.content - one.content) == 1 and one.denied == other.denied and same_numbers:
        return "word"
    return None


def _opposed(one: frozenset[str], other: frozenset[str], sides: tuple[frozenset[str], ...]) -> bool:
    first, second = sides
    return any(
        not one.isdisjoint(a) and not other.isdisjoint(b) and one.isdisjoint(b) and other.isdisjoint(a)
        for a, b in ((first, second), (second, first))
    )


@lru_cache(maxsize=1 << 12)
def _read(text: str) -> _Read:
    words = [word.lower() for word in _WORD.findall(text.replace("’", "'"))]
    numbers = {word.replace(",", "").rstrip("%") for word in words if word[0].isdigit()}
    content = {stem(w) for w in words if is_content(w) and w not in _NEGATION and not w[0].isdigit()}
    return _Read(
        content=frozenset(content),
        words=frozenset(words),
        numbers=frozenset(numbers),
        denied=sum(word in _NEGATION for word in words) % 2 == 1,
    )
