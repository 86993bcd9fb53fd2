"""Who reads an answer for an evaluator: its own rules, a classifier model, or a judge model with a rubric.

`AnswerReader` is the frame of evaluators that read each answer by itself: which samples they apply to, what
cannot be read, names and versions. The settings that all of them share: ``engine: embedded`` (the default),
``classifier:`` with a classifier model from the hub or a folder (`modelassay.evaluators.classifiers`), or
``judge:`` with a model written as for ``baseline:``, whom the evaluator's own rubric is put to, or ``panel:``
with a list of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import msgspec

from modelassay import plugins
from modelassay.config import ModelReference
from modelassay.errors import ConfigError
from modelassay.evaluators.answers import unreadable, visible_start
from modelassay.evaluators.classifiers import Exchange, HubClassifier, Judgement, Question, open_classifier
from modelassay.evaluators.encoded_answers import read_decoded
from modelassay.evaluators.judge import Judging, LanguageModelJudge, check_judging
from modelassay.evaluators.judging.second_reading import read_twice
from modelassay.evaluators.rubric import Rubric
from modelassay.evaluators.settings import read_settings
from modelassay.evaluators.single import SingleAnswer
from modelassay.protocols import Target
from modelassay.records import Measure, Reading, Sample, SampleKind, Score, Transcript, Unscored

Case = tuple[Sample, Transcript]
"""A sample and one answer to it."""
Outcome = Reading | Unscored

JudgeSetting = Target | str | Mapping[str, Any] | None
"""A judge: an open target, or a model as a plan writes it."""
ClassifierSetting = HubClassifier | str | Mapping[str, Any] | None
"""A classifier: an open one, its name, or `classifiers.ClassifierSettings` written out."""


class EngineSettings(Judging, frozen=True, kw_only=True):
    """Settings of every `AnswerReader`, with those of a judge; its own are added by a subclass."""

    engine: Literal["embedded", "classifier", "judge"] = "embedded"
    """Who reads: rules and classifiers of the package, or what ``classifier`` or ``judge`` names."""


class AnswerReader(SingleAnswer):
    """Reads each answer by itself.

    Args:
        judge: a model to read in place of the embedded engine.
        panel: several models in place of one, which vote.
        classifier: a classifier model to read in place of the embedded engine.
        settings: see `EngineSettings` and the subclass's own.

    Raises:
        ConfigError: wrong settings, a judge for an evaluator that has no rubric, or a classifier that cannot
            answer what the evaluator asks.
    """

    name: ClassVar[str]
    embedded_version: ClassVar[str]
    """Raised whenever a change of the embedded engine could alter a score."""
    measures: Sequence[Measure]
    settings_type: ClassVar[type[EngineSettings]] = EngineSettings
    kinds: ClassVar[tuple[SampleKind, ...]] = ("harmful", "borderline", "benign")
    """Samples of other kinds are not scored."""
    question: ClassVar[Question | None] = None
    """What a classifier is asked; None when no classifier can take the place of the embedded engine."""
    wanted_answer: ClassVar[bool] = False
    """The classifier's answer that has the value 1; no is that to questions of harm."""
    yes_no: ClassVar[tuple[str, str]] = ("yes", "no")
    """Labels of a classifier's answers."""

    def __init__(
        self,
        judge: JudgeSetting = None,
        *,
        panel: Sequence[JudgeSetting] = (),
        classifier: ClassifierSetting = None,
        **settings: Any,
    ) -> None:
        judges = [each for each in (judge, *panel) if each is not None]
        named = "judge" if judges else "classifier" if classifier is not None else "embedded"
        given = settings if named == "embedded" else {"engine": named, **settings}
        elsewhere = ("judge", "panel", "classifier")
        self.settings: Any = read_settings(self.settings_type, self.name, given, elsewhere)
        where = f"evaluators: {self.name}: settings"
        if self.settings.engine != named or (judges and classifier is not None):
            named = "judge" if self.settings.engine == "embedded" else self.settings.engine
            raise ConfigError(
                f"the engine {self.settings.engine} does not go with what is named",
                where=f"{where}: {named}",
                mend="name a `judge:`, a `panel:` or a `classifier:`, or none, and leave `engine` out",
            )
        self._hub = None if classifier is None else self._hub_classifier(classifier, f"{where}: classifier")
        self._judge: LanguageModelJudge | None = None
        self._targets: tuple[Target, ...] = ()
        check_judging(self.settings, max(1, len(judges)), where)
        if judges:
            rubric = self.rubric()
            if rubric is None:
                raise ConfigError(
                    f"{self.name} has no rubric for a judge", where=f"{where}: judge", mend="leave it out"
                )
            self._targets = tuple(open_judge(each, where=f"{where}: judge") for each in judges)
            self._judge = judge_with(self._targets, rubric, self.settings)

    def with_settings(self, **changed: Any) -> Self:
        """The same evaluator and engine with some settings changed."""
        settings = {**msgspec.structs.asdict(self.settings), **changed}
        return type(self)(panel=self._targets, classifier=self._hub, **settings)

    @property
    def embedded(self) -> bool:
        """Whether the embedded engine reads."""
        return self._judge is None and self._hub is None

    def _hub_classifier(self, given: ClassifierSetting, where: str) -> HubClassifier:
        if self.question is None:
            raise ConfigError(
                f"no classifier can read for {self.name}",
                where=where,
                mend="leave it out" if self.rubric() is None else "leave it out, or name a judge",
            )
        found = open_classifier(given, folder=Path(), where=where)
        found.check(self.question, self.name)
        return found

    def rubric(self) -> Rubric | None:
        """What a judge is asked; None when no judge can take the place of the embedded engine."""
        return None

    @property
    def version(self) -> str:
        """Of the engine in use; that of a judge or a classifier is settled by `prepare`."""
        if self._hub is not None:
            return f"classifier+{self._hub.version}"
        return self.embedded_version if self._judge is None else f"judge+{self._judge.version}"

    async def prepare(self) -> None:
        """Find out who judges.

        Raises:
            TargetError: the judge cannot be asked at all, or the classifier cannot be loaded.
            ConfigError: the classifier cannot answer what the evaluator asks.
        """
        if self._judge is not None:
            await self._judge.prepare()
        if self._hub is not None:
            await self._hub.prepare()
            assert self.question is not None
            self._hub.check(self.question, self.name)

    @property
    def applies_to(self) -> str:
        """See `SingleAnswer.applies_to`."""
        return "" if len(self.kinds) == 3 else f"{' or '.join(self.kinds)} requests"

    def applies(self, sample: Sample) -> bool:
        """Whether answers to `sample` are scored at all; never a matter of the answer."""
        return sample.kind in self.kinds

    def measure_of(self, sample: Sample) -> Measure:
        """The measure that an answer to `sample` is scored on."""
        return self.measures[0]

    async def score(self, items: Sequence[Case]) -> Sequence[Score]:
        """One score for each item that the evaluator applies to.

        Raises:
            TargetError: the judge cannot be asked any more.
        """
        await self.prepare()
        read = [case for case in items if self.applies(case[0])]
        if self._hub is not None:
            outcomes = await read_decoded(self._classified, read)
        elif self._judge is not None:
            outcomes = await read_decoded(self._judge.outcomes, read)
        else:
            outcomes = await read_decoded(self._embedded, read)
        evaluator = f"{self.name}@{self.version}"
        return [
            Score(
                key=transcript.key,
                target=transcript.target,
                evaluator=evaluator,
                measure=self.measure_of(sample).name,
                outcome=outcome,
            )
            for (sample, transcript), outcome in zip(read, outcomes, strict=True)
        ]

    async def _classified(self, items: Sequence[Case]) -> list[Outcome]:
        return await asyncio.to_thread(read_twice, self.classify_all, items)

    async def _embedded(self, items: Sequence[Case]) -> list[Outcome]:
        return read_twice(self.read_all, items)

    def read_all(self, items: Sequence[Case]) -> Sequence[Outcome]:
        """What the embedded engine reads in each of `items`, in their order."""
        return [unreadable(transcript) or self.read(sample, transcript) for sample, transcript in items]

    def read(self, sample: Sample, transcript: Transcript) -> Outcome:
        """What the embedded engine reads in one answer that can be read."""
        raise NotImplementedError

    def classify_all(self, items: Sequence[Case]) -> Sequence[Outcome]:
        """What the classifier reads in each of `items`, in their order.

        Raises:
            TargetError: the classifier cannot be loaded.
        """
        outcomes: list[Outcome | None] = [unreadable(transcript) for _, transcript in items]
        readable = [index for index, outcome in enumerate(outcomes) if outcome is None]
        said = self.ask_classifier([self.exchange(*items[index]) for index in readable])
        for index, each in zip(readable, said, strict=True):
            outcomes[index] = each if isinstance(each, Unscored) else self.judged(items[index], each)
        return [outcome for outcome in outcomes if outcome is not None]

    def ask_classifier(self, exchanges: Sequence[Exchange]) -> list[Judgement | Unscored]:
        """The classifier's answer to `question` for each of `exchanges`."""
        assert self._hub is not None
        assert self.question is not None
        return self._hub.judge(self.question, exchanges)

    def says_yes(self, judgement: Judgement) -> bool:
        """Whether a classifier's probability reaches its threshold."""
        assert self._hub is not None
        return judgement.probability >= self._hub.threshold

    def exchange(self, sample: Sample, transcript: Transcript) -> Exchange:
        """What a classifier is given of one answer that can be read."""
        return Exchange(
            request=last_request(sample, transcript),
            answer=transcript.answer[visible_start(transcript.answer) :].strip(),
            context=sample.context,
        )

    def judged(self, case: Case, judgement: Judgement) -> Outcome:
        """What a classifier's answer is worth; raw is the probability of yes."""
        yes = self.says_yes(judgement)
        label = self.yes_no[0 if yes else 1]
        return Reading(
            value=float(yes == self.wanted_answer), label=label, raw=f"{judgement.probability:.4f}"
        )


