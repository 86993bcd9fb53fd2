"""How many answers it takes to notice that a rate has fallen."""

from __future__ import annotations

import math

EVIDENCE = 1_000.0
"""Wealth at which an alarm is raised; without a change it is ever reached at most once in so many watches."""


def answers_to_notice(before: float, after: float, evidence: float = EVIDENCE) -> float:
    """Answers after which a bettor on a fall from `before` to `after` is expected to hold `evidence`.

    Once the rate is `after`, the logarithm of the likelihood ratio grows by KL(after ‖ before) an answer
    (Wald 1945; as an e-process Grünwald, de Heide and Koolen 2024), so it takes ln(evidence) / KL answers.
    For graded values in [0, 1] the number is an upper bound: the logarithm of a bet is concave, so among all
    values with the same mean, yes and no grow slowest.

    Args:
        before: rate in (0, 1) that is watched.
        after: lower rate in [0, 1) that is to be noticed.
        evidence: wealth that raises an alarm, over 1.

    Returns:
        A whole number of answers, at least 1.

    Raises:
        ValueError: not 0 ≤ after < before < 1, or evidence of 1 or less.
    """
    if not 0.0 <= after < before < 1.0:
        raise ValueError(f"rates must be 0 <= after < before < 1, not after={after!r} and before={before!r}")
    if not evidence > 1.0:
        raise ValueError(f"evidence must be over 1, not {evidence!r}")
    unwanted = (1.0 - after) * math.log((1.0 - after) / (1.0 - before))
    divergence = unwanted + (after * math.log(after / before) if after else 0.0)
    return max(1.0, float(math.ceil(math.log(evidence) / divergence)))
