"""Small trained classifiers that come with the package.

`Classifier` reads one from its file (`weights`) and gives calibrated probabilities, with numpy alone.
``python -m modelassay.evaluators.trained NAME --data-dir DIR`` trains it again, from permissively licensed
rows only, and gives the same but for rounding: the same bytes on one kind of processor.
"""

from __future__ import annotations

from modelassay.evaluators.trained.classifier import Classifier, Item

__all__ = ["Classifier", "Item"]
