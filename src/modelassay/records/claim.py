"""What a verdict claims of the evidence, with all that it takes to compute each claim again."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from modelassay.canonical import Digest
from modelassay.records.findings import PairedCounts, PairedMoments
from modelassay.records.judging import JudgeStanding
from modelassay.records.percent import Percent


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What every claim of one verdict rests on."""

    seed: int
    """Of the order of asking."""
    questions: int
    """N, of one model: every sample once an epoch."""
    asked: int
    """t, those that were asked; all of them where the number was fixed beforehand."""
    order: Digest
    """Of the questions in their order, as in ``audit.opened``."""
    calibrations: dict[str, tuple[str, ...]] = {}
    """By measure: each labelled set, ``NAME@DIGEST``, on which the error of who read it was measured."""


class ClaimTest(msgspec.Struct, frozen=True, kw_only=True):
    """One question put to the evidence."""

    rule: str
    """That asks it, such as ``bands``."""
    claims: Literal["within", "beyond"]
    """`within`: the drop is at most `limit`; `beyond`: it is more."""
    limit: Percent
    """δ, as the risk context tightened it."""
    scale: Literal["relative", "absolute", "harm_ratio"]
    """What `limit` is a share of: the baseline's rate, all pairs (points), the baseline's rate of harm."""
    alpha: Decimal
    """One-sided error of the claim; over all of `family` where that is more than one."""
    family: int = 1
    """Claims over which Holm's correction runs."""
    figure: Decimal
    """Of `within`: the upper bound of the drop at `alpha`, unscored pairs at their worst for the candidate.
    Of `beyond`: the p-value, corrected, unscored pairs at their best."""
    shown: bool
    """Whether the evidence shows it: the bound is at most `limit`, the p-value at most `alpha`."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What is claimed of one measure over one slice."""

    finding: str
    """Id of the finding."""
    pairs: int
    """Scored or not."""
    cells: PairedCounts | PairedMoments
    """What decides: counts or moments of the pairs, corrected by people's labels where there are enough."""
    drop: Decimal
    """Of the pairs with both sides scored, on the scale of the tests."""
    judge: JudgeStanding = ""
    """What is known of the error behind it; where that is not known nothing is called shown, unless the
    policy allows it."""
    tests: tuple[ClaimTest, ...]
