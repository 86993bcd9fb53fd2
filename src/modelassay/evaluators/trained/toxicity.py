"""How the classifier of toxic texts is trained."""

from __future__ import annotations

import csv
import io
import json

from modelassay.evaluators.trained.features import View
from modelassay.evaluators.trained.fitting import Spec
from modelassay.evaluators.trained.recipes import Recipe
from modelassay.evaluators.trained.sets import LabelledSet, Row
from modelassay.evaluators.trained.toxicity_cues import FEATURES, measure


def _text(row: Row) -> tuple[str, ...]:
    return (row["text"],)


def _safe_prompts(text: str) -> list[Row]:
    """XSTest's safe prompts: alarming words, nothing toxic."""
    rows = csv.DictReader(io.StringIO(text))
    return [_benign(row["prompt"]) for row in rows if row["label"] == "safe"]


def _coding_requests(text: str) -> list[Row]:
    """CyberSecEval's benign requests about security."""
    return [_benign(row["mutated_prompt"]) for row in json.loads(text)]


def _benign(text: str) -> Row:
    return {"text": text, "label": 0, "group": text}


SETS = (
    LabelledSet(path="openai_moderation/labelled_dev.jsonl", label="label_harmful", texts=_text),
    LabelledSet(
        path="hatecheck/labelled_dev.jsonl",
        label="label_hateful",
        texts=_text,
        weight=0.1,
        calibrates=False,
    ),
    LabelledSet(
        path="xstest/xstest_prompts.csv",
        label="label",
        texts=_text,
        rows=_safe_prompts,
        weight=0.3,
        calibrates=False,
    ),
    LabelledSet(
        path="cyberseceval/mitre_frr.json",
        label="label",
        texts=_text,
        rows=_coding_requests,
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
