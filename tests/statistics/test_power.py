import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelassay.statistics import (
    inferiority_difference_test,
    inferiority_ratio_test,
    noninferiority_difference_test,
    noninferiority_ratio_test,
    required_observations,
    required_pairs,
    smallest_detectable_drop,
)

rates = st.floats(0.05, 1.0)


def table_probabilities(baseline, candidate, discordance):
    lost = (discordance + baseline - candidate) / 2
    gained = discordance - lost
    both = baseline - lost
    return [both, lost, gained, 1 - both - lost - gained]


def simulated_power(test, probabilities, n, repetitions=4000, alpha=0.05):
    tables = np.random.default_rng(31).multinomial(n, np.maximum(probabilities, 0), size=repetitions)
    distinct, times = np.unique(tables, axis=0, return_counts=True)
    shown = [test(*map(float, table)) < alpha for table in distinct]
    return float(np.dot(shown, times)) / repetitions


@pytest.mark.parametrize(
    ("baseline", "drop", "edge", "discordance", "power"),
    [
        (0.9, 0.0, 0.1, 0.12, 0.8),
        (0.9, 0.0, 0.05, 0.1, 0.9),
        (0.9, 0.05, 0.15, 0.15, 0.8),
        (0.9, 0.3, 0.15, 0.4, 0.8),
        (0.6, 0.0, 0.15, 0.2, 0.8),
    ],
)
def test_that_many_pairs_have_the_power_asked_for(baseline, drop, edge, discordance, power):
    n = required_pairs(baseline, drop, edge, discordance=discordance, power=power)
    test = noninferiority_ratio_test if drop < edge else inferiority_ratio_test
    probabilities = table_probabilities(baseline, baseline * (1 - drop), discordance)
    found = simulated_power(lambda *table: test(*table, 1 - edge), probabilities, int(n))
    assert found == pytest.approx(power, abs=0.04)
    assert simulated_power(lambda *table: test(*table, 1 - edge), probabilities, int(n * 0.6)) < power - 0.05


def test_absolute_margins_have_the_power_asked_for():
    n = required_pairs(0.9, 0.02, 0.08, discordance=0.14, scale="absolute")
    probabilities = table_probabilities(0.9, 0.88, 0.14)
    found = simulated_power(lambda *t: noninferiority_difference_test(*t, 0.08), probabilities, int(n))
    assert found == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize(
    ("n", "baseline", "discordance", "excess"),
    [
        (500, 0.8, 0.2, 0.0),
        (170, 0.9, 0.2, 0.0),
        (100, 0.8, 0.3, 0.0),
        (170, 0.95, 0.05, 0.1),
        (50, 1.0, 0.0, 0.15),
    ],
)
def test_the_smallest_drop_is_shown_with_the_power_asked_for(n, baseline, discordance, excess):
    """The excess is for tables in which nearly all differing pairs are losses."""
    drop = smallest_detectable_drop(n, baseline, discordance=discordance)
    probabilities = table_probabilities(baseline, baseline - drop, max(discordance, drop))
    found = simulated_power(lambda *t: inferiority_difference_test(*t, 0.0), probabilities, n)
    assert 0.8 - 0.04 <= found <= 0.8 + 0.04 + excess


@given(rates, st.floats(-1, 1), st.floats(1, 3000), st.floats(1.01, 20))
def test_more_pairs_show_smaller_drops(baseline, correlation, n, factor):
    few = smallest_detectable_drop(n, baseline, correlation=correlation)
    many = smallest_detectable_drop(n * factor, baseline, correlation=correlation)
    assert 0.0 < many <= few + 1e-12 <= 1.0 + 1e-12
    clustered = smallest_detectable_drop(n * factor, baseline, correlation=correlation, design_effect=factor)
    assert clustered == pytest.approx(few, rel=1e-6)


@given(rates, st.floats(1, 2000), st.floats(0.5, 0.9), st.floats(0.5, 0.9))
def test_more_power_asks_for_a_larger_drop(baseline, n, power, other):
    low, high = sorted([power, other])
    assert smallest_detectable_drop(n, baseline, power=low) <= smallest_detectable_drop(
        n, baseline, power=high
    )


