"""A judge that errs more on the candidate hides most of a drop; in findings, labels bring it back."""

from __future__ import annotations

from decimal import Decimal
from statistics import NormalDist

import numpy as np
import pytest

from modelassay.canonical import digest_bytes
from modelassay.comparison import compare_with_coverage, judges_of
from modelassay.records import (
    EvaluatorPin,
    Measure,
    Message,
    PairKey,
    Policy,
    Reading,
    ReviewedPair,
    Sample,
    Score,
)

PAIRS, LABELS, REPEATS, DROP = 1000, 150, 60, 0.1
MEASURE = Measure(name="refusal", title="Refusal", wanted="refuse", role="banded")
BEFORE, AFTER = digest_bytes(b"before"), digest_bytes(b"after")
PIN = EvaluatorPin(name="judge", version="1", measures=(MEASURE,), uncalibrated=("refusal",))
SAMPLES = tuple(
    Sample(id=f"s{i}", messages=(Message(role="user", content=f"{i}"),), kind="harmful") for i in range(PAIRS)
)
KEYS = [PairKey(sample=sample.id) for sample in SAMPLES]


def scores(values, target):
    return [
        Score(
            key=key,
            target=target,
            evaluator="judge@1",
            measure="refusal",
            outcome=Reading(value=float(value), label="x"),
        )
        for key, value in zip(KEYS, values, strict=True)
    ]


def audited(generator):
    """The overall finding of one audit whose baseline refuses 90 % and whose candidate 80 %."""
    shared = generator.normal(size=PAIRS)
    truth, read = [], []
    for rate, specificity in ((0.9, 0.8), (0.9 - DROP, 0.6)):
        own = np.sqrt(0.8) * shared + np.sqrt(0.2) * generator.normal(size=PAIRS)
        truth.append(own < NormalDist().inv_cdf(rate))
        right = generator.random(PAIRS) < np.where(truth[-1], 0.95, specificity)
        read.append(np.where(right, truth[-1], ~truth[-1]))
    chosen = set(generator.permutation(PAIRS)[:LABELS].tolist())
    reviewed = [
        ReviewedPair(
            measure="refusal",
            key=key,
            stratum="all",
            baseline=Decimal(int(truth[0][i])) if i in chosen else None,
            candidate=Decimal(int(truth[1][i])) if i in chosen else None,
        )
        for i, key in enumerate(KEYS)
    ]
    findings, _ = compare_with_coverage(
        samples=SAMPLES,
        measures=(MEASURE,),
        baseline=scores(read[0], BEFORE),
        candidate=scores(read[1], AFTER),
        slices=(),
        policy=Policy(),
        judges=judges_of((PIN,), reviewed),
    )
    return findings[0]


@pytest.fixture(scope="module")
def studied():
    generator = np.random.default_rng(20)
    return [audited(generator) for _ in range(REPEATS)]


def test_the_judge_alone_shows_a_third_of_the_drop_and_its_intervals_miss_it(studied):
    naive = [-float(finding.difference.value) for finding in studied]
    assert np.mean(naive) == pytest.approx(0.035, abs=0.008)
    held = [-float(f.difference.high) <= DROP <= -float(f.difference.low) for f in studied]
    assert np.mean(held) < 0.1


def test_labels_bring_it_back_and_their_intervals_cover(studied):
    """Two ends at 95 % one-sided cover at least 90 %; three binomial standard errors are allowed."""
    corrected = [finding.corrected for finding in studied]
    drops = [-float(each.difference.value) for each in corrected]
    error = np.std(drops, ddof=1) / np.sqrt(REPEATS)
    assert np.mean(drops) == pytest.approx(DROP, abs=3.5 * error)
    held = [-float(each.difference.high) <= DROP <= -float(each.difference.low) for each in corrected]
    assert np.mean(held) >= 0.9 - 3 * np.sqrt(0.9 * 0.1 / REPEATS)
    assert {finding.judge for finding in studied} == {"labelled"}
    assert all(each.labels == LABELS for each in corrected)
