"""Scores of two models into columns of pairs, one table for each measure.

Pairs are made by `PairKey` alone, never by row order. A key that only one side scored is a pair too:
the other side is then unscored, reason ``missing``. Rows are sorted by key, so the order in which
scores arrive cannot change any figure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from modelassay.errors import UnknownNameError, UsageError
from modelassay.records import Coverage, Measure, PairKey, Reading, Sample, Score, Unscored

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

MISSING = "missing"
"""Reason of a pair whose key has no score at all on this side."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One model's side of a table."""

    values: Floats
    """In [0, 1]; 0 where `scored` is False."""
    scored: Booleans
    reasons: dict[str, int]
    """Unscored pairs by reason."""
    raw: Floats | None = None
    """Values on the evaluator's own scale, 0 where unscored; None where that is not a number."""


@dataclass(frozen=True, kw_only=True)
class PairTable:
    """All pairs of one measure, sorted by key."""

    measure: Measure
    evaluator: str
    """``name@version`` of the one evaluator that read both sides."""
    keys: Sequence[PairKey]
    sample: Integers
    """Row of each pair's sample in `SampleIndex.samples`."""
    prompt: Integers
    """Which pairs repeat one prompt: equal for equal (sample, attack), numbered from 0."""
    baseline: Column
    candidate: Column
    binary: bool
    """Whether every value of both sides is 0 or 1."""

    @property
    def pairs(self) -> int:
        """How many pairs there are, unscored ones included."""
        return len(self.sample)


@dataclass(frozen=True, kw_only=True)
class SampleIndex:
    """Samples by id, in the order of their ids."""

    samples: tuple[Sample, ...]
    rows: dict[str, int]
    clusters: Integers
    """Cluster of each sample; a sample without one is a cluster of its own."""


def index_samples(samples: Iterable[Sample]) -> SampleIndex:
    """Samples sorted by id. Samples of equal id are one sample: tags that the first lacks are added."""
    merged: dict[str, Sample] = {}
    for sample in samples:
        first = merged.get(sample.id)
        merged[sample.id] = sample if first is None else _with_tags(first, sample.tags)
    ordered = tuple(merged[name] for name in sorted(merged))
    # A cluster's name and a sample's id are different things even when they read the same.
    names = [("cluster", s.cluster) if s.cluster else ("sample", s.id) for s in ordered]
    codes = {name: code for code, name in enumerate(dict.fromkeys(names))}
    clusters = np.fromiter((codes[name] for name in names), np.int64, len(names))
    rows = {sample.id: row for row, sample in enumerate(ordered)}
    return SampleIndex(samples=ordered, rows=rows, clusters=clusters)


def _with_tags(sample: Sample, tags: Mapping[str, str]) -> Sample:
    return msgspec.structs.replace(sample, tags={**tags, **sample.tags})


def pair(
    index: SampleIndex,
    measures: Sequence[Measure],
    baseline: Iterable[Score],
    candidate: Iterable[Score],
) -> tuple[PairTable, ...]:
    """One table for each measure that has a score on either side, in the order of `measures`.

    Raises:
        UsageError: scores that cannot be compared: of two evaluator versions on one measure, of two
            models on one side, two scores for one answer, of a sample or measure that is not given.
    """
    names = tuple(measure.name for measure in measures)
    before = _Side("baseline", names, baseline)
    after = _Side("candidate", names, candidate)
    return tuple(
        _table(index, measure, before, after)
        for measure in measures
        if before.outcomes[measure.name] or after.outcomes[measure.name]
    )


def coverage_of(tables: Iterable[PairTable]) -> tuple[Coverage, ...]:
    """Planned, scored and unscored answers of each model on each measure."""
    return tuple(
        Coverage(
            measure=table.measure.name,
            side=side,
            planned=table.pairs,
            scored=int(column.scored.sum()),
            unscored=dict(sorted(column.reasons.items())),
        )
        for table in tables
        for side, column in (("baseline", table.baseline), ("candidate", table.candidate))
    )


