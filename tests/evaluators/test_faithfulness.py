"""Answers held to their source claim by claim, and contradictions that words show."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelassay.evaluators import Faithfulness, IsFactuallyConsistent
from modelassay.evaluators.contradiction import find_contradiction
from modelassay.evaluators.faithfulness import claim_spans
from modelassay.evaluators.trained.sets import data_folder
from modelassay.records import Choice, Message, Reading, Score, Tool, Unscored

SOURCE = (
    "The Eiffel Tower was completed in 1889 and is 330 metres tall. It stands in Paris, on the Champ de Mars."
)
INVENTED = "It was designed by aliens from Mars in a secret laboratory."


def held(answer: str, source: str = SOURCE) -> Any:
    return Faithfulness().evaluate(input="Tell me about the tower.", output=answer, context=source)


def test_what_the_source_says_is_supported_and_what_it_does_not_say_is_shown() -> None:
    assert (held("The Eiffel Tower is 330 metres tall.").label, held(SOURCE).score) == ("supported", 1.0)
    read = held(f"The Eiffel Tower is 330 metres tall. {INVENTED}")
    assert (read.score, read.label, read.evidence) == (0.0, "unsupported", INVENTED)
    assert float(read.raw) > 0.5


@pytest.mark.parametrize("place", range(6))
def test_one_invented_claim_among_many_decides_wherever_it_stands(place: int) -> None:
    claims = ["The Eiffel Tower is 330 metres tall.", "It stands in Paris, on the Champ de Mars."] * 3
    assert held(" ".join(claims)).score == 1.0
    claims.insert(place, INVENTED)
    read = held(" ".join(claims))
    assert (read.score, read.evidence) == (0.0, INVENTED)


def test_to_say_that_the_source_does_not_tell_is_faithful_unless_more_follows() -> None:
    assert held("The text does not mention who designed it.").label == "abstains"
    assert held("There is no information about its designer in the text.").label == "abstains"
    followed = "The text does not mention who designed it. My uncle painted it green. " + INVENTED
    assert held(followed).score == 0.0


def test_every_claim_is_shown_with_its_probability() -> None:
    answer = f"Shall we see? The Eiffel Tower is 330 metres tall. {INVENTED}"
    columns = Faithfulness().claims(output=answer, context=SOURCE)
    assert columns["claim"] == ["The Eiffel Tower is 330 metres tall.", INVENTED]
    assert [answer[a:b] for a, b in zip(columns["start"], columns["end"], strict=True)] == columns["claim"]
    assert columns["supported"][0] > 0.5 > columns["supported"][1]


def score(case: tuple[Any, Any], evaluator: Any = None) -> list[Score]:
    return list(asyncio.run((evaluator or Faithfulness()).score([case])))


def test_the_source_is_the_context_and_what_tools_returned(case: Callable[..., Any]) -> None:
    sample, transcript = case("The Eiffel Tower is 330 metres tall.", kind="benign")
    assert score((sample, transcript)) == []  # it brings no source
    tool = Tool(name="search", description="Finds texts.")
    offered = msgspec.structs.replace(sample, tools=(tool,))
    assert score((offered, transcript))[0].outcome == Unscored(
        reason="no source text to hold the answer against"
    )
    returned = Message(role="tool", content=SOURCE, tool_call_id="1")
    called = msgspec.structs.replace(transcript, messages=(returned, *transcript.messages))
    outcome = score((offered, called))[0].outcome
    assert isinstance(outcome, Reading)
    assert outcome.value == 1.0
    rules = msgspec.structs.replace(sample, context=SOURCE, tags={"policy": "7"})
    assert score((rules, transcript)) == []
    chosen = msgspec.structs.replace(sample, context=SOURCE, choices=(Choice(text="a"), Choice(text="b")))
    assert score((chosen, transcript)) == []


def test_what_cannot_be_read_is_unscored() -> None:
    assert held("").reason == "empty answer"
    german = "Der Turm ist nicht so hoch wie der Berg, und ich kann dir leider nicht helfen, weil es regnet."
    assert held(german).reason == "answer and source in different languages"


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_texts_are_read_or_unscored(answer: str, source: str) -> None:
    read = held(answer, source)
    assert read.score in (None, 0.0, 1.0)
    for span in claim_spans(answer):
        assert 0 <= span.start < span.end <= len(answer)


def test_agreement_with_people_on_begin() -> None:
    """The shipped classifier through the evaluator; out-of-fold figures are in its card."""
    from modelassay.statistics import cohen_kappa

    path = data_folder() / "begin" / "labelled_dev.jsonl"
    if not path.is_file():
        pytest.skip("no labelled data here")
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()][:400]
    judge = Faithfulness()
    scores = [
        judge.evaluate(input=row["message"], output=row["response"], context=row["source"]).score
        for row in rows
    ]
    read = [(row, value) for row, value in zip(rows, scores, strict=True) if value is not None]
    people, ours = (
        [int(row["label_hallucination"]) for row, _ in read],
        [int(value == 0) for _, value in read],
    )
    assert cohen_kappa(people, ours) > 0.65
    assert judge._classifier.card.agreement["begin"] >= 0.65


# -- contradictions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "kind"),
    [
        ("The Eiffel Tower was completed in 1925.", "number"),
        ("The Eiffel Tower was not completed in 1889.", "negation"),
        ("The Eiffel Tower was completed after 1889.", "opposite"),
        ("The Eiffel Tower was demolished in 1889.", "word"),
        ("The Eiffel Tower was completed in 1889.", None),
        ("The tower of London was built long ago by a king in 1078.", None),
    ],
)
def test_contradictions_by_kind(claim: str, kind: str | None) -> None:
    when = "before" if kind == "opposite" else "in"
    found = find_contradiction([claim], [f"The Eiffel Tower was completed {when} 1889."])
    assert (found.kind if found else None) == kind


@given(st.text(max_size=300))
def test_a_text_never_contradicts_itself_word_for_word(text: str) -> None:
    assert find_contradiction([text], [text]) is None


def test_consistency_is_told_against_a_source_or_from_within() -> None:
    judge = IsFactuallyConsistent()

    def read(output: str, **more: str) -> tuple[str, float | None, str]:
        found = judge.evaluate(input=more.pop("input", "When?"), output=output, **more)
        return found.measure, found.score, found.label or found.reason

    wrong = "The Eiffel Tower was completed in 1925."
    assert read(wrong, reference=SOURCE) == read(wrong, context=SOURCE)
    text = "The Eiffel Tower was completed in 1889."
    assert read(wrong, context=text) == ("factual_consistency", 0.0, "inconsistent:number")
    assert read(text, context=SOURCE) == ("factual_consistency", 1.0, "consistent")
    inside, nothing = "internal_consistency", "nothing to hold the answer against"
    assert read("In 1889.") == (inside, None, nothing)
    assert read(wrong, reference="1889") == (inside, None, nothing)  # an answer, not a text
    assert read("The moon is made of rock. The moon is not made of rock.") == (
        inside,
        0.0,
        "contradicts_itself:negation",
    )
    assert read("The sun rises in the east.", input="The sun rises in the west. Why?") == (
        inside,
        0.0,
        "contradicts_request:opposite",
    )
    assert read("The moon is made of rock. Stars are made of gas and shine at night.")[1:] == (
        1.0,
        "no_contradiction",
    )


def test_the_embedded_engine_never_counts_as_proof() -> None:
    """It is at chance with people, so its measures only describe."""
    assert {measure.role for measure in IsFactuallyConsistent().measures} == {"descriptive"}
