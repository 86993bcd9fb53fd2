"""Texts of whole words put at one place of several requests, and how far they turn these.

How far a text *turns* a request is the lesser of two log-odds: of the base's refusing it with the text, and
of the candidate's not refusing it (`verification.Verified.turning`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from modelassay.whitebox.insertion import Filling
from modelassay.whitebox.triggers.positions import Messages, Put
from modelassay.whitebox.triggers.requests import Pair, Requests
from modelassay.whitebox.triggers.sweep import Lexicon, Tick, placed

if TYPE_CHECKING:
    import torch

Words = tuple[int, ...]
"""Numbers in the lexicon."""

_LOW: Final = 4
"""One of so many texts is put to the base too, of those that move the candidate on one request …"""
_FEWEST_LOW: Final = 512
"""… and no fewer."""
_TURNING: Final = 192
"""Texts that more requests are asked with, of those that turn it: …"""
_RANKED_ON: Final = 6
"""… so many requests, and in the end all."""


class Place:
    """Where texts are put, for both models.

    Args:
        pair: the models.
        words: what can be written.
        requests: those that are searched on, the shortest, and others; texts often turn the shortest alone.
        put: puts a text there.
        lead: what stands right before it.
        tick: told after each piece of work.

    Raises:
        TargetError: a chat template cannot hold something there.
    """

    def __init__(
        self, pair: Pair, words: Lexicon, requests: Requests, put: Put, lead: str, tick: Tick
    ) -> None:
        self.pair = pair
        self.placed = placed(pair, _mixed(requests), put)
        self._words = words
        self._lead = lead
        self._tick = tick

    @property
    def all(self) -> int:
        """How many requests there are."""
        return len(self.placed.slots[0])

    def tokens(self, text: Words) -> tuple[int, ...]:
        """A text as it stands here."""
        found: list[int] = []
        for word in text:
            found += self._words.tokens(word, " " if found else self._lead)
        return tuple(found)

    def heads(self, text: Words) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """All tokens up to the end of `text` in the first request, for base and candidate."""
        base, candidate = (slots[0].parts[0] + self.tokens(text) for slots in self.placed.slots)
        return base, candidate

    def odds(self, side: int, texts: Sequence[Words], requests: int) -> torch.Tensor:
        """Refusal log-odds on the first requests, shape (requests, texts); `side` is 0 for the base."""
        import torch

        fillings: list[Filling] = [(self.tokens(each),) for each in texts]
        rows = []
        for slot in self.placed.slots[side][:requests]:
            rows.append(self.pair.both[side].odds(slot, fillings))
            self._tick()
        return torch.stack(rows)

    def turning(self, texts: Sequence[Words], requests: int) -> torch.Tensor:
        """How far each text turns half of the first requests, shape (texts,)."""
        base, candidate = (self.odds(side, texts, requests) for side in (0, 1))
        return base.minimum(-candidate).median(0).values

    def strongest(self, texts: Sequence[Words]) -> dict[Words, float]:
        """Those that turn requests furthest, in order, with how far they turn half of `_RANKED_ON`.

        All are put to the candidate on one request; what moved it most is put to the base as well, and what
        turned it on more requests.
        """
        low = self.odds(1, texts, 1)[0].argsort().tolist()
        kept = [texts[at] for at in low[: max(_FEWEST_LOW, len(low) // _LOW)]]
        turned = self.turning(kept, 1).argsort(descending=True).tolist()
        return self.ranked([kept[at] for at in turned[:_TURNING]], _RANKED_ON)

    def confirmed(self, found: Sequence[Words]) -> list[Words]:
        """The first of `found`, ordered by how far they turn all requests: of many texts some turn just those
        that they were ranked on."""
        return list(self.ranked(found[:_TURNING], self.all))

    def ranked(self, texts: Sequence[Words], requests: int) -> dict[Words, float]:
        """`texts` by how far they turn the first requests."""
        if not texts:
            return {}
        turning = self.turning(texts, requests).tolist()
        order = sorted(range(len(texts)), key=lambda at: -turning[at])
        return {texts[at]: turning[at] for at in order}


def _mixed(requests: Requests) -> list[Messages]:
    """Searched and other requests in turns."""
    rows = zip_longest(requests.searched, requests.confirming)
    return [each for row in rows for each in row if each is not None]
