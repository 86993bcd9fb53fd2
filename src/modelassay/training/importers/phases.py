"""Whether a name speaks of training or of an evaluation: a folder's, or what a row says of its phase."""

from __future__ import annotations

import re

from modelassay.records import RunPhase

_EVALUATION = frozenset(
    ("val", "vals", "valid", "validation", "validations", "eval", "evals", "evaluation", "evaluations",
     "test", "tests", "testing", "held", "heldout", "holdout", "evaluate", "evaluated", "evaluating",
     "validate", "validated", "validating", "devset", "evalset", "testset", "valset")
)  # fmt: skip
"""``held_out`` is the words ``held`` and ``out``."""
_EVALUATION_IN_ROWS = _EVALUATION | {"dev", "hold", "benchmark", "benchmarks"}
"""A folder of such a name may as well be of an experiment that trains."""
_TRAINING = frozenset(("train", "training", "trained", "rollout", "rollouts", "rl"))


def phase_of(name: str, evaluation: frozenset[str] = _EVALUATION) -> RunPhase | None:
    """The phase that the words of `name` speak of; None when they speak of neither.

    An evaluation's word decides where there are both: ``train_eval`` evaluates.

    Args:
        evaluation: words for evaluations.
    """
    words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}
    if words & evaluation:
        return "eval"
    return "train" if words & _TRAINING else None


def phase_in_row(value: str) -> RunPhase | None:
    """The phase that a row of a table says it is of; None when its words speak of neither."""
    return phase_of(value, _EVALUATION_IN_ROWS)
