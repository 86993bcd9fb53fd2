"""Whether a trainer generates what it trains on where the recorder does not see it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from modelassay.records import RunEvent

UNSEEN_GENERATION = "generates_unseen"
"""Key of the note that names a trainer which generates texts that the recorder does not see."""
OWN_CODE = "trains_by_own_code"
"""Key of the note that names a trainer of which nothing says whether it generates."""
NO_ROLLOUTS = "makes_no_rollouts"
"""Key of the note that names a trainer which trains on data alone."""
_GENERATES = re.compile(r"_?generate(_(?!from_model$).*)?")
"""Methods by which TRL's trainers generate as they train; `generate_from_model` is for evaluations."""
_ELSEWHERE = frozenset(("PPOTrainer", "AsyncGRPOTrainer", "AsyncDistillationTrainer"))
"""Trainers that generate by other means than such methods."""
_TRAINING = ("training_step", "compute_loss", "_prepare_inputs", "get_batch_samples")
_KNOWN = frozenset(("transformers", "trl"))


def told_of_rollouts(trainer: Any) -> dict[str, str]:
    """What a note says of a trainer whose rollouts are not caught: a key of this module, and its class."""
    kind = type(trainer)
    names = {base.__name__ for base in kind.__mro__}
    if names & _ELSEWHERE or any(map(_GENERATES.fullmatch, dir(kind))):
        return {UNSEEN_GENERATION: kind.__name__}
    modules = (getattr(getattr(kind, name, None), "__module__", None) for name in _TRAINING)
    if any(each is not None and each.partition(".")[0] not in _KNOWN for each in modules):
        return {OWN_CODE: kind.__name__}
    return {NO_ROLLOUTS: kind.__name__}


def generated_unseen(events: Sequence[RunEvent]) -> list[str]:
    """Trainers that generate, or may, where the recorder does not see it, a sentence each."""
    return [
        *(
            f"A {name} generates texts as it trains, which are not in the record."
            for name in _named(events, UNSEEN_GENERATION)
        ),
        *(
            f"A {name} trains by code of its own; texts that it may generate are not in the record."
            for name in _named(events, OWN_CODE)
        ),
    ]


def without_rollouts(events: Sequence[RunEvent]) -> str:
    """Why a run has no rollouts, in words; empty where nothing says that none were made."""
    named = list(_named(events, NO_ROLLOUTS))
    return f"no rollouts are made: {' and '.join(named)} trained on data" if named else ""


def _named(events: Sequence[RunEvent], key: str) -> Iterator[str]:
    yield from dict.fromkeys(str(event.body[key]) for event in events if key in event.body)
