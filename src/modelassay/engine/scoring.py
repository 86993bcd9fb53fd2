"""Evaluators at work beside the asking: micro-batches, a bounded number of answers in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from modelassay.engine.brake import Brake
from modelassay.engine.journal import Result, ScoreRow
from modelassay.engine.questions import AnswerKey, ReadingKey, ReadingKeys
from modelassay.errors import BudgetReachedError, ModelassayError
from modelassay.protocols import Evaluator, readable_by
from modelassay.records import PairKey, Reading, Sample, Score, Transcript

BATCH = 64
"""Most answers that an evaluator is given at once."""
BATCHES_UNDER_WAY = 4
"""Batches that one evaluator reads at once, so that a slow answer of a judge delays only its batch."""
MOST_WAITING = 1024
"""Answers that may wait for one evaluator; the asking pauses beyond it."""

_encoder = msgspec.json.Encoder()


class Reader(NamedTuple):
    """An evaluator, and how it is given answers."""

    evaluator: Evaluator
    batch: int = BATCH
    """Most answers at once; what is under way is lost when the process is killed, so 1 where each costs."""
    under_way: int = BATCHES_UNDER_WAY
    """Batches that it reads at once."""


class Item(msgspec.Struct, frozen=True):
    """An answer to be read."""

    answer: AnswerKey
    sample: Sample
    transcript: Transcript


class Desk:
    """Where the answers for one evaluator wait, and are read.

    Args:
        reader: reads them.
        keep: takes each finished row.
        brake: pulled when the evaluator breaks.
    """

    def __init__(self, reader: Reader, *, keep: Callable[[ScoreRow], None], brake: Brake) -> None:
        self._evaluator = evaluator = reader.evaluator
        self._size = reader.batch
        self._keys = ReadingKeys(evaluator)
        self._measures = frozenset(measure.name for measure in evaluator.measures)
        self._keep = keep
        self._brake = brake
        self._batch: list[Item] = []
        self._slots = asyncio.Semaphore(reader.under_way)
        self.tasks: set[asyncio.Task[None]] = set()
        """Batches begun and not finished."""
        self.waiting = 0
        """Answers added and not yet read."""
        self._unpaid = False
        """Whether the budget had no room for its judge: then nothing more is begun."""

    @property
    def crowded(self) -> bool:
        """Whether no more answers should come for now."""
        return self.waiting >= MOST_WAITING

    def reading(self, sample: Sample) -> ReadingKey:
        """The key of this evaluator's reading of an answer to `sample`."""
        return self._keys.of(sample)

    def add(self, item: Item) -> None:
        """Put an answer on the pile."""
        self.waiting += 1
        self._batch.append(item)
        if len(self._batch) >= self._size:
            self.start()

    def start(self) -> None:
        """Begin reading what is on the pile, full batch or not."""
        if self._batch:
            batch, self._batch = self._batch, []
            task = asyncio.create_task(self._read(batch))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def close(self) -> None:
        """Stop reading at once; what is not read yet is read from the journal next time."""
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, batch: list[Item]) -> None:
        try:
            async with self._slots:
                if self._unpaid or not self._brake.patient:
                    return  # not begun yet; read from the journal next time
                cases = readable_by(self._evaluator, ((i.sample, i.transcript) for i in batch))
                scores = await self._evaluator.score(cases) if cases else ()
            results = self._sort(batch, scores)
        except Exception as error:
            self._unpaid = isinstance(error, BudgetReachedError)
            self._brake.pull(self._named(error))
            return
        for item in batch:
            found = results[item.transcript.key]
            row = ScoreRow(
                self._keys.of(item.sample), self._keys.evaluator, _encoder.encode(found), item.answer
            )
            self._keep(row)
        self.waiting -= len(batch)

    def _sort(self, batch: list[Item], scores: Sequence[Score]) -> dict[PairKey, list[Result]]:
        """The scores by pair key, each held against what the evaluator was given."""
        results: dict[PairKey, list[Result]] = {item.transcript.key: [] for item in batch}
        target = batch[0].transcript.target
        for score in scores:
            of_this = results.get(score.key)
            if of_this is None or score.target != target or score.evaluator != self._keys.evaluator:
                raise ValueError(f"a score of something else: {score.evaluator} of {score.key.sample}")
            if score.measure not in self._measures or any(r.measure == score.measure for r in of_this):
                raise ValueError(f"an undeclared or repeated measure {score.measure!r}")
            if isinstance(score.outcome, Reading) and not 0 <= score.outcome.value <= 1:
                raise ValueError(f"a value outside [0, 1]: {score.outcome.value}")
            of_this.append(Result(score.measure, score.outcome))
        return results

    def _named(self, error: Exception) -> Exception:
        """`error` with the plugin's name, unless it explains itself."""
        if isinstance(error, ModelassayError):
            return error
        named = ModelassayError(
            f"the evaluator failed with {type(error).__name__}: {error}",
            where=f"evaluator {self._keys.evaluator}",
            mend="every answer is kept; mend the plugin or take it out of the plan, then run the "
            "same command again",
        )
        named.__cause__ = error
        return named
