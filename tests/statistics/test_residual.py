"""Residuals and changes of rates: edges, and coverage by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modelassay.statistics import (
    Answers,
    answers_counted,
    answers_of_tasks,
    rate_change_interval,
    residuals,
)


def triple(*rates: float, n: int = 400) -> tuple[Answers, Answers, Answers]:
    base, incident, after = (answers_counted(round(rate * n), n) for rate in rates)
    return base, incident, after


def test_residuals_are_shares_of_the_rise() -> None:
    found = residuals([triple(0.1, 0.9, 0.1), triple(0.1, 0.9, 0.5), triple(0.1, 0.9, 0.0)])
    assert found.values == pytest.approx([0.0, 0.5, -0.125])
    assert found.gap == pytest.approx(0.5)
    assert found.gap_interval.low > 0.4
    assert all(each.low <= v <= each.high for v, each in zip(found.values, found.intervals, strict=True))


def test_the_same_seed_gives_the_same_interval() -> None:
    first, again, other = (residuals([triple(0.1, 0.9, 0.3)], seed=seed).intervals for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("known", [True, False])
def test_intervals_of_residuals_cover(known: bool) -> None:
    rng, covered = np.random.default_rng(3), 0
    for _ in range(200):
        hard = rng.random(150)
        stages = [rng.random(150) < np.clip(rate + 0.2 * (hard - 0.5), 0, 1) for rate in (0.2, 0.8, 0.4)]
        arm = [
            answers_of_tasks(s, np.ones(150)) if known else answers_counted(int(s.sum()), 150) for s in stages
        ]
        ((low, high),) = residuals([(arm[0], arm[1], arm[2])], repetitions=400).intervals
        covered += low <= 1.0 / 3.0 <= high
    assert covered / 200 >= 0.95 - 3.0 * math.sqrt(0.95 * 0.05 / 200) - 0.01


def test_tasks_asked_again_make_changes_surer() -> None:
    rng = np.random.default_rng(4)
    before = rng.random(300) < 0.5
    after = before.copy()
    after[:6] = ~after[:6]
    paired = rate_change_interval(
        answers_of_tasks(before, np.ones(300)), answers_of_tasks(after, np.ones(300)), 0.95
    )
    counted = rate_change_interval(
        answers_counted(int(before.sum()), 300), answers_counted(int(after.sum()), 300), 0.95
    )
    assert paired.high - paired.low < 0.5 * (counted.high - counted.low)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="not 3 of 2"):
        answers_counted(3, 2)
    with pytest.raises(ValueError, match="not 0 of 0"):
        answers_counted(0, 0)
    with pytest.raises(ValueError, match="answers for each task"):
        answers_of_tasks([], [])
    with pytest.raises(ValueError, match="each task needs an answer"):
        answers_of_tasks([0], [0])
    with pytest.raises(ValueError, match="not the same tasks"):
        rate_change_interval(answers_of_tasks([0], [1]), answers_of_tasks([0, 1], [1, 1]), 0.95)
    with pytest.raises(ValueError, match="at least one arm"):
        residuals([])
