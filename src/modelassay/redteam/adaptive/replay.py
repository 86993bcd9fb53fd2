"""Conversations that were found or written before, said again word for word.

No attacker is asked: baseline and candidate hear the same turns, whatever they answer, so that their last
answers make a pair. A conversation with an empty request is a script for every behaviour: ``{request}`` in
its turns stands for what is wanted.
"""

from __future__ import annotations

from collections.abc import Collection, Generator
from pathlib import Path
from typing import Any

from modelassay.errors import UsageError
from modelassay.records import Message
from modelassay.records.dated import newest
from modelassay.redteam.adaptive.pair import worst
from modelassay.redteam.adaptive.steps import Behaviour, Ending, Play, Tried, Try, turns_of, user
from modelassay.redteam.adaptive.strategy import Strategy, furthest
from modelassay.redteam.conversations import (
    FrozenConversation,
    by_request,
    chosen_by,
    read_conversations,
)


class Replay(Strategy):
    """Says frozen conversations again; only the last answer of each counts.

    Args:
        file: JSONL of frozen conversations (`redteam.conversations`).

    Raises:
        UsageError: no file, or one that cannot be read.
    """

    name = "replay"
    family = "replay"
    frozen = True
    attacks = False
    needs = ("file",)
    file_settings = ("file",)

    def __init__(self, *, file: str | Path | None = None) -> None:
        if file is None:
            raise UsageError("needs a file of conversations", where="attack replay", mend="give file=FILE")
        conversations = read_conversations(file, attack=self.name)
        self._conversations = by_request(conversations)
        turns = {request: [each.turns for each in kept] for request, kept in self._conversations.items()}
        super().__init__({"turns": sorted(turns.items())})

    def unsuited(self, behaviour: Behaviour) -> str:
        """Also a behaviour for which nothing was found."""
        if reason := super().unsuited(behaviour):
            return reason
        return "" if self.turns_for(behaviour) else "no conversation was kept for this request"

    def turns_for(self, behaviour: Behaviour) -> list[tuple[str, ...]]:
        """What is said to get at a behaviour: its own conversations, and every script."""
        own = [each.turns for each in self._conversations.get(behaviour.request, ())]
        scripts = [each.turns for each in self._conversations.get("", ())]
        return own + [tuple(t.replace("{request}", behaviour.request) for t in turns) for turns in scripts]

    def dated_for(self, behaviour: Behaviour) -> str:
        """The day of the newest of these, and of no other in the file."""
        return newest(each.date for each in self._found(behaviour))

    def chosen_by(self, behaviour: Behaviour, models: Collection[str]) -> bool:
        """Whether any of these was found on one of `models`, or nobody knows where."""
        return chosen_by(self._found(behaviour), models)

    def _found(self, behaviour: Behaviour) -> tuple[FrozenConversation, ...]:
        return (*self._conversations.get(behaviour.request, ()), *self._conversations.get("", ()))

    def play(self, behaviour: Behaviour) -> Play:
        """Play every conversation that there is for the behaviour, side by side."""
        went: list[Any] = yield [said_again(turns) for turns in self.turns_for(behaviour)]
        endings = [each for each in went if isinstance(each, Ending)]
        errors = [each for each in went if isinstance(each, Exception)]
        if errors and not any(each.success for each in endings):
            raise worst(errors)
        return furthest(endings)


def said_again(turns: tuple[str, ...]) -> Generator[Try, Tried, Ending]:
    """One conversation; the answers before the last only carry it on."""
    conversation: tuple[Message, ...] = ()
    for place, text in enumerate(turns, start=1):
        asked = (*conversation, user(text))
        tried = yield Try(conversation=asked, probing=place < len(turns))
        conversation = (*asked, tried.turn)
    return Ending(success=tried.judgement.success, conversation=asked, turn=turns_of(asked))
