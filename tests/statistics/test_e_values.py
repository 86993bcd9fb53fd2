"""Many sequential claims at once: how often any is wrong, stopped when it looks best."""

import math

import numpy as np
import pytest

from modelassay.statistics import e_benjamini_hochberg, e_bonferroni, e_holm, intersection_union, log_wealth
from modelassay.statistics.betting import draws_of

ALPHA, CLAIMS, UNITS = 0.1, 8, 60


def stopped_evidence(generator, true_nulls):
    """Each claim's wealth at the one moment at which the largest of the true nulls' is at its highest.

    Nobody could stop at a worse moment. True nulls have a mean of 0 exactly, the others one of .5.
    """
    paths = []
    for claim in range(CLAIMS):
        units = np.repeat([1.0, -1.0], UNITS // 2) if claim < true_nulls else np.repeat([1.0, -1.0], [45, 15])
        paths.append(log_wealth(generator.permutation(units), -1.0, draws_of(UNITS)))
    wealth = np.array(paths)
    moment = int(wealth[:true_nulls].max(axis=0).argmax())
    return np.exp(np.minimum(wealth[:, moment], 700.0))


def allowed(repetitions):
    return ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / repetitions)


def any_wrong(adjust, true_nulls, repetitions):
    generator = np.random.default_rng(20261121)
    return np.mean(
        [
            (adjust(stopped_evidence(generator, true_nulls))[:true_nulls] >= 1 / ALPHA).any()
            for _ in range(repetitions)
        ]
    )


@pytest.mark.parametrize("true_nulls", [2, 8])
@pytest.mark.parametrize("adjust", [e_bonferroni, e_holm])
def test_the_family_wise_error_rate_is_kept(adjust, true_nulls):
    assert any_wrong(adjust, true_nulls, 250) <= allowed(250)


def test_without_adjustment_it_would_not_be():
    assert any_wrong(np.asarray, 8, 250) > 2 * ALPHA


@pytest.mark.slow
@pytest.mark.parametrize("true_nulls", [1, 2, 5, 8])
@pytest.mark.parametrize("adjust", [e_bonferroni, e_holm])
def test_the_family_wise_error_rate_is_kept_at_length(adjust, true_nulls):
    assert any_wrong(adjust, true_nulls, 4000) <= allowed(4000)


def false_discoveries(true_nulls, repetitions):
    generator = np.random.default_rng(20261122)
    shares, found = [], 0
    for _ in range(repetitions):
        rejected = e_benjamini_hochberg(stopped_evidence(generator, true_nulls)) >= 1 / ALPHA
        shares.append(rejected[:true_nulls].sum() / max(rejected.sum(), 1))
        found += int(rejected[true_nulls:].sum())
    return np.mean(shares), found


@pytest.mark.parametrize("true_nulls", [4, 7])
def test_the_false_discovery_rate_is_kept(true_nulls):
    share, found = false_discoveries(true_nulls, 250)
    assert share <= allowed(250)
    assert found > 0, "nothing was rejected at all"


def test_passing_all_needs_every_one():
    """Intersection–union: one true null among seven false ones passes in at most α of cases."""
    generator = np.random.default_rng(20261123)
    repetitions = 250
    passed = np.mean(
        [intersection_union(stopped_evidence(generator, 1)) >= 1 / ALPHA for _ in range(repetitions)]
    )
    assert passed <= allowed(repetitions)
