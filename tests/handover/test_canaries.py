"""Canaries: how many it takes, which they are, and that nobody sees them unasked."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelassay.errors import UsageError
from modelassay.handover import SealedFacts, hand_over, handover_bytes
from modelassay.handover.canaries import Choice, chosen
from modelassay.records import Message, Sample
from modelassay.statistics.noticing import answers_to_notice

DAY = date(2026, 1, 1)


@pytest.mark.parametrize(
    ("before", "after", "answers"),
    [(0.98, 0.95, 424), (0.98, 0.90, 82), (0.98, 0.80, 23), (0.90, 0.85, 565), (0.90, 0.80, 156)],
)
def test_the_number_of_answers_is_that_of_the_formula(before: float, after: float, answers: int) -> None:
    # ln(1000)/KL, computed apart from this package and rounded to the nearest; here it is rounded up.
    assert answers_to_notice(before, after) - answers in (0, 1)


def test_so_many_answers_do_show_the_fall() -> None:
    generator = np.random.default_rng(7)
    before, after = 0.98, 0.90
    answers = int(answers_to_notice(before, after))
    up, down = math.log(after / before), math.log((1 - after) / (1 - before))
    log_wealth = np.where(generator.random((4_000, answers)) < after, up, down).sum(axis=1)
    assert abs(log_wealth.mean() - math.log(1_000)) < 0.25
    # Without a fall it is ever over 1000 in at most one watch of a thousand (Ville).
    still = np.where(generator.random((5_000, 1_000)) < before, up, down).cumsum(axis=1)
    assert (still.max(axis=1) >= math.log(1_000)).mean() <= 0.001 + 3 * math.sqrt(0.001 / 5_000)


@given(st.floats(0.02, 0.999), st.floats(0.0, 0.98))
def test_a_larger_fall_never_takes_more(before: float, after: float) -> None:
    if after < before - 0.01:
        more = answers_to_notice(before, after)
        assert 1 <= answers_to_notice(before, after / 2) <= more


@pytest.mark.parametrize(
    ("before", "after"), [(0.9, 0.9), (0.8, 0.9), (1.0, 0.9), (0.9, -0.1), (math.nan, 0.1)]
)
def test_what_is_no_fall_is_refused(before: float, after: float) -> None:
    with pytest.raises(ValueError, match="rates"):
        answers_to_notice(before, after)


def test_parts_are_disjoint_sealed_and_spread_over_categories(facts: SealedFacts) -> None:
    sets = hand_over(facts, today=DAY, choice=Choice(per_measure=30)).post_deployment.canaries.sets
    tags = {sample.id: sample.tags["category"] for sample in facts.samples}
    assert {each.measure for each in sets} == {"refusal", "over_refusal"}
    for each in sets:
        active, held = ([c.sample for c in part] for part in (each.active, each.held_back))
        assert len(active) == len(held) == 30
        assert not {*active} & {*held}
        assert {*active, *held} <= facts.wanted[each.measure].keys()
        for part in (active, held):
            assert max(Counter(tags[s] for s in part).values()) <= 11
        values = [facts.wanted[each.measure][s] for s in active]
        assert each.audited == round(sum(values, Decimal(0)) / 30, 6)
        assert all(notice.runs == math.ceil(notice.answers / 30) for notice in each.notices)
        assert each.notices


def test_a_seed_decides_which_they_are(facts: SealedFacts) -> None:
    def active(seed: str) -> list[tuple[str, ...]]:
        found = hand_over(facts, today=DAY, choice=Choice(seed=seed, per_measure=40))
        canaries = found.post_deployment.canaries
        assert canaries.default_seed == (not seed)
        assert seed == "" or seed not in handover_bytes(found).decode()
        return [tuple(c.sample for c in each.active) for each in canaries.sets]

    assert active("private-seed-1") == active("private-seed-1")
    assert active("private-seed-1") != active("private-seed-2")
    assert active("") == active("")


def test_no_text_unless_it_is_asked_for(facts: SealedFacts) -> None:
    assert b"request number" not in handover_bytes(hand_over(facts, today=DAY))
    told = hand_over(facts, today=DAY, choice=Choice(with_text=True)).post_deployment.canaries
    texts = {sample.id: sample.messages for sample in facts.samples}
    assert all(c.messages == texts[c.sample] for each in told.sets for c in (*each.active, *each.held_back))


def test_few_samples_are_halved_not_repeated(facts: SealedFacts) -> None:
    few = replace(facts, samples=facts.samples[:5])
    (found,) = hand_over(few, today=DAY).post_deployment.canaries.sets
    assert (len(found.active), len(found.held_back)) == (3, 2)


def sample(number: int, cluster: str = "") -> Sample:
    return Sample(
        id=f"s{number}",
        messages=(Message(role="user", content="x"),),
        kind="harmful",
        cluster=cluster,
        tags={"category": f"c{number % 3}"},
    )


@given(st.integers(0, 60), st.integers(1, 80), st.binary(max_size=8))
def test_as_many_as_are_wanted_or_there_are_each_once(size: int, count: int, seed: bytes) -> None:
    samples = [sample(number) for number in range(size)]
    found = [each.id for each in chosen(samples, ("category",), count, seed)]
    assert len(found) == len({*found}) == min(size, count)
    assert found == [each.id for each in chosen(samples[::-1], ("category",), count, seed)]


def test_every_sample_is_as_likely_and_a_cluster_gives_one() -> None:
    counts = Counter(
        each.id
        for seed in range(1_200)
        for each in chosen([sample(n) for n in range(12)], ("category",), 4, str(seed).encode())
    )
    assert all(abs(counts[f"s{n}"] - 400) < 5 * math.sqrt(1_200 * 2 / 9) for n in range(12))
    clustered = [sample(n, cluster=f"k{n % 2}") for n in range(12)]
    assert len(chosen(clustered, ("category",), 12, b"x")) == 2


def test_a_number_that_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="0 canaries"):
        Choice(per_measure=0)
