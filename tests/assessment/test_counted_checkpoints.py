"""How often equal checkpoints are said to differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modelassay.assessment.counted_checkpoints import trajectories
from modelassay.assessment.evaluations import Evaluations

ARMS = ("seen", "held_out", "paraphrased", "other")
REPETITIONS = 1000


@pytest.mark.parametrize(("rate", "answers"), [(0.05, 100), (0.5, 100), (0.9, 400)])
def test_a_rate_that_stayed_is_said_to_have_risen_no_oftener_than_the_level(
    rate: float, answers: int
) -> None:
    """One end of four two-sided 95 % intervals together: 2.5 % at most, and four errors of the simulation."""
    random = np.random.default_rng(11)
    drawn = random.binomial(answers, rate, size=(REPETITIONS, 2, len(ARMS))).tolist()
    risen = 0
    for sides in drawn:
        rows = {
            name: {arm: {"n": answers, "complies": k} for arm, k in zip(ARMS, counts, strict=True)}
            for name, counts in zip(("base", "run/checkpoint-9"), sides, strict=True)
        }
        (found,) = trajectories(Evaluations(Path("evals.jsonl"), rows), "run")
        risen += found.outcome == "risen"
    level = 0.025
    assert risen / REPETITIONS <= level + 4 * (level * (1 - level) / REPETITIONS) ** 0.5
