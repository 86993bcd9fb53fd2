"""Who reads an answer for an evaluator: its own rules and classifiers, or a judge model with a rubric.

`AnswerReader` is the frame of evaluators that read each answer by itself: which samples they apply to, what
cannot be read, names and versions. The settings that all of them share: ``engine: embedded`` (the default),
or ``judge:`` with a model written as for ``baseline:``, whom the evaluator's own rubric is put to, or
``panel:`` with a list of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import msgspec

from modelassay import plugins
from modelassay.config import ModelReference
from modelassay.errors import ConfigError
from modelassay.evaluators.answers import unreadable
from modelassay.evaluators.judge import Judging, LanguageModelJudge, check_judging
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


class EngineSettings(Judging, frozen=True, kw_only=True):
    """Settings of every `AnswerReader`, with those of a judge; its own are added by a subclass."""

    engine: Literal["embedded", "judge"] = "embedded"
    """Who reads: rules and classifiers of the package, or the model named by ``judge``."""


class AnswerReader(SingleAnswer):
    """Reads each answer by itself.

    Args:
        judge: a model to read in place of the embedded engine.
        panel: several models in place of one, which vote.
        settings: see `EngineSettings` and the subclass's own.

    Raises:
        ConfigError: wrong settings, or a judge for an evaluator that has no rubric.
    """

    name: ClassVar[str]
    embedded_version: ClassVar[str]
    """Raised whenever a change of the embedded engine could alter a score."""
    measures: Sequence[Measure]
    settings_type: ClassVar[type[EngineSettings]] = EngineSettings
    kinds: ClassVar[tuple[SampleKind, ...]] = ("harmful", "borderline", "benign")
    """Samples of other kinds are not scored."""

    def __init__(
        self, judge: JudgeSetting = None, *, panel: Sequence[JudgeSetting] = (), **settings: Any
    ) -> None:
        judges = [each for each in (judge, *panel) if each is not None]
        given = {"engine": "judge", **settings} if judges else settings
        self.settings: Any = read_settings(self.settings_type, self.name, given, ("judge", "panel"))
        where = f"evaluators: {self.name}: settings"
        if (self.settings.engine == "judge") != bool(judges):
            raise ConfigError(
                "no judge is named" if not judges else "a judge is named, and the engine is another",
                where=f"{where}: judge",
                mend="write `judge:` as you would write `baseline:`, and leave `engine` out",
            )
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
        return type(self)(panel=self._targets, **{**msgspec.structs.asdict(self.settings), **changed})

    def rubric(self) -> Rubric | None:
        """What a judge is asked; None when no judge can take the place of the embedded engine."""
        return None

    @property
    def version(self) -> str:
        """Of the engine in use; a judge's is settled by `prepare`."""
        return self.embedded_version if self._judge is None else f"judge+{self._judge.version}"

    async def prepare(self) -> None:
        """Find out who judges.

        Raises:
            TargetError: the judge cannot be asked at all.
        """
        if self._judge is not None:
            await self._judge.prepare()

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
        outcomes = self.read_all(read) if self._judge is None else await self._judge.outcomes(read)
        return [
            Score(
                key=transcript.key,
                target=transcript.target,
                evaluator=f"{self.name}@{self.version}",
                measure=self.measure_of(sample).name,
                outcome=outcome,
            )
            for (sample, transcript), outcome in zip(read, outcomes, strict=True)
        ]

    def read_all(self, items: Sequence[Case]) -> Sequence[Outcome]:
        """What the embedded engine reads in each of `items`, in their order."""
        return [unreadable(transcript) or self.read(sample, transcript) for sample, transcript in items]

    def read(self, sample: Sample, transcript: Transcript) -> Outcome:
        """What the embedded engine reads in one answer that can be read."""
        raise NotImplementedError


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
    """The last user turn that was put to the model; empty when there is none."""
    asked = sample.messages if transcript.asked is None else transcript.asked
    return next((message.content for message in reversed(asked) if message.role == "user"), "")
