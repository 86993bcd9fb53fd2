"""Differences of means between kinds of observations that come in clusters."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modelassay.statistics.cluster_differences import cluster_mean_difference


def test_of_independent_observations_it_is_welchs_interval() -> None:
    rng = np.random.default_rng(1)
    x, kind = rng.normal(size=4000), np.arange(4000) % 4 == 0
    found = cluster_mean_difference(x, kind, np.arange(4000))
    assert found.value == pytest.approx(x[kind].mean() - x[~kind].mean())
    error = math.sqrt(x[kind].var() / kind.sum() + x[~kind].var() / (~kind).sum())
    assert found.interval.high - found.value == pytest.approx(1.96 * error, rel=0.01)


def test_clusters_of_one_kind_widen_it() -> None:
    rng = np.random.default_rng(2)
    cluster = np.repeat(np.arange(20), 50)
    x = rng.normal(size=20)[cluster] + 0.1 * rng.normal(size=1000)
    apart = cluster_mean_difference(x, cluster < 10, cluster).interval
    within = cluster_mean_difference(x, np.arange(1000) % 2 == 0, cluster).interval
    assert apart.high - apart.low > 10 * (within.high - within.low)


def test_without_two_clusters_of_a_kind_nothing_is_known() -> None:
    x = np.arange(10.0)
    one = cluster_mean_difference(x, x < 1, np.arange(10))
    assert (one.interval, one.clusters) == ((-math.inf, math.inf), 1)
    assert cluster_mean_difference(x, x < 0, np.arange(10)).interval.low == -math.inf
    with pytest.raises(ValueError, match="one kind"):
        cluster_mean_difference(x, x[:3] < 0, np.arange(10))
    with pytest.raises(ValueError, match="finite"):
        cluster_mean_difference(np.full(3, np.nan), [True, False, True], [0, 1, 2])
