"""How the classifier of unfaithful answers is trained: an item is (source, answer, message)."""

from __future__ import annotations

from modelassay.evaluators.trained.fitting import Spec
from modelassay.evaluators.trained.overlap import FEATURES, measure
from modelassay.evaluators.trained.recipes import Recipe
from modelassay.evaluators.trained.sets import LabelledSet, Row


def _begin(row: Row) -> tuple[str, ...]:
    return (row["source"], row["response"], row["message"])


def _faithdial(row: Row) -> tuple[str, ...]:
    return (row["source"], row["response"], row["history"])


def _faithbench(row: Row) -> tuple[str, ...]:
    return (row["source"], row["response"], "")


def _claim(row: Row) -> tuple[str, ...]:
    return (row["evidence"], row["claim"], "")


SETS = (
    LabelledSet(path="begin/labelled_dev.jsonl", label="label_hallucination", texts=_begin),
    LabelledSet(path="faithdial_audit/labelled_dev.jsonl", label="label_hallucination", texts=_faithdial),
    LabelledSet(
        path="faithbench/labelled_dev.jsonl", label="label_hallucination", texts=_faithbench, train=False
    ),
    LabelledSet(
        path="trustllm/claims_labelled_dev.jsonl", label="label_unsupported", texts=_claim, train=False
    ),
)

RECIPE = Recipe(
    spec=Spec(name="faithfulness", version="1", views=(), measures=FEATURES, measure_penalty=3.0),
    sets=SETS,
    measure=measure,
    share=1.0,
)
"""Measured features alone: hashed words would learn the topics of the sources, not support by them."""
