"""Discovery sampling: against scipy, by simulation, and the figures that auditors know."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom

from modelassay.statistics import (
    detection_probability,
    most_bad_undetected,
    sample_size_for_detection,
)


@given(st.integers(1, 400), st.data())
def test_it_is_the_hypergeometric_tail(population: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(0, population))
    drawn = data.draw(st.integers(0, population))
    assert detection_probability(population, bad, drawn) == pytest.approx(
        hypergeom.sf(0, population, bad, drawn), abs=1e-9
    )


@pytest.mark.parametrize(("share", "drawn"), [(0.10, 29), (0.01, 298), (0.001, 2972)])
def test_how_many_show_one_bad_item_19_times_in_20(share: float, drawn: int) -> None:
    """ln(0.05) / ln(1 − share) for a large population (rule of three)."""
    population = 1_000_000
    assert sample_size_for_detection(population, round(share * population), 0.95) == pytest.approx(
        drawn, abs=25
    )


@given(st.integers(1, 300), st.data())
def test_the_sample_size_is_the_smallest(population: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(1, population))
    wanted = data.draw(st.floats(0.0, 0.999))
    size = sample_size_for_detection(population, bad, wanted)
    assert detection_probability(population, bad, size) >= wanted
    assert size == 0 or detection_probability(population, bad, size - 1) < wanted


@given(st.integers(1, 300), st.data())
def test_one_more_bad_item_would_have_shown(population: int, data: st.DataObject) -> None:
    drawn = data.draw(st.integers(0, population))
    most = most_bad_undetected(population, drawn)
    assert detection_probability(population, most, drawn) <= 0.95
    assert most == population - drawn or detection_probability(population, most + 1, drawn) > 0.95


def test_simulated_samples_show_bad_items_as_often_as_said() -> None:
    rng, repetitions = np.random.default_rng(7), 4000
    population, bad, drawn = 500, 12, 60
    found = sum((rng.choice(population, drawn, replace=False) < bad).any() for _ in range(repetitions))
    said = detection_probability(population, bad, drawn)
    assert abs(found / repetitions - said) < 4 * np.sqrt(said * (1 - said) / repetitions)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="bad"):
        detection_probability(10, 11, 1)
    with pytest.raises(ValueError, match="bad"):
        sample_size_for_detection(10, 0, 0.5)
    with pytest.raises(ValueError, match="confidence"):
        most_bad_undetected(10, 1, 1.0)
