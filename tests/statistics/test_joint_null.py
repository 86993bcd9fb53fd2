"""p-values over several statistics at once: their level, their power, what they do not depend on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from modelassay.statistics import joint_p_values

LEVEL = 0.05


def _alarms(draw: np.ndarray, matters: list[float] | None = None) -> bool:
    """Whether the last row, held against the others, is called unusual in anything."""
    return bool(joint_p_values(draw[-1], draw[:-1], matters=matters).min() <= LEVEL)


@pytest.mark.parametrize(("size", "shape"), [(19, "normal"), (40, "heavy"), (60, "alike")])
def test_any_false_alarm_is_as_rare_as_it_says(size: int, shape: str) -> None:
    rng = np.random.default_rng(11)
    repetitions, statistics = 1500, 9
    alarms = 0
    for _ in range(repetitions):
        rows = rng.standard_normal((size + 1, statistics))
        if shape == "heavy":
            rows = rng.standard_t(2, size=rows.shape) * np.geomspace(1, 100, statistics)
        elif shape == "alike":  # families that differ, statistics that move together, coarse values
            rows = np.round(0.6 * rows + 2 * rng.standard_normal((size + 1, 1)), 1)
        alarms += _alarms(rows)
    level = np.floor(LEVEL * (size + 1)) / (size + 1)
    error = 4 * (level * (1 - level) / repetitions) ** 0.5
    assert alarms / repetitions <= level + error
    if shape != "alike":  # without ties nothing is given away
        assert alarms / repetitions >= level - error


def test_corrected_by_number_the_same_fine_tunes_would_show_nothing() -> None:
    """40 fine-tunes and nine statistics: Bonferroni's least p-value is 9 / 41."""
    rng = np.random.default_rng(12)
    null, found = rng.standard_normal((40, 9)), 0
    repetitions = 300
    for _ in range(repetitions):
        candidate = rng.standard_normal(9)
        candidate[4] += 8
        found += bool(joint_p_values(candidate, null)[4] <= LEVEL)
    assert found / repetitions >= 0.99


def test_worked_by_hand() -> None:
    """Three fine-tunes 0, 1, 2 and a candidate 6: scores -0.2, 0.0, 0.2 and 5."""
    null = [[0.0], [1.0], [2.0]]
    assert joint_p_values([6.0], null).tolist() == [0.25]
    assert joint_p_values([1.0], null)[0] == 0.75  # 1 again: beyond the median by nothing, as the other 1 is
    # a second statistic in which everybody is equal says nothing and costs nothing
    assert joint_p_values([6.0, 3.0], [[each, 3.0] for (each,) in null]).tolist() == [0.25, 1.0]


@pytest.mark.parametrize("size", [2, 3, 4, 11, 12])
def test_scores_are_what_they_are_said_to_be(size: int) -> None:
    pool = np.random.default_rng(size).integers(-9, 9, size=(size, 4)).astype(float)
    scores = []
    for place, row in enumerate(pool):
        others = np.delete(pool, place, axis=0)
        middle = np.median(others, axis=0)
        reach = others.max(axis=0) - middle
        scores.append(
            [
                (value - center) / (span or np.finfo(float).tiny ** 0.5)
                for value, center, span in zip(row, middle, reach, strict=True)
            ]
        )
    expected = [
        np.mean([max(each) >= score - 1e-9 * max(1, abs(score)) for each in scores]) for score in scores[-1]
    ]
    assert joint_p_values(pool[-1], pool[:-1]).tolist() == expected


def test_what_could_raise_no_alarm_takes_no_power_and_gives_none() -> None:
    """Eight numbers that are never large enough to matter beside one that is."""
    rng = np.random.default_rng(13)
    repetitions, alarms, found, without = 800, 0, 0, 0
    matters = [-np.inf, *[50.0] * 8]
    for _ in range(repetitions):
        rows = np.column_stack([rng.standard_normal(41), rng.standard_t(2, size=(41, 8))])
        alarms += joint_p_values(rows[-1], rows[:-1], matters=matters)[0] <= LEVEL
        rows[-1, 0] += 4.5
        found += joint_p_values(rows[-1], rows[:-1], matters=matters)[0] <= LEVEL
        without += joint_p_values(rows[-1], rows[:-1])[0] <= LEVEL
    level = 2 / 41
    assert abs(alarms / repetitions - level) <= 4 * (level * (1 - level) / repetitions) ** 0.5
    assert found / repetitions > 0.9
    assert without / repetitions < 0.5
    assert joint_p_values([9.0, 9.0], [[0.0, 0.0]] * 19, matters=[9.0, 9.5]).tolist() == [0.05, 1.0]


def test_alarms_are_as_rare_where_only_what_matters_may_raise_one() -> None:
    rng = np.random.default_rng(14)
    repetitions, alarms = 1500, 0
    for _ in range(repetitions):
        rows = rng.standard_t(3, size=(61, 6))
        alarms += _alarms(rows, matters=[-np.inf, 1.0, 2.0, 3.0, 1.0, 0.0])
    level = 3 / 61
    assert alarms / repetitions <= level + 4 * (level * (1 - level) / repetitions) ** 0.5


@given(
    arrays(np.float64, (12, 3), elements=st.integers(-50, 50).map(float)),
    st.permutations(range(11)),
    st.permutations(range(3)),
)
def test_neither_order_nor_units_matter(rows: np.ndarray, order: list[int], columns: list[int]) -> None:
    found = joint_p_values(rows[-1], rows[:-1])
    turned = joint_p_values(rows[-1][columns], rows[:-1][order][:, columns])
    assert turned.tolist() == found[columns].tolist()
    scaled = rows * np.array([1.0, 8.0, 0.25]) + np.array([0.0, 16.0, -4.0])
    assert joint_p_values(scaled[-1], scaled[:-1]).tolist() == pytest.approx(found.tolist())
    assert ((found >= 1 / 12) & (found <= 1)).all()


@pytest.mark.parametrize(
    ("values", "null"),
    [([1.0], [[1.0, 2.0]]), ([1.0], np.empty((0, 1))), ([float("nan")], [[1.0]]), ([[1.0]], [[1.0]])],
)
def test_what_does_not_fit_is_refused(values: list[float], null: object) -> None:
    with pytest.raises(ValueError, match=r"fit|number"):
        joint_p_values(values, null)  # type: ignore[arg-type]


def test_as_many_values_must_matter_as_there_are() -> None:
    with pytest.raises(ValueError, match="matter"):
        joint_p_values([1.0], [[1.0]], matters=[1.0, 2.0])


def test_nothing_asked_is_nothing_told() -> None:
    assert joint_p_values([], np.empty((3, 0))).size == 0
