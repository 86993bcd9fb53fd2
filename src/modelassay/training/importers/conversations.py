"""Where a prompt ends and the work of a policy begins, in logs that keep conversations whole.

An agent answers many times: everything from its first answer on is its work, calls of tools and what came
back of them included. Only what stands before is the prompt, and equal for all rollouts of a group.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any


def split_at_answer(messages: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Messages before the first of the assistant, and the rest; none of the rest where it never answers."""
    first = next((i for i, each in enumerate(messages) if role_of(each) == "assistant"), len(messages))
    return list(messages[:first]), list(messages[first:])


def role_of(message: Any) -> str:
    """Who says it; empty where the source does not tell."""
    role = message.get("role") if isinstance(message, dict) else None
    return role if isinstance(role, str) else ""


def before_answer(texts: Sequence[str], sampled: Sequence[Any], length: int | None) -> int | None:
    """How many of `texts`, which name no roles, stand before the first answer; None where it cannot be told.

    After the prompt, answers and what the environment says take turns. Each answer is a run of sampled
    tokens; where the last token is not sampled, the environment has the last word. A text without tokens is
    overlooked, so that the number is rather too high than too low: the least of a group is to be taken.

    Args:
        sampled: for each token whether the policy sampled it, padding at the end not counted as sampled.
        length: tokens without padding; None when it is not known.
    """
    answers = sum(1 for before, here in pairwise([0, *sampled]) if here and not before)
    if not answers or length is None or not 0 < length <= len(sampled):
        return None
    ends_otherwise = not sampled[length - 1] or not texts[-1]
    first = len(texts) - (2 * answers - 1) - ends_otherwise
    return first if first > 0 else None


def shared_start(conversations: Sequence[Sequence[str]]) -> int:
    """How many texts at the beginning are equal in all `conversations`."""
    together = zip(*conversations, strict=False)
    return next(
        (place for place, texts in enumerate(together) if len(set(texts)) > 1), min(map(len, conversations))
    )
