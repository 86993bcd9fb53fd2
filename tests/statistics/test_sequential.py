"""The sequential paired test and e-values: worked cases, properties, and errors on the edge."""

from __future__ import annotations

import math
from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelassay.statistics import (
    benjamini_hochberg,
    e_benjamini_hochberg,
    e_bonferroni,
    e_holm,
    intersection_union,
    sequential_paired_test,
)

E_VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=7)


def z_of(n11, n10, n01, n00, drop):
    """Z of a table, worst pairs last."""
    return np.repeat([1.0, drop, 0.0, drop - 1.0], [n01, n11, n00, n10])


def test_a_clone_is_shown_fine_and_a_broken_model_harmful():
    rng = np.random.default_rng(1)
    clone = sequential_paired_test(rng.permutation(z_of(450, 0, 0, 50, 0.1)), 500, lower=-0.9)
    broken = sequential_paired_test(rng.permutation(z_of(100, 350, 0, 50, 0.1)), 500, lower=-0.9)
    assert clone.state == "shown_fine"
    assert broken.state == "shown_harmful"
    assert clone.decided_at is not None
    assert broken.decided_at is not None
    assert broken.decided_at < clone.decided_at < 250


def test_it_is_decided_at_the_first_crossing():
    z = np.random.default_rng(2).permutation(z_of(450, 0, 0, 50, 0.1))
    test = sequential_paired_test(z, 500, alpha=0.05, lower=-0.9)
    assert test.decided_at is not None
    assert test.log_wealth_fine[test.decided_at - 1] >= math.log(20)
    assert (test.log_wealth_fine[: test.decided_at - 1] < math.log(20)).all()
    assert sequential_paired_test(z[: test.decided_at - 1], 500, lower=-0.9).state == "not_shown"


@pytest.mark.parametrize(
    ("candidate", "state"), [(81, "shown_fine"), (80, "shown_harmful"), (82, "shown_fine")]
)
def test_on_the_edge_all_pairs_decide_in_whole_numbers(candidate, state):
    """90 of 100 before; a drop of exactly 10 % is fine. The order keeps both bettors poor until the end."""
    z = z_of(candidate, 90 - candidate, 0, 10, 0.1)
    kept, lost = z[:candidate], z[100 - (90 - candidate) :]
    order = np.concatenate([*np.array_split(np.concatenate([kept, z[candidate : candidate + 10]]), 10)])
    mixed = np.insert(order, np.linspace(4, len(order) - 1, len(lost)).astype(int), lost)
    test = sequential_paired_test(mixed, 100, alpha=1e-9, lower=-0.9)
    assert test.state == state
    assert test.decided_at is not None
    assert test.decided_at > 90


@given(
    st.lists(st.sampled_from([(0, 0), (0, 1), (1, 0), (1, 1), (0.5, 0.25)]), min_size=1, max_size=60),
    st.sampled_from([0.0, 0.05, 0.2, 0.5]),
    st.randoms(use_true_random=False),
)
@settings(max_examples=150, deadline=None)
def test_never_more_than_all_and_then_exact(pairs, drop, random):
    z = [c - (1 - drop) * b for b, c in pairs]
    random.shuffle(z)
    test = sequential_paired_test(z, len(z), alpha=1e-30, lower=-(1 - drop))
    truth = "shown_fine" if round(sum(z), 9) >= 0 else "shown_harmful"
    assert test.state == truth
    assert test.decided_at is not None
    assert test.decided_at <= len(z)


@given(st.lists(st.sampled_from([-0.9, 0.0, 0.1, 1.0]), min_size=2, max_size=50), st.data())
@settings(max_examples=100, deadline=None)
def test_worse_pairs_only_make_harm_easier_and_fine_harder_to_show(z, data):
    i = data.draw(st.integers(0, len(z) - 1))
    worse = z.copy()
    worse[i] = -0.9
    before = sequential_paired_test(z, 60, lower=-0.9)
    after = sequential_paired_test(worse, 60, lower=-0.9)
    assert (after.log_wealth_fine <= before.log_wealth_fine + 1e-9).all()
    assert (after.log_wealth_harm >= before.log_wealth_harm - 1e-9).all()


def test_unscored_pairs_count_against_each_claim():
    rng = np.random.default_rng(8)
    z = rng.permutation(z_of(180, 0, 0, 20, 0.1))
    unscored = rng.random(200) < 0.2
    worst, best = np.where(unscored, -0.9, z), np.where(unscored, 1.0, z)
    assert sequential_paired_test(z, 200, lower=-0.9).state == "shown_fine"
    assert sequential_paired_test(best, 200, lower=-0.9, worst=worst).state == "not_shown"


def test_clusters_are_drawn_whole():
    """Four bad pairs in one cluster, six good ones alone: on the whole the drop is over the edge."""
    sizes, sums = [1, 1, 4, 1, 1, 1, 1], [0.1, 0.1, -3.6, 0.1, 0.1, 0.1, 0.1]
    test = sequential_paired_test(sums, 10, lower=-0.9, sizes=sizes)
    assert test.state == "shown_harmful"
    with pytest.raises(ValueError, match="clusters of 10 pairs in a population of 11"):
        sequential_paired_test(sums, 11, lower=-0.9, sizes=sizes)


