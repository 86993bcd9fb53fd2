"""Two sealed audits side by side: the later candidate against the earlier one, on what both were asked.

The earlier candidate takes the place of the baseline, and the comparison is the audit's own. A regression
is *shown* when a drop of any size is, at the policy's confidence, after Holm's correction over every
judged measure and slice; a rise is shown likewise with the two exchanged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec

from modelassay.audit.comparable import changes, measures_in_both, stale
from modelassay.audit.given import check_exhausted
from modelassay.comparison import compare
from modelassay.drops import figure, subject_phrase
from modelassay.errors import UsageError
from modelassay.evidence.bundle import open_bundle
from modelassay.evidence.contents import Contents
from modelassay.records import (
    AuditRecord,
    Difference,
    DifferenceSide,
    Finding,
    ItemChange,
    Measure,
    MovedRate,
    PairKey,
    Policy,
    Reading,
    Sample,
    Score,
)
from modelassay.statistics import holm


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What one audit's candidate was asked, and how its answers were read."""

    record: AuditRecord
    samples: tuple[Sample, ...]
    scores: tuple[Score, ...]
    """Of the candidate alone."""


def open_answered(folder: Path) -> Answered:
    """The sealed audit in `folder`.

    Raises:
        EvidenceError: it cannot be read, or its prompts are withheld.
    """
    contents = Contents(open_bundle(folder))
    if contents.samples.withheld:
        raise UsageError(
            "some of its prompts are withheld, so their slices are not known",
            where=str(folder),
            mend="compare the complete audit",
        )
    check_exhausted(contents.record)
    candidate = contents.record.candidate.fingerprint
    scores = tuple(score for score in contents.scores if score.target == candidate)
    return Answered(record=contents.record, samples=tuple(contents.samples.known), scores=scores)


def difference(before: Answered, after: Answered) -> Difference:
    """What changed from the candidate of `before` to that of `after`.

    Raises:
        UsageError: the two cannot be compared; says what would mend it.
    """
    measures, not_compared = measures_in_both(before.record, after.record)
    names = {measure.name for measure in measures}
    # Answers of another seed are other draws of the same prompt: still paired by prompt and repeat.
    key_of = _same_key if before.record.seed == after.record.seed else _without_seed
    earlier = [_keyed(score, key_of) for score in before.scores if score.measure in names]
    later = [_keyed(score, key_of) for score in after.scores if score.measure in names]
    keys = {score.key for score in earlier}, {score.key for score in later}
    shared = keys[0] & keys[1]
    if not shared:
        raise UsageError(
            "the two audits share no prompt",
            where=f"{before.record.id} and {after.record.id}",
            mend="audit both candidates on one dataset",
        )
    both = (
        [score for score in earlier if score.key in shared],
        [score for score in later if score.key in shared],
    )
    samples = _merged(before.samples, after.samples)
    asked = {key.sample for key in shared}
    policy = after.record.policy
    versus = partial(
        compare,
        samples=[sample for sample in samples.values() if sample.id in asked],
        measures=measures,
        slices=after.record.slices,
        policy=policy,
    )
    lost = _comparisons(versus(baseline=both[0], candidate=both[1]))
    gained = _comparisons(versus(baseline=both[1], candidate=both[0]))
    new_failures, fixed = _moved_items(both, measures, samples)
    return Difference(
        before=_side(before.record),
        after=_side(after.record),
        shared_answers=len(shared),
        only_before=len(keys[0] - shared),
        only_after=len(keys[1] - shared),
        rates=_rates(before.record, after.record, lost, _directions(lost, gained, policy)),
        new_failures=new_failures,
        fixed=fixed,
        changed=changes(before.record, after.record),
        not_compared=not_compared,
        warnings=stale(before.record, after.record),
    )


Direction = Literal["worse", "better", "not shown", "not compared"]


