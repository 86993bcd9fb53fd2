"""What is left of a verdict when a dataset, a category, other decodings or half the suite is left out."""

from __future__ import annotations

import random
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal

from modelassay.audit.robustness.replay import Decided, Replay
from modelassay.audit.robustness.results import Decodings, Halves, Kind, Variation
from modelassay.drops import figure
from modelassay.records import Estimate, Reading, Sample, Score
from modelassay.suites import DATASET_TAG


def without_each(replay: Replay) -> Iterator[Variation]:
    """Without each dataset, then without each category of every dimension that the policy judges by."""
    yield from _without(replay, "without dataset", DATASET_TAG)
    for tag in replay.policy.any_category.dimensions:
        if tag != DATASET_TAG:
            yield from _without(replay, "without category", tag)


def one_decoding(replay: Replay) -> Iterator[Variation]:
    """Each epoch alone, where each prompt was asked more than once."""
    for epoch in range(replay.record.epochs if replay.record.epochs > 1 else 0):
        found = replay.decided(keep=lambda key, epoch=epoch: key.epoch == epoch)  # type: ignore[misc]
        yield replay.variation("one decoding", f"epoch {epoch + 1}", found)


def decodings(replay: Replay) -> Iterator[Decodings]:
    """By measure and model: how far epochs differ, and answers to one prompt among each other."""
    if replay.record.epochs < 2:
        return
    for side, scores in zip(("baseline", "candidate"), replay.scores, strict=True):
        by_measure: dict[str, list[Score]] = defaultdict(list)
        for score in scores:
            by_measure[score.measure].append(score)
        for measure, own in by_measure.items():
            yield _decodings(measure, side, own, replay.record.epochs)


def halves(replay: Replay, splits: int) -> Halves | None:
    """The decision on each half of `splits` random splits; clusters stay together. None for no split."""
    outcomes: Counter[str] = Counter()
    literals: Counter[str] = Counter()
    drops: dict[str, list[Decimal]] = defaultdict(list)
    clusters = {sample.id: _cluster(sample) for sample in replay.samples}
    names = sorted(set(clusters.values()))
    for split in range(splits):
        shuffled = random.Random(f"modelassay.halves/1:{replay.record.seed}:{split}").sample(
            names, len(names)
        )
        for part in (frozenset(shuffled[::2]), frozenset(shuffled[1::2])):
            found = replay.decided(keep=lambda key, part=part: clusters[key.sample] in part)  # type: ignore[misc]
            outcomes[found.verdict.outcome] += 1
            literals[found.verdict.literal] += 1
            for measure, drop in overall_drops(found).items():
                drops[measure].append(drop)
    if not outcomes:
        return None
    return Halves(
        splits=splits,
        outcomes=dict(outcomes.most_common()),
        literals=dict(literals.most_common()),
        drops={
            measure: Estimate(value=statistics.median(each), low=min(each), high=max(each))
            for measure, each in drops.items()
        },
    )


def overall_drops(found: Decided, *roles: str) -> dict[str, Decimal]:
    """By measure of one of `roles` (banded): baseline minus candidate over all samples, in points."""
    return {
        finding.measure.name: -finding.difference.value
        for finding in found.findings
        if finding.check == "comparison" and not finding.slice and finding.difference is not None
        if finding.measure.role in (roles or ("banded",))
    }


def _without(replay: Replay, kind: Kind, tag: str) -> Iterator[Variation]:
    values = {sample.id: sample.tags.get(tag, "") for sample in replay.samples}
    named = sorted(set(values.values()) - {""})
    if len(named) < 2:
        return  # nothing would be left
    for value in named:
        found = replay.decided(keep=lambda key, value=value: values.get(key.sample) != value)  # type: ignore[misc]
        yield replay.variation(kind, f"{tag} {value}", found)


def _decodings(measure: str, side: str, scores: Sequence[Score], epochs: int) -> Decodings:
    by_epoch: dict[int, list[float]] = defaultdict(list)
    by_prompt: dict[tuple[str, str], list[float]] = defaultdict(list)
    for score in scores:
        if isinstance(score.outcome, Reading):
            by_epoch[score.key.epoch].append(score.outcome.value)
            by_prompt[score.key.sample, score.key.attack].append(score.outcome.value)
    rates = [statistics.fmean(by_epoch[epoch]) for epoch in range(epochs) if by_epoch[epoch]]
    repeated = [values for values in by_prompt.values() if len(values) > 1]
    within = [statistics.variance(values) for values in repeated]
    return Decodings(
        measure=measure,
        side=side,
        rates=tuple(figure(rate) for rate in rates),
        deviation=figure(statistics.stdev(rates) if len(rates) > 1 else 0.0),
        within=figure(statistics.fmean(within) if within else 0.0),
        wavering=figure(statistics.fmean(len(set(values)) > 1 for values in repeated) if repeated else 0.0),
    )


def _cluster(sample: Sample) -> str:
    """What stays together: the cluster, or the sample itself; never mistaken for each other."""
    return f"cluster:{sample.cluster}" if sample.cluster else f"sample:{sample.id}"
