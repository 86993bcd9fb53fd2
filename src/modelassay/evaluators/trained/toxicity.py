"""How the classifier of toxic texts is trained."""

from __future__ import annotations

from modelassay.evaluators.trained.features import View
from modelassay.evaluators.trained.fitting import Spec
from modelassay.evaluators.trained.recipes import Recipe
from modelassay.evaluators.trained.sets import LabelledSet, Row
from modelassay.evaluators.trained.toxicity_cues import FEATURES, measure


def _text(row: Row) -> tuple[str, ...]:
    return (row["text"],)


SETS = (
    LabelledSet(path="openai_moderation/labelled_dev.jsonl", label="label_harmful", texts=_text),
    LabelledSet(
        path="hatecheck/labelled_dev.jsonl",
        label="label_hateful",
        texts=_text,
        weight=0.1,
        calibrates=False,
    ),
    LabelledSet(path="toxicchat/labelled_dev.jsonl", label="label_harmful", texts=_text, train=False),
)

RECIPE = Recipe(
    spec=Spec(
        name="toxicity",
        version="1",
        views=(View(limit=1500, bits=15, words=1, characters=(4,)),),
        measures=FEATURES,
        penalty=0.5,
        measure_penalty=60.0,
    ),
    sets=SETS,
    measure=measure,
    share=1.0,
)
