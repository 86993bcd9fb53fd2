"""What a trained classifier reads in rows that it was trained on, when it is kept from seeing them.

A classifier measured on its own training rows proves nothing. So it is fitted again on four fifths of the
groups of rows and reads the last fifth, five times over.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from modelassay.evaluators.trained.classifier import Classifier
from modelassay.evaluators.trained.fitting import out_of_fold_probability
from modelassay.evaluators.trained.recipes import recipe, rows_of
from modelassay.judges.fits import Fit
from modelassay.judges.measure import OTHER, READ, UNREAD

SEEN = "trained on these rows; the figures are those of classifiers that saw none of the row's group"
SEEN_IN_FIGURES = "trained on these rows, and the figures are not out of fold: they flatter it"
SAME = 0.99
"""Share of the rows on which evaluator and classifier must agree for the one to stand for the other."""


def held_out_readings(fit: Fit, data: Path, readings: str) -> tuple[str, str]:
    """Readings in place of `readings`, and how far the rows were seen; two empty strings where they were not.

    Raises:
        DatasetError: training rows cannot be read.
    """
    if not fit.recipe:
        return "", ""
    found = _held_out(fit.recipe, data).get(fit.path)
    if found is None:
        return "", ""
    own, kept = found
    pairs = [(a, b) for a, b in zip(readings, own, strict=False) if a != UNREAD]
    if len(own) != len(readings) or sum(a == b for a, b in pairs) < SAME * len(pairs):
        return "", SEEN_IN_FIGURES
    return "".join(UNREAD if a == UNREAD else b for a, b in zip(readings, kept, strict=True)), SEEN


@lru_cache(maxsize=8)
def _held_out(name: str, data: Path) -> dict[str, tuple[str, str]]:
    """By path: what the shipped classifier reads, and what those read that were kept from the rows."""
    made = recipe(name)
    trained = [each for each in made.sets if each.train]
    rows = rows_of(made, data, trained)
    _, kept = out_of_fold_probability(rows, made.spec)
    shipped = Classifier.load(name)
    own = shipped.probability(rows.items, rows.measured) >= shipped.threshold
    sets = np.array(rows.sets)
    return {
        each.path: (_letters(own[sets == each.name]), _letters(kept[sets == each.name] == 1))
        for each in trained
    }


def _letters(positive: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> str:
    return "".join(READ if each else OTHER for each in positive.tolist())
