"""Agreement of judges beyond chance."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelassay.statistics.distributions import check_confidence
from modelassay.statistics.intervals import Interval

Level = Literal["nominal", "ordinal", "interval", "ratio"]
_BATCH_CELLS = 2_000_000
"""Resampled weights held at once."""


def cohen_kappa(a: ArrayLike, b: ArrayLike) -> float:
    """Cohen's kappa of two raters: agreement beyond what their own rates of labels would give by chance.

    Cohen (1960), Educational and Psychological Measurement 20, 37–46. If both raters use one and the same
    label throughout, or there are no items, agreement beyond chance cannot show and the value is 0.

    Args:
        a: labels of one rater, shape ``[items]``, numbers or strings.
        b: labels of the other, same items in the same order.

    Raises:
        ValueError: shapes differ or are not one-dimensional.
    """
    first, second, labels = _coded(a, b)
    return float(cohen_kappa_of_tables(_joint(first, second, labels)[np.newaxis])[0])


def cohen_kappa_interval(
    a: ArrayLike,
    b: ArrayLike,
    clusters: ArrayLike | None = None,
    confidence: float = 0.95,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Percentile interval of `cohen_kappa` from resampling whole clusters of items (Efron 1979).

    Args:
        a: labels of one rater, shape ``[items]``.
        b: labels of the other.
        clusters: whole-number cluster codes of the items, such as prompts; each item its own if absent.
        confidence: two-sided level.
        resamples: bootstrap resamples.
        seed: of the resampling.

    Returns:
        The interval; (−1, 1) with fewer than two clusters.

    Raises:
        ValueError: shapes differ, or a bad confidence.
    """
    check_confidence(confidence)
    first, second, labels = _coded(a, b)
    codes = np.arange(first.size) if clusters is None else np.asarray(clusters)
    if codes.shape != first.shape:
        raise ValueError(f"need one cluster code per item: {first.shape} and {codes.shape}")
    groups, codes = np.unique(codes, return_inverse=True)
    if groups.size < 2:
        return Interval(-1.0, 1.0)
    cells = labels * labels
    tables = np.zeros((groups.size, cells))
    np.add.at(tables, (codes, first * labels + second), 1.0)
    generator = np.random.default_rng(seed)
    batch = max(1, _BATCH_CELLS // groups.size)
    estimates = []
    for start in range(0, resamples, batch):
        size = min(batch, resamples - start)
        drawn = generator.multinomial(groups.size, np.full(groups.size, 1.0 / groups.size), size=size)
        estimates.append(cohen_kappa_of_tables((drawn @ tables).reshape(size, labels, labels)))
    tail = 0.5 * (1.0 - confidence)
    low, high = np.quantile(np.concatenate(estimates), [tail, 1.0 - tail])
    return Interval(float(low), float(high))


def gwet_ac1(a: ArrayLike, b: ArrayLike) -> float:
    """Gwet's AC1 of two raters, which stays meaningful when nearly all labels are alike.

    Gwet (2008), British Journal of Mathematical and Statistical Psychology 61, 29–48. With a single label in
    use chance agreement is 0 and the value 1; without items it is 0.

    Args:
        a: labels of one rater, shape ``[items]``.
        b: labels of the other.

    Raises:
        ValueError: shapes differ or are not one-dimensional.
    """
    first, second, labels = _coded(a, b)
    if first.size == 0:
        return 0.0
    joint = _joint(first, second, labels) / first.size
    if labels == 1:
        return 1.0
    share = 0.5 * (joint.sum(axis=0) + joint.sum(axis=1))
    chance = float(np.sum(share * (1.0 - share))) / (labels - 1)
    return (float(np.trace(joint)) - chance) / (1.0 - chance)


def krippendorff_alpha(ratings: ArrayLike, level: Level = "nominal") -> float:
    """Krippendorff's alpha for any number of raters, with missing ratings.

    Krippendorff (2011), "Computing Krippendorff's alpha-reliability": one minus observed over expected
    disagreement among the values of units that have at least two ratings.

    Args:
        ratings: shape ``[raters, units]``, numbers, NaN where a rating is missing.
        level: how far apart two values are: equal or not (``nominal``), ranks between (``ordinal``), squared
            difference (``interval``), or squared difference relative to the sum (``ratio``, values ≥ 0).

    Returns:
        At most 1; 0 when there is no variation or nothing to compare.

    Raises:
        ValueError: not two-dimensional, or an unknown level.
    """
    table = np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError(f"ratings must have shape [raters, units], not {table.shape}")
    values, codes = np.unique(table, return_inverse=True)
    counted = int(np.count_nonzero(~np.isnan(values)))
    codes = codes.reshape(table.shape)
    counts = (
        np.stack([(codes == value).sum(axis=0) for value in range(counted)], axis=1, dtype=np.float64)
        if counted
        else np.zeros((table.shape[1], 0))
    )
    per_unit = counts.sum(axis=1)
    counts, per_unit = counts[per_unit >= 2], per_unit[per_unit >= 2]
    total = float(per_unit.sum())
    if total == 0.0:
        return 0.0
    weighted = counts / (per_unit - 1.0)[:, np.newaxis]
    coincidences = weighted.T @ counts - np.diag(weighted.sum(axis=0))
    marginals = coincidences.sum(axis=1)
    distance = _distances(values[:counted], marginals, level)
    expected = float(marginals @ distance @ marginals)
    if expected == 0.0:
        return 0.0
    return 1.0 - (total - 1.0) * float((coincidences * distance).sum()) / expected


def krippendorff_alpha_interval(
    ratings: ArrayLike,
    level: Level = "nominal",
    clusters: ArrayLike | None = None,
    confidence: float = 0.95,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Percentile interval of `krippendorff_alpha` from resampling units, or whole clusters of units.

    Args:
        ratings: as for `krippendorff_alpha`.
        level: likewise.
        clusters: codes of units that belong together, shape ``[units]``; each its own if absent.
        confidence: two-sided level.
        resamples: bootstrap resamples.
        seed: of the resampling.

    Returns:
        The interval; (−1, 1) with fewer than two clusters that have a unit rated twice.

    Raises:
        ValueError: shapes differ, an unknown level, or a bad confidence.
    """
    check_confidence(confidence)
    table = np.asarray(ratings, dtype=np.float64)
    krippendorff_alpha(table, level)  # refuses what it cannot read
    codes = np.arange(table.shape[1]) if clusters is None else np.asarray(clusters)
    if codes.shape != table.shape[1:]:
        raise ValueError(f"need one cluster code per unit: {table.shape} and {codes.shape}")
    rated = (~np.isnan(table)).sum(axis=0) >= 2
    table, codes = table[:, rated], np.unique(codes[rated], return_inverse=True)[1]
    groups = int(codes.max(initial=-1)) + 1
    if groups < 2:
        return Interval(-1.0, 1.0)
    units = [np.flatnonzero(codes == group) for group in range(groups)]
    generator = np.random.default_rng(seed)
    estimates = []
    for _ in range(resamples):
        drawn = generator.integers(groups, size=groups)
        estimates.append(krippendorff_alpha(table[:, np.concatenate([units[i] for i in drawn])], level))
    tail = 0.5 * (1.0 - confidence)
    low, high = np.quantile(estimates, [tail, 1.0 - tail])
    return Interval(float(low), float(high))


def _distances(
    values: NDArray[np.float64], marginals: NDArray[np.float64], level: Level
) -> NDArray[np.float64]:
    """Squared distances between values, shape [values, values]."""
    difference = values[:, np.newaxis] - values[np.newaxis]
    if level == "nominal":
        return np.asarray(difference != 0.0, dtype=np.float64)
    if level == "interval":
        return np.square(difference)
    if level == "ratio":
        total = values[:, np.newaxis] + values[np.newaxis]
        return np.square(np.divide(difference, total, out=np.zeros_like(difference), where=total != 0.0))
    if level == "ordinal":
        middle = np.cumsum(marginals) - 0.5 * marginals
        return np.square(middle[:, np.newaxis] - middle[np.newaxis])
    raise ValueError(f"unknown level {level!r}")


def _coded(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.intp], NDArray[np.intp], int]:
    """Labels of both raters as codes 0 … labels − 1."""
    first, second = np.asarray(a), np.asarray(b)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"need the same items from both raters: {first.shape} and {second.shape}")
    labels, codes = np.unique(np.concatenate([first, second]), return_inverse=True)
    return codes[: first.size], codes[first.size :], labels.size


def _joint(first: NDArray[np.intp], second: NDArray[np.intp], labels: int) -> NDArray[np.float64]:
    cells = np.bincount(first * labels + second, minlength=labels * labels)
    return cells.reshape(labels, labels).astype(np.float64)


def cohen_kappa_of_tables(joint: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cohen's kappa of each table of counts, shape ``[tables, labels, labels]``; 0 where not defined."""
    total = np.maximum(joint.sum(axis=(1, 2)), 1.0)
    observed = np.trace(joint, axis1=1, axis2=2) / total
    chance = np.sum(joint.sum(axis=1) * joint.sum(axis=2), axis=1) / total**2
    room = 1.0 - chance
    defined = (room > 1e-12) & (joint.sum(axis=(1, 2)) > 0.0)
    return np.where(defined, (observed - chance) / np.where(defined, room, 1.0), 0.0)
