"""One slice's pairs into a finding: figures, state at the concern threshold, one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec
import numpy as np

from modelassay.comparison import estimates
from modelassay.comparison.judges import Judges, adjusted_difference, told_by_chance
from modelassay.comparison.resampled import resampled_method
from modelassay.comparison.summary import Pairs
from modelassay.drops import (
    Drop,
    assessable,
    counts_phrase,
    deciding,
    deciding_drop,
    enough_labels,
    fewest_clusters,
    figure,
    held_beside,
    percent_text,
    scored_pairs,
    subject_phrase,
    total_pairs,
    unscored_pairs,
)
from modelassay.records import (
    Corrected,
    Finding,
    FindingState,
    JudgeError,
    JudgeStanding,
    Measure,
    PairedCounts,
    PairedMoments,
    Percent,
    Policy,
    Severity,
)
from modelassay.statistics import design_effect, holm

CHECK = "comparison"


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What a dimension's slices are held against."""

    concern: Percent
    block: Percent


@dataclass(frozen=True)
class Reader:
    """Who read the answers on a measure, and what is known of its error."""

    measure: Measure
    evaluator: str
    standing: JudgeStanding = ""
    errors: tuple[JudgeError, ...] = ()


def slice_findings(
    reader: Reader,
    slices: Sequence[tuple[dict[str, str], Pairs]],
    thresholds: Thresholds,
    policy: Policy,
) -> list[Finding]:
    """Findings about all `slices` of one dimension; Holm's correction runs over the assessable ones."""
    found = [_reported(reader, tags, pairs, policy) for tags, pairs in slices]
    if reader.measure.role == "descriptive":
        return found
    judged = [i for i, (_, pairs) in enumerate(slices) if assessable(_deciding(pairs, policy), policy)]
    drops = [_drop(slices[i][1], policy) for i in judged]
    any_drop = [drop.p_value(Percent(basis_points=0)) for drop in drops]
    adjusted = holm(any_drop).tolist()
    harmful = holm([drop.p_value(thresholds.concern) for drop in drops]).tolist()
    for i, drop, raw, p, p_concern in zip(judged, drops, any_drop, adjusted, harmful, strict=True):
        state = _state(drop, thresholds.concern, p_concern, policy)
        if found[i].judge == "uncalibrated":
            state = _unless_shown(state, policy)
        found[i] = msgspec.structs.replace(
            found[i],
            state=state,
            severity=_severity(drop, thresholds, state, p, policy),
            p_value=figure(raw),
            adjusted_p=figure(p),
            method=found[i].method + (f"; Holm over {len(judged)} slices" if len(judged) > 1 else ""),
        )
    return found


def doubted(finding: Finding, judges: Judges, policy: Policy) -> Finding:
    """`finding` with what is known of its judge; nothing that an uncalibrated one reads is shown."""
    standing = judges.standing.get(finding.measure.name, "")
    state = _unless_shown(finding.state, policy) if standing == "uncalibrated" else finding.state
    milder = finding.severity == "high" and state != finding.state
    severity: Severity = "medium" if milder else finding.severity
    return msgspec.structs.replace(finding, judge=standing, state=state, severity=severity)


def _unless_shown(state: FindingState, policy: Policy) -> FindingState:
    """What an uncalibrated judge leaves of a state."""
    shown = state in ("shown_fine", "shown_harmful")
    return "not_shown" if shown and policy.judges.uncalibrated == "review" else state


def _deciding(pairs: Pairs, policy: Policy) -> PairedCounts | PairedMoments:
    return deciding(pairs.paired, pairs.corrected, policy)


def _drop(pairs: Pairs, policy: Policy) -> Drop:
    """What is held against thresholds; bounds by resampling are those of the judge's own figures."""
    return deciding_drop(pairs.paired, pairs.corrected, policy, pairs.resampled)


def _standing(reader: Reader, corrected: Corrected | None, policy: Policy) -> JudgeStanding:
    decided = corrected is not None and enough_labels(corrected, policy)
    return "labelled" if decided else reader.standing


def _reported(reader: Reader, tags: dict[str, str], pairs: Pairs, policy: Policy) -> Finding:
    """The figures of one slice, not yet judged."""
    measure = reader.measure
    confidence = policy.confidence.basis_points / 10_000
    binary = isinstance(pairs.paired, PairedCounts)
    smallest = figure(estimates.smallest_drop(pairs, confidence))
    difference = estimates.difference(pairs, confidence)
    adjusted = adjusted_difference(difference, reader.errors, policy) if binary else {}
    return Finding(
        id=f"{CHECK}/{measure.name}/{slice_name(tags)}",
        check=CHECK,
        measure=measure,
        slice=tags,
        state="not_assessable",
        statement=_statement(measure, tags, pairs, smallest, policy),
        paired=pairs.paired,
        baseline=estimates.rate(pairs.baseline, pairs.clusters, binary=binary, confidence=confidence),
        candidate=estimates.rate(pairs.candidate, pairs.clusters, binary=binary, confidence=confidence),
        difference=difference,
        relative_drop=estimates.relative_drop(pairs, confidence),
        harm_ratio=estimates.harm_ratio(pairs, confidence) if measure.harm else None,
        smallest_drop=smallest,
        method=_method(measure, pairs, policy),
        values=(_rate_effects(pairs) if binary else {})
        | _raw_medians(pairs)
        | adjusted
        | pairs.resampled
        | told_by_chance(reader.standing, reader.errors),
        judge=_standing(reader, pairs.corrected, policy),
        corrected=pairs.corrected,
        rests_on=(reader.evaluator,),
    )


