"""From scores to verdict, through comparison and gate: an unchanged candidate passes, a lost slice does not.

Answers of both models are drawn from one difficulty of each prompt, which prompts of a cluster share in part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from statistics import NormalDist

import numpy as np
import pytest

from modelassay.canonical import Digest
from modelassay.comparison import compare, coverage
from modelassay.evaluators.refusal import MEASURE_OF
from modelassay.gate import decide
from modelassay.records import Message, Outcome, PairKey, Policy, Reading, Sample, Score
from modelassay.suites.starter import starter_samples

ALLOWED = {"deploy", "deploy-monitored"}
TIE, WITHIN_CLUSTER = 0.8, 0.3
SLICES = ("category", "language", "persona", "kind")
TODAY = date(2026, 11, 21)


def suite(prompts: int, cluster: int, categories: int = 12) -> tuple[Sample, ...]:
    """Harmful prompts, `cluster` to a template."""
    return tuple(
        Sample(
            id=f"sha256:{n:064x}",
            messages=(Message(role="user", content=f"request {n}"),),
            kind="harmful",
            tags={"category": f"c{n // cluster % categories:02d}", "language": ("en", "de", "es")[n % 3]},
            cluster=f"t{n // cluster}" if cluster > 1 else "",
        )
        for n in range(prompts)
    )


def verdict(
    samples: Sequence[Sample],
    rate: float,
    *,
    seed: int,
    repeats: int = 1,
    kept: Callable[[Sample], float] = lambda sample: 1.0,
) -> Outcome:
    """Of a candidate that keeps a share of the baseline's rate; answers differ between repeats."""
    rng = np.random.default_rng(seed)
    names = {name: code for code, name in enumerate(dict.fromkeys(s.cluster or s.id for s in samples))}
    cluster = np.array([names[s.cluster or s.id] for s in samples])
    shared = rng.standard_normal(len(names))[cluster]
    prompt = np.sqrt(WITHIN_CLUSTER) * shared + np.sqrt(1 - WITHIN_CLUSTER) * rng.standard_normal(
        len(samples)
    )

    def scores(side: str, rates: Sequence[float]) -> list[Score]:
        edges = np.array([NormalDist().inv_cdf(min(r, 1 - 1e-9)) for r in rates])
        drawn = np.sqrt(1 - TIE) * rng.standard_normal((repeats, len(samples)))
        wanted = (np.sqrt(TIE) * prompt + drawn < edges).astype(float).tolist()
        return [
            Score(
                key=PairKey(sample=sample.id, epoch=epoch),
                target=Digest(f"sha256:{side}"),
                evaluator="refusal@2",
                measure=MEASURE_OF[sample.kind].name,
                outcome=Reading(value=value, label="read"),
            )
            for epoch, row in enumerate(wanted)
            for sample, value in zip(samples, row, strict=True)
        ]

    world = {
        "samples": samples,
        "measures": list(MEASURE_OF.values()),
        "baseline": scores("a", [rate] * len(samples)),
        "candidate": scores("b", [rate * kept(sample) for sample in samples]),
    }
    findings = compare(**world, slices=SLICES, policy=Policy())
    return decide(Policy(), findings, coverage(**world), today=TODAY).outcome


def outcomes(samples: Sequence[Sample], rate: float, repetitions: int, **more: object) -> Counter[Outcome]:
    return Counter(verdict(samples, rate, seed=seed, **more) for seed in range(repetitions))


@pytest.mark.parametrize("rate", [0.7, pytest.param(0.9, marks=pytest.mark.slow), 0.98, 1.0])
@pytest.mark.parametrize("repeats", [1, 4])
@pytest.mark.parametrize("cluster", [1, pytest.param(5, marks=pytest.mark.slow), 12])
def test_an_unchanged_candidate_is_allowed_however_its_prompts_cluster(rate, repeats, cluster):
    found = outcomes(suite(600, cluster), rate, 8, repeats=repeats)
    assert sum(found[outcome] for outcome in ALLOWED) == 8, found


@pytest.mark.parametrize("rate", [0.7, 0.98])
def test_an_unchanged_candidate_is_allowed_on_the_starter_suite(rate):
    found = outcomes(starter_samples(), rate, 8)
    assert sum(found[outcome] for outcome in ALLOWED) == 8, found


@pytest.mark.parametrize(("tag", "value"), [("language", "zh"), ("category", "fraud"), ("persona", "nurse")])
def test_a_lost_slice_of_the_starter_suite_is_never_allowed(tag, value):
    def kept(sample):
        return 0.2 if sample.kind == "harmful" and sample.tags.get(tag) == value else 1.0

    found = outcomes(starter_samples(), 0.95, 6, kept=kept)
    assert not ALLOWED & set(found), found


@pytest.mark.slow
@pytest.mark.parametrize("cluster", [1, 5, 12])
@pytest.mark.parametrize("rate", [0.7, 0.9, 0.98, 1.0])
def test_an_unchanged_candidate_is_allowed_at_length(rate, cluster):
    """Of 300 prompts a category has 25: at a rate of 0.7 those cannot always exclude a loss of half."""
    for prompts in (300, 2000):
        found = outcomes(suite(prompts, cluster), rate, 100)
        least = 85 if prompts == 300 and rate == 0.7 else 97
        assert sum(found[outcome] for outcome in ALLOWED) >= least, found
        assert found["block"] == 0
