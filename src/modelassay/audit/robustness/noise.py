"""The noise floor: what differs between two decodings of one model; a candidate's differences beside it."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from modelassay.audit.robustness.replay import Replay
from modelassay.audit.robustness.results import Beside, Noise, NoiseFloor, RuleTurn
from modelassay.drops import figure, scored_pairs
from modelassay.errors import UsageError
from modelassay.records import AuditRecord, Estimate, Finding, PairedCounts, Sample, Score, Verdict
from modelassay.statistics import clopper_pearson_interval, newcombe_difference_interval

_ABOUT_A_DIFFERENCE = ("bands", "any_category.", "concerns.", "cohorts.")
_TWO_SIDED = 1.96
"""Standard errors: 95 of 100 changes by chance are smaller."""


def noise_floor(replay: Replay, swaps: int) -> NoiseFloor:
    """What the audit of a model against itself shows.

    The two decodings of a cluster of prompts could as well have changed places: every one of `swaps` random
    exchanges is a comparison of the baseline with itself, and what the gate makes of them is how often it
    cries out for nothing.

    Raises:
        UsageError: the audit holds two different models.
    """
    if not replay.record.noise_floor:
        raise UsageError(
            "this audit compares two models, so it measures no noise floor",
            where=replay.record.id,
            mend="run the plan with `modelassay audit --aa`",
        )
    outcomes: Counter[str] = Counter()
    alarms = 0
    for verdict in _swapped(replay, swaps):
        outcomes[verdict.outcome] += 1
        alarms += any(_alarms(verdict))
    interval = clopper_pearson_interval(alarms, swaps) if swaps else None
    return NoiseFloor(
        audit=replay.record.id,
        questions=replay.questions,
        noise=tuple(_noise_of(finding) for finding in _compared(replay)),
        alarms=tuple(_alarms(replay.base.verdict)),
        swaps=swaps,
        outcomes=dict(outcomes.most_common()),
        false_alarms=alarms,
        interval=Estimate(value=figure(alarms / swaps), low=figure(interval.low), high=figure(interval.high))
        if interval
        else None,
    )


def beside_noise(replay: Replay, noise: Replay) -> Iterator[Beside]:
    """Every difference of an audit beside the same measure and slice of a noise floor.

    Raises:
        UsageError: `noise` measures none, or that of another model, suite, decoding or judge.
    """
    check_same(replay.record, noise.record)
    floor = {finding.id: finding for finding in _compared(noise)}
    for finding in _compared(replay):
        if finding.id in floor and type(floor[finding.id].paired) is type(finding.paired):
            yield _beside(finding, floor[finding.id])


def check_same(record: AuditRecord, noise: AuditRecord) -> None:
    """That `noise` is a noise floor of the baseline of `record`, measured in the same way.

    Raises:
        UsageError: names what differs.
    """
    if not noise.noise_floor or record.noise_floor:
        which = record.id if record.noise_floor else noise.id
        raise UsageError(
            "a noise floor is set beside the audit of a candidate",
            where=which,
            mend="modelassay gate robustness --noise AUDIT_OF_AUDIT_AA AUDIT",
        )
    same = {
        "baseline": (record.baseline.fingerprint, noise.baseline.fingerprint),
        "decoding": (record.decoding, noise.decoding),
        "datasets": ([pin.digest for pin in record.datasets], [pin.digest for pin in noise.datasets]),
        "evaluators": tuple(
            [(pin.name, pin.version, pin.settings) for pin in each.evaluators] for each in (record, noise)
        ),
    }
    other = [name for name, (one, two) in same.items() if one != two]
    if other:
        raise UsageError(
            f"the noise floor was measured with another {', another '.join(other)}",
            where=noise.id,
            mend="run the audit's own plan with `modelassay audit --aa`",
        )


def _compared(replay: Replay) -> list[Finding]:
    return [
        finding
        for finding in replay.base.findings
        if finding.check == "comparison" and finding.paired is not None and finding.difference is not None
    ]


def _noise_of(finding: Finding) -> Noise:
    assert finding.paired is not None
    assert finding.difference is not None
    return Noise(
        finding=finding.id,
        pairs=scored_pairs(finding.paired),
        differing=_differing(finding),
        change=finding.difference.value,
        spread=figure(_spread(finding, scored_pairs(finding.paired))),
    )


def _beside(finding: Finding, floor: Finding) -> Beside:
    assert finding.paired is not None
    assert floor.paired is not None
    assert finding.difference is not None
    pairs, by_chance = scored_pairs(finding.paired), scored_pairs(floor.paired)
    spread = _spread(floor, pairs, at_most=True)
    one, two = _differing(finding), _differing(floor)
    found = Beside(
        finding=finding.id,
        pairs=pairs,
        change=finding.difference.value,
        spread=figure(spread),
        beyond=abs(float(finding.difference.value)) > _TWO_SIDED * spread,
    )
    if one is None or two is None or not pairs or not by_chance:
        return found
    interval = newcombe_difference_interval(one, pairs, two, by_chance)
    excess = Estimate(
        value=figure(one / pairs - two / by_chance), low=figure(interval.low), high=figure(interval.high)
    )
    return msgspec.structs.replace(
        found, differing=figure(one / pairs), by_chance=figure(two / by_chance), excess=excess
    )


def _differing(finding: Finding) -> int | None:
    counts = finding.paired
    return counts.n10 + counts.n01 if isinstance(counts, PairedCounts) else None


def _spread(floor: Finding, pairs: int, *, at_most: bool = False) -> float:
    """Standard error of a change over `pairs` pairs by chance: of a mean of differences without a trend.

    Args:
        at_most: with the share of differing pairs at its one-sided upper bound (Clopper–Pearson, 97.5 %), for
            a floor on which nothing differed does not show that nothing can.
    """
    of = floor.paired
    assert of is not None
    measured = scored_pairs(of)
    if not measured or not pairs:
        return 0.0
    if isinstance(of, PairedCounts):
        effect = float(of.design_effect)
        share = (of.n10 + of.n01) / measured
        if at_most:
            share = clopper_pearson_interval((of.n10 + of.n01) / effect, measured / effect).high
        return math.sqrt(share * effect / pairs)
    variance = float(of.baseline_variance + of.candidate_variance - 2 * of.covariance)
    return math.sqrt(max(0.0, variance) * measured / pairs)


def _alarms(verdict: Verdict) -> Iterator[RuleTurn]:
    """Rules about a difference that ask for more than deploying; too little evidence is no alarm."""
    for hit in verdict.rules:
        alarmed = hit.outcome not in ("deploy", "inconclusive")
        if alarmed and hit.finding and hit.rule.startswith(_ABOUT_A_DIFFERENCE):
            yield RuleTurn(rule=hit.rule, finding=hit.finding, before="deploy", after=hit.outcome)


def _swapped(replay: Replay, swaps: int) -> Iterator[Verdict]:
    before, after = replay.scores
    targets = (replay.record.baseline.fingerprint, replay.record.candidate.fingerprint)
    first, second = (
        [msgspec.structs.replace(score, target=target) for score in scores]
        for scores, target in zip((after, before), targets, strict=True)
    )
    clusters = {sample.id: _cluster(sample) for sample in replay.samples}
    names = sorted(set(clusters.values()))
    for swap in range(swaps):
        drawn = random.Random(f"modelassay.swap/1:{replay.record.seed}:{swap}")
        chosen = {name for name in names if drawn.random() < 0.5}
        exchanged = {sample for sample, cluster in clusters.items() if cluster in chosen}
        sides = (_mixed(before, first, exchanged), _mixed(after, second, exchanged))
        yield replay.decided(sides=sides).verdict


def _mixed(own: Sequence[Score], other: Sequence[Score], exchanged: set[str]) -> list[Score]:
    return [
        *(score for score in own if score.key.sample not in exchanged),
        *(score for score in other if score.key.sample in exchanged),
    ]


def _cluster(sample: Sample) -> str:
    return f"cluster:{sample.cluster}" if sample.cluster else f"sample:{sample.id}"
