"""Ask a served model a number of questions, as a process of its own that a test can kill.

python ask_served.py BASE_URL STORE QUESTIONS CONCURRENCY [CHARACTERS_PER_QUESTION]
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from modelassay.config import Budget, ModelReference
from modelassay.engine import BudgetLedger, Journal, Question, Silence, ask, read_scores, read_transcripts
from modelassay.errors import ModelassayError
from modelassay.records import (
    Decoding,
    Measure,
    Message,
    PairKey,
    Reading,
    Sample,
    Score,
    TargetIdentity,
    Transcript,
    sample_id,
)
from modelassay.targets.openai import open_target


class Sorry:
    """Scores whether an answer says sorry."""

    name = "sorry"
    version = "1"
    measures = (Measure(name="sorry", title="Sorry", wanted="say sorry", role="descriptive"),)

    async def score(self, items: Sequence[tuple[Sample, Transcript]]) -> Sequence[Score]:
        return [
            Score(
                key=transcript.key,
                target=transcript.target,
                evaluator="sorry@1",
                measure="sorry",
                outcome=Reading(value=float("sorry" in transcript.answer), label="said"),
            )
            for _, transcript in items
        ]


def questions(count: int) -> list[Question]:
    asked = []
    for number in range(count):
        messages = (Message(role="user", content=f"Question {number}: what is a good name for a cat?"),)
        sample = Sample(id=sample_id(messages), messages=messages, kind="benign")
        asked.append(Question(sample=sample, key=PairKey(sample=sample.id, seed=1)))
    return asked


async def run(url: str, store: Path, count: int, concurrency: int) -> TargetIdentity:
    reference = ModelReference(
        model=f"openai:mock@{url}", concurrency=concurrency, options={"first_backoff_s": "0.01"}
    )
    target = open_target(reference, folder=store)
    try:
        identity = await target.identify()
        with Journal.open(store) as journal:
            await ask(
                target=target,
                identity=identity,
                questions=questions(count),
                decoding=Decoding(),
                journal=journal,
                evaluators=[Sorry()],
                budget=BudgetLedger(Budget()),
                progress=Silence(),
                stop=asyncio.Event(),
            )
    finally:
        await target.close()
    return identity


def kept(store: Path, identity: TargetIdentity, count: int) -> tuple[list[Transcript], list[Score]]:
    """All transcripts and scores in the journal."""
    with Journal.open(store, read_only=True) as journal:
        found = read_transcripts(journal, identity.fingerprint, Decoding(), questions(count))
        scores = read_scores(journal, identity.fingerprint, Decoding(), questions(count), [Sorry()])
        return [transcript for _, transcript in found], list(scores)


if __name__ == "__main__":
    try:
        asyncio.run(run(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
    except ModelassayError as error:
        sys.exit(str(error))
