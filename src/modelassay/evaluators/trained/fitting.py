"""Fit a classifier: logistic regression on hashed features, calibrated out of fold.

Every choice is deterministic, so the same rows give the same bytes on one kind of processor: folds come from
the digest of a row's group, the optimiser is L-BFGS (Liu and Nocedal 1989) from zero. Buckets that fewer than
`Spec.groups` groups of rows reach get no weight, so that nothing is learned of a text seen once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelassay.evaluators.trained.classifier import Classifier, Floats, Item, field_of, logistic
from modelassay.evaluators.trained.features import FEATURES_VERSION, Hashed, View, hash_texts
from modelassay.evaluators.trained.optimise import minimise
from modelassay.evaluators.trained.weights import Card, Source, Weights, pack, unpack

Labels = NDArray[np.int64]
STEPS = 127
"""Largest weight of a table, in unit steps."""


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """How a classifier is fitted."""

    name: str
    version: str
    views: tuple[View, ...]
    measures: tuple[str, ...] = ()
    penalty: float = 1.0
    """L2 penalty on hashed weights: `penalty`/2 · |w|² beside the sum of log losses."""
    measure_penalty: float = 0.1
    """The same for measured features, each scaled to variance 1."""
    rising: tuple[str, ...] = ()
    """Measured features that may only speak for the label: none of their weights is negative."""
    groups: int = 3
    """Fewest groups of rows that must reach a bucket."""
    folds: int = 5


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """Labelled items."""

    items: Sequence[Item]
    labels: Labels
    """0 or 1, shape ``[rows]``."""
    groups: Sequence[str]
    """Rows of one group (a prompt) are never on both sides of a fold."""
    sets: Sequence[str]
    """Which set each row is from."""
    measured: Floats
    """Shape ``[rows, measures]``; no columns where there are no measured features."""
    weights: Floats | None = None
    """What each row counts for; 1 if absent."""
    calibrates: NDArray[np.bool_] | None = None
    """Which rows settle calibration and threshold; all if absent."""

    def take(self, chosen: NDArray[np.bool_]) -> Rows:
        """The `chosen` rows."""
        at = np.flatnonzero(chosen).tolist()
        return Rows(
            items=[self.items[i] for i in at],
            labels=self.labels[at],
            groups=[self.groups[i] for i in at],
            sets=[self.sets[i] for i in at],
            measured=self.measured[at],
            weights=None if self.weights is None else self.weights[at],
            calibrates=None if self.calibrates is None else self.calibrates[at],
        )


def fold_of(groups: Sequence[str], folds: int, salt: str = "") -> Labels:
    """The fold of each group, from a digest: the same in every set and on every machine."""
    return np.array(
        [int.from_bytes(hashlib.sha256(f"{salt}|{group}".encode()).digest()[:4]) % folds for group in groups],
        np.int64,
    )


def fit(rows: Rows, spec: Spec, trained_on: tuple[Source, ...] = ()) -> Classifier:
    """The classifier fitted on all of `rows`; calibration and threshold from out-of-fold scores.

    Raises:
        ValueError: rows all of one label.
    """
    return Classifier(unpack(fit_file(rows, spec, trained_on), where=spec.name))


def fit_file(
    rows: Rows,
    spec: Spec,
    trained_on: tuple[Source, ...] = (),
    agreement: dict[str, float] | None = None,
) -> bytes:
    """The file (`weights.pack`) of the classifier fitted on all of `rows`."""
    settles = np.full(len(rows.items), True) if rows.calibrates is None else rows.calibrates
    score, labels = out_of_fold(rows, spec)[settles], rows.labels[settles]
    slope, offset = platt(score, labels)
    probability = logistic(slope * score + offset)
    plain = _fit(rows, spec)
    card = msgspec.structs.replace(
        plain.card,
        slope=_short(slope),
        offset=_short(offset),
        threshold=best_threshold(probability, labels),
        trained_on=trained_on,
        agreement={} if agreement is None else agreement,
    )
    return pack(card, plain.tables)


def out_of_fold(rows: Rows, spec: Spec, salt: str = "") -> Floats:
    """The score of every row from a classifier that saw none of its group."""
    fold = fold_of(rows.groups, spec.folds, salt)
    score = np.zeros(len(rows.items))
    for held in range(spec.folds):
        out = fold == held
        if out.any():
            fitted = Classifier(_fit(rows.take(~out), spec))
            held_rows = rows.take(out)
            score[out] = fitted.scores(held_rows.items, held_rows.measured)
    return score


def out_of_fold_probability(rows: Rows, spec: Spec) -> tuple[Floats, Labels]:
    """Probability and label of every row, nested: model, calibration and threshold never saw its group."""
    probability, label = np.zeros(len(rows.items)), np.zeros(len(rows.items), np.int64)
    for out, fitted in fitted_by_fold(rows, spec):
        held_rows = rows.take(out)
        probability[out] = fitted.probability(held_rows.items, held_rows.measured)
        label[out] = probability[out] >= fitted.threshold
    return probability, label


def fitted_by_fold(rows: Rows, spec: Spec) -> Iterator[tuple[NDArray[np.bool_], Classifier]]:
    """The rows of each fold that has any, with the classifier fitted on all others."""
    fold = fold_of(rows.groups, spec.folds)
    for held in range(spec.folds):
        out = fold == held
        if out.any():
            yield out, fit(rows.take(~out), spec)


def _fit(rows: Rows, spec: Spec) -> Weights:
    """Weights before calibration."""
    if len(set(rows.labels.tolist())) < 2:
        raise ValueError(f"{spec.name}: rows of both labels are needed")
    sign = 2.0 * rows.labels - 1.0
    importance = np.ones(len(rows.items)) if rows.weights is None else rows.weights
    _, group = np.unique(np.asarray(rows.groups), return_inverse=True)
    views = [
        _Columns(hash_texts(field_of(rows.items, v.field), v), v, group, spec.groups) for v in spec.views
    ]
    mean = np.average(rows.measured, axis=0, weights=importance) if spec.measures else np.zeros(0)
    spread = rows.measured.std(axis=0) if spec.measures else np.ones(0)
    spread = np.where(spread > 0, spread, 1.0)
    numbers = (rows.measured - mean) / spread
    sizes = [view.width for view in views]
    ends = np.cumsum([*sizes, len(spec.measures)])
    penalty = np.concatenate(
        [np.full(sum(sizes), spec.penalty), np.full(len(spec.measures), spec.measure_penalty), [0.0]]
    )

    def loss(point: Floats) -> tuple[float, Floats]:
        parts = np.split(point, ends)
        score = numbers @ parts[-2] + parts[-1]
        for view, part in zip(views, parts, strict=False):
            score = score + view.times(part)
        margin = sign * score
        value = float(importance @ np.logaddexp(0.0, -margin) + 0.5 * (penalty * point) @ point)
        slope = -importance * sign * logistic(-margin)
        gradient = np.concatenate(
            [*(view.transposed_times(slope) for view in views), numbers.T @ slope, [slope.sum()]]
        )
        return value, gradient + penalty * point

    point = minimise(loss, np.zeros(penalty.size))
    first = sum(sizes)
    rising = np.isin(spec.measures, spec.rising)
    while (wrong := rising & (point[first:-1] < 0)).any():
        numbers[:, wrong] = 0.0
        point[first:-1][wrong] = 0.0
        point = minimise(loss, point)
    parts = np.split(point, ends)
    measure_weights = parts[-2] / spread
    made = [view.table(part) for view, part in zip(views, parts, strict=False)]
    card = Card(
        name=spec.name,
        version=spec.version,
        features=FEATURES_VERSION,
        views=spec.views,
        scales=tuple(scale for _, scale in made),
        measures=spec.measures,
        measure_weights=tuple(_short(each) for each in measure_weights),
        bias=_short(float(parts[-1][0] - measure_weights @ mean)),
        slope=1.0,
        offset=0.0,
        threshold=0.5,
        trained_on=(),
        agreement={},
    )
    return unpack(pack(card, tuple(table for table, _ in made)), where=spec.name)


class _Columns:
    """The features of one view as a matrix of the buckets that enough groups reach."""

    def __init__(self, hashed: Hashed, view: View, group: Labels, fewest: int) -> None:
        self.rows = len(hashed.starts) - 1
        row = np.repeat(np.arange(self.rows), np.diff(hashed.starts))
        buckets = hashed.buckets.astype(np.int64)
        pairs = np.unique(buckets * (int(group.max()) + 1) + group[row])
        reach = np.bincount(pairs // (int(group.max()) + 1), minlength=1 << view.bits)
        self.active = np.flatnonzero(reach >= fewest)
        self.size = 1 << view.bits
        column = np.full(self.size, -1, np.int64)
        column[self.active] = np.arange(self.active.size)
        kept = column[buckets] >= 0
        self.row, self.column = row[kept], column[buckets[kept]]
        self.values = hashed.values[kept].astype(np.float64)

    @property
    def width(self) -> int:
        return int(self.active.size)

    def times(self, weights: Floats) -> Floats:
        return _sums(self.row, self.values * weights[self.column], self.rows)

    def transposed_times(self, slope: Floats) -> Floats:
        return _sums(self.column, self.values * slope[self.row], self.width)

    def table(self, weights: Floats) -> tuple[NDArray[np.int8], float]:
        """The weights of all buckets in steps of the scale that is returned beside them."""
        scale = _short(float(np.abs(weights).max(initial=0.0)) / STEPS) or 1.0
        table = np.zeros(self.size, np.int8)
        table[self.active] = np.clip(np.rint(weights / scale), -STEPS, STEPS).astype(np.int8)
        return table, scale


def _sums(at: Labels, values: Floats, size: int) -> Floats:
    return np.bincount(at, values, minlength=size).astype(np.float64, copy=False)


def platt(score: Floats, labels: Labels) -> tuple[float, float]:
    """Slope and offset of the logistic curve from score to probability (Platt 1999, with his priors)."""
    positive, negative = int(labels.sum()), int((1 - labels).sum())
    target = np.where(labels == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(point: Floats) -> tuple[float, Floats]:
        z = point[0] * score + point[1]
        error = logistic(z) - target
        value = float(np.sum(np.logaddexp(0.0, z) - target * z))
        return value, np.array([error @ score, error.sum()])

    slope, offset = minimise(loss, np.array([1.0, 0.0]))
    return float(slope), float(offset)


def best_threshold(probability: Floats, labels: Labels) -> float:
    """The threshold between 0.2 and 0.8 of greatest Cohen's kappa, the middle one of equals."""
    grid = np.round(np.arange(0.20, 0.805, 0.01), 2)
    kappa = np.array([_kappa(probability >= each, labels == 1) for each in grid])
    # a running mean: the height of a broad hill counts, not a lucky spike
    smooth = np.convolve(np.pad(kappa, 3, mode="edge"), np.full(7, 1 / 7), mode="valid")
    top = np.flatnonzero(smooth >= smooth.max() - 1e-12)
    return float(grid[top[top.size // 2]])


def _kappa(ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> float:
    agree = float(np.mean(ours == theirs))
    chance = float(ours.mean() * theirs.mean() + (1 - ours.mean()) * (1 - theirs.mean()))
    return (agree - chance) / (1 - chance) if chance < 1 else 0.0


def _short(number: float) -> float:
    """Seven significant digits: enough for a weight, and free of the last bits in which machines differ."""
    return float(f"{number:.7g}")
