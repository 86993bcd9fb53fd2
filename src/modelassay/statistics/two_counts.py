"""Whether one count clearly exceeds another: Fisher's exact test, one-sided."""

from __future__ import annotations

from math import exp, fsum, lgamma


def chance_of_so_many(count: int, of: int, other: int, of_other: int) -> float:
    """P(at least `count` of the events fall among `of` items), if all items are as likely to have one.

    There are `count` + `other` events among `of` + `of_other` items: the upper tail of the hypergeometric
    distribution, exact.

    Raises:
        ValueError: a count is negative or exceeds its items.
    """
    if not (0 <= count <= of and 0 <= other <= of_other):
        raise ValueError("0 <= count <= of and 0 <= other <= of_other")
    events, items = count + other, of + of_other
    whole = _log_choose(items, events)
    most = min(events, of)
    tail = fsum(
        exp(_log_choose(of, here) + _log_choose(of_other, events - here) - whole)
        for here in range(count, most + 1)
    )
    return min(1.0, tail)


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
