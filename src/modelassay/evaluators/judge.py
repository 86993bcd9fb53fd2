"""A judge model: any target, asked a rubric's question about each answer.

One verdict an answer, greedy, as JSON with a quotation from the answer that shows it; a quotation that is not
in the answer is asked for again once, and then the answer is unscored. A judge's error is its own: compare
scores only within one judge (its fingerprint is part of the version), and measure it against people's labels
before trusting a difference. The judge sees the request and the answer, not the earlier turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from modelassay.canonical import digest_of
from modelassay.errors import ConfigError
from modelassay.evaluators.answers import unreadable
from modelassay.evaluators.rubric import RUBRICS, Rubric, read_rubric
from modelassay.evaluators.settings import read_settings
from modelassay.evaluators.single import SingleAnswer
from modelassay.evaluators.verdicts import (
    PROMPT_VERSION,
    UNPARSABLE,
    Verdict,
    mark_of,
    question,
    read_verdict,
    reminder,
)
from modelassay.protocols import Target
from modelassay.records import (
    Decoding,
    Failure,
    Measure,
    Message,
    Reading,
    Reply,
    Request,
    Sample,
    Score,
    Transcript,
    Unscored,
)

MAX_CHARACTERS = 40_000
"""A longer answer or request is not put to a judge."""


class JudgeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a judge model, beside the model itself."""

    rubric: Any = ""
    """Name of a rubric at hand, or a rubric written out (`modelassay.evaluators.rubric`)."""
    max_tokens: int = 400
    """Most tokens of one verdict."""


class LanguageModelJudge(SingleAnswer):
    """Puts a rubric's question about each answer to `target`.

    Args:
        target: the judge; in a plan it is opened from the setting ``model``.
        settings: see `JudgeSettings`.

    Raises:
        ConfigError: no judge or no rubric, or a rubric that cannot be used.
    """

    name = "llm_judge"

    def __init__(self, target: Target | None = None, **settings: Any) -> None:
        where = f"evaluators: {self.name}: settings"
        read = read_settings(JudgeSettings, self.name, settings, ("model",))
        if target is None:
            raise ConfigError(
                "no judge is named", where=f"{where}: model", mend="write it as you would write `baseline:`"
            )
        if not read.rubric:
            raise ConfigError(
                "no rubric is named", where=f"{where}: rubric", mend="known: " + ", ".join(RUBRICS)
            )
        if read.max_tokens < 1:
            raise ConfigError("a verdict needs tokens", where=f"{where}: max_tokens", mend="400 is plenty")
        self.rubric: Rubric = read_rubric(read.rubric, f"{where}: rubric")
        self.measures: Sequence[Measure] = (self.rubric.measure,)
        self._target = target
        self._decoding = Decoding(temperature="0", max_tokens=read.max_tokens)
        self._identity = ""

    @property
    def version(self) -> str:
        """Changes with the words put to the judge, the rubric, its decoding and, once known, the judge."""
        digest = digest_of([self._identity, self.rubric.digest, self._decoding])
        return f"{PROMPT_VERSION}+{digest.removeprefix('sha256:')[:12]}"

    async def prepare(self) -> None:
        """Find out who judges, which settles `version`.

        Raises:
            TargetError: the judge cannot be asked at all.
        """
        if not self._identity:
            self._identity = (await self._target.identify()).fingerprint

    async def score(self, items: Sequence[tuple[Sample, Transcript]]) -> Sequence[Score]:
        """One score for each item of a kind that the rubric is about.

        Raises:
            TargetError: the judge cannot be asked any more.
        """
        judged = [(sample, transcript) for sample, transcript in items if sample.kind in self.rubric.kinds]
        outcomes = await self.outcomes(judged)
        return [
            Score(
                key=transcript.key,
                target=transcript.target,
                evaluator=f"{self.name}@{self.version}",
                measure=self.rubric.name,
                outcome=outcome,
            )
            for (_, transcript), outcome in zip(judged, outcomes, strict=True)
        ]

    async def outcomes(self, items: Sequence[tuple[Sample, Transcript]]) -> list[Reading | Unscored]:
        """Readings of `items` of any kind, the judge asked again where its first verdict cannot be used.

        Raises:
            TargetError: the judge cannot be asked any more.
        """
        await self.prepare()
        outcomes: list[Reading | Unscored] = [UNPARSABLE] * len(items)
        waiting: list[tuple[int, _Case]] = []
        for index, (sample, transcript) in enumerate(items):
            case = _case(self.rubric, sample, transcript)
            if isinstance(case, Unscored):
                outcomes[index] = case
            else:
                waiting.append((index, case))
        for _ in range(2):
            replies = await self._ask([case.messages for _, case in waiting])
            again: list[tuple[int, _Case]] = []
            for (index, case), reply in zip(waiting, replies, strict=True):
                outcome = self._outcome(case, reply)
                outcomes[index] = outcome
                if isinstance(outcome, Unscored) and isinstance(reply, Reply):
                    correction = reminder(self.rubric, case.mark, outcome)
                    messages = (*case.messages, reply.message, correction)
                    again.append((index, msgspec.structs.replace(case, messages=messages)))
            waiting = again
        return outcomes

    def _outcome(self, case: _Case, reply: Reply | Failure) -> Reading | Unscored:
        if isinstance(reply, Failure):
            return Unscored(reason=f"judge request failed: {reply.kind}")
        verdict = read_verdict(reply.message.content, self.rubric, case.mark, case.answer)
        if not isinstance(verdict, Verdict):
            return verdict
        value = self.rubric.labels[verdict.label].value
        return Reading(value=value, label=verdict.label, evidence=verdict.evidence)

    async def _ask(self, conversations: Sequence[tuple[Message, ...]]) -> list[Reply | Failure]:
        """A reply or failure for each conversation, as many at once as the judge takes."""
        requests = [Request(messages=asked, decoding=self._decoding, seed=0) for asked in conversations]
        size = max(1, self._target.batch_size)
        slots = asyncio.Semaphore(max(1, self._target.concurrency))

        async def one(batch: list[Request]) -> Sequence[Reply | Failure]:
            async with slots:
                return await self._target.generate(batch)

        batches = [requests[i : i + size] for i in range(0, len(requests), size)]
        asked = [asyncio.ensure_future(one(batch)) for batch in batches]
        try:
            return [reply for batch in await asyncio.gather(*asked) for reply in batch]
        except BaseException:
            for task in asked:
                task.cancel()  # what nobody will read is not paid for
            await asyncio.gather(*asked, return_exceptions=True)
            raise


class _Case(msgspec.Struct, frozen=True):
    """One answer before the judge."""

    answer: str
    mark: str
    messages: tuple[Message, ...]


def _case(rubric: Rubric, sample: Sample, transcript: Transcript) -> _Case | Unscored:
    problem = unreadable(transcript)
    if problem is not None:
        return problem
    asked = sample.messages if transcript.asked is None else transcript.asked
    request = next((message.content for message in reversed(asked) if message.role == "user"), "")
    answer = transcript.answer
    if max(len(answer), len(request)) > MAX_CHARACTERS:
        return Unscored(reason="too long for the judge")
    return _Case(answer, mark_of(rubric, request, answer), question(rubric, request, answer))