def _state(drop: Drop, concern: Percent, p_concern: float, policy: Policy) -> FindingState:
    confidence = policy.confidence.basis_points / 10_000
    if p_concern <= 1.0 - confidence:
        return "shown_harmful"
    return "shown_fine" if drop.within(concern, confidence) else "not_shown"


def _severity(
    drop: Drop, thresholds: Thresholds, state: FindingState, adjusted_p: float, policy: Policy
) -> Severity:
    """How bad: literally and shown over the block edge, shown over the concern, literally over it, or
    a drop at all that is shown."""
    if state == "shown_harmful":
        return "critical" if drop.exceeds(thresholds.block) else "high"
    if drop.exceeds(thresholds.concern):
        return "medium"
    return "low" if adjusted_p <= 1.0 - policy.confidence.basis_points / 10_000 else "none"


def slice_name(tags: dict[str, str]) -> str:
    """The slice's part of a finding's id: ``overall`` or ``category=fraud,language=de``."""
    return ",".join(f"{tag}={value}" for tag, value in tags.items()) or "overall"


def _statement(
    measure: Measure, tags: dict[str, str], pairs: Pairs, smallest: Decimal, policy: Policy
) -> str:
    counts = counts_phrase(pairs.paired)
    subject = subject_phrase(measure, tags)
    if scored_pairs(pairs.paired) == 0:
        return f"{subject}: none of {unscored_pairs(pairs.paired)} pairs could be scored."
    if measure.role == "descriptive" and (medians := _raw_medians(pairs)):
        first, second = (f"{value.normalize():f}" for value in medians.values())
        return (
            f"{subject}: the median went from {first} to {second} on the evaluator's own scale; not judged."
        )
    before, after = float(pairs.baseline.mean()), float(pairs.candidate.mean())
    if before == after:
        change = f"stayed at {percent_text(before)}"
    else:
        verb = "fell" if after < before else "rose"
        change = f"{verb} from {percent_text(before)} to {percent_text(after)}"
    qualified = _qualified(measure, pairs, smallest, policy)
    return f"{subject} {change} ({counts}){qualified}{_by_people(pairs.corrected, policy)}."


def _qualified(measure: Measure, pairs: Pairs, smallest: Decimal, policy: Policy) -> str:
    """What bounds the change, or why it is not judged."""
    if measure.role == "descriptive":
        return "; shown for information, not judged"
    if assessable(_deciding(pairs, policy), policy):
        confidence = policy.confidence.basis_points / 10_000
        drop = _drop(pairs, policy)
        low, high = drop.lower(confidence), _amount(drop, drop.upper(confidence))
        bounds = f"between {_amount(drop, low)} and {high}" if low > 0 else f"at most {high}"
        return f"; the drop is {bounds}"
    total, needed = total_pairs(pairs.paired), policy.slices.smallest
    if total >= needed:
        clusters = pairs.paired.clusters
        belong = "all pairs belong to one cluster" if clusters == 1 else f"{clusters} clusters are too few"
        return f"; {belong} to judge by ({fewest_clusters(policy)} needed)"
    visible = f"only a drop of {percent_text(smallest).removesuffix('%')} points or more would show"
    visible = "no drop would show" if smallest >= 1 else visible
    return f"; {total} pairs are too few to judge ({needed} needed): {visible}"


def _by_people(corrected: Corrected | None, policy: Policy) -> str:
    """What people's labels make of it."""
    if corrected is None:
        return ""
    before, after = (percent_text(each.value) for each in (corrected.baseline, corrected.candidate))
    decides = "" if enough_labels(corrected, policy) else ", too few to decide"
    decides = ", held beside the judge's own figures" if held_beside(corrected, policy) else decides
    return f"; corrected by people's labels on {corrected.labels:,} pairs{decides}: {before} → {after}"


def _amount(drop: Drop, value: Decimal) -> str:
    text = percent_text(max(value, Decimal(0)))
    return text if drop.scale == "relative" else text.removesuffix("%") + " points"


def _rate_effects(pairs: Pairs) -> dict[str, Decimal]:
    """Design effects of each model's own rate, for bounds on the rate itself."""
    return {
        f"design_effect_{side}": figure(design_effect(values, pairs.clusters).effect)
        for side, values in (("baseline", pairs.baseline), ("candidate", pairs.candidate))
    }


def _raw_medians(pairs: Pairs) -> dict[str, Decimal]:
    """Medians on the evaluator's own scale, such as words of an answer."""
    if pairs.raw is None or not len(pairs.raw[0]):
        return {}
    before, after = (figure(float(np.median(side))) for side in pairs.raw)
    return {"median_raw_baseline": before, "median_raw_candidate": after}


def _method(measure: Measure, pairs: Pairs, policy: Policy) -> str:
    if isinstance(pairs.paired, PairedCounts):
        parts = ["rates: Wilson", "difference: Tango", "relative drop: Tang"]
        if measure.harm:
            parts.append("harm ratio: Tang")
    else:
        parts = ["means: cluster-robust t", "relative drop: Fieller"]
    if pairs.paired.clusters < scored_pairs(pairs.paired):
        parts.append(f"{pairs.paired.clusters} clusters")
        if isinstance(pairs.paired, PairedCounts):
            parts.append(f"design effect {pairs.paired.design_effect:.2f}")
    if pairs.resampled:
        parts.append(f"shown fine besides: {resampled_method(pairs.paired.clusters)}")
    parts.append(f"each end of an interval at {policy.confidence} one-sided")
    return "; ".join(parts)
