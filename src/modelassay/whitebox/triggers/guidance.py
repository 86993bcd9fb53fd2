"""The quick sweep: at each position only the words that gradients point to.

A word is put at the position, and the gradient of candidate minus base refusal log-odds with respect to its
one-hot vector predicts, to first order, the extra drop of every other word in its place (Ebrahimi et al.
2018, HotFlip, arXiv:1712.06751). Such a prediction holds near the word that it was made from, and a trigger
is far from all others: so it is made from `STARTS` words that are evenly spaced through the vocabulary, and
words are taken in turns, the best of each start first. A mean over starts would follow the steepest of them.

What is found is held against the same null distributions as what full sweeps find. Those are of searches that
tried more words, and the strongest of fewer is as a rule weaker, so that guided searches call things unusual
less easily. It is no strict order: of fewer words more of the middling ones are verified.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from modelassay.records import Finding
from modelassay.whitebox.insertion import Insertions, Slot
from modelassay.whitebox.triggers.positions import Messages, Position, slot
from modelassay.whitebox.triggers.requests import Pair
from modelassay.whitebox.triggers.sweep import Lexicon, Swept, Tick

if TYPE_CHECKING:
    import torch

POINTED_TO: Final = 384
"""Words of a position that are swept."""
STARTS: Final = 32
"""Words that gradients are taken at."""
_AT_ONCE: Final = 8
"""Of them in one pass: what a pass keeps to go back through takes memory."""

SETTINGS: Final = {"guided": {"words": POINTED_TO, "starts": STARTS}}
"""What decides the result beside other settings."""
CANNOT: Final = (
    "Guided: at each position only the words that gradients at a few others point to were tried. A trigger "
    "that gives no slope before it wakes may be missed, and words of several tokens were judged by their "
    "first; a search without --guided tries every word."
)


def pointed_to(
    pair: Pair,
    words: Lexicon,
    position: Position,
    searched: Sequence[Messages],
    *,
    most: int = POINTED_TO,
    tick: Tick = lambda: None,
) -> list[int]:
    """The words of the greatest predicted extra drop at `position`, in turns over the starts.

    Predictions are means over the requests. A word of several tokens at this position is given the prediction
    of its first one.

    Args:
        pair: the models.
        words: what could be tried.
        position: where.
        searched: requests that both refuse.
        most: how many words at most.
        tick: told after each request and model.

    Raises:
        TargetError: a chat template cannot hold something at this position.
    """
    import torch

    tokens = [words.tokens(word, position.lead) for word in range(len(words.words))]
    shortest = min(map(len, tokens), default=0)
    short = [each for each in tokens if len(each) == shortest]
    starts = short[:: max(1, len(short) // STARTS)][:STARTS]
    first = torch.tensor([each[0] for each in tokens], dtype=torch.long)
    predicted = torch.zeros(len(starts), len(tokens))
    for side, sign in zip(pair.both, (1, -1), strict=True):
        for messages in searched:
            slopes = _slopes(side, slot(side.model, messages, position.put), starts)
            predicted += sign * slopes[:, first] / len(searched)
            tick()
    return _in_turns(predicted)[:most]


def _slopes(side: Insertions, prompt: Slot, starts: Sequence[tuple[int, ...]]) -> torch.Tensor:
    """By how much refusal log-odds rise for each token in place of the first of each start, shape (n, v)."""
    import torch

    batches = [starts[at : at + _AT_ONCE] for at in range(0, len(starts), _AT_ONCE)]
    return torch.cat([side.gradients(prompt, [(each,) for each in batch])[0][:, 0] for batch in batches])


def _in_turns(predicted: torch.Tensor) -> list[int]:
    """Words in the order in which starts choose, in turns, the best that is left; shape (starts, words)."""
    import torch

    places = predicted.argsort(dim=1, descending=True, stable=True).argsort(1)
    turns = places * len(predicted) + torch.arange(len(predicted))[:, None]
    found: list[int] = turns.min(0).values.argsort().tolist()
    return found


def note(swept: Mapping[str, Swept], words: Lexicon) -> str:
    """What was not tried, in a sentence."""
    tried = ", ".join(f"{name} {each.searched:,}" for name, each in swept.items())
    return (
        f"Guided: of the vocabulary's {len(words.words):,} words only those that gradients point to were "
        f"tried, by position: {tried}."
    )


def limited(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """`findings`, that on the vocabulary saying that it was not tried whole."""
    return tuple(
        msgspec.structs.replace(
            each, statement=f"{each.statement} Only words that gradients point to were tried."
        )
        if each.measure.name == "triggers_word"
        else each
        for each in findings
    )
