"""What a sequential audit decided with the pairs that it drew, with all that it takes to decide it again."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from modelassay.canonical import Digest
from modelassay.records.findings import FindingState, PairedCounts
from modelassay.records.verdict import Outcome, Percent


class SequentialClaim(msgspec.Struct, frozen=True, kw_only=True):
    """One edge of the table in one stream, with all that it takes to compute it again from the scores."""

    category: str = ""
    """Empty for all pairs."""
    limit: Percent
    """A drop of more than this …"""
    outcome: Outcome
    """… means at least this."""
    state: FindingState
    """`shown_fine`: the suite's drop is at most `limit`; `shown_harmful`: it is more; else `not_shown`."""
    exact: bool
    """Known for certain, since no pair that was not drawn could change it."""
    relative: bool
    """Whether the policy measures drops against the baseline's rate where that is not low."""
    absolute_below: Percent
    """A baseline rate under this is compared in points."""
    units: int
    """Independent clusters in the whole population."""
    units_drawn: int
    pairs: int
    """Pairs in the whole population."""
    pairs_drawn: int
    seed: str
    order: Digest
    """Of the keys in the order of drawing."""
    counts: PairedCounts | None = None
    """Of the pairs drawn; absent where scores are graded."""
    baseline_sum: Decimal
    """Sum of the baseline's scores over the drawn pairs with both sides scored."""
    candidate_sum: Decimal
    log_wealth_fine: Decimal | None
    """Natural logarithm of the wealth against "more than `limit`" now; None when infinite."""
    log_wealth_harm: Decimal | None
    """Likewise against "at most `limit`"."""
    highest_fine: Decimal | None
    """The highest it was after any draw; "fine" needs −ln `alpha_fine`."""
    highest_harm: Decimal | None
    alpha_fine: Decimal
    alpha_harm: Decimal
    """After correction for the number of claims."""


class SequentialStream(msgspec.Struct, frozen=True, kw_only=True):
    """What the claims of one stream come to."""

    category: str = ""
    """Empty for all pairs."""
    mildest: Outcome
    """The mildest outcome of its edges that is consistent with what was shown."""
    outcome: Outcome
    """The strictest."""
    assessable: bool
    """Whether the plan has enough pairs here for the table to judge them."""


class SequentialDecision(msgspec.Struct, frozen=True, kw_only=True):
    """Where the decision about one measure stands."""

    measure: str = ""
    outcome: Outcome
    """The strictest that is consistent with what was shown: what is to be done if drawing stopped here."""
    mildest: Outcome
    """The mildest that is."""
    settled: bool
    """Whether no further pair can change the action."""
    exact: bool
    """Whether it rests on what is certain alone, as it does once all pairs are drawn."""
    pairs_observed: int
    pairs_planned: int
    streams: tuple[SequentialStream, ...]
    """All pairs first, then every category."""
    claims: tuple[SequentialClaim, ...]


class SequentialPopulation(msgspec.Struct, frozen=True, kw_only=True):
    """Every pair that a banded measure would have, were all of the suite asked."""

    measure: str
    samples: str
    """Its samples as they stand in ``samples.jsonl.gz``, counted from 0: ``0-75,104-180``."""
    pairs: int
    """Each sample once an epoch."""
    order: Digest
    """Of the keys ``SAMPLE EPOCH`` in the order of drawing; as in ``audit.opened``."""


class SequentialRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How a sequential audit drew its questions, and what it decided with them."""

    seed: str
    """Of the order."""
    batch: int
    share: str
    """Part of the policy's error that this attempt of the release line may spend, as ``1/6``."""
    questions: int
    """Of one model: every sample once an epoch."""
    asked: int
    """Of them, those that were drawn; the others are in ``samples.jsonl.gz`` and were not asked."""
    state: Literal["settled", "exhausted", "unresolved"]
    """`settled`: no further question could change the action; `exhausted`: all were asked; `unresolved`: the
    budget ended before either."""
    populations: tuple[SequentialPopulation, ...]
    concerns: tuple[SequentialPopulation, ...] = ()
    """Of measures that are concerns and not in the table: of each a least number of pairs is asked."""
    decisions: tuple[SequentialDecision, ...]
    """One for each banded measure."""