class _Side:
    """One model's scores by measure and key."""

    def __init__(self, name: str, measures: Sequence[str], scores: Iterable[Score]) -> None:
        self.name = name
        self.outcomes: dict[str, dict[PairKey, Reading | Unscored]] = {m: {} for m in measures}
        self.evaluators: dict[str, set[str]] = {m: set() for m in measures}
        targets: set[str] = set()
        for score in scores:
            outcomes = self.outcomes.get(score.measure)
            if outcomes is None:
                raise UnknownNameError("measure", score.measure, measures, where=f"scores of the {name}")
            if outcomes.setdefault(score.key, score.outcome) is not score.outcome:
                self._refuse_second(score)
            self.evaluators[score.measure].add(score.evaluator)
            targets.add(score.target)
        if len(targets) > 1:
            raise UsageError(
                f"the scores of the {name} come from {len(targets)} different models",
                mend="compare one model with one model",
            )

    def _refuse_second(self, score: Score) -> None:
        raise UsageError(
            f"the {self.name} has two scores of {score.measure!r} for one answer",
            where=f"sample {score.key.sample}, epoch {score.key.epoch}",
            mend="give each answer one score on each measure",
        )


def _table(index: SampleIndex, measure: Measure, before: _Side, after: _Side) -> PairTable:
    left, right = before.outcomes[measure.name], after.outcomes[measure.name]
    keys = list(left)
    keys.extend(key for key in right if key not in left)
    sample, prompt, order = _sorted_rows(index, keys)
    keys = [keys[i] for i in order.tolist()]
    baseline, candidate = _column(left, keys), _column(right, keys)
    values = np.concatenate([baseline.values[baseline.scored], candidate.values[candidate.scored]])
    return PairTable(
        measure=measure,
        evaluator=_one_evaluator(measure, before, after),
        keys=keys,
        sample=sample,
        prompt=prompt,
        baseline=baseline,
        candidate=candidate,
        binary=bool(np.isin(values, (0.0, 1.0)).all()),
    )


def _one_evaluator(measure: Measure, before: _Side, after: _Side) -> str:
    evaluators = sorted(before.evaluators[measure.name] | after.evaluators[measure.name])
    if len(evaluators) > 1:
        raise UsageError(
            f"scores of {measure.name!r} by {' and '.join(evaluators)} cannot be compared",
            mend="judge the stored transcripts of both models again with one evaluator version",
        )
    return evaluators[0]


def _sorted_rows(index: SampleIndex, keys: Sequence[PairKey]) -> tuple[Integers, Integers, Integers]:
    """The order that sorts the keys, after the sample row and the prompt number of each sorted key."""
    try:
        sample = np.fromiter((index.rows[key.sample] for key in keys), np.int64, len(keys))
    except KeyError as error:
        raise UsageError(
            f"a score refers to sample {error.args[0]}, which is not among the samples",
            mend="pass every sample that was asked",
        ) from None
    attacks = {name: code for code, name in enumerate(sorted({key.attack for key in keys}))}
    attack = np.fromiter((attacks[key.attack] for key in keys), np.int64, len(keys))
    seed = np.fromiter((key.seed for key in keys), np.int64, len(keys))
    epoch = np.fromiter((key.epoch for key in keys), np.int64, len(keys))
    order = np.lexsort((epoch, seed, attack, sample))
    sample, attack = sample[order], attack[order]
    new = np.ones(len(keys), dtype=np.bool_)
    new[1:] = (sample[1:] != sample[:-1]) | (attack[1:] != attack[:-1])
    return sample, np.cumsum(new) - 1, order


def _column(outcomes: Mapping[PairKey, Reading | Unscored], keys: Sequence[PairKey]) -> Column:
    values = np.zeros(len(keys))
    scored = np.ones(len(keys), dtype=np.bool_)
    reasons: Counter[str] = Counter()
    for row, key in enumerate(keys):
        outcome = outcomes.get(key)
        if isinstance(outcome, Reading):
            values[row] = outcome.value
        else:
            scored[row] = False
            reasons[MISSING if outcome is None else outcome.reason] += 1
    if not ((values >= 0.0) & (values <= 1.0)).all():
        raise UsageError("a score lies outside [0, 1]", mend="mend the evaluator that gave it")
    return Column(values=values, scored=scored, reasons=dict(reasons), raw=_raw(outcomes, keys))


def _raw(outcomes: Mapping[PairKey, Reading | Unscored], keys: Sequence[PairKey]) -> Floats | None:
    """Raw values of all scored keys, if every one of them is a number."""
    raw = np.zeros(len(keys))
    for row, key in enumerate(keys):
        outcome = outcomes.get(key)
        if isinstance(outcome, Reading):
            try:
                raw[row] = float(outcome.raw)
            except ValueError:
                return None
    return raw if np.isfinite(raw).all() else None
