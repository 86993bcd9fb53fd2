"""The frame of evaluators whose samples carry what is needed to score them: options, gold answers, cohorts.

They read no answer by judgement, so there is nothing to calibrate and no engine to choose; what they are
asked for in `StructuredReader.readings` is which measures an answer says something about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import msgspec

from modelassay.evaluators.choices import Route
from modelassay.evaluators.settings import read_settings
from modelassay.evaluators.single import SingleAnswer
from modelassay.records import Measure, Reading, Sample, SampleKind, Score, Transcript, Unscored

Outcome = Reading | Unscored

GOLD = "not applicable: scored against gold answers, without a judge's opinion"
"""The calibration sentence of evaluators that compare with a known right answer."""


class RouteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of evaluators that read which option was chosen."""

    route: Route = "text"
    """``text`` reads the option in the answer's words; ``likelihood`` takes the option that the model finds
    likeliest, and leaves answers of models that cannot tell unscored. Never a mixture: the two are different
    measurements, and a difference between models must not come from the way of asking."""


class StructuredReader(SingleAnswer):
    """Scores each answer on every measure that its sample's structure allows.

    Args:
        settings: see `settings_type`.

    Raises:
        ConfigError: wrong settings.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    measures: Sequence[Measure]
    calibration: str = GOLD
    settings_type: ClassVar[type[msgspec.Struct]] = RouteSettings
    default_kind: ClassVar[SampleKind] = "benign"

    def __init__(self, **settings: Any) -> None:
        self.settings: Any = read_settings(self.settings_type, self.name, settings)

    async def score(self, items: Sequence[tuple[Sample, Transcript]]) -> Sequence[Score]:
        """Every reading of every item, in their order."""
        return [
            Score(
                key=transcript.key,
                target=transcript.target,
                evaluator=f"{self.name}@{self.version}",
                measure=measure.name,
                outcome=outcome,
            )
            for sample, transcript in items
            for measure, outcome in self.readings(sample, transcript)
        ]

    def readings(self, sample: Sample, transcript: Transcript) -> Iterable[tuple[Measure, Outcome]]:
        """Each measure that applies to `sample`, with what the answer shows of it.

        Which measures apply is a matter of the sample alone, so that both models are scored on the same.
        """
        raise NotImplementedError
