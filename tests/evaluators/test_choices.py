"""Which option an answer chooses; what is not plain is never guessed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelassay.canonical import digest_bytes
from modelassay.evaluators.choices import Chosen, NoChoice, choice_of, read_choice
from modelassay.records import (
    Choice,
    Failure,
    FinishReason,
    Likelihood,
    Message,
    PairKey,
    Sample,
    Transcript,
    Unscored,
    sample_id,
)
from modelassay.suites.source import listed

PEOPLE = listed("Not enough information", "The Gen-Xer", "The Zoomer")
PRIMES = listed("2", "3", "5", "7")
YES_NO = listed("Yes", "No", style="({})")
UNLISTED = (Choice(text="the technician"), Choice(text="the customer"))


def index(answer: str, choices: tuple[Choice, ...] = PEOPLE) -> int | None:
    found = read_choice(answer, choices)
    return found.index if isinstance(found, Chosen) else None


@pytest.mark.parametrize(
    "answer",
    [
        "B",
        "(B)",
        "B.",
        "b)",
        "[B]",
        "2",
        "Option 2",
        "**B**",
        "B. The Gen-Xer",
        "B\n\nThe Gen-Xer is rigorous.",
        "The answer is B",
        "The correct answer is **(B)**.",
        "Answer: (b)",
        "I'd pick B",
        "I'd go with the Gen-Xer, since that is what is said.",
        "The Gen-Xer",
        "the gen-xer.",
        "It is the Gen-Xer, who pays attention to details.",
        "The answer is the Gen-Xer, not the Zoomer.",
        "Weighing both, we get $\\boxed{B}$.",
        "(A) seems odd at first, and so does (C). Final answer: B",
        "<think>A or C? C.</think>B",
        "La respuesta correcta es B.",
        "La réponse est B",
        "Die Antwort lautet (B).",
        "La risposta è B",
        "A resposta correta é B.",
        "Ответ: B",
        "答案是B",
        "正确答案：（B）",
        "故选B。",
        "الإجابة هي B",
    ],
)
def test_plain_choices_are_read(answer: str) -> None:
    assert index(answer) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "no_choice"),
        ("A good question. It depends.", "no_choice"),
        ("A or B", "no_choice"),
        ("The answer is A or B.", "no_choice"),
        ("(A) or (B)", "several_choices"),
        ("The Gen-Xer, the Zoomer.", "several_choices"),
        ("None of them", "no_choice"),
        ("The answer is not B", "no_choice"),
        ("It is not the Zoomer", "no_choice"),
        ("I don't know whether the Zoomer did.", "no_choice"),
        ("A. Not enough information\nB. The Gen-Xer\nC. The Zoomer", "several_choices"),
        ("B. The Zoomer", "several_choices"),
        ("The Gen-Xer is rigorous while the Zoomer is lenient.", "several_choices"),
        ("The answer is B because of that. No wait, the answer is C.", "several_choices"),
        ("Neither (A) nor (B)", "several_choices"),
        ("I'm sorry, but I can't help with that.", "refused"),
        ("I cannot answer that.", "refused"),
    ],
)
def test_the_rest_is_no_choice(answer: str, reason: str) -> None:
    found = read_choice(answer, PEOPLE)
    assert isinstance(found, NoChoice)
    assert found.reason == reason


def test_numbers_name_positions_only_where_no_option_is_a_number() -> None:
    assert index("3", PRIMES) == 1  # the number itself, not the third option
    assert index("The answer is 5", PRIMES) == 2
    assert index("4", PRIMES) is None
    assert index("3") == 2


def test_short_words_count_only_as_the_whole_or_the_beginning() -> None:
    assert index("No, I would not.", YES_NO) == 1
    assert index(" (A) Yes", YES_NO) == 0
    assert index("I see no problem with it.", YES_NO) is None


def test_unlisted_options_are_read_by_their_words() -> None:
    assert index('"He" means the customer here.', UNLISTED) == 1
    assert index("The technician told the customer so.", UNLISTED) is None


@pytest.mark.parametrize(
    "answer", ["It cannot be determined from the context.", "There is no way to know that.", "Unclear."]
)
def test_other_words_for_not_knowing_choose_the_option_that_says_so(answer: str) -> None:
    assert index(answer) == 0
    assert index(answer, UNLISTED) is None


TEMPLATES = (
    "{label}",
    "({label})",
    "{label}. {text}",
    "({label}) {text}",
    "**{label}**",
    "The answer is {label}.",
    "The correct option is ({label}).",
    "Answer: {label}. {text}",
    "{text}",
    "{text}.",
    "After some thought: the answer is {text}.",
    "La respuesta es {label}.",
    "答案：{label}",
    "I would go with ({label}).",
)
words = st.text("bcdfghklmprstvz", min_size=4, max_size=9)
options = st.lists(words, min_size=2, max_size=6, unique_by=lambda text: text)


@given(options, st.sampled_from(TEMPLATES), st.data())
def test_every_option_is_read_back(texts: list[str], template: str, data: st.DataObject) -> None:
    choices = listed(*texts)
    wanted = data.draw(st.integers(0, len(texts) - 1))
    answer = template.format(label=choices[wanted].label, text=texts[wanted])
    assert index(answer, choices) == wanted


@given(options, st.data())
def test_reading_words_follows_them_to_any_place(texts: list[str], data: st.DataObject) -> None:
    moved = data.draw(st.permutations(texts))
    answer = f"I believe that {data.draw(st.sampled_from(texts))} fits."
    first, second = read_choice(answer, listed(*texts)), read_choice(answer, listed(*moved))
    assert isinstance(first, Chosen)
    assert isinstance(second, Chosen)
    assert texts[first.index] == moved[second.index]


@given(
    options, st.sampled_from(["{} or {}", "Both {} and {} could be.", "({0}) or ({1})", "{}\n{}"]), st.data()
)
def test_two_options_are_never_one(texts: list[str], template: str, data: st.DataObject) -> None:
    first, second = data.draw(st.permutations(range(len(texts))))[:2]
    for names in (texts, [choice.label for choice in listed(*texts)]):
        assert index(template.format(names[first], names[second]), listed(*texts)) is None


@given(st.text(max_size=200), options)
def test_any_text_is_read_within_its_bounds(answer: str, texts: list[str]) -> None:
    found = read_choice(answer, listed(*texts))
    if isinstance(found, Chosen):
        assert 0 <= found.index < len(texts)
        assert found.span is not None
        assert 0 <= found.span.start < found.span.end <= len(answer)


def asked(
    answer: str,
    *,
    finish: FinishReason = "stop",
    weights: tuple[str, ...] = (),
    failure: Failure | None = None,
) -> tuple[Sample, Transcript]:
    messages = (Message(role="user", content="Who?"),)
    sample = Sample(id=sample_id(messages, choices=PEOPLE), messages=messages, kind="benign", choices=PEOPLE)
    transcript = Transcript(
        key=PairKey(sample=sample.id),
        target=digest_bytes(b"target"),
        messages=() if failure else (Message(role="assistant", content=answer),),
        finish=finish,
        likelihoods=tuple(Likelihood(log_likelihood=Decimal(w), tokens=1) for w in weights),
        failure=failure,
    )
    return sample, transcript


def test_the_routes_never_stand_in_for_each_other() -> None:
    sample, transcript = asked("B", weights=("-3.5", "-2.25", "-0.5"))
    text, likeliest = (choice_of(sample, transcript, route) for route in ("text", "likelihood"))
    assert isinstance(text, Chosen)
    assert isinstance(likeliest, Chosen)
    assert (text.index, likeliest.index, likeliest.how) == (1, 2, "likelihood")
    assert choice_of(*asked("B"), "likelihood") == Unscored(reason="no likelihoods of the choices")
    assert choice_of(*asked("B", weights=("-1", "-1", "-2")), "likelihood") == NoChoice(
        reason="several_choices"
    )


def test_answers_that_cannot_be_read_are_unscored() -> None:
    failure = Failure(kind="timeout", message="too late")
    for route in ("text", "likelihood"):
        assert choice_of(*asked("", failure=failure), route) == Unscored(reason="request failed: timeout")
    assert choice_of(*asked(" "), "text") == Unscored(reason="empty answer")
    long = "The Gen-Xer might be rigorous and then"
    assert choice_of(*asked(long, finish="length"), "text") == Unscored(reason="cut off before a choice")
    assert isinstance(choice_of(*asked("B. The Gen-Xer, who", finish="length"), "text"), Chosen)
    assert isinstance(choice_of(*asked("2"), "text"), Chosen)
