"""A written risk assessment: what it must answer, and what passes for an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelassay.errors import EvidenceError
from modelassay.evidence.assessment import questions_of, read_assessment, unanswered
from modelassay.records import ReviewItem, Verdict


def verdict_on(*findings: str) -> Verdict:
    items = tuple(
        ReviewItem(concern="category", finding=finding, state="not_shown", statement=f"{finding} fell.")
        for finding in findings
    )
    return Verdict(
        outcome="review", literal="review", headline="Look.", decided_by=(), rules=(), review_items=items,
        issued="2026-11-21", expires="2027-02-19",
    )  # fmt: skip


def text_of(verdict: Verdict, answer: str = "We looked.") -> str:
    return "".join(f"## {question.name}\n{answer}\n" for question in questions_of(verdict))


@pytest.mark.parametrize(
    "answer",
    ["", "   ", "> We looked.", "<!-- We looked. -->", "### We looked.", "...", "<!--\nWe looked.\n-->"],
)
def test_what_is_no_answer(answer: str) -> None:
    verdict = verdict_on("a", "b")
    assert unanswered(text_of(verdict, answer), verdict) == (
        "Use",
        "category: a",
        "category: b",
        "Residual risk",
    )
    assert unanswered(text_of(verdict), verdict) == ()


def test_an_answer_below_another_heading_is_no_answer() -> None:
    verdict = verdict_on("a", "b")
    text = text_of(verdict).replace("## category: b\n", "## category: c\n")
    assert unanswered(text, verdict) == ("category: b",)


@given(st.lists(st.text(max_size=40), max_size=6))
def test_every_flagged_item_has_a_heading_of_its_own(findings: list[str]) -> None:
    verdict = verdict_on(*findings)
    names = [question.name for question in questions_of(verdict)]
    assert len(names) == len(set(names)) == len(findings) + 2
    whole = text_of(verdict)
    assert unanswered(whole, verdict) == ()
    assert unanswered("", verdict) == tuple(names)
    for name in names:
        assert unanswered(whole.replace(f"## {name}\nWe looked.\n", f"## {name}\n"), verdict) == (name,)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff", "not UTF-8"),
        (b"a\x00b", "U+0000"),
        ("\u202ex".encode(), "U+202E"),
        (b"x" * 300_000, "longer"),
    ],
)
def test_texts_that_could_hide_something_are_refused(data: bytes, said: str) -> None:
    with pytest.raises(EvidenceError) as caught:
        read_assessment(data)
    assert said in caught.value.what
