"""A trained classifier: texts in, probabilities out; numpy alone, no network, no text inside."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelassay.errors import UnknownNameError
from modelassay.evaluators.trained.features import Hashed, hash_texts
from modelassay.evaluators.trained.weights import Card, Weights, unpack

Item = str | tuple[str, ...]
"""A text, or the texts that are judged together, such as request and answer."""

Floats = NDArray[np.float64]

SUFFIX = ".weights"


class Classifier:
    """Logistic regression over hashed n-grams and measured features.

    Args:
        weights: as read from a file; `load` finds those in the package.
    """

    def __init__(self, weights: Weights) -> None:
        self.card: Card = weights.card
        self.digest: str = weights.digest
        self._tables = tuple(
            table.astype(np.float32) * np.float32(scale)
            for table, scale in zip(weights.tables, weights.card.scales, strict=True)
        )

    @staticmethod
    def load(name: str) -> Classifier:
        """The classifier `name` that comes with the package, read once a process.

        Raises:
            UnknownNameError: none of that name comes with the package.
            EvidenceError: its file was changed.
        """
        return _load(name)

    @property
    def version(self) -> str:
        """Version and digest, for the version of an evaluator that rests on this classifier."""
        return f"{self.card.version}+{self.digest[:12]}"

    @property
    def threshold(self) -> float:
        """From this probability on, the label is given."""
        return self.card.threshold

    def scores(self, items: Sequence[Item], measured: ArrayLike | None = None) -> Floats:
        """Log odds before calibration, shape ``[items]``.

        Args:
            items: texts, or tuples of texts where the classifier reads several.
            measured: the features named in `card.measures`, shape ``[items, measures]``.

        Raises:
            ValueError: measured features are missing or of another shape.
        """
        total = np.full(len(items), self.card.bias)
        names = self.card.measures
        numbers = np.zeros((len(items), 0)) if measured is None else np.asarray(measured, np.float64)
        if numbers.shape != (len(items), len(names)):
            raise ValueError(f"need measured features of shape {(len(items), len(names))}")
        if names:
            total += numbers @ np.array(self.card.measure_weights)
        for view, table in zip(self.card.views, self._tables, strict=True):
            total += weigh(hash_texts(field_of(items, view.field), view), table)
        return total

    def probability(self, items: Sequence[Item], measured: ArrayLike | None = None) -> Floats:
        """Calibrated probability of the label for each item; arguments as for `scores`."""
        return logistic(self.card.slope * self.scores(items, measured) + self.card.offset)


def field_of(items: Sequence[Item], field: int) -> list[str]:
    """Text number `field` of each item."""
    return [item if isinstance(item, str) else item[field] for item in items]


def weigh(hashed: Hashed, table: NDArray[np.float32]) -> Floats:
    """The sum of each text's features, weighed by `table`."""
    parts = np.append(hashed.values * table[hashed.buckets], np.float32(0))
    sums = np.add.reduceat(parts, hashed.starts[:-1], dtype=np.float64)
    return np.where(np.diff(hashed.starts) > 0, sums, 0.0)


def logistic(score: Floats) -> Floats:
    """1 / (1 + exp(-score)), without overflow."""
    return np.exp(-np.logaddexp(0.0, -score))


@cache
def _load(name: str) -> Classifier:
    folder = resources.files("modelassay.evaluators.trained") / "weights"
    file = folder / f"{name}{SUFFIX}"
    if not file.is_file():
        known = [each.name.removesuffix(SUFFIX) for each in folder.iterdir() if each.name.endswith(SUFFIX)]
        raise UnknownNameError("trained classifier", name, known)
    return Classifier(unpack(file.read_bytes(), where=f"evaluators/trained/weights/{name}{SUFFIX}"))