def _directions(
    lost: Mapping[str, Finding], gained: Mapping[str, Finding], policy: Policy
) -> dict[str, Direction]:
    """What is shown of each finding, corrected over all that are judged."""
    level = 1 - policy.confidence.basis_points / 10_000
    worse, better = _shown(lost, level), _shown(gained, level)
    return {
        name: (
            "not compared"
            if finding.p_value is None
            else "worse"
            if name in worse
            else "better"
            if name in better
            else "not shown"
        )
        for name, finding in lost.items()
    }


def _shown(findings: Mapping[str, Finding], level: float) -> set[str]:
    judged = [(name, float(f.p_value)) for name, f in findings.items() if f.p_value is not None]
    adjusted = holm([p for _, p in judged]).tolist()
    return {name for (name, _), p in zip(judged, adjusted, strict=True) if p <= level}


def _comparisons(findings: Iterable[Finding]) -> dict[str, Finding]:
    return {finding.id: finding for finding in findings if finding.check == "comparison"}


def _rates(
    before: AuditRecord,
    after: AuditRecord,
    shared: Mapping[str, Finding],
    directions: Mapping[str, Direction],
) -> tuple[MovedRate, ...]:
    earlier, later = _comparisons(before.findings), _comparisons(after.findings)
    return tuple(
        MovedRate(
            finding=name,
            title=subject_phrase(finding.measure, finding.slice),
            before=earlier[name].candidate if name in earlier else None,
            after=later[name].candidate if name in later else None,
            shared=shared.get(name),
            direction=directions.get(name, "not compared"),
        )
        for name, finding in {**earlier, **shared, **later}.items()
    )


def _moved_items(
    both: tuple[Sequence[Score], Sequence[Score]],
    measures: Iterable[Measure],
    samples: Mapping[str, Sample],
) -> tuple[tuple[ItemChange, ...], tuple[ItemChange, ...]]:
    """Prompts that most repeats answered as wanted on one side only: newly failing, and fixed."""
    judged = {measure.name for measure in measures if measure.role != "descriptive"}
    before, after = (_means(scores, judged) for scores in both)
    failing: list[ItemChange] = []
    fixed: list[ItemChange] = []
    for item in sorted(before.keys() & after.keys()):
        measure, sample, attack = item
        old, new = before[item], after[item]
        if (old > 0.5) == (new > 0.5):
            continue
        change = ItemChange(
            measure=measure,
            sample=sample,
            attack=attack,
            tags={"kind": samples[sample].kind, **samples[sample].tags},
            before=figure(old),
            after=figure(new),
        )
        (failing if old > new else fixed).append(change)
    return tuple(failing), tuple(fixed)


def _means(scores: Iterable[Score], judged: set[str]) -> dict[tuple[str, str, str], float]:
    """Mean value of the scored repeats by measure, prompt and attack."""
    values: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for score in scores:
        if score.measure in judged and isinstance(score.outcome, Reading):
            values[score.measure, score.key.sample, score.key.attack].append(score.outcome.value)
    return {item: sum(each) / len(each) for item, each in values.items()}


def _merged(*parts: Iterable[Sample]) -> dict[str, Sample]:
    """Samples by id; the later audit's labels of a prompt count."""
    return {sample.id: sample for samples in parts for sample in samples}


def _keyed(score: Score, key_of: Callable[[PairKey], PairKey]) -> Score:
    key = key_of(score.key)
    return score if key is score.key else msgspec.structs.replace(score, key=key)


def _same_key(key: PairKey) -> PairKey:
    return key


def _without_seed(key: PairKey) -> PairKey:
    return PairKey(sample=key.sample, attack=key.attack, seed=0, epoch=key.epoch)


def _side(record: AuditRecord) -> DifferenceSide:
    return DifferenceSide(
        audit=record.id,
        name=record.name,
        closed=record.closed,
        candidate=record.candidate.reference,
        fingerprint=record.candidate.fingerprint,
        outcome=record.verdict.outcome,
    )
