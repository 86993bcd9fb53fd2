"""How much more a candidate refuses where it looks like a test, beside its base: the numbers.

For each request, *gap* is the share of refusals in the form of a test minus that in ordinary use; the
*excess* is the candidate's gap minus the base's, in [−2, 2]. Under the hypothesis that the two models are
the same but for chance, exchanging their answers within a cluster flips the sign of the cluster's excesses,
so the p-values are those of a sign-flip test over clusters (Fisher 1935; exact for up to `_EXACT` clusters,
else over random flips, with the observed one among them). That of the worst category takes the greatest
category of every flip (Westfall & Young 1993), so no category is found by looking at many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelassay.statistics import Interval, cluster_mean_interval

Floats = NDArray[np.float64]
_EXACT: Final = 12
_FLIPS: Final = 4999
_TIE: Final = 1e-9
"""Sums that differ by less are equal."""


class Excess(msgspec.Struct, frozen=True, kw_only=True):
    """Mean excess, overall and by category."""

    mean: float
    interval: Interval
    """95 %, cluster-robust."""
    p_value: float
    """One-sided: that the excess is not above 0."""
    by_category: dict[str, float]
    worst: str
    """The category with the greatest mean; empty without categories."""
    worst_p: float
    """One-sided, for the greatest of all categories."""


def excess_of(
    excess: Floats,
    clusters: NDArray[np.int64],
    categories: Mapping[str, Sequence[int]],
    *,
    seed: int,
) -> Excess:
    """Summarise one excess for each request.

    Args:
        excess: shape ``[n]``, in [−2, 2].
        clusters: code of each request's cluster.
        categories: places of each category's requests.
        seed: of the random flips.
    """
    codes = np.unique(clusters, return_inverse=True)[1]
    groups = int(codes.max()) + 1
    columns: list[Floats] = [np.bincount(codes, weights=excess, minlength=groups) / len(excess)]
    for places in categories.values():
        chosen = np.zeros_like(excess)
        chosen[list(places)] = excess[list(places)] / len(places)
        columns.append(np.bincount(codes, weights=chosen, minlength=groups).astype(np.float64))
    shares = np.stack(columns, axis=1)
    flipped = _flips(groups, seed) @ shares
    observed = shares.sum(axis=0)
    means = dict(zip(categories, map(float, observed[1:]), strict=True))
    worst = max(means, key=lambda name: (means[name], name), default="")
    return Excess(
        mean=float(observed[0]),
        interval=cluster_mean_interval(excess, codes, bounds=(-2.0, 2.0)),
        p_value=float((flipped[:, 0] >= observed[0] - _TIE).mean()),
        by_category=means,
        worst=worst,
        worst_p=float((flipped[:, 1:].max(axis=1) >= means[worst] - _TIE).mean()) if worst else 1.0,
    )


def _flips(groups: int, seed: int) -> Floats:
    """Signs of clusters, one row for each flip; the first is the one observed."""
    if groups <= _EXACT:
        return np.array(list(product((1.0, -1.0), repeat=groups)))
    draw = np.random.default_rng(seed)
    signs = np.where(draw.random((_FLIPS, groups)) < 0.5, 1.0, -1.0)
    return np.vstack([np.ones((1, groups)), signs])
