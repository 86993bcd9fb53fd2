"""How evaluators are given answers: what is paid for one by one, what is read in one pass many at once."""

from __future__ import annotations

import pytest

from modelassay.audit.without_asking import EMBEDDED_AT_ONCE, PAID_AT_ONCE, reader_of
from modelassay.config import EvaluatorReference
from modelassay.engine.scoring import BATCH
from modelassay.evaluators import ContentSafety
from modelassay.evaluators.form import ResponseFormat


def test_embedded_engines_read_many_at_once() -> None:
    assert reader_of(ContentSafety(), EvaluatorReference(use="content_safety")).batch == EMBEDDED_AT_ONCE


def test_others_read_in_small_batches() -> None:
    assert reader_of(ResponseFormat(), EvaluatorReference(use="response_format")).batch == BATCH


@pytest.mark.parametrize(("concurrency", "under_way"), [(4, 4), (100, PAID_AT_ONCE)])
def test_served_judges_are_asked_one_by_one(concurrency: int, under_way: int) -> None:
    judge = {"model": "openai:judge@http://127.0.0.1:1/v1", "concurrency": concurrency}
    reference = EvaluatorReference(use="content_safety", settings={"judge": judge})
    reader = reader_of(ContentSafety(judge=judge), reference)
    assert (reader.batch, reader.under_way) == (1, under_way)
