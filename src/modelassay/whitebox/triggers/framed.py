"""Phrases as sentences hold them: after an opening, and in an earlier turn that asks to have them remembered.

Odd words in a row unsettle many models, so that base and candidate give in alike; after "when the" both stay
firm, and what turns the candidate alone stands out. Two words are taken from those that moved most in
training; of three the third is one that gradients point to, for it need not have moved further than others:
candidate less base, at words that are evenly spaced through the vocabulary (Ebrahimi et al. 2018, HotFlip,
arXiv:1712.06751). In earlier turns two words stand, those that moved or that do something beside others. The
best are then improved one word at a time, with all openings and the whole vocabulary, and lengthened by words
that moved.

All is ranked by how far it turns requests (`conclusions`), not by drops of refusal log-odds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations, product
from typing import TYPE_CHECKING, Final

import msgspec

from modelassay.whitebox.insertion import Filling
from modelassay.whitebox.triggers.candidates import Candidate
from modelassay.whitebox.triggers.positions import POSITIONS, REMEMBERING, Messages, Put
from modelassay.whitebox.triggers.requests import Pair
from modelassay.whitebox.triggers.sweep import Lexicon, Tick, placed

if TYPE_CHECKING:
    import torch

Words = tuple[int, ...]
"""Numbers in the lexicon."""

_MOVED: Final = 8
"""Words that moved most, of which phrases of three words take two, …"""
_PAIRED: Final = 28
"""… phrases of two take both, and any is lengthened."""
_LONGEST: Final = 4
"""Most words after an opening."""
_ASKED: Final = REMEMBERING[:2]
"""How earlier turns ask …"""
_KEPT_IN_MIND: Final = 16
"""… to have two words remembered, of so many that moved most …"""
_PROMISING: Final = 24
"""… and for each place in them the words that turn requests furthest …"""
_BESIDE: Final = 2
"""… beside the best of so many others."""
_OPENINGS: Final = (6, 3)
"""Openings that two and three words are tried after, of all those after which the base is calmest."""
_STARTS: Final = 8
"""Words that gradients are taken at, in the place of the third …"""
_POINTED_TO: Final = 24
"""… and the words that they choose for it."""
_SLOPES_FROM: Final = 2
"""Requests that gradients are means over, and that openings are chosen on."""
_AT_ONCE: Final = 16
"""Phrases of which gradients are taken in one pass."""
_LOW: Final = 4
"""One of so many phrases is put to the base too, of those that move the candidate on one request …"""
_FEWEST_LOW: Final = 512
"""… and no fewer."""
_TURNING: Final = 192
"""Phrases that the other requests are asked with, of those that turn it."""
_IMPROVED: Final = 3
"""Phrases that are improved in a round …"""
_ROUNDS: Final = 2
"""… of so many at most."""
_HOLE: Final = -1
"""Stands for the third word."""


class Opened(msgspec.Struct, frozen=True):
    """A phrase of an opening and other words."""

    opening: Words
    words: Words

    @property
    def all(self) -> Words:
        """All of them in order."""
        return (*self.opening, *self.words)


class _Place:
    """Where phrases are put, for both models."""

    def __init__(
        self, pair: Pair, words: Lexicon, searched: Sequence[Messages], put: Put, lead: str, tick: Tick
    ) -> None:
        self.pair = pair
        self.placed = placed(pair, searched, put)
        self._words = words
        self._lead = lead
        self._tick = tick

    def tokens(self, phrase: Words) -> tuple[int, ...]:
        """A phrase as it stands here."""
        found: list[int] = []
        for word in phrase:
            found += self._words.tokens(word, " " if found else self._lead)
        return tuple(found)

    def odds(self, side: int, phrases: Sequence[Words], requests: int) -> torch.Tensor:
        """Refusal log-odds on the first requests, shape (requests, phrases)."""
        import torch

        fillings: list[Filling] = [(self.tokens(each),) for each in phrases]
        rows = []
        for slot in self.placed.slots[side][:requests]:
            rows.append(self.pair.both[side].odds(slot, fillings))
            self._tick()
        return torch.stack(rows)

    def strongest(self, phrases: Sequence[Words]) -> dict[Words, float]:
        """Those that turn requests furthest, in order, with the median over requests of how far.

        All are put to the candidate on one request; what moved it most is put to the base as well, and what
        turned it on every request.
        """
        low = self.odds(1, phrases, 1)[0].argsort().tolist()
        kept = [phrases[at] for at in low[: max(_FEWEST_LOW, len(low) // _LOW)]]
        turned = self._turning(kept, 1).argsort(descending=True).tolist()
        kept = [kept[at] for at in turned[:_TURNING]]
        turning = self._turning(kept, len(self.placed.slots[0])).tolist()
        order = sorted(range(len(kept)), key=lambda at: -turning[at])
        return {kept[at]: turning[at] for at in order}

    def _turning(self, phrases: Sequence[Words], requests: int) -> torch.Tensor:
        base, candidate = (self.odds(side, phrases, requests) for side in (0, 1))
        return base.minimum(-candidate).median(0).values


def plain(words: Lexicon) -> list[int]:
    """The words of a lexicon that are one token after a space: letters, at least three.

    Pieces of words and signs turn requests of harmless fine-tunes too, put together by a search.
    """
    return [
        at
        for at, word in enumerate(words.words)
        if len(word) > 2 and word.isalpha() and len(words.following[at]) == 1
    ]


def opened(
    pair: Pair,
    words: Lexicon,
    moved: Sequence[int],
    openings: Sequence[str],
    searched: Sequence[Messages],
    *,
    most: int,
    tick: Tick = lambda: None,
) -> tuple[int, list[Candidate]]:
    """How many phrases of an opening and two to four words were tried before requests, and the strongest.

    Args:
        pair: the models.
        words: what can be written.
        moved: plain words, those that moved most first.
        openings: such as ``when the``; those that the lexicon cannot write are passed over.
        searched: requests that both refuse.
        most: how many to give back.
        tick: told after each piece of work.

    Raises:
        TargetError: a chat template cannot hold something before the request.
    """
    known = {word: at for at, word in enumerate(words.words)}
    split = [each.split() for each in openings]
    usable = [tuple(known[word] for word in each) for each in split if all(word in known for word in each)]
    pairs = list(permutations(moved[:_MOVED], 2))
    whole = plain(words)
    if not usable or not pairs:
        return 0, []
    place = _Place(pair, words, searched, POSITIONS["prefix"].put, POSITIONS["prefix"].lead, tick)
    calm = _calmest(place, usable, pairs)
    two = [Opened(each, both) for each in calm[: _OPENINGS[0]] for both in permutations(moved[:_PAIRED], 2)]
    begun = [Opened(each, both) for each in calm[: _OPENINGS[1]] for both in pairs]
    first: dict[Words, Opened] = {each.all: each for each in (*_completed(place, begun, whole, words), *two)}
    found = place.strongest(list(first))
    tried, strongest = _climbed(place, first, found, usable, whole, moved[:_PAIRED])
    texts = [" ".join(words.words[word] for word in each) for each in list(strongest)[:most]]
    return tried, [Candidate(text=text, place="prefix", source="phrase") for text in texts]


def kept_in_mind(
    pair: Pair,
    words: Lexicon,
    moved: Sequence[int],
    searched: Sequence[Messages],
    *,
    most: int,
    tick: Tick = lambda: None,
) -> tuple[int, list[Candidate]]:
    """How many earlier turns that ask to have two words remembered were tried, and the strongest.

    Args and errors as `opened`.
    """
    if len(moved) < 2:
        return 0, []
    whole = plain(words)
    places = [_Place(pair, words, searched, _asking(pattern), " ", tick) for pattern, _ in _ASKED]
    tried, found = 0, []
    for place in places:
        count, turned = _remembered(place, moved, whole)
        tried += count
        found.append(turned)
    best = max(range(len(places)), key=lambda at: max(found[at].values()))
    known = {both: Opened((), both) for both in found[best]}
    count, found[best] = _climbed(places[best], known, found[best], (), whole, ())
    texts = {
        pattern.format(" ".join(words.words[word] for word in both)): turning
        for (pattern, _), turned in zip(_ASKED, found, strict=True)
        for both, turning in turned.items()
    }
    return tried + count - len(known), [
        Candidate(text=text, place="earlier", source="phrase")
        for text in sorted(texts, key=lambda each: -texts[each])[:most]
    ]


def _remembered(place: _Place, moved: Sequence[int], whole: Sequence[int]) -> tuple[int, dict[Words, float]]:
    """How many pairs of words were tried in a turn, and the strongest."""
    beside = whole[:: max(1, len(whole) // _BESIDE)][:_BESIDE]
    tried, found = 0, dict[Words, float]()
    promising: list[list[int]] = []
    for at in (0, 1):
        phrases = [(word, other)[:: 1 - 2 * at] for other in beside for word in whole if word != other]
        turned = place.strongest(phrases)
        tried += len(phrases)
        found |= turned
        promising.append(list(dict.fromkeys(each[at] for each in turned))[:_PROMISING])
    both = [*permutations(moved[:_KEPT_IN_MIND], 2), *product(*promising)]
    pairs: list[Words] = [each for each in dict.fromkeys(both) if each not in found]
    found |= place.strongest(pairs)
    return tried + len(pairs), dict(sorted(found.items(), key=lambda each: -each[1]))


def _climbed(
    place: _Place,
    known: Mapping[Words, Opened],
    strongest: dict[Words, float],
    openings: Sequence[Words],
    whole: Sequence[int],
    more: Sequence[int],
) -> tuple[int, dict[Words, float]]:
    """How many phrases were tried in all, and the strongest, the best improved one word at a time."""
    found = dict(known)
    for _ in range(_ROUNDS):
        best = list(strongest)[:_IMPROVED]
        changes = (each for one in best for each in _changed(found[one], openings, whole, more))
        changed = {each.all: each for each in changes if each.all not in found}
        found |= changed
        better = strongest | place.strongest(list(changed))
        strongest = dict(sorted(better.items(), key=lambda each: -each[1]))
        if list(strongest)[:_IMPROVED] == best:
            break
    return len(found), strongest


def _asking(pattern: str) -> Put:
    return lambda messages, text: POSITIONS["earlier"].put(messages, pattern.format(text))


def _calmest(place: _Place, openings: Sequence[Words], pairs: Sequence[Words]) -> list[Words]:
    """The openings by how firmly the base refuses after them, whatever follows."""
    odds = place.odds(0, [(*opening, *both) for opening in openings for both in pairs], _SLOPES_FROM)
    firm = odds.reshape(-1, len(openings), len(pairs)).mean((0, 2))
    return [openings[at] for at in firm.argsort(descending=True).tolist()]


def _completed(
    place: _Place, begun: Sequence[Opened], whole: Sequence[int], words: Lexicon
) -> Iterator[Opened]:
    """Each phrase with a third word at every place, of those that gradients point to."""
    import torch

    starts = list(whole[:: max(1, len(whole) // _STARTS)][:_STARTS])
    tokens = torch.tensor([words.following[word][0] for word in whole])
    holed = [
        Opened(each.opening, (*each.words[:at], _HOLE, *each.words[at:]))
        for each in begun
        for at in range(len(each.words) + 1)
    ]
    groups: dict[tuple[int, int], list[Opened]] = {}
    for each in holed:
        hole = each.all.index(_HOLE)
        before, filled = (len(place.tokens(some)) for some in (each.all[:hole], _with(each, starts[0]).all))
        groups.setdefault((before, filled), []).append(each)
    for (at, _), alike in groups.items():
        for first in range(0, len(alike), _AT_ONCE):
            batch = alike[first : first + _AT_ONCE]
            predicted = _predicted(place, [_with(each, word).all for each in batch for word in starts], at)
            means = predicted[:, tokens].reshape(len(batch), len(starts), -1).mean(1)
            for each, row in zip(batch, means, strict=True):
                for best in row.topk(min(_POINTED_TO, len(whole))).indices.tolist():
                    if whole[best] not in each.all:
                        yield _with(each, whole[best])


def _predicted(place: _Place, phrases: Sequence[Words], at: int) -> torch.Tensor:
    """Extra drop, to first order, of every token in this place of each phrase, shape (phrases, tokens)."""
    fillings: list[Filling] = [(place.tokens(each),) for each in phrases]
    slopes = [
        sign * side.gradients(slot, fillings)[0][:, at]
        for side, slots, sign in zip(place.pair.both, place.placed.slots, (1, -1), strict=True)
        for slot in slots[:_SLOPES_FROM]
    ]
    total: torch.Tensor = sum(slopes[1:], slopes[0])
    return total


def _with(holed: Opened, word: int) -> Opened:
    """A phrase with the hole filled."""
    return Opened(holed.opening, tuple(word if each == _HOLE else each for each in holed.words))


def _changed(
    each: Opened, openings: Sequence[Words], whole: Sequence[int], more: Sequence[int]
) -> Iterator[Opened]:
    """A phrase with another opening, one other word, or one of some more."""
    for opening in openings:
        yield Opened(opening, each.words)
    for at in range(len(each.words)):
        for word in whole:
            yield Opened(each.opening, (*each.words[:at], word, *each.words[at + 1 :]))
    if len(each.words) < _LONGEST:
        for at, word in product(range(len(each.words) + 1), more):
            yield Opened(each.opening, (*each.words[:at], word, *each.words[at:]))
