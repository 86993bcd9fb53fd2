"""PPI++ beside its authors' own program, and over the strengths of a judge."""

import math

import numpy as np
import pytest

from modelassay.statistics import ppi_mean

# Made by a rule, so that the figures below can be had again from ppi-python 0.2.3, `ppi_mean_pointestimate`
# and `ppi_mean_ci` at alpha = .05: the estimate, and half the interval's width over 1.959964.
ITEMS, MORE = np.arange(60), np.arange(400)
PEOPLE = ((ITEMS * 7919) % 10 < 7).astype(float)
JUDGED = np.where((ITEMS * 104729) % 11 < 2, 1 - PEOPLE, PEOPLE)
REST = ((MORE * 15485863) % 13 < 8).astype(float)


@pytest.mark.parametrize(
    ("tuning", "mean", "error"),
    [(0.4958975, 0.6991753, 0.04881491), (1.0, 0.6983333, 0.05942855), (0.0, 0.7, 0.05916080)],
)
def test_agrees_with_the_authors_program(tuning, mean, error):
    """Which divides by n where we divide by n − 1. Its own λ, .496, is of variances over all items."""
    found = ppi_mean(PEOPLE, JUDGED, REST, tuning=tuning)
    assert found.mean == pytest.approx(mean, abs=1e-5)
    residual = PEOPLE - found.tuning * JUDGED
    fewer = residual.var(ddof=1) / 60 - residual.var() / 60
    assert math.sqrt(found.variance - fewer) == pytest.approx(error, abs=1e-6)


def covered(wrong, labelled, repetitions):
    """Share of intervals that hold a true rate of .8, the judge being wrong with this probability."""
    generator = np.random.default_rng(20261121)
    held = 0
    for _ in range(repetitions):
        truth = (generator.random(600) < 0.8).astype(float)
        read = np.where(generator.random(600) < wrong, 1 - truth, truth)
        found = ppi_mean(truth[:labelled], read[:labelled], read[labelled:])
        held += found.interval.low <= 0.8 <= found.interval.high
    return held / repetitions


def test_the_tuning_is_near_that_of_the_authors_program():
    found = ppi_mean(PEOPLE, JUDGED, REST)
    assert found.tuning == pytest.approx(0.496, abs=0.01)
    assert found.mean == pytest.approx(0.6991753, abs=1e-4)


@pytest.mark.parametrize("wrong", [0.0, 0.4])
def test_intervals_cover_whatever_the_judge(wrong):
    repetitions = 800
    assert covered(wrong, 60, repetitions) >= 0.94 - 3 * math.sqrt(0.05 * 0.95 / repetitions)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [0.0, 0.02, 0.1, 0.4, 0.5, 1.0])
@pytest.mark.parametrize(("labelled", "loss"), [(60, 0.025), (150, 0.005)])
def test_intervals_cover_whatever_the_judge_at_length(wrong, labelled, loss):
    """With 60 labels, 6 of them against a judge who errs in 10 %, about 2.5 points are lost."""
    repetitions = 4000
    assert covered(wrong, labelled, repetitions) >= 0.95 - loss - 3 * math.sqrt(0.05 * 0.95 / repetitions)
