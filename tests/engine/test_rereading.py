"""Given answers read again: what was read before a kill is never paid for twice."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from modelassay.config import Budget
from modelassay.engine import BudgetLedger, Journal, Reader, Silence, given_scores, reread, unread
from modelassay.errors import InterruptedByUserError
from modelassay.records import Measure, Message, PairKey, Reading, Sample, Score, Transcript, sample_id

TARGET = "sha256:" + "0" * 64
CASES = 40


class CountingJudge:
    """Notes each answer that it is asked about in a file, and may kill its process."""

    name, version = "counting", "1"
    measures = (Measure(name="m", title="M", wanted="pass", role="banded"),)

    def __init__(self, calls: Path, *, die_at: int = 0, stop_at: int = 0) -> None:
        self.calls, self.die_at, self.stop_at = calls, die_at, stop_at
        self.stop = asyncio.Event()
        self.asked = 0

    async def score(self, items: Sequence[tuple[Sample, Transcript]]) -> list[Score]:
        self.asked += len(items)
        if self.asked == self.stop_at:
            self.stop.set()
        if self.asked == self.die_at:
            await asyncio.sleep(0.5)  # what came in before is on the disk by now
            os._exit(9)
        with self.calls.open("a") as file:
            file.writelines(f"{transcript.key.sample}\n" for _, transcript in items)
        await asyncio.sleep(0.001)
        return [
            Score(
                key=transcript.key,
                target=transcript.target,
                evaluator="counting@1",
                measure="m",
                outcome=Reading(value=1.0, label="ok"),
            )
            for _, transcript in items
        ]


def cases() -> list[tuple[Sample, Transcript]]:
    found = []
    for number in range(CASES):
        messages = (Message(role="user", content=f"question {number}"),)
        sample = Sample(id=sample_id(messages), messages=messages, kind="benign")
        answer = (Message(role="assistant", content=f"answer {number}"),)
        transcript = Transcript(key=PairKey(sample=sample.id), target=TARGET, messages=answer)  # type: ignore[arg-type]
        found.append((sample, transcript))
    return found


def read(store: Path, judge: CountingJudge) -> int:
    with Journal.open(store) as journal:
        reading = reread(
            label="given",
            cases=cases(),
            readers=[Reader(judge, batch=1, under_way=1)],
            journal=journal,
            budget=BudgetLedger(Budget()),
            progress=Silence(),
            stop=judge.stop,
        )
        return asyncio.run(reading)


def test_a_killed_reading_goes_on_and_repeats_no_call(tmp_path: Path) -> None:
    calls, store = tmp_path / "calls", tmp_path / "assay"
    child = multiprocessing.get_context("fork").Process(
        target=lambda: read(store, CountingJudge(calls, die_at=15))
    )
    child.start()
    child.join(30)
    assert child.exitcode == 9
    assert len(calls.read_text().splitlines()) == 14
    assert read(store, CountingJudge(calls)) == CASES - 14
    asked = calls.read_text().splitlines()
    assert len(asked) == len(set(asked)) == CASES
    with Journal.open(store) as journal:
        judge = CountingJudge(calls)
        assert unread(journal, cases(), judge) == []
        scores = list(given_scores(journal, cases(), judge))
        assert [score.key for score in scores] == [transcript.key for _, transcript in cases()]
        assert read_nothing_of_the_text(store)


def read_nothing_of_the_text(store: Path) -> bool:
    """Whether the journal holds no word of the answers."""
    files = [path for path in store.iterdir() if path.name.startswith("journal.db")]
    return not any(b"answer 3" in path.read_bytes() for path in files)


def test_ctrl_c_keeps_what_was_read(tmp_path: Path) -> None:
    calls, store = tmp_path / "calls", tmp_path / "assay"
    with pytest.raises(InterruptedByUserError, match=f"of {CASES} readings are kept"):
        read(store, CountingJudge(calls, stop_at=10))
    before = len(calls.read_text().splitlines())
    assert 10 <= before < CASES
    assert read(store, CountingJudge(calls)) == CASES - before
    assert len(set(calls.read_text().splitlines())) == CASES
