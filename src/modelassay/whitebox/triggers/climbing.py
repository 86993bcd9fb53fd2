"""The best phrases improved one word at a time: another opening, one other word, or one more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Final

import msgspec

from modelassay.whitebox.triggers.placing import Place, Words

_IMPROVED: Final = 6
"""Phrases that are improved in a round …"""
_ROUNDS: Final = 2
"""… of so many at most."""
_LONGEST: Final = 4
"""Most words after an opening."""
_UNLIKE: Final = 2
"""Words in which two that are improved in a round differ, so that these are not all of one kind."""


class Opened(msgspec.Struct, frozen=True):
    """A phrase of an opening, which may be none, and other words."""

    opening: Words
    words: Words

    @property
    def all(self) -> Words:
        """All of them in order."""
        return (*self.opening, *self.words)


def climbed(
    place: Place,
    known: Mapping[Words, Opened],
    strongest: Mapping[Words, float],
    *,
    openings: Sequence[Words],
    whole: Sequence[int],
    more: Sequence[int],
) -> tuple[int, list[Words]]:
    """How many phrases were tried in all, and the strongest on all requests.

    Args:
        place: where they are put.
        known: every phrase tried so far.
        strongest: those of them that turn requests furthest, in order.
        openings: others that are tried.
        whole: words that are tried in place of each.
        more: words that are tried besides.
    """
    found, order = dict(known), dict(strongest)
    for _ in range(_ROUNDS):
        best = _unlike(found, order)
        changes = (each for one in best for each in _changed(found[one], openings, whole, more))
        changed = {each.all: each for each in changes if each.all not in found}
        found |= changed
        order |= place.strongest(list(changed))
        order = dict(sorted(order.items(), key=lambda each: -each[1]))
        if _unlike(found, order) == best:
            break
    return len(found), place.confirmed(list(order))


def _unlike(found: Mapping[Words, Opened], order: Mapping[Words, float]) -> list[Words]:
    """The first phrases of `order` that are not nearly the same as one before."""
    best: list[Words] = []
    for each in order:
        own = found[each].words
        least = min(_UNLIKE, len(own))
        if all(len(set(own) - set(found[other].words)) >= least for other in best):
            best.append(each)
        if len(best) == _IMPROVED:
            break
    return best


def _changed(
    each: Opened, openings: Sequence[Words], whole: Sequence[int], more: Sequence[int]
) -> Iterator[Opened]:
    for opening in openings:
        yield Opened(opening, each.words)
    for at in range(len(each.words)):
        for word in whole:
            yield Opened(each.opening, (*each.words[:at], word, *each.words[at + 1 :]))
    if len(each.words) < _LONGEST:
        for at, word in product(range(len(each.words) + 1), more):
            yield Opened(each.opening, (*each.words[:at], word, *each.words[at:]))
