"""How the classifier of harmful answers is trained."""

from __future__ import annotations

from modelassay.evaluators.trained.features import View
from modelassay.evaluators.trained.fitting import Spec
from modelassay.evaluators.trained.recipes import Recipe
from modelassay.evaluators.trained.sets import LabelledSet, Row


def _pair(row: Row) -> tuple[str, ...]:
    return (row["prompt"], row["response"])


SETS = tuple(
    LabelledSet(path=path, label="label_harmful", texts=_pair, train=train)
    for path, train in (
        ("harmbench/labelled_dev.jsonl", True),
        ("xstest_response/harm_labelled_dev.jsonl", True),
        ("gptfuzz_labelled/labelled_dev.jsonl", True),
        ("jailbreakbench/gcg50_labelled_dev.jsonl", True),
        ("beavertails/labelled_dev.jsonl", False),
        ("safe_rlhf_mini/labelled_dev.jsonl", False),
        ("safe_rlhf_wg/labelled_dev.jsonl", False),
    )
)

RECIPE = Recipe(
    spec=Spec(
        name="response_harm",
        version="1",
        views=(View(field=0, limit=600), View(field=1)),
    ),
    sets=SETS,
)
