"""Two audits side by side: what a later candidate does better and worse than an earlier one."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from modelassay.canonical import Digest
from modelassay.records.findings import Finding
from modelassay.records.judging import Estimate
from modelassay.records.verdict import Outcome


class DifferenceSide(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two audits."""

    audit: str
    name: str
    closed: str
    """UTC."""
    candidate: str
    """As its plan refers to it."""
    fingerprint: Digest
    outcome: Outcome


class MovedRate(msgspec.Struct, frozen=True, kw_only=True):
    """The wanted rate of one measure in one slice, in both audits and on what they share."""

    finding: str
    """Id of the finding, the same in both."""
    title: str
    """What the share is of, in words."""
    before: Estimate | None
    """Over everything that the earlier audit asked; None where it did not ask such a thing."""
    after: Estimate | None
    """Over everything that the later audit asked."""
    shared: Finding | None
    """The earlier candidate as baseline, the later as candidate, on the prompts of both; None without any."""
    direction: Literal["worse", "better", "not shown", "not compared"]
    """What the shared prompts show at the policy's confidence, corrected over all measures and slices."""


class ItemChange(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt whose answers changed sides."""

    measure: str
    sample: str
    """Id of the prompt."""
    attack: str = ""
    tags: dict[str, str] = {}
    before: Decimal
    """Mean of the earlier candidate's scores over the repeats in both audits; 1 is wanted."""
    after: Decimal


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What `modelassay diff` says."""

    format: str = "modelassay.difference/1"
    before: DifferenceSide
    after: DifferenceSide
    shared_answers: int
    """Prompts (with their repeats) that both candidates answered."""
    only_before: int
    only_after: int
    rates: tuple[MovedRate, ...]
    new_failures: tuple[ItemChange, ...]
    """Wanted by most of the repeats before, by half of them or fewer now."""
    fixed: tuple[ItemChange, ...]
    changed: tuple[str, ...]
    """What else differs between the audits: datasets, evaluators, policy, baseline."""
    not_compared: tuple[str, ...]
    """Measures that cannot be compared, each with the mend."""
    warnings: tuple[str, ...] = ()
    """Such as stale evidence."""

    @property
    def regressions(self) -> tuple[MovedRate, ...]:
        """Every drop that is shown."""
        return tuple(rate for rate in self.rates if rate.direction == "worse")

    @property
    def improvements(self) -> tuple[MovedRate, ...]:
        """Every rise that is shown."""
        return tuple(rate for rate in self.rates if rate.direction == "better")
