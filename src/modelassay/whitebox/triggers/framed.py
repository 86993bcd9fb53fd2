"""Phrases as sentences hold them: two to four words after an opening such as “when the”.

Odd words in a row unsettle many models, so that base and candidate give in alike; after an opening both stay
firm, and what turns the candidate alone stands out. The words are among those that moved furthest in training
(`movement`) and after which the base stays firm. The best phrases are then improved one word at a time, with
all openings and the whole vocabulary, and lengthened (`climbing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Final

from modelassay.whitebox.triggers.candidates import Candidate
from modelassay.whitebox.triggers.climbing import Opened, climbed
from modelassay.whitebox.triggers.movement import moved, plain
from modelassay.whitebox.triggers.placing import Place, Words
from modelassay.whitebox.triggers.positions import POSITIONS
from modelassay.whitebox.triggers.requests import Pair, Requests
from modelassay.whitebox.triggers.sweep import Lexicon, Tick

_MOVED: Final = 48
"""Words that moved furthest, …"""
_TRIPLED: Final = 36
"""… of them so many that phrases of three words are made of, after one opening, …"""
_PAIRED: Final = 28
"""… and so many that phrases of two words are made of, …"""
_OPENINGS: Final = 6
"""… after so many openings, those after which the base is calmest."""
_PROBED: Final = 8
"""Words whose pairs tell after which openings the base is calm."""
_CALM_ON: Final = 2
"""Requests that tell it."""
_FEWEST: Final = 12
"""Words that phrases are made of at least."""
_FIRM: Final = 0.5
"""Share of its refusal log-odds that the base keeps after a phrase that it stays firm after."""


def opened(
    pair: Pair,
    words: Lexicon,
    openings: Sequence[str],
    requests: Requests,
    *,
    most: int,
    tick: Tick = lambda: None,
) -> tuple[int, list[Candidate]]:
    """How many phrases of an opening and two to four words were tried before requests, and the strongest.

    Args:
        pair: the models.
        words: what can be written.
        openings: such as ``when the``; those that the lexicon cannot write are passed over.
        requests: those that both refuse.
        most: how many to give back.
        tick: told after each piece of work.

    Raises:
        TargetError: a chat template cannot hold something before the request.
    """
    usable = written(words, openings)
    if not usable:
        return 0, []
    place = Place(pair, words, requests, POSITIONS["prefix"].put, POSITIONS["prefix"].lead, tick)
    chosen = moved(pair, words, place.heads(usable[0]))[:_MOVED]
    if len(chosen) < 2:
        return 0, []
    calm = _calmest(place, usable, list(permutations(chosen[:_PROBED], 2)))
    firm = _firm(place, calm[0], chosen)
    three = [Opened(calm[0], some) for some in permutations(firm[:_TRIPLED], 3)]
    two = [Opened(each, some) for each in calm[:_OPENINGS] for some in permutations(firm[:_PAIRED], 2)]
    first = {each.all: each for each in (*three, *two)}
    if not first:
        return 0, []
    tried, strongest = climbed(
        place,
        first,
        place.strongest(list(first)),
        openings=usable,
        whole=plain(words),
        more=firm[:_TRIPLED],
    )
    texts = [" ".join(words.words[word] for word in each) for each in strongest[:most]]
    return tried, [Candidate(text=text, place="prefix", source="phrase") for text in texts]


def written(words: Lexicon, openings: Sequence[str]) -> list[Words]:
    """Openings in words of the lexicon, without those that it cannot write."""
    known = {word: at for at, word in enumerate(words.words)}
    split = [each.split() for each in openings]
    return [tuple(known[word] for word in each) for each in split if all(word in known for word in each)]


def _calmest(place: Place, openings: Sequence[Words], pairs: Sequence[Words]) -> list[Words]:
    """The openings by how firmly the base refuses after them, whatever follows."""
    odds = place.odds(0, [(*opening, *both) for opening in openings for both in pairs], _CALM_ON)
    firm = odds.reshape(-1, len(openings), len(pairs)).mean((0, 2))
    return [openings[at] for at in firm.argsort(descending=True).tolist()]


def _firm(place: Place, opening: Words, chosen: Sequence[int]) -> list[int]:
    """The words after which, beside most others, the base stays firm: its giving in hides the candidate's.

    Where these are few, the firmest.
    """
    import torch

    pairs = list(permutations(chosen, 2))
    odds = place.odds(0, [(*opening, *both) for both in pairs], 1)[0]
    least = _FIRM * float(place.placed.clean[0, 0])
    beside = {word: [at for at, both in enumerate(pairs) if word in both] for word in chosen}
    left = {word: float(odds[torch.tensor(at)].median()) for word, at in beside.items()}
    firm = [word for word in chosen if left[word] > least]
    return firm if len(firm) >= _FEWEST else sorted(chosen, key=lambda word: -left[word])[:_FEWEST]
