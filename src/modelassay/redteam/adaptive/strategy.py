"""What every adaptive strategy has: a name, a version, an id over all that decides what it does."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

import msgspec

from modelassay.canonical import digest_of
from modelassay.errors import UsageError
from modelassay.redteam.adaptive.steps import Behaviour, Ending, Play

_DIGITS = 16


class Strategy:
    """One way of attacking that reacts. Subclasses are pure: all they know is what they are sent.

    Args:
        content: settings and texts, as plain values: all that decides what it does beside its code.
    """

    name: ClassVar[str] = ""
    version: ClassVar[str] = "1"
    """Raised whenever a change of the code could alter what it does."""
    family: ClassVar[str] = "adaptive"
    source: ClassVar[str] = ""
    """Where the idea was published."""
    frozen: ClassVar[bool] = False
    """Whether it says the same to every model, whatever that answers."""
    dated: str = ""
    """Of a frozen one: the day on which what it says was found, ISO 8601; empty if not known."""
    attacks: ClassVar[bool] = True
    """Whether it needs an attacker model."""

    def __init__(self, content: Any) -> None:
        self.content = msgspec.to_builtins(content)
        digest = digest_of({"attack": self.name, "version": self.version, "content": self.content})
        self.id = f"{self.name}@{self.version}#{digest.removeprefix('sha256:')[:_DIGITS]}"
        """``name@version#digest``, as of frozen attacks."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Strategy) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def unsuited(self, behaviour: Behaviour) -> str:
        """Why it cannot be tried on `behaviour`; empty when it can."""
        return behaviour.unsuited

    def tags(self, behaviour: Behaviour) -> dict[str, str]:
        """What it brings to an attack beside the sample's tags, to count by: who attacks, in which way."""
        return {}

    def dated_for(self, behaviour: Behaviour) -> str:
        """Of a frozen one: the day on which the newest of what it says to get at `behaviour` was found."""
        return self.dated

    def chosen_by(self, behaviour: Behaviour, models: Collection[str]) -> bool:
        """Of a frozen one: whether what it says to get at `behaviour` may have been chosen by what came of it
        on one of `models`, by fingerprint."""
        return False

    def play(self, behaviour: Behaviour) -> Play:
        """Attack; returns an `Ending`.

        Raises:
            AttackerFailedError: the attacker refuses, repeats itself or cannot be read.
            TargetFailedError: the target gave no answer.
        """
        raise NotImplementedError


def furthest(endings: list[Ending]) -> Ending:
    """A success if there is one, the first of those; else the first."""
    return next((each for each in endings if each.success), endings[0])


def bounded(value: object, low: int, high: int, where: str) -> int:
    """`value`, which must be a whole number from `low` to `high`.

    Raises:
        UsageError: it is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise UsageError(f"{value!r} is not from {low} to {high}", where=where, mend="give such a number")
    return value
