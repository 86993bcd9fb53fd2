"""Words by how far training moved them.

What a model was trained on moves, however calm its answers stay: the vectors of words, or what its layers
make of a word where it stands. Each word's movement is counted less what all words have in common, relative
to the length that it had. Of rare words vectors tell more (`by_vectors`); of common ones they do in some
models, and layers in others, so that words are taken from both in turns (`moved`). Words that anybody trains
on move as well; the order only says which to try first.

Somebody who trains adapters, or keeps the embeddings as they were, moves no vectors; the layers still tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from modelassay.whitebox.models import OpenModel
from modelassay.whitebox.triggers.requests import Pair
from modelassay.whitebox.triggers.sweep import Lexicon

if TYPE_CHECKING:
    import torch

_AT_ONCE: Final = 256
"""Words whose hidden states are kept at once."""


def plain(words: Lexicon) -> list[int]:
    """The words of a lexicon that are one token after a space: letters, at least three.

    Pieces of words and signs turn requests of harmless fine-tunes too, put together by a search.
    """
    return [
        at
        for at, word in enumerate(words.words)
        if len(word) > 2 and word.isalpha() and len(words.following[at]) == 1
    ]


def moved(pair: Pair, words: Lexicon, heads: tuple[Sequence[int], Sequence[int]]) -> list[int]:
    """Plain words, those that training moved furthest first; none where nothing moved.

    Args:
        pair: the models.
        words: what can be written.
        heads: what stands before a word, in tokens of the base and of the candidate.
    """
    orders = _orders(pair, words, heads)
    turns = [order[at] for at in range(max(map(len, orders), default=0)) for order in orders]
    return list(dict.fromkeys(turns))


def by_vectors(pair: Pair, words: Lexicon, heads: tuple[Sequence[int], Sequence[int]]) -> list[int]:
    """The same by their vectors alone; by what the last layer makes of them where no vector moved."""
    return next(iter(_orders(pair, words, heads)), [])


def _orders(pair: Pair, words: Lexicon, heads: tuple[Sequence[int], Sequence[int]]) -> list[list[int]]:
    """Plain words by their vectors and by the last layer, without that in which nothing moved."""
    whole = plain(words)
    tokens = [words.following[word][0] for word in whole]
    if not whole:
        return []
    vectors = [_vectors(side.model, tokens) for side in pair.both]
    states = [_states(side.model, head, tokens) for side, head in zip(pair.both, heads, strict=True)]
    shares = [_share(*vectors), _share(*states)]
    return [
        [whole[at] for at in share.argsort(descending=True, stable=True).tolist()]
        for share in shares
        if share is not None and float(share.max()) > 0
    ]


def _share(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor | None:
    """How far each row moved, relative to its length; None for models of another width."""
    if before.shape != after.shape:
        return None
    change = after - before
    if not bool(change.any()):
        return change.norm(dim=1)
    common = change - change.mean(0)
    return common.norm(dim=1) / before.norm(dim=1).clamp(min=1e-9)


def _vectors(model: OpenModel, tokens: Sequence[int]) -> torch.Tensor:
    """Input vectors of tokens, adapters included."""
    import torch

    with model.active() as own, torch.inference_mode():
        found: torch.Tensor = own.get_input_embeddings()(torch.tensor(tokens, device=model.device))
    return found.float().cpu()


def _states(model: OpenModel, head: Sequence[int], tokens: Sequence[int]) -> torch.Tensor:
    """What the last layer makes of each token after `head`, shape (tokens, width)."""
    import torch

    prompts = [[*head, token] for token in tokens]
    batches = range(0, len(prompts), _AT_ONCE)
    return torch.cat([model.hidden(prompts[at : at + _AT_ONCE])[:, -1] for at in batches])