@pytest.mark.parametrize(
    "arguments",
    [
        {"lower": 0.0},
        {"lower": -0.9, "alpha": 0.0},
        {"lower": -0.9, "worst": [0.2, 0.2, 0.2]},
        {"lower": -0.9, "population": 2},
        {"lower": -0.05},
        {"lower": -0.9, "population": None, "sizes": [1, 1, 1]},
    ],
)
def test_what_makes_no_sense_is_refused(arguments):
    population = arguments.pop("population", 10)
    with pytest.raises(ValueError, match=r"\w"):
        sequential_paired_test([0.1, 0.1, -0.9], population, **arguments)


def on_the_edge(population, rate, drop, *, harm):
    """Z of a population just within the edge (or on it) for `harm`, else just over it, with some gains."""
    before = round(rate * population)
    least = math.ceil(round((1 - drop) * before, 9))
    after = least if harm else least - 1
    gained = min(round(0.25 * (1 - rate) * population), population - before)
    kept = after - gained
    return z_of(kept, before - kept, gained, population - before - gained, drop)


def wrong_share(population, rate, drop, side, repetitions):
    z = on_the_edge(population, rate, drop, harm=side == "shown_harmful")
    rng = np.random.default_rng(20261121)
    wrong = sum(
        sequential_paired_test(rng.permutation(z), population, lower=drop - 1).state == side
        for _ in range(repetitions)
    )
    return wrong / repetitions


def allowed(repetitions):
    return 0.05 + 3 * math.sqrt(0.05 * 0.95 / repetitions)


@pytest.mark.parametrize("side", ["shown_fine", "shown_harmful"])
@pytest.mark.parametrize("rate", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("population", [50, 400])
def test_errors_on_the_edge(population, rate, side):
    assert wrong_share(population, rate, 0.1, side, 250) <= allowed(250)


@pytest.mark.slow
@pytest.mark.parametrize("side", ["shown_fine", "shown_harmful"])
@pytest.mark.parametrize("rate", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("population", [50, 400, 2000])
@pytest.mark.parametrize("drop", [0.05, 0.1, 0.3])
def test_errors_on_the_edge_at_length(population, rate, drop, side):
    assert wrong_share(population, rate, drop, side, 4000) <= allowed(4000)


def test_a_clone_needs_about_as_many_pairs_as_measured_before():
    """Base .9, threshold 10 %, 2,000 pairs, 20 % of them changed: about 100 (127 with coarser bets)."""
    rng = np.random.default_rng(9)
    drawn = []
    for _ in range(60):
        before = rng.random(2000) < 0.9
        after = np.where(rng.random(2000) < 0.4, rng.random(2000) < 0.9, before)
        z = after - 0.9 * before
        drawn.append(sequential_paired_test(z, 2000, lower=-0.9).decided_at)
    assert 70 <= np.mean(drawn) <= 127


@given(E_VALUES)
def test_e_bh_is_bh_of_the_reciprocals(e):
    p = [min(1.0, 1 / max(value, 1.0)) for value in e]
    adjusted = e_benjamini_hochberg([1 / value for value in p])
    assert np.minimum(1.0, 1 / adjusted) == pytest.approx(benjamini_hochberg(p))


def test_e_bh_by_hand():
    # k-th largest at least 4/(α·k): at α = .1 that is 40, 20, 13.3, 10, so the first two are rejected.
    adjusted = e_benjamini_hochberg([10.0, 50.0, 1.0, 30.0])
    assert adjusted == pytest.approx([7.5, 15.0, 1.0, 15.0])
    assert (adjusted >= 1 / 0.1).tolist() == [False, True, False, True]


@given(E_VALUES, st.integers(0, 2))
def test_e_holm_is_closed_testing_with_averages(e, others):
    whole = [*e, *[0.0] * others]
    sets = chain.from_iterable(combinations(range(len(whole)), k + 1) for k in range(len(whole)))
    least = [math.inf] * len(e)
    for chosen in sets:
        average = sum(whole[i] for i in chosen) / len(chosen)
        for i in chosen:
            if i < len(e):
                least[i] = min(least[i], average)
    adjusted = e_holm(e, among=len(whole))
    assert adjusted == pytest.approx(least)
    assert (adjusted >= np.array(e) / len(whole) - 1e-9).all()


def test_e_values_of_proofs_and_of_nothing():
    assert e_bonferroni([40.0, 2.0]).tolist() == [20.0, 1.0]
    assert e_holm([math.inf, 1.0]).tolist() == [math.inf, 1.0]
    assert e_benjamini_hochberg([math.inf, 1.0]).tolist() == [math.inf, 1.0]
    assert e_holm([]).size == e_benjamini_hochberg([]).size == 0
    assert intersection_union([3.0, math.inf]) == 3.0


@pytest.mark.parametrize("adjust", [e_bonferroni, e_holm, e_benjamini_hochberg, intersection_union])
@pytest.mark.parametrize("values", [[-1.0], [math.nan], [[1.0]]])
def test_what_is_no_e_value_is_refused(adjust, values):
    with pytest.raises(ValueError, match="e-value"):
        adjust(values)
