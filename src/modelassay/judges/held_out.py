"""What a trained classifier reads in rows that it was trained on, when it is kept from seeing them.

A classifier measured on its own training rows proves nothing. So it is fitted again on four fifths of the
groups of rows and reads the last fifth, five times over. An evaluator that makes more of a text than its
classifier does, such as to read it in windows, reads with each of these classifiers in turn.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

import msgspec
import numpy as np

from modelassay.evaluators.trained.classifier import Classifier
from modelassay.evaluators.trained.fitting import Rows, fitted_by_fold
from modelassay.evaluators.trained.recipes import recipe, rows_of
from modelassay.judges.fits import Fit
from modelassay.judges.labelled import LabelledAnswers
from modelassay.judges.measure import OTHER, READ, UNREAD
from modelassay.protocols import Evaluator

SEEN = "trained on these rows; the figures are those of classifiers that saw none of the row's group"
SEEN_IN_FIGURES = "trained on these rows, and the figures are not out of fold: they flatter it"
SAME = 0.99
"""Share of the rows on which evaluator and classifier must agree for the one to stand for the other."""

Reader = Callable[[Evaluator, LabelledAnswers], Awaitable[str]]
"""What an evaluator reads in labelled answers, a character a row."""


@runtime_checkable
class Refitted(Protocol):
    """An evaluator that can read with another classifier than the one of the package."""

    def with_classifier(self, classifier: Classifier) -> Self:
        """The same evaluator, reading with `classifier`."""
        ...


async def held_out_readings(
    fit: Fit, data: Path, readings: str, evaluator: Evaluator, answers: LabelledAnswers, read: Reader
) -> tuple[str, str]:
    """Readings in place of `readings`, and how far the rows were seen; two empty strings where they were not.

    Raises:
        DatasetError: training rows cannot be read.
    """
    if not fit.recipe or fit.path not in {each.path for each in recipe(fit.recipe).sets if each.train}:
        return "", ""
    folds = _folds(fit.recipe, data)
    own, kept = folds.readings(fit)
    pairs = [(a, b) for a, b in zip(readings, own, strict=False) if a != UNREAD]
    if len(own) == len(readings) and sum(a == b for a, b in pairs) >= SAME * len(pairs):
        return "".join(UNREAD if a == UNREAD else b for a, b in zip(readings, kept, strict=True)), SEEN
    if not isinstance(evaluator, Refitted):
        return "", SEEN_IN_FIGURES
    letters = [UNREAD] * len(answers.rows)
    for groups, classifier in folds.classifiers:
        at = [number for number, row in enumerate(answers.rows) if row.group in groups]
        if at:
            held = msgspec.structs.replace(answers, rows=tuple(answers.rows[number] for number in at))
            said = await read(evaluator.with_classifier(classifier), held)
            for number, letter in zip(at, said, strict=True):
                letters[number] = letter
    return "".join(letters), SEEN


class _Folds:
    """The rows of a recipe, read by the shipped classifier and by those of each fold."""

    def __init__(self, name: str, data: Path) -> None:
        made = recipe(name)
        self._rows: Rows = rows_of(made, data, [each for each in made.sets if each.train])
        self._sets = np.array(self._rows.sets)
        shipped = Classifier.load(name)
        self._own = shipped.probability(self._rows.items, self._rows.measured) >= shipped.threshold
        self._kept = np.zeros(len(self._rows.items), np.bool_)
        self.classifiers: list[tuple[frozenset[str], Classifier]] = []
        for out, fitted in fitted_by_fold(self._rows, made.spec):
            held = self._rows.take(out)
            self._kept[out] = fitted.probability(held.items, held.measured) >= fitted.threshold
            self.classifiers.append((frozenset(held.groups), fitted))

    def readings(self, fit: Fit) -> tuple[str, str]:
        """What the shipped classifier reads in the set of `fit`, and what those that never saw a row do."""
        chosen = self._sets == next(each.name for each in recipe(fit.recipe).sets if each.path == fit.path)
        return _letters(self._own[chosen]), _letters(self._kept[chosen])


_folds = lru_cache(maxsize=8)(_Folds)


def _letters(positive: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> str:
    return "".join(READ if each else OTHER for each in positive.tolist())
