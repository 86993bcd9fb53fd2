"""Frozen conversations: what an attacker said, turn by turn, kept so that others can be told the same.

A JSONL file, one conversation a line. Whoever plays it sends the turns one after the other, each once the one
before was answered, so that baseline and candidate hear the very same words and their last answers make a
pair. An adaptive campaign writes such a file of what it found; a red-teamer's session does too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from modelassay.errors import UsageError
from modelassay.redteam.files import read_rows

MOST_TURNS = 64
"""Of one conversation."""


class FrozenConversation(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """An attacker's turns for one request."""

    sample: str
    """Id of the sample that was attacked; empty where there was none, as in a person's session."""
    request: str
    """What was wanted, letter for letter as the dataset has it: the text of the sample's last user turn.
    Empty in a script that is for every request, whose turns then hold ``{request}``."""
    turns: tuple[str, ...]
    """User turns in the order in which they are sent; the answer to the last one is what counts."""
    found_with: str
    """Id of the attack, ``name@version#digest``, or ``manual``."""
    date: str
    """Day on which it was found, ISO 8601."""
    outcome: Literal["success", "complete"] = "success"
    """Whether it had its way then, or was only carried to its end."""
    found_on: tuple[str, ...] = ()
    """Fingerprints of the models that it had its way with, or was carried to its end against; empty where
    that is not known."""

    @property
    def tried(self) -> bool:
        """Whether it may be kept for what came of it on some model: not a script that is for every request,
        unless it says that it was found so."""
        return bool(self.request or self.found_on)


def read_conversations(
    path: str | Path, *, attack: str = "frozen_conversation"
) -> tuple[FrozenConversation, ...]:
    """The conversations of a file.

    Args:
        path: the file.
        attack: named in errors.

    Raises:
        UsageError: it cannot be read, is empty, or a row has another shape, no turn or too many.
    """
    rows: tuple[FrozenConversation, ...] = read_rows(path, attack, "file", FrozenConversation)
    for number, row in enumerate(rows, start=1):
        if not 1 <= len(row.turns) <= MOST_TURNS or not all(turn.strip() for turn in row.turns):
            raise UsageError(
                f"conversation {number} has {len(row.turns)} turns, or an empty one",
                where=f"attack {attack}: file: {path}",
                mend=f"give each 1 to {MOST_TURNS} turns that say something",
            )
    return rows


def conversation_lines(conversations: Iterable[FrozenConversation]) -> bytes:
    """The bytes of a file of `conversations`, in their order."""
    return b"".join(msgspec.json.encode(each) + b"\n" for each in conversations)


def chosen_by(conversations: Iterable[FrozenConversation], models: Collection[str]) -> bool:
    """Whether any of `conversations` may be kept for what came of it on one of `models`, by fingerprint.

    Such a one is easier on that model by its choice: of two alike, the one that it was found on falls more.
    """
    return any(
        each.tried and (not each.found_on or not set(models).isdisjoint(each.found_on))
        for each in conversations
    )


def by_request(conversations: Sequence[FrozenConversation]) -> dict[str, list[FrozenConversation]]:
    """Conversations by the text of their request."""
    found: dict[str, list[FrozenConversation]] = {}
    for each in conversations:
        found.setdefault(each.request, []).append(each)
    return found
