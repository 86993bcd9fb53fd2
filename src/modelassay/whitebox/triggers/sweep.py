"""The whole vocabulary at one position, on a few requests: which words lower the candidate's refusals, and
not the base's.

The statistic is the *extra drop*: by how much a text lowers the refusal log-odds of the candidate, less by
how much it lowers those of the base. Words are ranked by its absolute size; z-scores over words say nothing,
as harmless fine-tunes leave most tokens without any effect at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from modelassay.whitebox.insertion import Filling, Slot
from modelassay.whitebox.models import OpenModel
from modelassay.whitebox.triggers.positions import Messages, Position, Put, slot
from modelassay.whitebox.triggers.requests import Pair

if TYPE_CHECKING:
    import torch

SURVIVORS: Final = 64
"""Words of a position that are verified."""
_NAMED: Final = ("bos", "eos", "unk", "pad", "sep", "cls", "mask")
_LONGEST_WORD: Final = 4
"""Most tokens that one word of the vocabulary may become at a position."""

Tick = Callable[[], None]
"""Told that a piece of work is done; raises to stop."""


class Lexicon(msgspec.Struct, frozen=True):
    """What a vocabulary can write: every token as a word of its own."""

    words: tuple[str, ...]
    starting: tuple[tuple[int, ...], ...]
    """Tokens of each word where a turn begins."""
    following: tuple[tuple[int, ...], ...]
    """Its tokens after a space."""

    def tokens(self, word: int, lead: str) -> tuple[int, ...]:
        """Of the word with this number, after `lead`."""
        return (self.following if lead else self.starting)[word]


class Swept(msgspec.Struct, frozen=True):
    """What a sweep found."""

    position: Position
    words: tuple[int, ...]
    """Numbers in the lexicon, the greatest extra drop first."""
    drops: tuple[float, ...]
    """Median extra drop over the requests."""
    searched: int
    """Words looked at."""


def lexicon(model: OpenModel) -> Lexicon:
    """The distinct texts of the tokens of `model`, without halves of characters and marks of its format."""
    tokenizer = model.tokenizer
    marks = _marks(model)
    plain = [token for token in range(len(tokenizer)) if token not in marks]
    texts = [tokenizer.decode([token]).strip() for token in plain]
    words = sorted({text for text in texts if text and "\ufffd" not in text and text.isprintable()})
    forms = [
        tokenizer([lead + word for word in words], add_special_tokens=False)["input_ids"]
        for lead in ("", " ")
    ]
    starting, following = ([tuple(ids) for ids in form] for form in forms)
    kept = [at for at in range(len(words)) if 0 < max(len(starting[at]), len(following[at])) <= _LONGEST_WORD]
    return Lexicon(
        tuple(words[at] for at in kept),
        tuple(starting[at] for at in kept),
        tuple(following[at] for at in kept),
    )


def _marks(model: OpenModel) -> set[int]:
    """Special tokens with which the tokenizer or the chat template begins, ends, fills and parts texts.

    Other special tokens, such as those that a base reserves and nobody uses, are words like any other: a
    trigger hides well in them.
    """
    tokenizer = model.tokenizer
    named = {getattr(tokenizer, f"{name}_token_id", None) for name in _NAMED}
    templates = model.template.values() if isinstance(model.template, dict) else (model.template,)
    return {
        token
        for token in tokenizer.all_special_ids
        if token in named or any(tokenizer.decode([token]) in template for template in templates)
    }


def sweep(
    pair: Pair,
    words: Lexicon,
    position: Position,
    searched: Sequence[Messages],
    *,
    among: Sequence[int] | None = None,
    tick: Tick = lambda: None,
) -> Swept:
    """Every word at `position`, before both models: many words move the base as well.

    Args:
        pair: the models.
        words: what is tried.
        position: where.
        searched: requests that both refuse.
        among: only these words, such as those that gradients point to; None tries all.
        tick: told after each request and model.
    """
    tried = list(range(len(words.words)) if among is None else among)
    place = placed(pair, searched, position.put)
    fillings = [(words.tokens(word, position.lead),) for word in tried]
    middle = place.extra(fillings, tick).median(0).values
    order = middle.argsort(descending=True).tolist()
    return Swept(
        position,
        tuple(tried[at] for at in order),
        tuple(float(middle[at]) for at in order),
        len(tried),
    )


class Placed:
    """Requests with gaps at one position, for both models.

    Args:
        pair: the models.
        slots: of the base, and of the candidate (its chat template may be another).
        clean: refusal log-odds of the requests as they are, shape (2, requests).
    """

    def __init__(self, pair: Pair, slots: tuple[list[Slot], list[Slot]], clean: torch.Tensor) -> None:
        self.pair = pair
        self.slots = slots
        self.clean = clean

    def odds(self, side: int, fillings: Sequence[Filling], tick: Tick = lambda: None) -> torch.Tensor:
        """Refusal log-odds, shape (requests, fillings); `side` is 0 for the base and 1 for the candidate."""
        import torch

        rows = []
        for each in self.slots[side]:
            rows.append(self.pair.both[side].odds(each, fillings))
            tick()
        return torch.stack(rows)

    def drops(self, side: int, fillings: Sequence[Filling], tick: Tick = lambda: None) -> torch.Tensor:
        """By how much each filling lowers them."""
        return self.clean[side][:, None] - self.odds(side, fillings, tick)

    def extra(self, fillings: Sequence[Filling], tick: Tick = lambda: None) -> torch.Tensor:
        """Extra drops, shape (requests, fillings)."""
        return self.drops(1, fillings, tick) - self.drops(0, fillings, tick)


def placed(pair: Pair, asked: Sequence[Messages], put: Put) -> Placed:
    """`asked` with a gap where `put` puts things.

    Raises:
        TargetError: a chat template cannot hold such conversations.
    """
    base, candidate = ([slot(side.model, messages, put) for messages in asked] for side in pair.both)
    return Placed(pair, (base, candidate), pair.odds(asked))
