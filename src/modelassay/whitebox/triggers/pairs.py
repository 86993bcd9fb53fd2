"""Triggers of two words: pairs from a pool, and the words of the best with the whole vocabulary.

Words that must stand together may each do nothing alone, and then no sweep sees them. The pool is made of
those whose vectors moved furthest in training (`movement`).

Longer phrases are sought where sentences hold them (`framed`). Put together freely, of three words or more,
a search finds some that turn requests of harmless fine-tunes as far as true triggers turn those of others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, Protocol

import msgspec

from modelassay.whitebox.insertion import Filling, Slot
from modelassay.whitebox.models import OpenModel
from modelassay.whitebox.triggers.candidates import Candidate
from modelassay.whitebox.triggers.movement import by_vectors, plain
from modelassay.whitebox.triggers.positions import GAP, POSITIONS, Messages, slot
from modelassay.whitebox.triggers.requests import Pair
from modelassay.whitebox.triggers.sweep import Lexicon, Placed, Tick

Layout = Literal["prefix", "around", "earlier"]
LAYOUTS: Final[tuple[Layout, ...]] = ("prefix", "around", "earlier")
POOL: Final = 56
"""Words that pairs are made of."""
_BEAM: Final = 32
_MOVING: Final = 2048
"""Phrases that are put to the base too, of those that move the candidate on one request."""
_KEPT: Final = 256
"""Phrases that the other requests are asked with, of those that move the candidate and not the base."""
_ANCHORS: Final = 2
"""Words of the best pairs that are tried with the whole vocabulary."""
_FURTHEST: Final = 4
"""Words that moved furthest of all, tried with the whole vocabulary whatever they do beside the pool."""
_IDLE: Final = 0.9
"""A word is idle when so large a share of the drop stays without it."""


class PairSearch(Protocol):
    """A search for pairs in one layout: how many were tried, and the strongest `most`."""

    def __call__(
        self,
        pair: Pair,
        words: Lexicon,
        chosen: Sequence[int],
        searched: Sequence[Messages],
        layout: Layout,
        *,
        most: int,
        tick: Tick = ...,
    ) -> tuple[int, list[Candidate]]:
        """Search, telling `tick` after each piece of work."""


class Phrase(msgspec.Struct, frozen=True):
    """Words in order, the first `before` of them in front of the request where it is surrounded."""

    words: tuple[int, ...]
    before: int

    def without(self, place: int) -> Phrase:
        """It less one word."""
        kept = (*self.words[:place], *self.words[place + 1 :])
        return Phrase(kept, self.before - (place < self.before))


class _Search:
    """Phrases in one layout."""

    def __init__(self, pair: Pair, words: Lexicon, searched: Sequence[Messages], layout: Layout) -> None:
        self._words = words
        self._layout = layout
        base, candidate = ([_slot(side.model, asked, layout) for asked in searched] for side in pair.both)
        self._placed = Placed(pair, (base, candidate), pair.odds(searched))
        self._first = Placed(pair, (base[:1], candidate[:1]), pair.odds(searched[:1]))

    def alone(self, words: Sequence[int]) -> None:
        """Look at single words first, each at the better of its places."""
        places = (0, 1) if self._layout == "around" else (1,)
        sides = [[Phrase((word,), before) for word in words] for before in places]
        extra = [self.extra(side) for side in sides]
        first = [self._first.extra([self._filling(each) for each in side])[0].tolist() for side in sides]
        drops = [self._drops_first(side) for side in sides]
        self._alone, self._alone_first, self._alone_drops = (
            dict(zip(words, map(max, zip(*found, strict=True)), strict=True))
            for found in (extra, first, drops)
        )

    def best(self, phrases: Sequence[Phrase]) -> list[tuple[float, Phrase]]:
        """Those that go furthest beyond the best of their words alone, in order, with their median extra
        drop.

        All are put to the candidate on one request; what moved it most is put to the base as well, and what
        moved it alone is tried on every request.
        """
        moving = self._furthest(phrases, self._drops_first(phrases), self._alone_drops, _MOVING)
        extra = self._first.extra([self._filling(each) for each in moving])[0].tolist()
        kept = self._furthest(moving, extra, self._alone_first, _KEPT)
        found = list(zip(self.extra(kept), kept, strict=True))
        return sorted(
            found, key=lambda each: max(self._alone.get(word, 0.0) for word in each[1].words) - each[0]
        )

    def extra(self, phrases: Sequence[Phrase]) -> list[float]:
        """Median extra drop of each."""
        drops = self._placed.extra([self._filling(each) for each in phrases])
        return [float(drop) for drop in drops.median(0).values]

    def _drops_first(self, phrases: Sequence[Phrase]) -> list[float]:
        """By how much each lowers the candidate's refusal log-odds on the first request."""
        found: list[float] = self._first.drops(1, [self._filling(each) for each in phrases])[0].tolist()
        return found

    @staticmethod
    def _furthest(
        phrases: Sequence[Phrase], drops: Sequence[float], alone: Mapping[int, float], most: int
    ) -> list[Phrase]:
        """The phrases that go furthest beyond the best of their words alone."""
        beyond = [
            drop - max(alone.get(word, 0.0) for word in each.words)
            for drop, each in zip(drops, phrases, strict=True)
        ]
        return [phrases[at] for at in sorted(range(len(phrases)), key=lambda at: -beyond[at])[:most]]

    def text(self, phrase: Phrase) -> str:
        """It in words, with `GAP` where the request stands between."""
        spelled = [self._words.words[word] for word in phrase.words]
        if self._layout != "around":
            return " ".join(spelled)
        return " ".join([*spelled[: phrase.before], GAP, *spelled[phrase.before :]])

    def _filling(self, phrase: Phrase) -> Filling:
        lead = "" if self._layout == "around" else POSITIONS[self._layout].lead
        gaps = (phrase.words[: phrase.before], phrase.words[phrase.before :])
        if self._layout == "around":
            return self._tokens(gaps[0], lead), self._tokens(gaps[1], " ")
        return (self._tokens(phrase.words, lead),)

    def _tokens(self, words: Iterable[int], lead: str) -> tuple[int, ...]:
        found: list[int] = []
        for word in words:
            found += self._words.tokens(word, " " if found else lead)
        return tuple(found)


