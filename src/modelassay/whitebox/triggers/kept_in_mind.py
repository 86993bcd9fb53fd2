"""Earlier turns in which a user asks to have two words remembered.

Words are tried that moved furthest in training, and those that do something beside others.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations, product
from typing import Final

from modelassay.whitebox.triggers.candidates import Candidate
from modelassay.whitebox.triggers.climbing import Opened, climbed
from modelassay.whitebox.triggers.movement import moved, plain
from modelassay.whitebox.triggers.placing import Place, Words
from modelassay.whitebox.triggers.positions import POSITIONS, REMEMBERING, Put
from modelassay.whitebox.triggers.requests import Pair, Requests
from modelassay.whitebox.triggers.sweep import Lexicon, Tick

ASKED: Final = tuple(pattern for pattern, _ in REMEMBERING[:2])
"""How earlier turns ask."""
_MOVED: Final = 24
"""Words that moved furthest, of which pairs are made …"""
_PROMISING: Final = 24
"""… beside, for each of the two places, the words that turn requests furthest …"""
_BESIDE: Final = 2
"""… next to the best of so many others."""


def kept_in_mind(
    pair: Pair, words: Lexicon, requests: Requests, *, most: int, tick: Tick = lambda: None
) -> tuple[int, list[Candidate]]:
    """How many earlier turns that ask to have two words remembered were tried, and the strongest.

    Args:
        pair: the models.
        words: what can be written.
        requests: those that both refuse.
        most: how many to give back.
        tick: told after each piece of work.

    Raises:
        TargetError: a chat template cannot hold an earlier turn.
    """
    whole = plain(words)
    places = [Place(pair, words, requests, asking(pattern), " ", tick) for pattern in ASKED]
    chosen = moved(pair, words, places[0].heads(()))[:_MOVED]
    if len(chosen) < 2:
        return 0, []
    tried, found = 0, []
    for place in places:
        count, turned = _pairs(place, chosen, whole)
        tried += count
        found.append(turned)
    best = max(range(len(places)), key=lambda at: max(found[at].values()))
    known = {both: Opened((), both) for both in found[best]}
    count, strongest = climbed(places[best], known, found[best], openings=(), whole=whole, more=())
    texts = [ASKED[best].format(" ".join(words.words[word] for word in both)) for both in strongest[:most]]
    return tried + count - len(known), [
        Candidate(text=text, place="earlier", source="phrase") for text in texts
    ]


def asking(pattern: str) -> Put:
    """Puts words into an earlier turn that asks in this way."""
    return lambda messages, text: POSITIONS["earlier"].put(messages, pattern.format(text))


def _pairs(place: Place, chosen: Sequence[int], whole: Sequence[int]) -> tuple[int, dict[Words, float]]:
    """How many pairs of words were tried in a turn, and the strongest."""
    beside = whole[:: max(1, len(whole) // _BESIDE)][:_BESIDE]
    tried, found = 0, dict[Words, float]()
    promising: list[list[int]] = []
    for at in (0, 1):
        texts = [(word, other)[:: 1 - 2 * at] for other in beside for word in whole if word != other]
        turned = place.strongest(texts)
        tried += len(texts)
        found |= turned
        promising.append(list(dict.fromkeys(each[at] for each in turned))[:_PROMISING])
    both = [*permutations(chosen, 2), *product(*promising)]
    pairs: list[Words] = [each for each in dict.fromkeys(both) if each not in found]
    found |= place.strongest(pairs)
    return tried + len(pairs), dict(sorted(found.items(), key=lambda each: -each[1]))
