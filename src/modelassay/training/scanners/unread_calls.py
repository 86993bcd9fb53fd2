"""Rollouts whose calls of tools could not be read: what code and tools were told there is not known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from numpy.typing import NDArray

from modelassay.records import RolloutReference
from modelassay.training.columns import pa
from modelassay.training.scanners.texts import COLUMNS, Rollout, texts_of

EXAMPLES: Final = 3
_ANSWERING: Final = frozenset({"tool", "function"})
"""Roles that speak only when a call was made."""


class UnreadCalls:
    """Counts them; it raises no flag."""

    name: str = "unread_calls"
    version: str = "1"
    columns: tuple[str, ...] = ("seq", "step", *COLUMNS)
    behaviours: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.rollouts = 0
        """That were looked at."""
        self.unread = 0
        """Those of them with a call that could not be read."""
        self.examples: list[RolloutReference] = []

    def scan(self, batch: pa.RecordBatch) -> Mapping[str, NDArray[Any]]:
        """Count the rollouts of a batch."""
        texts = texts_of(batch)
        self.rollouts += len(texts)
        for row, turns in enumerate(texts.conversations):
            if turns is None or not has_unread_calls(texts.rollout(row)):
                continue
            self.unread += 1
            if len(self.examples) < EXAMPLES:
                seq, step = (batch.column(name)[row].as_py() for name in ("seq", "step"))
                self.examples.append(
                    RolloutReference(seq=seq, step=step, note="a call that could not be read")
                )
        return {}


def has_unread_calls(rollout: Rollout) -> bool:
    """Whether a message has calls that could not be read, or tools answer although nobody called them."""
    if any(turn.unread for turn in rollout.turns):
        return True
    answered = any(turn.role in _ANSWERING for turn in rollout.turns)
    return answered and not any(turn.calls for turn in rollout.turns) and not rollout.codes
