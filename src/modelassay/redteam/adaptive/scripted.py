"""An attacker that reads from a script: the same attack every time, with no model behind it.

For tests, for demonstrations without a second model, and to hand a hand-written attack to every strategy. It
has no memory: of the turns that its script has for a request it says the first that it does not find in what
it is told of the conversation, so that the same question always has the same reply.

Unlike a model it is told what is wanted by itself, in a system turn before all others (`wanted`): a script
for every request holds ``{request}`` in its turns, and that is put there.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from modelassay.canonical import digest_of
from modelassay.config import ModelReference
from modelassay.protocols import Target
from modelassay.records import Failure, Message, Reply, Request, TargetIdentity
from modelassay.records.dated import newest
from modelassay.redteam.conversations import FrozenConversation, chosen_by, read_conversations
from modelassay.targets import open_target

SCHEME = "scripted"
REQUEST = "{request}"
"""Stands for what is wanted, in the turns of a script for every request."""
_WANTED = "wanted"


def wanted(request: str) -> Message:
    """The turn that tells a script what is wanted, letter for letter."""
    return Message(role="system", content=json.dumps({_WANTED: request}))


def is_scripted(identity: TargetIdentity) -> bool:
    """Whether an attacker reads from a script."""
    return identity.details.get("kind") == SCHEME


def open_attacker(reference: ModelReference, *, folder: Path = Path()) -> Target:
    """The attacker that `reference` names: ``scripted:FILE``, or any model as a plan writes it.

    Raises:
        UsageError: the reference is malformed, its kind unknown, or the script cannot be read.
    """
    if reference.scheme != SCHEME:
        return open_target(reference, folder=folder)
    path = folder / reference.address
    return ScriptedAttacker(read_conversations(path, attack=SCHEME), reference=reference.model)


class ScriptedAttacker:
    """A `protocols.Target` that says what its script has.

    Args:
        script: turns by request; one with an empty request is for all that have none of their own.
        reference: what it is called.
    """

    batch_size = 1
    concurrency = 64

    def __init__(self, script: Sequence[FrozenConversation], *, reference: str = f"{SCHEME}:") -> None:
        self._script = sorted(script, key=lambda each: -len(each.request))
        self._reference = reference

    async def identify(self) -> TargetIdentity:
        """Who attacks, by the digest of the script."""
        lines = [[each.request, list(each.turns)] for each in self._script]
        return TargetIdentity(
            reference=self._reference,
            fingerprint=digest_of({"kind": SCHEME, "script": lines}),
            strength="script",
            details={"kind": SCHEME, "conversations": str(len(self._script))},
        )

    async def generate(self, requests: Sequence[Request]) -> Sequence[Reply | Failure]:
        """What the script says next, in the form that is asked for."""
        return [self._reply(each) for each in requests]

    async def close(self) -> None:
        """Nothing to give back."""

    def dated_for(self, request: str) -> str:
        """The day of what the script has for a request, ISO 8601; empty where that is not known."""
        script = self._for(request)
        return newest((script.date,)) if script is not None else ""

    def chosen_by(self, request: str, models: Collection[str]) -> bool:
        """Whether what the script has for a request may have been chosen by what came of it on one of
        `models`, by fingerprint."""
        script = self._for(request)
        return script is not None and chosen_by((script,), models)

    def _reply(self, request: Request) -> Reply | Failure:
        goal, messages = _goal(request.messages)
        told = "\n".join(message.content for message in messages)
        script = self._for(told)
        if script is None:
            return Failure(kind="absent", message="the script has nothing for this request")
        turns = script.turns
        if not script.request and any(REQUEST in turn for turn in turns):
            if goal is None:
                return Failure(kind="absent", message="the script was not told what is wanted")
            turns = tuple(turn.replace(REQUEST, goal) for turn in turns)
        names = request.reply_schema.get("required", ["message"])
        # Instructions name what is wanted: a turn that stands there alone has not been said.
        said_so_far = "\n".join(message.content for message in messages if message.role != "system")
        following = next((turn for turn in turns if not _has(said_so_far, turn)), None)
        if following is None:
            return Failure(kind="absent", message="the script is at its end")
        said = {name: "\n".join(turns) if name == "questions" else following for name in names}
        return _spoken(said)

    def _for(self, told: str) -> FrozenConversation | None:
        """The conversation for the request that stands in `told`."""
        return next((each for each in self._script if each.request in told), None)


def _goal(messages: Sequence[Message]) -> tuple[str | None, Sequence[Message]]:
    """What is wanted, where that is told by itself, and the other turns."""
    if messages and messages[0].role == "system" and messages[0].content.startswith(f'{{"{_WANTED}": '):
        return str(json.loads(messages[0].content)[_WANTED]), messages[1:]
    return None, messages


def _spoken(said: dict[str, Any]) -> Reply:
    message = Message(role="assistant", content=json.dumps(said, ensure_ascii=False))
    return Reply(message=message, finish="stop")


def _has(told: str, turn: str) -> bool:
    """Whether a turn stands in what was told, as it is or as JSON writes it."""
    return turn in told or json.dumps(turn, ensure_ascii=False)[1:-1] in told
