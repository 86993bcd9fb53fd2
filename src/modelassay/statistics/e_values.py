"""Many sequential claims at once: e-values combined and adjusted.

An e-value is evidence against a hypothesis whose expectation under it is at most 1, such as the wealth of
`betting` whenever one stops; it rejects at level α from 1/α on. Averages of e-values are e-values under any
dependence. Adjusted values keep that reading: reject where the adjusted value is at least 1/α.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def e_bonferroni(e: ArrayLike) -> Floats:
    """e/m: controls the family-wise error rate, under any dependence.

    Args:
        e: e-values, shape ``[m]``, infinity allowed; likewise below.

    Raises:
        ValueError: a negative value or NaN, or not one-dimensional.
    """
    values = _checked(e)
    return values / max(values.size, 1)


def e_holm(e: ArrayLike, *, among: int = 0) -> Floats:
    """Closed testing with averages: the least average over all sets that hold the claim.

    Vovk and Wang (2021), Annals of Statistics 49, 1736–1754, section 5. Controls the family-wise error rate
    under any dependence and is never less than `e_bonferroni`.

    Args:
        e: e-values, shape ``[m]``, infinity allowed.
        among: claims in the whole family, where that is more than m; the e-values of the others are 0.

    Raises:
        ValueError: as `e_bonferroni`.
    """
    values = _checked(e)
    m = values.size
    order = np.argsort(values, kind="stable")
    others = max(among - m, 0)
    # With any number of companions the least average takes the smallest, which are never above the claim's
    # own value: a larger companion could only raise it.
    sums = np.concatenate([[0.0], np.cumsum(values[order])])
    adjusted = np.empty(m)
    for place, index in enumerate(order):
        sizes = others + 1.0 + np.arange(place + 1)
        adjusted[index] = np.min((values[index] + sums[: place + 1]) / sizes)
    return adjusted


def e_benjamini_hochberg(e: ArrayLike) -> Floats:
    """Adjusted e-values of e-BH; reject from 1/α on, and the false discovery rate is at most α.

    Wang and Ramdas (2022), Journal of the Royal Statistical Society B 84, 822–852: reject the k largest, k
    being the last at which the k-th largest is at least m/(α·k). Valid under any dependence.

    Raises:
        ValueError: as `e_bonferroni`.
    """
    values = _checked(e)
    m = values.size
    order = np.argsort(-values, kind="stable")
    stepped = values[order] * np.arange(1, m + 1) / max(m, 1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(stepped[::-1])[::-1]
    return adjusted


def intersection_union(e: ArrayLike) -> float:
    """The least: evidence against "at least one of these hypotheses is true" (Berger 1982); no correction.

    Raises:
        ValueError: there is none; otherwise as `e_bonferroni`.
    """
    values = _checked(e)
    if values.size == 0:
        raise ValueError("an intersection-union test needs at least one e-value")
    return float(values.min())


def _checked(e: ArrayLike) -> Floats:
    values = np.asarray(e, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"e-values must be one-dimensional, not {values.ndim}-dimensional")
    if not np.all(values >= 0.0):
        raise ValueError("every e-value must be at least 0")
    return values
