from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from modelassay.statistics import benjamini_hochberg, holm

P_VALUES_1995 = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459,
    0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0,
]  # fmt: skip
p_values = st.lists(
    st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.01, 0.05, 1.0])), min_size=1, max_size=40
)


# Benjamini and Hochberg (1995), section 4.1: theirs rejects four hypotheses, Bonferroni-like methods three.
def test_published_example():
    assert np.count_nonzero(benjamini_hochberg(P_VALUES_1995) <= 0.05) == 4
    assert np.count_nonzero(holm(P_VALUES_1995) <= 0.05) == 3


@given(p_values)
@pytest.mark.parametrize(("ours", "theirs"), [(holm, "holm"), (benjamini_hochberg, "fdr_bh")])
def test_agrees_with_statsmodels(ours, theirs, p):
    with patch("gc.collect"):  # the peer's holm collects at every call: a second, where much was imported
        expected = multipletests(p, method=theirs)[1]
    assert ours(p) == pytest.approx(expected, abs=1e-15)


@given(p_values, st.randoms())
@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_order_does_not_matter(adjust, p, random):
    order = list(range(len(p)))
    random.shuffle(order)
    adjusted = adjust(p)
    assert np.array_equal(adjust([p[i] for i in order]), adjusted[order])
    assert np.all(adjusted >= np.asarray(p) - 1e-15)


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_none_and_bad_values(adjust):
    assert adjust([]).size == 0
    assert adjust([0.03]) == pytest.approx([0.03])
    for bad in ([-0.1], [1.1], [np.nan], [[0.5]]):
        with pytest.raises(ValueError, match="p-value"):
            adjust(bad)


def test_holm_keeps_the_family_wise_error_rate():
    """Ten true hypotheses that share a common cause, and two false ones."""
    repetitions, alpha = 20_000, 0.05
    generator = np.random.default_rng(11)
    from scipy.stats import norm

    common = generator.normal(size=(repetitions, 1))
    noise = np.sqrt(0.5) * common + np.sqrt(0.5) * generator.normal(size=(repetitions, 12))
    p = norm.sf(noise + np.array([4.0, 4.0] + [0.0] * 10))
    wrong = np.mean([(holm(row)[2:] <= alpha).any() for row in p])
    assert wrong <= alpha + 3 * np.sqrt(alpha * (1 - alpha) / repetitions)
    assert np.mean([(row[2:] <= alpha).any() for row in p]) > 0.2


@pytest.mark.parametrize("true_nulls", [2, 8])
def test_benjamini_hochberg_keeps_the_false_discovery_rate(true_nulls):
    """Independent claims: the rate is α times the share of true hypotheses (their theorem 1)."""
    from scipy.stats import norm

    repetitions, alpha = 8_000, 0.1
    shift = np.where(np.arange(10) < true_nulls, 0.0, 3.0)
    p = norm.sf(np.random.default_rng(13).normal(size=(repetitions, 10)) + shift)
    rejected = np.array([benjamini_hochberg(row) <= alpha for row in p])
    shares = rejected[:, :true_nulls].sum(axis=1) / np.maximum(rejected.sum(axis=1), 1)
    expected = alpha * true_nulls / 10
    assert shares.mean() == pytest.approx(expected, abs=4 * shares.std() / np.sqrt(repetitions))