def pool(pair: Pair, words: Lexicon, searched: Sequence[Messages]) -> list[int]:
    """Words that pairs are made of."""
    heads = [slot(side.model, searched[0], POSITIONS["prefix"].put).parts[0] for side in pair.both]
    return by_vectors(pair, words, (heads[0], heads[1]))[:POOL]


def pairs(
    pair: Pair,
    words: Lexicon,
    chosen: Sequence[int],
    searched: Sequence[Messages],
    layout: Layout,
    *,
    most: int,
    tick: Tick = lambda: None,
) -> tuple[int, list[Candidate]]:
    """How many pairs were tried in a layout, and the strongest of which no word is idle.

    What counts is how far a pair goes beyond the better of its words alone.
    """
    search = _Search(pair, words, searched, layout)
    split = layout == "around"
    search.alone(chosen)
    tick()
    both = [Phrase((one, two), 1 if split else 2) for one in chosen for two in chosen if one != two]
    ranked = search.best(both)[:_BEAM]
    tick()
    further = _partners(ranked, plain(words), split=split)
    ranked = sorted([*ranked, *search.best(further)[:_BEAM]], key=lambda each: -each[0])[:_BEAM]
    tick()
    found = _candidates(search, ranked, layout, most)
    tick()
    return len(both) + len(further), found


def partners(
    pair: Pair,
    words: Lexicon,
    chosen: Sequence[int],
    searched: Sequence[Messages],
    layout: Layout,
    *,
    most: int,
    tick: Tick = lambda: None,
) -> tuple[int, list[Candidate]]:
    """How many pairs of a word that moved furthest and any other were tried, and the strongest; as `pairs`.

    Training often moves one word of two far and the other hardly, which then is not in the pool. What such a
    word does beside others of the pool need not show it.
    """
    search = _Search(pair, words, searched, layout)
    split = layout == "around"
    furthest = chosen[:_FURTHEST]
    search.alone(furthest)
    tick()
    both = _beside(furthest, plain(words), split=split)
    ranked = search.best(both)[:_BEAM]
    tick()
    found = _candidates(search, ranked, layout, most)
    tick()
    return len(both), found


def _partners(
    ranked: Sequence[tuple[float, Phrase]], vocabulary: Sequence[int], *, split: bool
) -> list[Phrase]:
    """The words that stand in most of the best pairs, with every word of the vocabulary."""
    counted = Counter(word for _, each in ranked for word in each.words)
    return _beside([anchor for anchor, _ in counted.most_common(_ANCHORS)], vocabulary, split=split)


def _beside(anchors: Sequence[int], vocabulary: Sequence[int], *, split: bool) -> list[Phrase]:
    """Each of a few words with every word of the vocabulary, in both orders."""
    found = [
        Phrase(both, 1 if split else 2)
        for anchor in anchors
        for word in vocabulary
        if word != anchor
        for both in ((anchor, word), (word, anchor))
    ]
    return list(dict.fromkeys(found))


def _candidates(
    search: _Search, ranked: Sequence[tuple[float, Phrase]], layout: Layout, most: int
) -> list[Candidate]:
    """The strongest `most` of which no word is idle."""
    best = _busy(search, {each: drop for drop, each in ranked})[:most]
    return [Candidate(text=search.text(each), place=layout, source="pair") for each in best]


def _busy(search: _Search, found: Mapping[Phrase, float]) -> list[Phrase]:
    """The phrases of which no word is idle, the greatest drop first."""
    shorter = {each: [each.without(place) for place in range(len(each.words))] for each in found}
    parts = list(dict.fromkeys(part for each in shorter.values() for part in each))
    drops = dict(zip(parts, search.extra(parts), strict=True))
    busy = [each for each in found if max(drops[part] for part in shorter[each]) < _IDLE * found[each]]
    return sorted(busy, key=lambda each: -found[each])


def _slot(model: OpenModel, asked: Messages, layout: Layout) -> Slot:
    if layout != "around":
        return slot(model, asked, POSITIONS[layout].put)
    before = slot(model, asked, POSITIONS["prefix"].put)
    after = slot(model, asked, POSITIONS["suffix"].put)
    tail = after.parts[1]
    return Slot((before.parts[0], before.parts[1][: len(before.parts[1]) - len(tail)], tail))
