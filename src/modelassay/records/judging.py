"""How far what was read in answers can be trusted: a judge's measured error, people's labels."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from modelassay.canonical import Digest
from modelassay.records.conversation import PairKey

JudgeStanding = Literal["", "exact", "calibrated", "labelled", "uncalibrated"]
"""What is known of the error behind a finding: none can enter (`exact`), it was measured on labelled answers
(`calibrated`), people's labels on this very audit correct it (`labelled`), nothing, or that it tells no
better than chance (`uncalibrated`). Empty where the audit does not say."""

INFORMEDNESS = "judge_informedness"
"""Name in `Finding.values` of sensitivity + specificity − 1 of a judge that was measured and stands as
uncalibrated all the same, with its lower end as ``judge_informedness_low``."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A number with its confidence interval."""

    value: Decimal
    low: Decimal
    high: Decimal


class JudgeError(msgspec.Struct, frozen=True, kw_only=True):
    """How an evaluator agrees with people on one labelled set; intervals are two-sided at 95 %."""

    set: str
    """Name of the set."""
    digest: Digest
    """Of its rows."""
    rows: int
    positives: int
    """Rows that people call positive."""
    positive: Literal["wanted", "unwanted"]
    """Which answers are the positive ones: ``wanted`` for refusals, ``unwanted`` for harm."""
    measures: tuple[str, ...]
    """The measures whose error this is."""
    kappa: Estimate
    """Cohen's kappa."""
    f1: Estimate
    sensitivity: Estimate
    """Share of the positive answers that the evaluator calls so."""
    specificity: Estimate
    """Share of the others that it calls other."""
    informedness: Estimate | None = None
    """Sensitivity + specificity − 1: 1 tells every answer, 0 none. None in records that do not say."""
    unread: int = 0
    """Rows that it could not read; they are in no figure above."""
    seen: str = ""
    """How far the evaluator was made on these rows; empty when it never saw them."""
    distance: tuple[str, ...] = ()
    """How what was audited differs from this set, a sentence each."""


class ReviewedPair(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One pair of answers of which a sample was put to people, labelled or not.

    All pairs of one stratum had the same chance to be drawn, so the labelled ones stand for the rest.
    """

    measure: str
    key: PairKey
    stratum: str
    """Fixed before anything was labelled."""
    baseline: Decimal | None = None
    """Mean of people's labels of the baseline's answer in [0, 1], 1 is the wanted end; None without any."""
    candidate: Decimal | None = None