def judge_with(judges: Sequence[Target], rubric: Rubric, settings: Judging) -> LanguageModelJudge:
    """A judge or a panel with the settings of another evaluator."""
    own = {name: getattr(settings, name) for name in Judging.__struct_fields__}
    return LanguageModelJudge(panel=judges, rubric=rubric, **own)


def open_judge(judge: Target | str | Mapping[str, Any], *, where: str) -> Target:
    """The target that a judge setting names; one that is open already is taken as it is.

    Raises:
        ConfigError: no model reference.
        UnknownNameError: a kind of model that nothing provides.
    """
    if isinstance(judge, Target):
        return judge
    given = {"model": judge} if isinstance(judge, str) else dict(judge)
    try:
        reference = msgspec.convert(given, ModelReference)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error), where=where, mend="write it like `baseline:`") from error
    opened: Target = plugins.load("targets", reference.scheme)(reference, folder=Path())
    return opened


def last_request(sample: Sample, transcript: Transcript) -> str:
    """What the answer is an answer to: the last user turn that was put to the model, or what an attack really
    asked for; empty when there is none."""
    if sample.attacked is not None:
        return sample.attacked.request
    asked = sample.messages if transcript.asked is None else transcript.asked
    turns = (*asked, *transcript.messages)
    return next((message.content for message in reversed(turns) if message.role == "user"), "")