@given(rates, st.floats(0, 0.04), st.floats(0.05, 0.5), st.floats(0.01, 0.3), st.floats(0, 0.9))
def test_wider_edges_need_fewer_pairs(baseline, drop, edge, more, correlation):
    near = required_pairs(baseline, drop, edge, correlation=correlation)
    far = required_pairs(baseline, drop, edge + more, correlation=correlation)
    assert far <= near
    assert near == math.ceil(near) >= 1
    assert required_pairs(baseline, drop, edge, correlation=correlation, design_effect=3.0) >= near


def test_a_perfect_baseline_still_needs_pairs():
    z2 = 1.6448536269514722**2
    assert required_pairs(1.0, 0.0, 0.05) == math.ceil(z2 * 0.95 / 0.05)
    assert 0.05 < smallest_detectable_drop(50, 1.0) < 0.15


def test_tiny_numbers_show_nothing():
    assert smallest_detectable_drop(0, 0.9) == 1.0
    assert smallest_detectable_drop(2, 0.9) == 1.0
    assert smallest_detectable_drop(100, 0.0) == 1.0


def test_a_drop_on_its_edge_is_never_settled():
    assert required_pairs(0.9, 0.1, 0.1) == math.inf
    assert required_pairs(0.9, 0.1, 0.1, scale="absolute") == math.inf


def test_a_doubled_design_effect_doubles_the_pairs():
    single, double = (required_pairs(0.9, 0, 0.05, correlation=0.4, design_effect=d) for d in (1, 2))
    assert double == pytest.approx(2 * single, abs=2)


@pytest.mark.parametrize(
    "call",
    [
        lambda: smallest_detectable_drop(-1, 0.9),
        lambda: smallest_detectable_drop(10, 1.1),
        lambda: smallest_detectable_drop(10, 0.9, alpha=0.0),
        lambda: smallest_detectable_drop(10, 0.9, power=1.0),
        lambda: smallest_detectable_drop(10, 0.9, design_effect=0.5),
        lambda: smallest_detectable_drop(10, 0.9, discordance=0.1, correlation=0.1),
        lambda: smallest_detectable_drop(10, 0.9, discordance=1.1),
        lambda: smallest_detectable_drop(10, 0.9, correlation=1.1),
        lambda: required_pairs(0.0, 0.0, 0.1),
        lambda: required_pairs(0.9, -0.5, 0.1),
        lambda: required_pairs(0.9, 0.0, 1.5),
        lambda: required_pairs(math.nan, 0.0, 0.1),
    ],
)
def test_impossible_plans_are_refused(call):
    with pytest.raises(ValueError, match=r"."):
        call()


def test_textbook_sample_sizes():
    """Chow, Shao and Wang (2008), one proportion .5 against .3, two-sided 5 %, power 80 %: 50. Miller (2024,
    arXiv 2411.00640): a difference of .03 with ω² = 1/9 takes 969 questions; with σ² = 1/6 of each model's
    repeats beside it, ten of them shrink that part tenfold."""
    assert required_observations(0.2, 0.5, alpha=0.025) == 50
    assert required_observations(0.03, math.sqrt(1 / 9), alpha=0.025) == 969
    once, tenfold = (
        required_observations(0.03, math.sqrt(1 / 9 + 2 * (1 / 6) / k), alpha=0.025) for k in (1, 10)
    )
    assert (once, tenfold) == (3876, 1260)


@pytest.mark.parametrize("drop", [0.0, 0.2])
def test_pairs_for_a_margin_agree_with_the_formula_of_one_bounded_number(drop):
    """n = (z + z)²·Var(Z)/E[Z]² with Z = Y_c − (1 − δ)·Y_b, where the hypothesis hardly moves the spread."""
    edge, baseline, discordance = 0.1, 0.6, 0.3
    p11, p10, p01, _ = table_probabilities(baseline, baseline * (1 - drop), discordance)
    mean = p11 * edge + p01 - (1 - edge) * p10
    second = p11 * edge**2 + p01 + (1 - edge) ** 2 * p10
    plain = required_observations(mean, math.sqrt(second - mean**2))
    assert required_pairs(baseline, drop, edge, discordance=discordance) == pytest.approx(plain, rel=0.05)


def test_means_that_cannot_be_shown():
    assert required_observations(0.0, 1.0) == math.inf
    assert required_observations(0.5, 0.0) == 1
    with pytest.raises(ValueError, match="spread"):
        required_observations(0.5, -1.0)
