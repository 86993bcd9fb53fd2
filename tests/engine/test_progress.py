"""Plain progress lines."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest

from modelassay.engine import Journal, Standing, TextProgress, duration


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_line_for_every_twentieth_and_every_ten_seconds() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = TextProgress(stream, clock=clock)
    progress.begin("m", 1000, 200)
    for done in range(1, 801):
        clock.now = done * 0.1
        progress.advance(Standing(done, {}, 30 * done, None, 8))
    progress.end()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "m: 1,000 answers, 200 of them in the journal"
    assert len(lines) == 1 + 16
    assert lines[1] == "m: 250 of 1,000 (25 %), 10.0/s, 1 min 15 s left, 1,500 tokens, no failures"
    assert lines[-1] == "m: 1,000 of 1,000 (100 %), 10.0/s, 24,000 tokens, no failures"


def test_slow_work_still_gives_a_sign_of_life() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = TextProgress(stream, clock=clock)
    progress.begin("m", 10_000, 0)
    for second in range(1, 61):
        clock.now = float(second)
        progress.advance(Standing(second, {"timeout": 2, "rate_limited": 1}, 0, Decimal("0.5"), 8))
    assert len(stream.getvalue().splitlines()) == 1 + 6
    assert "cost 0.5000, failed: rate_limited 1, timeout 2" in stream.getvalue()


def test_the_last_state_is_always_told() -> None:
    stream = io.StringIO()
    progress = TextProgress(stream, clock=Clock())
    progress.begin("m", 1000, 0)
    progress.advance(Standing(3, {}, 0, None, 8))
    progress.end()
    assert stream.getvalue().splitlines()[-1].startswith("m: 3 of 1,000 (0 %)")


async def test_the_reading_that_takes_longer_than_the_asking_is_told_too(journal: Journal, parts) -> None:
    stream = io.StringIO()
    evaluator = parts.evaluator(delay_s=0.3)
    await parts.ask(journal, parts.questions(30), evaluators=[evaluator], progress=TextProgress(stream))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "python:script: 30 answers"
    assert lines[1].startswith("python:script: 30 of 30 (100 %)")
    assert lines[2].startswith("python:script: reading the answers: 30 answers")
    assert lines[-1].startswith("python:script: reading the answers: 30 of 30 (100 %)")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
