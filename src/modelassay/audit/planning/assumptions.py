"""What a forecast takes for granted: stated, overridable, or measured in an earlier audit."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from modelassay.records import SampleKind


class Assumptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the forecast takes for granted."""

    baseline_rate: float = 0.95
    """Wanted rate of the baseline, for kinds of prompts that `rates` does not name."""
    rates: dict[str, float] = {}
    """Wanted rate of the baseline by kind of prompt, where it was measured."""
    correlation: float = 0.4
    """Phi coefficient of the two models' outcomes on one prompt, for kinds that `correlations` does not
    name; higher for candidates that stay close to their baseline, and then fewer prompts are needed."""
    correlations: dict[str, float] = {}
    """The same by kind of prompt, where it was measured."""
    correlation_in_cluster: float = 0.2
    """Of changes on different prompts of one cluster, such as a template."""
    correlation_of_repeats: float = 0.3
    """Of changes on repeats of one prompt, at a temperature above 0; at 0 repeats are alike, and it is 1."""
    seconds_per_request: float = 2.0
    """To the models that are compared."""
    output_tokens: int = 200
    """Tokens of a typical answer."""
    judge_seconds: float = 2.0
    """For one judgement by a judge model."""
    judge_input_tokens: int = 600
    """What a judge model reads beside question and answer: instructions, rubric."""
    judge_output_tokens: int = 100
    """What a judge model writes."""
    hourly_price: str = ""
    """Decimal string: what an hour of the machine costs on which models without a price run; empty when it is
    not known."""
    power: float = 0.8
    """Wanted probability of showing what is there."""
    drop: float = 0.1
    """The drop that is to be told from none, on the policy's scale."""
    like: str = ""
    """The audit in which some of these were measured; empty for none."""
    measured: tuple[str, ...] = ()
    """Names of those that were."""

    def rate_of(self, kind: SampleKind) -> float:
        """Wanted rate of the baseline on prompts of `kind`."""
        return self.rates.get(kind, self.baseline_rate)

    def correlation_of(self, kind: SampleKind) -> float:
        """Phi coefficient of the two models' outcomes on prompts of `kind`."""
        return self.correlations.get(kind, self.correlation)

    @property
    def hourly(self) -> Decimal | None:
        """What an hour of the machine costs; None when it is not known."""
        return Decimal(self.hourly_price) if self.hourly_price else None
