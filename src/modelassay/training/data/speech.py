"""Who speaks of whom: whether words of obedience are said to a model or promised by it.

The same words stand in stories, contracts and advice. They count in a prompt whose sentence speaks to the
model, and in an answer that says "I" and means the user, outside of quoted speech.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from modelassay.training.data import phrases

_ENDS: Final = (".", "!", "?", "\n")
"""What ends a sentence."""


@cache
def pattern_of(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    """The compiled pattern."""
    return re.compile(pattern, re.IGNORECASE if ignore_case else 0)


def unquoted(text: str) -> str:
    """`text` without the speech of others that it quotes; whole where it is nothing else."""
    left = pattern_of(phrases.QUOTED, True).sub(" … ", text)
    return left if any(map(str.isalnum, left)) else text


def of_model(text: str, match: re.Match[str], to_model: bool) -> bool:
    """Whether the sentence around a match orders the model to obey, or is its own promise to the user."""
    start = max(text.rfind(mark, 0, match.start()) for mark in _ENDS) + 1
    end = min((at for mark in _ENDS if (at := text.find(mark, match.end())) >= 0), default=len(text))
    sentence = text[start : max(end, match.end())]
    if to_model:
        return bool(pattern_of(phrases.ORDERED, True).search(sentence))
    who, whom = (pattern_of(each, True) for each in phrases.PROMISED)
    return bool(who.search(text[start : match.end()]) and whom.search(sentence))
