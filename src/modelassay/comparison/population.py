"""Where a candidate's change lies among those of other audited fine-tunes of the same baseline.

Context for people, never a ground of a verdict: the population is whatever was audited, not a sample of
anything. Members are held to what makes figures comparable (the same baseline, prompts, decoding, evaluators
in the same version and settings); each candidate counts once.

The tail is the conformal p-value (1 + #{members that changed at most as much}) / (n + 1) (Vovk, Gammerman and
Shafer, Algorithmic Learning in a Random World, 2005, §2.2): were the candidate exchangeable with the members,
a tail of at most p has at most the probability p. It cannot be under 1/(n + 1), which is why few members can
make nothing unusual.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from math import ceil

import msgspec
import numpy as np

from modelassay.canonical import Digest, digest_of
from modelassay.drops import figure
from modelassay.records import AuditRecord, Estimate, Finding, Outcome
from modelassay.records.audit import SECOND_DECODING

UNUSUAL = Decimal("0.05")
"""A tail of at most this is called unusual."""


class Member(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An audit whose candidate the population holds."""

    audit: str
    candidate: str
    fingerprint: Digest
    outcome: Outcome


class PopulationPlace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One measure over all samples: the candidate's change among those of the members."""

    measure: str
    title: str
    difference: Estimate
    """Of the candidate: candidate minus baseline with its interval; negative is worse."""
    members: int
    """Audits that have this measure."""
    worse: int
    """Members that changed to the worse of it."""
    equal: int
    better: int
    overlapping: int
    """Members whose interval meets the candidate's: noise alone may put one before the other."""
    lowest: Decimal | None = None
    """Of the members' changes; absent without members."""
    median: Decimal | None = None
    highest: Decimal | None = None
    tail: Decimal | None = None
    """Conformal p-value of a change at least as bad; at least 1/(members + 1)."""

    @property
    def unusual(self) -> bool:
        """Whether few members changed as much to the worse."""
        return self.tail is not None and self.tail <= UNUSUAL


class ReferencePopulation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Other audited fine-tunes of one baseline, and where a candidate stands among them."""

    audit: str
    baseline: Digest
    members: tuple[Member, ...]
    """By id of the audit."""
    left_out: dict[str, int] = {}
    """Audits of the same baseline that cannot be compared, by reason."""
    places: tuple[PopulationPlace, ...]
    limits: tuple[str, ...]
    """What must be known to read them."""


def reference_population(record: AuditRecord, others: Iterable[AuditRecord]) -> ReferencePopulation:
    """Where the candidate of `record` stands among those of `others`.

    Args:
        record: a sealed audit.
        others: further ones, in any order; those of other baselines are passed over.
    """
    left_out: dict[str, int] = {}
    chosen: dict[str, AuditRecord] = {}
    for other in sorted(others, key=lambda each: (each.closed, each.id)):
        if other.id == record.id or other.baseline.fingerprint != record.baseline.fingerprint:
            continue
        if why := _why_not(record, other):
            left_out[why] = left_out.get(why, 0) + 1
        else:
            chosen[other.candidate.fingerprint] = other  # the last audit of a candidate counts
    members = sorted(chosen.values(), key=lambda each: each.id)
    places = tuple(_places(record, members))
    return ReferencePopulation(
        audit=record.id,
        baseline=record.baseline.fingerprint,
        members=tuple(
            Member(
                audit=each.id,
                candidate=each.candidate.reference,
                fingerprint=each.candidate.fingerprint,
                outcome=each.verdict.outcome,
            )
            for each in members
        ),
        left_out=dict(sorted(left_out.items())),
        places=places,
        limits=tuple(_limits(record, places)),
    )


def _why_not(record: AuditRecord, other: AuditRecord) -> str:
    """Why the changes of two audits cannot be held beside each other; empty when they can."""
    if other.candidate.fingerprint == record.candidate.fingerprint:
        return "the same candidate"
    if other.candidate.strength == SECOND_DECODING:
        return "the baseline against itself"
    if bool(other.imported) != bool(record.imported):
        return "another tool asked"
    if _asked(other) != _asked(record):
        return "other prompts, repeats or decoding"
    if other.sequential is not None and other.sequential.asked < other.sequential.questions:
        return "stopped before all prompts were asked"
    if not {*_changes(other)} & {*_changes(record)}:
        return "other evaluators"
    return ""


def _asked(record: AuditRecord) -> tuple[object, ...]:
    prompts = sorted((pin.digest, pin.rows) for pin in record.datasets)
    return prompts, record.epochs, record.decoding


def _changes(record: AuditRecord) -> Mapping[tuple[str, str, str, str], Finding]:
    """Findings over all samples, by measure and by the evaluator that read it."""
    reader = {
        measure.name: (pin.name, pin.version, digest_of(pin.settings))
        for pin in record.evaluators
        for measure in pin.measures
    }
    return {
        (finding.measure.name, *reader[finding.measure.name]): finding
        for finding in record.findings
        if finding.check == "comparison" and not finding.slice and finding.difference is not None
        if finding.measure.name in reader
    }


def _places(record: AuditRecord, members: Sequence[AuditRecord]) -> Iterator[PopulationPlace]:
    theirs = [_changes(member) for member in members]
    for key, finding in _changes(record).items():
        assert finding.difference is not None
        found = [changes[key].difference for changes in theirs if key in changes]
        yield _place(finding, finding.difference, [each for each in found if each is not None])


def _place(finding: Finding, own: Estimate, theirs: Sequence[Estimate]) -> PopulationPlace:
    values = [each.value for each in theirs]
    worse, equal = sum(v < own.value for v in values), sum(v == own.value for v in values)
    n = len(values)
    return PopulationPlace(
        measure=finding.measure.name,
        title=finding.measure.title,
        difference=own,
        members=n,
        worse=worse,
        equal=equal,
        better=n - worse - equal,
        overlapping=sum(each.low <= own.high and own.low <= each.high for each in theirs),
        lowest=min(values, default=None),
        median=figure(float(np.median([float(v) for v in values]))) if values else None,
        highest=max(values, default=None),
        tail=figure((1 + worse + equal) / (n + 1)) if values else None,
    )


def _limits(record: AuditRecord, places: Sequence[PopulationPlace]) -> Iterator[str]:
    fewest = min((each.members for each in places), default=0)
    if not fewest:
        yield "No other audited fine-tune of this baseline can be compared on every measure."
    needed = ceil(1 / UNUSUAL) - 1
    if 0 < fewest < needed:
        yield (
            f"With {fewest} no place can be unusual at 5%: the smallest share that {fewest} can give is "
            f"{1 / (fewest + 1):.0%}; {needed} are needed."
        )
    if fewest:
        yield (
            "The population is whatever was audited here. It stands for nothing else, and a place near its "
            "middle says that others lost as much, not that little was lost."
        )
    drawn = record.sequential
    if drawn is not None and drawn.asked < drawn.questions:
        yield "This audit stopped early, so its own changes are those of a part of the prompts."
