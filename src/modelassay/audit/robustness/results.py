"""What an analysis of robustness says: plain records, for terminals, JSON and reports."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from modelassay.records import Estimate, Outcome

Kind = Literal[
    "without dataset", "without category", "confidence", "policy", "one decoding", "half", "other judge"
]


class RuleTurn(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that comes to something else than in the sealed evidence."""

    rule: str
    finding: str
    before: Outcome | Literal[""]
    """Empty where the rule was not held; likewise `after`."""
    after: Outcome | Literal[""]


class Variation(msgspec.Struct, frozen=True, kw_only=True):
    """The decision with one thing otherwise."""

    kind: Kind
    name: str
    """What is otherwise, such as ``category fraud`` or ``97.5%``."""
    outcome: Outcome
    literal: Outcome
    """What the table says of the point estimates alone."""
    questions: int
    """On which it rests."""
    turns: tuple[RuleTurn, ...] = ()
    """Rules that come to something else."""


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a key of the policy, and what it makes of the same figures."""

    value: str
    outcome: Outcome


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """One limit of the policy, moved alone over all the values that do not contradict the other limits."""

    key: str
    value: str
    low: str
    """The least value that it can have."""
    high: str
    grid: tuple[Point, ...]
    """Around its value, from the smallest."""
    below: Point | None = None
    """The nearest smaller value at which the outcome is another; None when none is."""
    above: Point | None = None
    distance: Decimal | None = None
    """To the nearer of the two, as a share of the value (of 1 where that is 0); None when there is none."""


class TippingPoint(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest difference between a judge's error on the two models that would turn the verdict."""

    measure: str
    judge: str
    error: Literal["wanted answers missed", "unwanted answers passed"]
    """Which error is larger on the candidate (or smaller, if `shift` is negative) than on the baseline."""
    set: str
    """Labelled set whose measured error is taken for the baseline; empty where none was measured."""
    known: Estimate | None = None
    """That error, with its two-sided interval at 95 %; None where none was measured, and none is assumed."""
    shift: Decimal
    """Difference of the error, candidate minus baseline."""
    outcome: Outcome
    """What the verdict then is."""

    @property
    def within_calibration(self) -> bool:
        """Whether the calibration itself leaves room for it: each model's error is known no better than to
        this interval."""
        if self.known is None:
            return False
        room = self.known.high - self.known.value if self.shift > 0 else self.known.value - self.known.low
        return abs(self.shift) <= room


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """How firm a measure is against a judge that errs otherwise on the candidate than on the baseline."""

    measure: str
    judge: str
    tipping: tuple[TippingPoint, ...] = ()
    why_not: str = ""
    """Why it was not asked, or that no difference turns the verdict."""


class OtherReading(msgspec.Struct, frozen=True, kw_only=True):
    """Another judge's scores of the same answers, under the same policy."""

    audit: str
    """The sealed audit that holds them."""
    measure: str
    own: str
    """``name@version`` of the judge of this audit."""
    other: str
    answers: int
    """That both could read, of both models."""
    agree: int
    """Of these, read alike (graded scores: on the same side of a half)."""
    drop: Decimal | None
    """Baseline minus candidate as this audit's judge reads it, over all samples."""
    other_drop: Decimal | None


class Decodings(msgspec.Struct, frozen=True, kw_only=True):
    """How a measure varies between repeated decodings of the same prompts."""

    measure: str
    side: str
    rates: tuple[Decimal, ...]
    """Wanted rate by epoch."""
    deviation: Decimal
    """Standard deviation of these rates."""
    within: Decimal
    """Mean variance within prompts."""
    wavering: Decimal
    """Share of prompts whose answers are not all read alike."""


class Halves(msgspec.Struct, frozen=True, kw_only=True):
    """Random halves of the suite, each decided on its own."""

    splits: int
    outcomes: dict[str, int]
    """Halves by outcome; half the answers show less, so that some turn inconclusive."""
    literals: dict[str, int]
    """Halves by what the table says of their point estimates alone."""
    drops: dict[str, Estimate]
    """By banded measure: the median of the halves' drops in points, the smallest and the largest."""


class Sway(msgspec.Struct, frozen=True, kw_only=True):
    """One single change that comes to another outcome."""

    change: str
    outcome: Outcome


class Firmness(msgspec.Struct, frozen=True, kw_only=True):
    """The short answer."""

    firm: bool
    """Whether no single change that was looked at, of modest size, comes to another outcome."""
    sentence: str
    sways: tuple[Sway, ...] = ()
    """The changes that do."""


class Robustness(msgspec.Struct, frozen=True, kw_only=True):
    """How firm a sealed verdict is; all of it computed again from the sealed evidence."""

    format: str = "modelassay.robustness/1"
    audit: str
    policy: str
    outcome: Outcome
    """Of the evidence as it is, without the mark of a noise floor."""
    sealed_outcome: Outcome
    questions: int
    firmness: Firmness
    without: tuple[Variation, ...] = ()
    """Without each dataset, and each category."""
    edges: tuple[Edge, ...] = ()
    confidences: tuple[Variation, ...] = ()
    policies: tuple[Variation, ...] = ()
    """Under the other scale, and every policy of the package."""
    judges: tuple[Judged, ...] = ()
    readings: tuple[OtherReading, ...] = ()
    read_otherwise: tuple[Variation, ...] = ()
    """The decision on each other judge's scores."""
    decodings: tuple[Decodings, ...] = ()
    one_decoding: tuple[Variation, ...] = ()
    """The decision on each epoch alone."""
    halves: Halves | None = None
    notes: tuple[str, ...] = ()
    """What was not looked at, and why."""


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between two decodings of one model, in one measure and slice."""

    finding: str
    pairs: int
    """Both read."""
    differing: int | None
    """Pairs that are read differently; None for graded scores."""
    change: Decimal
    """Second decoding minus first, over these pairs."""
    spread: Decimal
    """Standard error of such a change by chance alone."""


class NoiseFloor(msgspec.Struct, frozen=True, kw_only=True):
    """What a model held against itself shows: how much differs by chance, and what the gate makes of that."""

    format: str = "modelassay.noise-floor/1"
    audit: str
    questions: int
    noise: tuple[Noise, ...]
    alarms: tuple[RuleTurn, ...]
    """Rules about a difference that asked for more than deploying, in this very run."""
    swaps: int
    """Times that the two decodings of each cluster of prompts changed places at random."""
    outcomes: dict[str, int] = {}
    """Swaps by what the gate would have decided, of a candidate that is the baseline."""
    false_alarms: int = 0
    """Swaps in which a rule about a difference came to deploy-monitored, review or block."""
    interval: Estimate | None = None
    """Their share, with the Clopper–Pearson interval at 95 %."""


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """One difference of an audit beside what differs by chance alone."""

    finding: str
    pairs: int
    change: Decimal
    """Candidate minus baseline."""
    spread: Decimal
    """Standard error that such a change has at most by chance alone, with so many pairs: from the upper bound
    at 97.5 % of the share of pairs that differ on the noise floor."""
    beyond: bool
    """Whether the change is more than 1.96 of these."""
    differing: Decimal | None = None
    """Share of pairs that are read differently; likewise the next."""
    by_chance: Decimal | None = None
    excess: Estimate | None = None
    """Their difference with Newcombe's interval at 95 %."""
