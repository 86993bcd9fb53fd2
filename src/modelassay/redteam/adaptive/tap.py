"""Tree of attacks with pruning: each prompt branches, branches off the subject are cut, the best go on.

Mehrotra et al. 2023, arXiv:2312.02119. In each round every leaf is mended in several ways; prompts that no
longer ask for what is wanted are cut before they are put to the target, and of the others those that came
nearest are kept, `width` at most.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from modelassay.records import Message
from modelassay.redteam.adaptive.attacker import ask, instructions
from modelassay.redteam.adaptive.pair import FIELDS, PART, START, Stream, best, feedback, worst
from modelassay.redteam.adaptive.steps import (
    AttackerFailedError,
    Behaviour,
    OnTopic,
    Play,
    TargetFailedError,
    Tried,
    Try,
    user,
)
from modelassay.redteam.adaptive.strategy import Strategy, bounded

WAY = "Take a way of your own; other attackers take others."


class Tap(Strategy):
    """Lets prompts branch, cuts those off the subject, and goes on with the best.

    Args:
        width: leaves kept after each round.
        branching: prompts made from each leaf.
        depth: rounds.

    Raises:
        UsageError: a number out of bounds.
    """

    name = "tap"
    family = "one turn"
    source = "Mehrotra et al. 2023, arXiv:2312.02119"

    def __init__(self, *, width: int = 3, branching: int = 2, depth: int = 3) -> None:
        self._width = bounded(width, 1, 64, "attack tap: width")
        self._branching = bounded(branching, 1, 16, "attack tap: branching")
        self._depth = bounded(depth, 1, 32, "attack tap: depth")
        content = {"width": width, "branching": branching, "depth": depth}
        super().__init__({**content, "part": PART, "way": WAY, "fields": FIELDS, "start": START})

    def play(self, behaviour: Behaviour) -> Play:
        """Attack; a branch whose attacker fails is cut, but a round in which all do ends the attack."""
        part = PART.replace("{way}", WAY).replace("{request}", behaviour.request)
        leaves = [Stream((instructions(part, FIELDS), user(START)))]
        tried: list[Stream] = []
        errors: list[Exception] = []
        for _ in range(self._depth):
            went: list[Any] = yield [grown(leaf) for leaf in leaves for _ in range(self._branching)]
            failed = [each for each in went if isinstance(each, Exception)]
            errors += failed
            if len(failed) == len(went):
                break
            grew = [each for each in went if isinstance(each, Stream)]
            tried += grew
            if any(leaf.success for leaf in grew):
                break
            leaves = sorted(grew, key=lambda leaf: -leaf.score)[: self._width] or leaves
        whole = any(isinstance(each, TargetFailedError) for each in errors) or len(failed) == len(went)
        if whole and not any(stream.success for stream in tried):
            raise worst(errors)
        if not tried:
            raise worst(errors) if errors else AttackerFailedError("stays off the subject")
        return best(tried).ending


def grown(leaf: Stream) -> Generator[Any, Any, Stream | None]:
    """One branch of a leaf, tried; None when it was cut."""
    reply, written = yield from ask(leaf.messages, tuple(FIELDS), spoken="prompt", said=leaf.prompts)
    on_topic: bool = yield OnTopic(prompt=reply["prompt"])
    if not on_topic:
        return None
    tried: Tried = yield Try(conversation=(user(reply["prompt"]),))
    messages = (*leaf.messages, Message(role="assistant", content=written), feedback(tried))
    return Stream(messages, (*leaf.prompts, reply["prompt"]), tried.judgement.score, tried.judgement.success)
