"""How the classifier of harmful answers is trained: an item is (request, answer).

Words and pairs of words of the answer carry what is common in answers to attacks; the measured features
(`harm_cues`) are what carries over to other requests, other models and short chat answers. The share with
which sets count and the penalties were chosen out of fold on the rows that it is trained on.

What it reaches is printed by ``benchmarks/judges.py``. On sets that none of its rows come from (BeaverTails,
Safe-RLHF: short answers, people's labels of harm in tone and content) it stays far below what a large model
reaches there: it is better than every string judge, and no more.
"""

from __future__ import annotations

from modelassay.evaluators.trained.features import View
from modelassay.evaluators.trained.fitting import Spec
from modelassay.evaluators.trained.harm_cues import FEATURES, measure
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
        views=(View(field=1, words=2, characters=(), bits=16, limit=2500),),
        measures=FEATURES,
        penalty=0.05,
        measure_penalty=100.0,
    ),
    sets=SETS,
    measure=measure,
)
