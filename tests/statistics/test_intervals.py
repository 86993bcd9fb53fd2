import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from modelassay.statistics import (
    clopper_pearson_interval,
    newcombe_difference_interval,
    wilson_interval,
)

counts = st.integers(0, 400).flatmap(lambda n: st.tuples(st.floats(0, n), st.just(n)))


# Newcombe (1998), Statistics in Medicine 17, 857–872, table I.
@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_published_values(k, n, low, high):
    assert wilson_interval(k, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)],
)
def test_clopper_pearson_gives_the_published_values(k, n, low, high):
    assert clopper_pearson_interval(k, n) == pytest.approx((low, high), abs=5e-5)


# Newcombe (1998), Statistics in Medicine 17, 873–890, table II, method 10.
@pytest.mark.parametrize(
    ("k1", "n1", "k2", "n2", "low", "high"),
    [
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (10, 10, 0, 10, 0.6075, 1.0),
    ],
)
def test_newcombe_gives_the_published_values(k1, n1, k2, n2, low, high):
    assert newcombe_difference_interval(k1, n1, k2, n2) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
@pytest.mark.parametrize(("k", "n"), [(0, 3), (3, 3), (7, 90), (4321, 5000)])
def test_one_proportion_agrees_with_scipy(k, n, confidence):
    exact = scipy.stats.binomtest(k, n).proportion_ci(confidence, "exact")
    wilson = scipy.stats.binomtest(k, n).proportion_ci(confidence, "wilson")
    assert clopper_pearson_interval(k, n, confidence) == pytest.approx((exact.low, exact.high), abs=1e-10)
    assert wilson_interval(k, n, confidence) == pytest.approx((wilson.low, wilson.high), abs=1e-12)


def test_newcombe_agrees_with_statsmodels():
    expected = confint_proportions_2indep(31, 70, 12, 55, method="newcomb", compare="diff", alpha=0.1)
    assert newcombe_difference_interval(31, 70, 12, 55, 0.9) == pytest.approx(expected, abs=1e-12)


@given(counts, st.floats(0.01, 0.999))
@pytest.mark.parametrize("interval", [wilson_interval, clopper_pearson_interval])
def test_one_proportion_contains_the_rate_and_mirrors(interval, count, confidence):
    k, n = count
    low, high = interval(k, n, confidence)
    assert 0.0 <= low <= high <= 1.0
    if n:
        assert low <= k / n + 1e-12
        assert k / n <= high + 1e-12
    mirrored = interval(n - k, n, confidence)
    assert (low, high) == pytest.approx((1 - mirrored.high, 1 - mirrored.low), abs=1e-7)


@given(counts, st.floats(0.05, 0.9), st.floats(0.001, 0.09))
@pytest.mark.parametrize("interval", [wilson_interval, clopper_pearson_interval])
def test_more_confidence_is_wider(interval, count, confidence, more):
    narrow, wide = interval(*count, confidence), interval(*count, confidence + more)
    assert wide.low <= narrow.low + 1e-12
    assert wide.high >= narrow.high - 1e-12


@pytest.mark.parametrize("n", [5, 20, 50])
def test_clopper_pearson_never_covers_less_than_it_says(n):
    intervals = np.array([clopper_pearson_interval(k, n, 0.9) for k in range(n + 1)])
    for rate in np.linspace(0.001, 0.999, 200):
        covered = (intervals[:, 0] <= rate) & (rate <= intervals[:, 1])
        assert scipy.stats.binom.pmf(np.arange(n + 1), n, rate)[covered].sum() >= 0.9


def test_wilson_covers_on_average_what_it_says():
    n = 50
    intervals = np.array([wilson_interval(k, n, 0.95) for k in range(n + 1)])
    coverage = []
    for rate in np.linspace(0.02, 0.98, 193):
        covered = (intervals[:, 0] <= rate) & (rate <= intervals[:, 1])
        coverage.append(scipy.stats.binom.pmf(np.arange(n + 1), n, rate)[covered].sum())
    assert np.mean(coverage) == pytest.approx(0.95, abs=0.005)


def test_without_observations_everything_is_possible():
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert clopper_pearson_interval(0, 0) == (0.0, 1.0)
    assert newcombe_difference_interval(0, 0, 0, 0) == (-1.0, 1.0)
    low, high = newcombe_difference_interval(5, 5, 0, 0)
    assert low == pytest.approx(wilson_interval(5, 5).low - 1)
    assert high == 1.0


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (math.nan, 5), (1, math.nan), (1, math.inf)])
def test_impossible_counts_are_refused(k, n):
    for interval in (wilson_interval, clopper_pearson_interval):
        with pytest.raises(ValueError, match="count"):
            interval(k, n)


@pytest.mark.parametrize(("n1", "n2"), [(20, 20), (40, 15)])
def test_newcombe_covers_about_what_it_says(n1, n2):
    """Exactly, over all pairs of counts: on average 95 %, nowhere under 91 %."""
    limits = np.array(
        [[newcombe_difference_interval(a, n1, b, n2) for b in range(n2 + 1)] for a in range(n1 + 1)]
    )
    coverage = []
    for first in np.linspace(0.05, 0.95, 13):
        for second in np.linspace(0.05, 0.95, 13):
            held = (limits[..., 0] <= first - second) & (first - second <= limits[..., 1])
            chances = np.outer(
                scipy.stats.binom.pmf(np.arange(n1 + 1), n1, first),
                scipy.stats.binom.pmf(np.arange(n2 + 1), n2, second),
            )
            coverage.append(chances[held].sum())
    assert np.mean(coverage) == pytest.approx(0.955, abs=0.01)
    assert min(coverage) >= 0.91
