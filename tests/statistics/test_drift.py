"""Slopes of series that drift: error rates by simulation, and agreement where errors are independent."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modelassay.statistics import slope
from modelassay.statistics.drift import drifting_slope, in_stretches, persistence, stretches


def _drift(rng: np.random.Generator, points: int, rho: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    found = rng.normal(size=points)
    for at in range(1, points):
        found[at] = rho * found[at - 1] + math.sqrt(1.0 - rho * rho) * found[at]
    return found


def test_without_persistence_it_is_least_squares() -> None:
    rng = np.random.default_rng(1)
    x, y = np.sort(rng.random(30)), rng.random(30)
    ours, plain = drifting_slope(x, y, 0.0), slope(x, y)
    assert ours.value == pytest.approx(plain.value)
    assert ours.interval == pytest.approx(plain.interval)


def test_generalised_least_squares_by_its_definition() -> None:
    rng, rho = np.random.default_rng(2), 0.6
    x, y = np.arange(12.0), rng.normal(size=12)
    inverse = np.linalg.inv(rho ** np.abs(np.subtract.outer(x, x)))
    design = np.stack([np.ones(12), x], axis=1)
    _, wanted = np.linalg.solve(design.T @ inverse @ design, design.T @ inverse @ y)
    assert drifting_slope(x, y, rho).value == pytest.approx(wanted)


def test_a_random_walk_has_its_mean_step() -> None:
    y = np.cumsum(np.r_[0.0, 1.0, -2.0, 4.0, 1.0])
    assert drifting_slope(np.arange(5), y, 1.0).value == pytest.approx(1.0)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_slopes_are_called_as_rarely_as_they_say(rho: float) -> None:
    rng, repetitions, x = np.random.default_rng(4), 400, np.arange(40.0)
    called = 0
    for _ in range(repetitions):
        y = _drift(rng, 40, rho)
        called += drifting_slope(x, y, persistence(x, y)).interval.high < 0.0
    assert called / repetitions <= 0.025 + 3.0 * math.sqrt(0.025 * 0.975 / repetitions)


def test_persistence_is_found_again_whatever_the_course() -> None:
    rng, x = np.random.default_rng(5), np.arange(400.0)
    for rho in (0.0, 0.5, 0.8):
        found = [
            persistence(x, 8.0 * np.sin(x / 80.0) + _drift(rng, 400, rho), margin=0.0) for _ in range(40)
        ]
        assert np.mean(found) == pytest.approx(rho, abs=0.05)
    assert persistence(x[:6], x[:6]) == 1.0


def test_stretches_keep_few_points_and_average_many() -> None:
    assert in_stretches([1.0, 3.0]).tolist() == [1.0, 3.0]
    assert in_stretches(np.arange(100.0), 10).tolist() == [4.5 + 10.0 * at for at in range(10)]
    assert np.bincount(stretches(90, 40)).min() == 2
    assert stretches(0).tolist() == []


def test_what_has_no_slope() -> None:
    assert drifting_slope([1, 2, 3], [1, 2, 3], 0.5).interval == (-math.inf, math.inf)
    assert drifting_slope(np.arange(9), np.full(9, 0.3), 0.5).interval == (0.0, 0.0)
    with pytest.raises(ValueError, match="rho"):
        drifting_slope(np.arange(9), np.arange(9), 1.5)
    with pytest.raises(ValueError, match="finite"):
        drifting_slope(np.arange(4), [1, 2, 3, math.nan], 0.5)
    with pytest.raises(ValueError, match="one y"):
        drifting_slope(np.arange(4), np.arange(5), 0.5)
