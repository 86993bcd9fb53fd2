"""How the classifier of attacks on instructions is trained."""

from __future__ import annotations

from modelassay.evaluators.trained.features import View
from modelassay.evaluators.trained.fitting import Spec
from modelassay.evaluators.trained.injection_cues import FEATURES, measure
from modelassay.evaluators.trained.recipes import Recipe
from modelassay.evaluators.trained.sets import LabelledSet, Row


def _text(row: Row) -> tuple[str, ...]:
    return (row["text"],)


SETS = (LabelledSet(path="deepset_injection/labelled_dev.jsonl", label="label_injection", texts=_text),)

RECIPE = Recipe(
    spec=Spec(
        name="injection",
        version="1",
        views=(View(limit=1500, bits=14),),
        measures=FEATURES,
        penalty=1.0,
        measure_penalty=10.0,
    ),
    sets=SETS,
    measure=measure,
)
