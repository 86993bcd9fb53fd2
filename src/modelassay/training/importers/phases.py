"""Whether a name speaks of training or of an evaluation."""

from __future__ import annotations

import re

from modelassay.records import RunPhase

_EVALUATION = frozenset(
    ("val", "vals", "valid", "validation", "validations", "eval", "evals", "evaluation", "evaluations",
     "test", "tests", "testing")
)  # fmt: skip
_TRAINING = frozenset(("train", "training", "trained", "rollout", "rollouts", "rl"))


def phase_of(name: str) -> RunPhase | None:
    """The phase that the words of `name` speak of; None when they speak of neither.

    An evaluation's word decides where there are both: ``train_eval`` evaluates.
    """
    words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}
    if words & _EVALUATION:
        return "eval"
    return "train" if words & _TRAINING else None
