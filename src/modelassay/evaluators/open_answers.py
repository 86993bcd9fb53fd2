"""The frame of evaluators that compare with options and gold answers, and let others read open answers.

What an answer chose from a list is read by rules, whoever else is named. For answers in words of their own,
or where a judge is to find the choice, the settings are those of every evaluator (`engines`): ``judge:`` or
``panel:`` puts the evaluator's rubric, ``classifier:`` asks a model of textual inference.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from modelassay.errors import ConfigError
from modelassay.evaluators.answers import unreadable, visible_start
from modelassay.evaluators.choices import Route
from modelassay.evaluators.classifiers import Exchange, HubClassifier, Question, open_classifier
from modelassay.evaluators.engines import ClassifierSetting, JudgeSetting, judge_with, open_judge
from modelassay.evaluators.judge import Judging, LanguageModelJudge, check_judging
from modelassay.evaluators.judging.second_reading import read_twice
from modelassay.evaluators.rubric import Rubric
from modelassay.evaluators.settings import read_settings
from modelassay.evaluators.structured import Outcome, StructuredReader
from modelassay.records import Measure, Sample, Score, Transcript, Unscored

Case = tuple[Sample, Transcript]


class OpenAnswerSettings(Judging, frozen=True, kw_only=True):
    """Settings of every `OpenAnswerReader`, with those of a judge."""

    route: Route = "text"
    """``text`` reads the option in the answer's words; ``likelihood`` takes the option that the model finds
    likeliest, and leaves answers of models that cannot tell unscored. Never a mixture."""


class OpenAnswerReader(StructuredReader):
    """Scores what rules can read, and has open answers read by what is named, if anything is.

    Args:
        judge: a model that reads open answers by the evaluator's rubric.
        panel: several models in place of one, which vote.
        classifier: a model of textual inference that reads them.
        settings: see `OpenAnswerSettings`.

    Raises:
        ConfigError: wrong settings, or a judge and a classifier at once.
    """

    settings_type: ClassVar[type[msgspec.Struct]] = OpenAnswerSettings
    rule_version: ClassVar[str]
    """Raised whenever a change of the rules, or in what is made of others' readings, could alter a score."""
    rubric: ClassVar[Rubric]
    """What a judge is asked."""
    question: ClassVar[Question]
    """What a classifier is asked."""
    judged_measures: ClassVar[Sequence[Measure]]
    """The measures when a judge or classifier reads."""

    def __init__(
        self,
        judge: JudgeSetting = None,
        *,
        panel: Sequence[JudgeSetting] = (),
        classifier: ClassifierSetting = None,
        **settings: Any,
    ) -> None:
        elsewhere = ("judge", "panel", "classifier")
        read = self.settings = read_settings(OpenAnswerSettings, self.name, settings, elsewhere)
        where = f"evaluators: {self.name}: settings"
        judges = [each for each in (judge, *panel) if each is not None]
        if judges and classifier is not None:
            raise ConfigError(
                "one engine reads, not two", where=where, mend="name a `classifier:` or a `judge:`, not both"
            )
        if read.route != "text" and (judges or classifier is not None):
            raise ConfigError(
                "likelihoods are compared, not read",
                where=f"{where}: route",
                mend="leave `route` out, or the judge",
            )
        check_judging(read, max(1, len(judges)), where)
        self._hub: HubClassifier | None = None
        self._judge: LanguageModelJudge | None = None
        if classifier is not None:
            self._hub = open_classifier(classifier, folder=Path(), where=f"{where}: classifier")
            self._hub.check(self.question, self.name)
        if judges:
            opened = tuple(open_judge(each, where=f"{where}: judge") for each in judges)
            self._judge = judge_with(opened, self.rubric, read)
        if not self.by_rules:
            self.measures = self.judged_measures
            self.calibration = "open answers are read by a model whose agreement with people is its own"

    @property
    def by_rules(self) -> bool:
        """Whether rules alone read."""
        return self._judge is None and self._hub is None

    @property
    def version(self) -> str:  # type: ignore[override]
        """Of the rules, with that of who else reads, which `prepare` settles."""
        if self._hub is not None:
            return f"{self.rule_version}+classifier+{self._hub.version}"
        if self._judge is not None:
            return f"{self.rule_version}+judge+{self._judge.version}"
        return self.rule_version

    async def prepare(self) -> None:
        """Find out who reads.

        Raises:
            TargetError: the judge cannot be asked at all, or the classifier cannot be loaded.
            ConfigError: the classifier cannot answer what the evaluator asks.
        """
        if self._judge is not None:
            await self._judge.prepare()
        if self._hub is not None:
            await self._hub.prepare()
            self._hub.check(self.question, self.name)

    async def score(self, items: Sequence[Case]) -> Sequence[Score]:
        """Every reading of every item, in their order.

        Raises:
            TargetError: the judge cannot be asked any more.
        """
        await self.prepare()
        puts = [None if self.by_rules else self.put(sample) for sample, _ in items]
        open_ones = [
            (put, transcript) for put, (_, transcript) in zip(puts, items, strict=True) if put is not None
        ]
        outcomes = iter(await self._read(open_ones))
        return [
            Score(
                key=transcript.key,
                target=transcript.target,
                evaluator=f"{self.name}@{self.version}",
                measure=measure.name,
                outcome=outcome,
            )
            for put, (sample, transcript) in zip(puts, items, strict=True)
            for measure, outcome in (
                self.readings(sample, transcript) if put is None else self.spread(sample, next(outcomes))
            )
        ]

    def put(self, sample: Sample) -> Sample | None:
        """`sample` as a judge or classifier is given it with its answer; None where rules read.

        A matter of the sample alone, so that both models are scored on the same.
        """
        raise NotImplementedError

    def spread(self, sample: Sample, outcome: Outcome) -> Iterable[tuple[Measure, Outcome]]:
        """What a judge's or classifier's outcome says on each measure.

        Only one of them keeps `raw`, in which a judge tells what its reading took.
        """
        raise NotImplementedError

    def classified(self, sample: Sample, answer: str) -> Sequence[Exchange]:
        """What the classifier is asked about one answer."""
        raise NotImplementedError

    def weighed(self, sample: Sample, probabilities: Sequence[float], threshold: float) -> Outcome:
        """What the classifier's probabilities of yes, one for each exchange, show."""
        raise NotImplementedError

    async def _read(self, items: Sequence[Case]) -> Sequence[Outcome]:
        if self._judge is not None:
            return await self._judge.outcomes(items)
        if self._hub is None or not items:
            return []
        return await asyncio.to_thread(read_twice, self._classify, items)

    def _classify(self, items: Sequence[Case]) -> list[Outcome]:
        assert self._hub is not None
        problems = [unreadable(transcript) for _, transcript in items]
        asked = [
            []
            if problem is not None
            else list(self.classified(sample, transcript.answer[visible_start(transcript.answer) :].strip()))
            for problem, (sample, transcript) in zip(problems, items, strict=True)
        ]
        said = iter(self._hub.judge(self.question, [each for exchanges in asked for each in exchanges]))
        outcomes: list[Outcome] = []
        for problem, (sample, _), exchanges in zip(problems, items, asked, strict=True):
            own = [next(said) for _ in exchanges]
            unread = next((each for each in own if isinstance(each, Unscored)), problem)
            chances = [each.probability for each in own if not isinstance(each, Unscored)]
            outcomes.append(unread or self.weighed(sample, chances, self._hub.threshold))
        return outcomes
