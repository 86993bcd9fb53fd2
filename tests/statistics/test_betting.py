"""Betting e-processes: against hand computation, all orders of small populations, and simulation."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelassay.statistics import (
    BETS,
    Wealth,
    betting_interval,
    betting_interval_finite,
    draws_of,
    draws_of_clusters,
    draws_with_replacement,
    log_wealth,
)

MEAN_BET = 0.525
MEAN_SQUARED_BET = MEAN_BET**2 + (0.85 / 7) ** 2 * 63 / 12
"""Of eight points evenly from .1 to .95, by the variance of a discrete uniform distribution."""


def test_wealth_computed_by_hand_without_replacement():
    # Four units in [-.5, .5]. First μ = 0, room .5: factor 1 + c. Then S = .5, μ = -1/6, room 1/3: 1 + 2c.
    path = np.exp(log_wealth([0.5, 0.5], -0.5, draws_of(4)))
    assert path[0] == pytest.approx(1 + MEAN_BET)
    assert path[1] == pytest.approx(1 + 3 * MEAN_BET + 2 * MEAN_SQUARED_BET)


def test_a_tie_is_still_possible_and_one_step_beyond_it_is_not():
    # After two draws S = 1 and two units remain: their mean must be -.5, which is just possible.
    draws = draws_of(4)
    tied = log_wealth([0.5, 0.5, -0.5, -0.5], -0.5, draws)
    assert np.isfinite(tied).all()
    assert tied[2] == tied[1]  # no bet can be made at the tie
    beyond = log_wealth([0.5, 0.5, -0.4], -0.5, draws)
    assert beyond[2] == math.inf


def test_wealth_computed_by_hand_with_replacement():
    path = np.exp(log_wealth([1.0, -0.5], -0.5, draws_with_replacement(2)))
    assert path[0] == pytest.approx(1 + 2 * MEAN_BET)
    # (1 + 2c)(1 - c) = 1 + c - 2c²
    assert path[1] == pytest.approx(1 + MEAN_BET - 2 * MEAN_SQUARED_BET)


@pytest.mark.parametrize("population", [None, 40])
@given(x=st.lists(st.floats(0, 1), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_wealth_is_the_mean_of_alpha_martingales(population, x):
    """Stark (2023), Annals of Applied Statistics 17, 641–679, equation (4), for values in [0, 1].

    Each draw multiplies by (x·η/μ + (1 − x)·(1 − η)/(1 − μ)), μ being what the hypothesis leaves for the next
    and η the mean that is bet on: here μ + c·(1 − μ), for each of our bets c.
    """
    mean = 0.4
    martingales, total, possible = np.ones(len(BETS)), 0.0, True
    draws = draws_with_replacement(len(x)) if population is None else draws_of(population, len(x))
    found = log_wealth(np.array(x) - mean, -mean, draws)
    for t, value in enumerate(x):
        left = mean if population is None else (population * mean - total) / (population - t)
        total += value
        possible = population is None or total < population * mean - 1e-6
        if not possible or left < 1e-6:
            return  # ALPHA is then infinite or undefined; ties have tests of their own
        bet_on = left + BETS * (1 - left)
        martingales = martingales * (value * bet_on / left + (1 - value) * (1 - bet_on) / (1 - left))
        assert found[t] == pytest.approx(math.log(martingales.mean()), abs=1e-7)


def test_rounding_cannot_turn_a_tie_into_a_proof():
    # 90 wanted by the baseline, 81 by the candidate: the sum is 0, whatever order adds it up.
    z = np.array([0.1] * 81 + [-0.9] * 9 + [0.0] * 10)
    rng = np.random.default_rng(3)
    for _ in range(200):
        assert log_wealth(rng.permutation(z), -0.9, draws_of(100))[-1] < math.inf


def test_the_last_draw_proves_a_mean_over_zero():
    z = np.array([0.1] * 82 + [-0.9] * 8 + [0.0] * 10)
    assert log_wealth(z[::-1], -0.9, draws_of(100))[-1] == math.inf


def test_wealth_neither_overflows_nor_vanishes_into_nan():
    draws = draws_with_replacement(50_000)
    rich = log_wealth(np.full(50_000, 1.0), -0.001, draws)
    poor = log_wealth(np.full(50_000, -0.001), -0.001, draws)
    assert np.isfinite(rich).all()
    assert np.isfinite(poor).all()
    assert rich[-1] > 300_000
    assert poor[-1] < -5_000


def test_wealth_grows_the_same_in_any_portions():
    rng = np.random.default_rng(4)
    z = np.stack([rng.choice([-0.9, 0.1], 100), rng.choice([-0.7, 0.3], 100)], axis=1)
    low, draws = np.array([-0.9, -0.7]), draws_of(300)
    whole, path = Wealth.start(2).after(z, low, draws.part(0, 100))
    state, portions = Wealth.start(2), []
    for start, stop in ((0, 1), (1, 40), (40, 40), (40, 100)):
        state, part = state.after(z[start:stop], low, draws.part(start, stop))
        portions.append(part)
    assert np.concatenate(portions) == pytest.approx(path)
    assert state.log == pytest.approx(whole.log)
    assert state.units == 100


POPULATIONS = [
    pytest.param([0.5, 0.5, 0.5, -0.5, -0.5, -0.5], [1] * 6, -0.5, id="tie"),
    pytest.param([1.0, 0.0, 0.0, -0.1, -0.9, -0.9], [1] * 6, -0.9, id="below"),
    pytest.param([0.1, 0.1, 0.1, 0.1, 0.1, -0.9], [1] * 6, -0.9, id="one bad"),
    pytest.param([-1.2, 0.3, 0.3, 0.3, 0.3], [4, 1, 1, 1, 1], -0.3, id="one large bad cluster"),
    pytest.param([2.0, -0.9, -0.4, -0.7, 0.0], [4, 1, 1, 1, 2], -0.9, id="one large good cluster"),
]


@pytest.mark.parametrize(("sums", "sizes", "low"), POPULATIONS)
def test_over_all_orders_wealth_is_fair_and_rarely_high(sums, sizes, low):
    """Exactly, not by simulation: the mean wealth is at most 1 and every level is reached rarely enough."""
    assert sum(sums) <= 1e-12
    paths = []
    for order in permutations(range(len(sums))):
        draws = draws_of_clusters([sizes[i] for i in order])
        paths.append(np.exp(log_wealth([sums[i] for i in order], low, draws)))
    wealth = np.array(paths)
    assert (wealth.mean(axis=0) <= 1 + 1e-9).all()
    highest = wealth.max(axis=1)
    for level in (1.5, 2.0, 5.0, 20.0):
        assert (highest >= level).mean() <= 1 / level + 1e-9


def test_the_least_value_seen_would_not_do():
    """With the sample minimum in place of the logical one the same population is no longer safe."""
    sums = [0.2, 0.2, 0.2, 0.2, -0.9]
    highest = [
        log_wealth([sums[i] for i in order], -0.01, draws_of(5))[:4].max()
        for order in permutations(range(5))
        if order[-1] == 4
    ]
    assert sum(sums) < 0
    assert min(highest) == math.inf  # a false proof, of every order in which the bad unit comes last


def test_clusters_aim_at_the_mean_over_members():
    # Means of clusters are mostly good, but most members are bad.
    sums, sizes = [-4.0, 0.5, 0.5, 0.5], [8, 1, 1, 1]
    assert np.mean(np.array(sums) / sizes) > 0
    assert log_wealth(sums, -0.5, draws_of_clusters(sizes))[-1] < math.inf
    assert log_wealth([-s for s in sums], -0.5, draws_of_clusters(sizes))[-1] == math.inf


def test_only_the_sizes_that_remain_are_used():
    draws = draws_of_clusters([1, 5, 2])
    assert draws.largest.tolist() == [5, 5, 2]
    assert draws.members_left.tolist() == [7, 2, 0]
    assert draws.units_left.tolist() == [3, 2, 1]


def naive_limits(x, population, confidence, grid):
    """Means on a grid that neither side refutes, one bet and one draw after the other."""
    kept = []
    for mean in grid:
        reached = 0.0
        for side, low in ((1.0, 0.0), (-1.0, 1.0)):
            wealth, total = np.ones(len(BETS)), 0.0
            for t, value in enumerate(x):
                left = population - t
                target = mean if math.isinf(population) else (population * mean - total) / left
                room = side * (target - low)
                wealth = wealth * (1 + BETS * side * (value - target) / room) if room > 1e-12 else wealth
                total += value
                rest = (population - t - 1) * low
                possible = math.isinf(population) or side * (total + rest - population * mean) <= 1e-9
                reached = max(reached, wealth.mean() if possible else math.inf)
        if reached < 2 / (1 - confidence):
            kept.append(mean)
    return min(kept), max(kept)


@pytest.mark.parametrize("population", [math.inf, 40, 25])
def test_intervals_agree_with_a_plain_search_over_means(population):
    rng = np.random.default_rng(5)
    x = (rng.random(25) < 0.7).astype(float)
    grid = np.linspace(0, 1, 401)[1:-1]  # at the ends a plain bettor divides by nothing
    low, high = naive_limits(x, population, 0.9, grid)
    if math.isinf(population):
        found = betting_interval(x, 0.9)
    else:
        found = betting_interval_finite(x, population, 0.9)
    assert found.low == pytest.approx(low, abs=0.0026)
    assert found.high == pytest.approx(high, abs=0.0026)


def test_intervals_know_what_is_certain():
    assert betting_interval([]) == (0.0, 1.0)
    assert betting_interval_finite([1.0, 0.0, 1.0, 1.0], 4) == pytest.approx((0.75, 0.75), abs=1e-6)
    half = betting_interval_finite([1.0] * 10, 20)
    assert half.low >= 0.5
    assert half.high == 1.0


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=30),
    st.integers(0, 30),
    st.sampled_from([0.8, 0.95]),
)
@example([1.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0], 0, 0.8)  # the first draws refute the mean of all
@example([1.0] * 8 + [0.0] * 22, 2, 0.8)
@settings(max_examples=40, deadline=None)
def test_intervals_hold_the_mean_of_what_was_drawn_last(x, more, confidence):
    population = len(x) + more
    found = betting_interval_finite(x, population, confidence)
    total = sum(x)
    assert total / population - 1e-6 <= found.high
    assert found.low <= (total + more) / population + 1e-6
    assert 0.0 <= found.low <= found.high <= 1.0
    narrower = betting_interval_finite(x, population, 0.5)
    assert found.low <= narrower.low + 1e-9
    assert narrower.high <= found.high + 1e-9


def missed(rate, draws, population, repetitions):
    rng = np.random.default_rng(6)
    count = 0
    for _ in range(repetitions):
        if population is None:
            x, truth = (rng.random(draws) < rate).astype(float), rate
            found = betting_interval(x, 0.9)
        else:
            units = np.zeros(population)
            units[: round(rate * population)] = 1.0
            x, truth = rng.permutation(units)[:draws], units.mean()
            found = betting_interval_finite(x, population, 0.9)
        count += not found.low - 1e-9 <= truth <= found.high + 1e-9
    return count / repetitions


@pytest.mark.parametrize("population", [None, 150])
@pytest.mark.parametrize("rate", [0.5, 0.98])
def test_intervals_cover(population, rate):
    repetitions = 60
    assert missed(rate, 100, population, repetitions) <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / repetitions)


@pytest.mark.slow
@pytest.mark.parametrize("population", [None, 150, 1000])
@pytest.mark.parametrize("rate", [0.5, 0.9, 0.98])
def test_intervals_cover_at_length(population, rate):
    repetitions = 1500
    assert missed(rate, 120, population, repetitions) <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / repetitions)


@pytest.mark.parametrize(
    "call",
    [
        lambda: betting_interval([1.2]),
        lambda: betting_interval([0.5], 1.0),
        lambda: betting_interval_finite([0.5, 0.5], 1),
        lambda: log_wealth([0.5], 0.0, draws_of(1)),
        lambda: log_wealth([[0.5]], -1.0, draws_of(1)),
        lambda: betting_interval([math.nan]),
    ],
)
def test_what_makes_no_sense_is_refused(call):
    with pytest.raises(ValueError, match=r"\w"):
        call()
