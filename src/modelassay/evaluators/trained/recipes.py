"""How each classifier is trained: a recipe per name, in a module of its own.

A module of recipes holds ``RECIPE``: which rows, which views and measured features. `train` makes the file,
`rows_of` the rows, so that a benchmark can measure the same recipe out of fold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

import msgspec
import numpy as np

from modelassay.errors import UnknownNameError
from modelassay.evaluators.trained.classifier import Classifier, Floats, Item
from modelassay.evaluators.trained.fitting import Rows, Spec, fit_file, out_of_fold_probability
from modelassay.evaluators.trained.sets import LabelledSet, read_rows, source_of
from modelassay.evaluators.trained.weights import unpack
from modelassay.statistics import cohen_kappa

RECIPES = {
    "request_harm": "modelassay.evaluators.trained.request_harm",
    "response_harm": "modelassay.evaluators.trained.response_harm",
    "toxicity": "modelassay.evaluators.trained.toxicity",
    "injection": "modelassay.evaluators.trained.injection",
    "faithfulness": "modelassay.evaluators.trained.faithfulness",
}
"""The module of each classifier that comes with the package."""


def measure_nothing(items: Sequence[Item]) -> Floats:
    """Measured features of a classifier that has none."""
    return np.zeros((len(items), 0))


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """What a classifier is trained on, and how."""

    spec: Spec
    sets: tuple[LabelledSet, ...]
    measure: Callable[[Sequence[Item]], Floats] = measure_nothing
    """The measured features of items, shape ``[items, len(spec.measures)]``."""
    share: float = 0.5
    """Sets count by their number of rows to this power: 1 by rows, 0 all alike."""


def recipe(name: str) -> Recipe:
    """The recipe of the classifier `name`.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in RECIPES:
        raise UnknownNameError("trained classifier", name, RECIPES)
    found: Recipe = import_module(RECIPES[name]).RECIPE
    return found


def rows_of(made: Recipe, data: Path, sets: Sequence[LabelledSet] | None = None) -> Rows:
    """The labelled rows of `sets` (those to train on if absent), with measured features and weights.

    Raises:
        DatasetError: a file is absent or cannot be read.
    """
    items: list[Item] = []
    labels, groups, names, counts_for, calibrates = [], [], [], [], []
    for each in [s for s in made.sets if s.train] if sets is None else sets:
        for row in read_rows(data, each):
            items.append(each.texts(row))
            labels.append(int(row[each.label]))
            groups.append(str(row["group"]))
            names.append(each.name)
            counts_for.append(each.weight)
            calibrates.append(each.calibrates)
    count = Counter(names)
    return Rows(
        items=items,
        labels=np.array(labels, np.int64),
        groups=groups,
        sets=names,
        measured=made.measure(items),
        weights=_importance([count[name] for name in names], made.share) * np.array(counts_for),
        calibrates=np.array(calibrates, np.bool_),
    )


def _importance(sizes: list[int], share: float) -> Floats:
    """A weight per row, of mean 1, from the size of its set."""
    weights = np.array(sizes, np.float64) ** (share - 1.0)
    return weights / weights.mean() if weights.size else weights


def train(name: str, data: Path) -> bytes:
    """The file of the classifier `name`, trained on the permissively licensed rows under `data`.

    Raises:
        UnknownNameError: no such classifier.
        DatasetError: rows are absent, or their licence forbids training.
    """
    made = recipe(name)
    rows = rows_of(made, data)
    count = Counter(rows.sets)
    sources = tuple(source_of(data, each, count[each.name]) for each in made.sets if each.train)
    return fit_file(rows, made.spec, sources, agreement_by_set(rows, made.spec))


def agreement_by_set(rows: Rows, spec: Spec) -> dict[str, float]:
    """Cohen's kappa with people on each set of both labels, out of fold and nested."""
    _, ours = out_of_fold_probability(rows, spec)
    sets = np.array(rows.sets)
    return {
        name: round(cohen_kappa(rows.labels[sets == name], ours[sets == name]), 3)
        for name in dict.fromkeys(rows.sets)
        if 0 < rows.labels[sets == name].mean() < 1
    }


SAME_WITHIN = 0.02
"""Classifiers of the same rows differ by no more in any row's probability: processors round sums differently,
and a search for the least loss ends elsewhere within its tolerance (`optimise.TOLERANCE`)."""


def greatest_difference(name: str, first: bytes, second: bytes, data: Path) -> float:
    """The greatest difference between the probabilities that two files of the classifier `name` give to the
    rows that it is trained on.

    Raises:
        EvidenceError: one of the files was changed.
        DatasetError: rows are absent.
    """
    rows = rows_of(recipe(name), data)
    one, other = (
        Classifier(unpack(each, where=name)).probability(rows.items, rows.measured)
        for each in (first, second)
    )
    return float(np.abs(one - other).max())
