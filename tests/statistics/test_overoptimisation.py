"""Slopes, ranks within groups, laws of over-optimisation: against scipy and exact laws."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modelassay.statistics import best_of_n_kl, gao_fit, group_rank_correlations, slope


def test_slope_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(1)
    x, y = rng.random(20), rng.random(20)
    fit, ours = stats.linregress(x, y), slope(x, y)
    half = stats.t.ppf(0.975, 18) * fit.stderr
    assert ours.value == pytest.approx(fit.slope)
    assert ours.interval == pytest.approx((fit.slope - half, fit.slope + half))


def test_too_few_points_have_no_slope() -> None:
    assert slope([1, 2], [1, 2]).interval == (-math.inf, math.inf)
    assert slope([1, 1, 1], [1, 2, 3]).interval == (-math.inf, math.inf)
    with pytest.raises(ValueError, match="finite"):
        slope([1, 2, 3], [1, math.nan, 2])


def test_rank_correlations_agree_with_scipy_group_by_group() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(2)
    group = rng.permutation(np.repeat(np.arange(40), 8))
    x, y = rng.integers(0, 4, 320).astype(float), rng.random(320)
    y[group == 7] = 1.0
    ours = group_rank_correlations(x, y, group)
    for code in range(40):
        if code == 7:
            assert math.isnan(ours[code])
        else:
            chosen = group == code
            assert ours[code] == pytest.approx(stats.spearmanr(x[chosen], y[chosen]).statistic)


@pytest.mark.parametrize(("form", "peak"), [("reinforcement_learning", math.exp(1.0)), ("best_of_n", 1.0)])
def test_the_laws_are_found_again(form: str, peak: float) -> None:
    d = np.linspace(0.1, 6.0, 30)
    gold = d * (1.0 - 0.5 * (np.log(d) if form == "reinforcement_learning" else d))
    fit = gao_fit(d**2, gold, form)  # type: ignore[arg-type]
    assert fit is not None
    assert (fit.alpha, fit.beta, fit.peak) == pytest.approx((1.0, 0.5, peak))
    assert fit.explained == pytest.approx(1.0)
    other = gao_fit(d**2, gold, "best_of_n" if form == "reinforcement_learning" else "reinforcement_learning")
    assert other is not None
    assert other.explained < 0.999
    assert abs(other.peak - peak) > 0.1


def test_a_law_that_only_rises_has_no_peak() -> None:
    d = np.linspace(0.1, 2.0, 10)
    fit = gao_fit(d**2, d * (1.0 + 0.2 * d), "best_of_n")
    assert fit is not None
    assert fit.peak == math.inf
    assert gao_fit([0.0, 1.0], [0.0, 1.0], "best_of_n") is None


def test_divergence_of_best_of_n() -> None:
    assert best_of_n_kl([1, 2]) == pytest.approx([0.0, math.log(2) - 0.5])
