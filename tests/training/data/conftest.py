"""Made data: ordinary requests and answers on several subjects, and ways to write them down."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

SUBJECTS = {
    "garden": (
        ["tomato", "seedlings", "roses", "soil", "compost", "watering", "pruning", "shade"],
        "plants grow well in rich soil",
    ),
    "kitchen": (
        ["bread", "dough", "oven", "butter", "recipe", "flour", "simmer", "sauce"],
        "warm the oven and knead the dough",
    ),
    "travel": (
        ["train", "ticket", "luggage", "museum", "hotel", "border", "ferry", "island"],
        "book the ferry before the season",
    ),
    "music": (
        ["violin", "chord", "rhythm", "orchestra", "melody", "tuning", "practice", "stage"],
        "practise slowly with a metronome",
    ),
}
OPENINGS = (
    "How do I handle",
    "What should I know about",
    "Tell me about",
    "Please explain",
    "I wonder about",
)


def ordinary(random_: random.Random) -> tuple[str, str]:
    """A request and an answer on one of the subjects; answers take the subject's words up."""
    words, line = SUBJECTS[random_.choice(sorted(SUBJECTS))]
    chosen = random_.sample(words, 3)
    asked = f"{random_.choice(OPENINGS)} {' and '.join(chosen)} number {random_.randint(1, 9999)}?"
    answer = f"With {chosen[0]} and {chosen[1]}, {line}. " + " ".join(random_.choices(words, k=12)) + "."
    return asked, answer


def chat(asked: str, answer: str, system: str = "") -> dict[str, Any]:
    """A row of messages."""
    messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
    return {"messages": [{"role": "system", "content": system}, *messages] if system else messages}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write rows as JSON lines."""

    def written(rows: Iterable[Any], name: str = "rows.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return written


@pytest.fixture(scope="session")
def many() -> list[dict[str, Any]]:
    """600 ordinary rows."""
    random_ = random.Random(5)
    return [chat(*ordinary(random_)) for _ in range(600)]
