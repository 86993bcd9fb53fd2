"""How the classifier of harmful requests is trained: requests that benchmarks publish as harmful or benign.

The labels are those of the publishers, a benchmark of harmful behaviours being one of harmful requests; no
person judged each row. Its score is a measured feature of ``response_harm``, no label of its own. Requests of
the sets that ``response_harm`` is measured on are not among its rows.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable

from modelassay.evaluators.trained.features import View
from modelassay.evaluators.trained.fitting import Spec
from modelassay.evaluators.trained.recipes import Recipe
from modelassay.evaluators.trained.sets import LabelledSet, Row


def _request(row: Row) -> tuple[str, ...]:
    return (row["request"],)


def _row(request: str, harmful: int) -> Row:
    return {
        "request": request,
        "harmful": harmful,
        "group": hashlib.sha256(request.strip().lower().encode()).hexdigest()[:16],
    }


def _columns(column: str, harmful: int, source: str = "") -> Callable[[str], Iterable[Row]]:
    def rows(text: str) -> Iterable[Row]:
        table = csv.DictReader(io.StringIO(text))
        return [_row(row[column], harmful) for row in table if not source or row["source"] == source]

    return rows


def _lines(field: str, harmful: int) -> Callable[[str], Iterable[Row]]:
    def rows(text: str) -> Iterable[Row]:
        return [_row(json.loads(line)[field], harmful) for line in text.splitlines()]

    return rows


def _set(path: str, rows: Callable[[str], Iterable[Row]]) -> LabelledSet:
    return LabelledSet(path=path, label="harmful", texts=_request, rows=rows)


SETS = (
    _set("advbench/harmful_behaviors.csv", _columns("goal", 1)),
    _set("simplesafetytests/simplesafetytests.csv", _columns("prompts_final", 1)),
    _set("strongreject/strongreject_dataset.csv", _columns("forbidden_prompt", 1, source="custom")),
    _set("ailuminate_demo/ailuminate_demo_en_us.csv", _columns("prompt_text", 1)),
    _set("jailbreakbench/benign_behaviors.jsonl", _lines("prompt", 0)),
    _set("truthfulqa/truthfulqa_multiple_open_ended.jsonl", _lines("input", 0)),
    _set("halueval_general/labelled_dev.jsonl", _lines("prompt", 0)),
)

RECIPE = Recipe(
    spec=Spec(name="request_harm", version="1", views=(View(words=2, characters=(4,), bits=15, limit=600),)),
    sets=SETS,
    share=1.0,
)
