"""How likely a random sample shows that something is wrong: discovery sampling.

Of `population` items `bad` are bad; n are drawn without replacement. The chance that at least one bad item is
drawn is ``1 − C(N−m, n) / C(N, n)`` (hypergeometric; the discovery sampling of auditors).
"""

from __future__ import annotations

from math import exp, lgamma


def detection_probability(population: int, bad: int, drawn: int) -> float:
    """P(at least one of `bad` items is among `drawn` of `population`).

    Raises:
        ValueError: more are bad or drawn than there are, or a number is negative.
    """
    if not (0 <= bad <= population and 0 <= drawn <= population):
        raise ValueError("0 <= bad, drawn <= population")
    if drawn > population - bad:
        return 1.0
    return 1.0 - exp(_log_choose(population - bad, drawn) - _log_choose(population, drawn))


def sample_size_for_detection(population: int, bad: int, probability: float) -> int:
    """The fewest items to draw so that `detection_probability` reaches `probability`; 0 for none wanted.

    Raises:
        ValueError: no item is bad, more are than there are, or `probability` is not in [0, 1).
    """
    if not 1 <= bad <= population or not 0.0 <= probability < 1.0:
        raise ValueError("1 <= bad <= population and 0 <= probability < 1")
    low, high = 0, population - bad + 1
    while low < high:
        middle = (low + high) // 2
        if detection_probability(population, bad, middle) >= probability:
            high = middle
        else:
            low = middle + 1
    return low


def most_bad_undetected(population: int, drawn: int, confidence: float = 0.95) -> int:
    """The most items that can be bad when none of `drawn` was, at `confidence`: an exact upper bound.

    Raises:
        ValueError: more are drawn than there are, or `confidence` is not in (0, 1).
    """
    if not 0 <= drawn <= population or not 0.0 < confidence < 1.0:
        raise ValueError("0 <= drawn <= population and 0 < confidence < 1")
    low, high = 0, population - drawn
    while low < high:
        middle = (low + high + 1) // 2
        if detection_probability(population, middle, drawn) <= confidence:
            low = middle
        else:
            high = middle - 1
    return low


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
