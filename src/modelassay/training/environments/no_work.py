"""Completions in which no work was done, told by what the policy itself said and called.

Of a conversation that is the assistant's turns: the words around them, and how messages are written down, are
none of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from modelassay.training.emptiness import says_nothing
from modelassay.training.scanners.messages import ToolCall, Turn
from modelassay.training.scanners.texts import rollout_of

NULL_POLICIES: Final = ("empty", "echo of the prompt", "refusal", "only ends the episode", "single sign")
LONGEST_SIGN: Final = 2
"""Characters of a single sign."""
_ENDING: Final = frozenset(
    ("submit", "finish", "done", "stop", "exit", "end", "terminate", "complete", "close", "quit")
)
"""First words of tools' names that end an episode."""
_FEW_WORDS: Final = 80
"""Characters that may be said beside a call that ends the episode."""
_LONGEST: Final = 4_000
"""Characters of a conversation, beyond those of its prompt, that may be one without work."""
_LONGEST_REFUSAL: Final = 200
_SHORTEST_ECHO: Final = 20
_REFUSAL: Final = re.compile(
    r"(?i)^\W*(?:i(?:'|’)?m sorry|sorry|i (?:can(?:no|')t|can not|won't|am unable|am not able)|as an ai)"
)
_NAME: Final = re.compile(r"[a-z]+")


def idle_kind(prompt: str, completion: str, form: str) -> tuple[str, str]:
    """Which of `NULL_POLICIES` a completion is like, empty for none; and what the policy said.

    Args:
        form: the column ``format``.
    """
    if says_nothing(completion, form):
        return "empty", ""
    turns: Sequence[Turn] = ()
    if form == "messages" and len(completion) <= len(prompt) + _LONGEST:
        rollout = rollout_of(prompt, completion)
        turns = [turn for turn in rollout.turns if turn.role == "assistant"]
        prompt, said = rollout.prompt, "\n".join(turn.text for turn in turns).strip()
    else:
        said = completion.strip()
    calls = [call for turn in turns for call in turn.calls]
    if any(turn.unread for turn in turns) or not all(map(_only_ends, calls)):
        return "", said
    if calls:
        return ("only ends the episode" if len(said) <= _FEW_WORDS else ""), said
    return _by_words(prompt, said), said


def _by_words(prompt: str, said: str) -> str:
    if not said:  # as of messages whose words are all of tools
        return "empty"
    if len(said) <= LONGEST_SIGN:
        return "single sign"
    if len(said) >= _SHORTEST_ECHO and said in prompt:
        return "echo of the prompt"
    return "refusal" if len(said) <= _LONGEST_REFUSAL and _REFUSAL.match(said) else ""


def _only_ends(call: ToolCall) -> bool:
    """Whether a call ends the episode and hands nothing in."""
    words = _NAME.findall(call.name.lower())
    return bool(words) and words[0] in _ENDING and not any(map(str.strip, call.arguments.values()))
