"""D and its alarms: against regression, by simulation, and at the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modelassay.statistics import (
    ALARM_Z,
    Detector,
    GroupDifferences,
    adjusted_differential,
    corrected_differential,
    differences_of_counts,
    group_alarm,
    group_differences,
    reward_differential,
)


def drawn(
    rng: np.random.Generator, tasks: int, effect: float, repeats: int = 2, size: int = 8
) -> tuple[GroupDifferences, np.ndarray, float]:
    """Groups of `repeats` visits to each of `tasks`, whose own effects scatter around `effect`."""
    task = np.repeat(np.arange(tasks), repeats)
    hard, own = rng.random(tasks)[task], rng.normal(effect, 0.1, tasks)[task]
    group = np.repeat(np.arange(task.size), size)
    flags = rng.random(group.size) < (0.15 + 0.5 * hard)[group]
    reward = rng.normal(1.0 - hard[group] + own[group] * flags, 0.4)
    return group_differences(reward, flags, group), task, effect


def test_it_is_the_coefficient_of_a_fixed_effects_regression() -> None:
    statsmodels = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(1)
    group = np.repeat(np.arange(60), 8)
    flags = rng.random(480) < 0.3
    reward = rng.normal(rng.random(60)[group] + 0.2 * flags, 0.5)
    clusters = np.arange(60) // 2
    table = group_differences(reward, flags, group)
    d = reward_differential(table, clusters)
    design = np.column_stack([flags, np.eye(60)[group]]).astype(float)
    fit = statsmodels.OLS(reward, design).fit(
        cov_type="cluster", cov_kwds={"groups": clusters[group], "use_correction": False}
    )
    assert d.value == pytest.approx(fit.params[0], rel=1e-10)
    # Residuals within clusters sum to the same scores; only the small-sample factor is ours.
    assert d.standard_error == pytest.approx(fit.bse[0] * math.sqrt(d.clusters / (d.clusters - 1)), rel=1e-9)


def test_adjusted_it_is_the_coefficient_beside_the_covariate() -> None:
    statsmodels = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(11)
    group, clusters = np.repeat(np.arange(60), 8), np.arange(60) // 2
    flags, x = rng.random(480) < 0.3, rng.normal(size=480)
    x += flags
    reward = rng.normal(0.2 * flags + 0.3 * x, 0.5)
    d = adjusted_differential(reward, flags, x, group, clusters)
    design = np.column_stack([flags, x, np.eye(60)[group]]).astype(float)
    fit = statsmodels.OLS(reward, design).fit(
        cov_type="cluster", cov_kwds={"groups": clusters[group], "use_correction": False}
    )
    assert d is not None
    assert d.value == pytest.approx(fit.params[0], rel=1e-10)
    assert d.standard_error == pytest.approx(fit.bse[0] * math.sqrt(30 / 29), rel=1e-9)
    assert adjusted_differential(reward, flags, 3.0 * flags, group, clusters) is None
    assert adjusted_differential(reward, flags, np.ones(480), group, clusters) is None


def test_it_is_the_risk_difference_of_mantel_and_haenszel() -> None:
    rng = np.random.default_rng(2)
    group, flags = np.repeat(np.arange(30), 64), rng.random(1920) < 0.3
    reward = (rng.random(1920) < 0.4).astype(float)
    ours = group_differences(reward, flags, group)
    counts = [np.bincount(group, weights=w) for w in (flags * reward, flags, reward, np.ones(1920))]
    table = differences_of_counts(*counts)
    for mine, theirs in zip(ours, table, strict=True):
        assert mine == pytest.approx(theirs, abs=1e-12)


def test_groups_of_equal_rewards_or_flags_add_exactly_nothing() -> None:
    reward = np.r_[np.full(7, 0.1), 1e9 + np.arange(7.0)]
    table = group_differences(reward, np.r_[1, 0, 1, 0, 0, 0, 1, np.ones(7)].astype(bool), np.arange(14) // 7)
    assert table.product.tolist() == [0.0, 0.0]
    assert table.constant.tolist() == [True, False]
    assert table.mixed.tolist() == [True, False]


def test_large_rewards_lose_no_digits() -> None:
    rng = np.random.default_rng(3)
    reward, flags, group = rng.normal(size=80), rng.random(80) < 0.4, np.arange(80) // 8
    near, far = (group_differences(reward + shift, flags, group) for shift in (0.0, 1e8))
    assert near.product == pytest.approx(far.product, abs=1e-6)


@pytest.mark.parametrize(("tasks", "repetitions"), [(60, 600), (10, 250)])
def test_intervals_cover_as_they_say(tasks: int, repetitions: int) -> None:
    rng, covered = np.random.default_rng(4), 0
    for _ in range(repetitions):
        table, clusters, effect = drawn(rng, tasks, 0.1)
        low, high = reward_differential(table, clusters).interval
        covered += low <= effect <= high
    # Three standard errors of the simulation.
    assert abs(covered / repetitions - 0.95) < 3.0 * math.sqrt(0.95 * 0.05 / repetitions) + 0.005


def test_p_values_of_few_clusters_are_level_and_agree_with_their_intervals() -> None:
    rng, rejected = np.random.default_rng(5), 0
    for _ in range(120):
        table, clusters, _ = drawn(rng, 14, 0.0)
        d = reward_differential(table, clusters)
        assert d.method == "wild cluster bootstrap"
        assert (d.p_value <= 0.05) == (not d.interval.low <= 0.0 <= d.interval.high)
        rejected += d.p_value <= 0.05
    assert rejected / 120 <= 0.05 + 3.0 * math.sqrt(0.05 * 0.95 / 120)


def test_five_clusters_cannot_reject_and_six_can() -> None:
    rng = np.random.default_rng(6)
    results = []
    for tasks in (5, 6):
        table, clusters, _ = drawn(rng, tasks, 2.0, repeats=20)
        results.append(reward_differential(table, clusters))
    assert results[0].p_value > 0.05 >= results[1].p_value
    assert results[0].interval.low < 0.0 < results[1].interval.low


def test_without_mixed_groups_nothing_is_said() -> None:
    table = group_differences([0.0, 1.0], [True, True], [0, 0])
    d = reward_differential(table, [0])
    assert (d.value, d.p_value, d.mixed, d.interval) == (0.0, 1.0, 0, (-1.0, 1.0))
    assert corrected_differential(table, [0], Detector(0.5, 0.5)) is None
    nothing = group_differences([], [], [])
    assert reward_differential(nothing, []).mixed == 0
    assert group_alarm([], [], 1.0).first() is None


def test_equal_differences_keep_an_interval() -> None:
    table = group_differences(np.tile([1.0, 0.0], 40), np.tile([True, False], 40), np.arange(80) // 2)
    d = reward_differential(table, np.arange(40))
    assert d.value == 1.0
    assert d.interval.low < 0.95
    assert d.p_value < 1e-6


@pytest.mark.parametrize(
    ("reward", "group"), [([math.nan, 1.0], [0, 0]), ([1.0, 1.0], [0, 2]), ([1.0, 1.0], [-1, 0])]
)
def test_bad_input_is_refused(reward: list[float], group: list[int]) -> None:
    with pytest.raises(ValueError, match=r"rewards must|codes of groups"):
        group_differences(reward, [True, False], group)


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="contradict"):
        differences_of_counts([3], [2], [5], [10])


def test_detector_errors_shrink_d_and_are_undone() -> None:
    rng, covered, plain = np.random.default_rng(7), 0, []
    for _ in range(300):
        group = np.repeat(np.arange(150), 8)
        hard = rng.random(150)[group]
        flags = rng.random(group.size) < 0.1 + 0.4 * hard
        reward = rng.normal(0.3 * flags - hard, 0.4)
        chance = rng.random(group.size)
        seen = np.where(flags, chance < 0.8, chance < 0.15)
        true, false = rng.binomial(200, 0.8) / 200, rng.binomial(200, 0.15) / 200
        table = group_differences(reward, seen, group)
        plain.append(reward_differential(table, np.arange(150)).value)
        found = corrected_differential(table, np.arange(150), Detector(true, false, 200, 200))
        assert found is not None
        covered += found.interval.low <= 0.3 <= found.interval.high
    assert np.mean(plain) < 0.2
    assert covered / 300 > 0.95 - 3.0 * math.sqrt(0.95 * 0.05 / 300) - 0.01


def test_a_perfect_detector_corrects_nothing() -> None:
    table, clusters, _ = drawn(np.random.default_rng(8), 60, 0.3)
    found = corrected_differential(table, clusters, Detector(1.0, 0.0))
    plain = reward_differential(table, clusters)
    assert found is not None
    assert found.value == pytest.approx(plain.value)
    assert found.standard_error == pytest.approx(plain.standard_error, rel=1e-2)


def null_products(rng: np.random.Generator, runs: int, groups: int) -> np.ndarray:
    """w·D of groups of 8 whose tasks differ in reward and behaviour, not in what reward does for it."""
    hard = rng.random((runs * groups, 1))
    flags = rng.random((runs * groups, 8)) < 0.05 + 0.4 * hard
    reward = (rng.random((runs * groups, 8)) < 0.8 - 0.6 * hard).astype(float)
    table = group_differences(reward.ravel(), flags.ravel(), np.repeat(np.arange(runs * groups), 8))
    return table.product.reshape(runs, groups)


def test_false_alarms_are_rare_however_often_one_looks() -> None:
    products = null_products(np.random.default_rng(9), 400, 500)
    alarms = [group_alarm(row, np.arange(500) // 8, 2.0) for row in products]
    assert sum(a.first(ALARM_Z) is not None for a in alarms) <= 2
    proved = sum(a.first_proved(0.05) is not None for a in alarms) / 400
    assert proved <= 0.05 + 3.0 * math.sqrt(0.05 * 0.95 / 400)


def test_alarms_sound_soon_where_reward_favours_it() -> None:
    rng = np.random.default_rng(10)
    flags = rng.random((300, 8)) < 0.2
    reward = (rng.random((300, 8)) < 0.2 + 0.3 * flags).astype(float)
    table = group_differences(reward.ravel(), flags.ravel(), np.arange(2400) // 8)
    alarm = group_alarm(table.product, np.arange(300), 2.0)
    first, proved = alarm.first(), alarm.first_proved(0.01)
    assert first is not None
    assert proved is not None
    assert 16 <= first < 150
    assert proved < 150
    assert alarm.z[-1] <= math.sqrt(alarm.speaking[-1])


def test_alarms_are_read_at_the_end_of_each_look() -> None:
    alarm = group_alarm([1.0, -1.0, 0.0, 1.0], [0, 0, 1, 2], 2.0)
    assert alarm.z.tolist() == pytest.approx([0.0, 0.0, 1.0 / math.sqrt(3.0)])
    assert alarm.speaking.tolist() == [2, 2, 3]
    assert (np.diff(alarm.log_e) >= 0.0).all()


def test_a_product_beyond_its_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="beyond the bound"):
        group_alarm([3.0], [0], 2.0)
