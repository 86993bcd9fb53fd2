import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelassay.statistics import binomial_changepoints

# Disasters in British coal mines by year, 1851 to 1962: Jarrett (1979), Biometrika 66, 191–193.
FIRST = 1851
DISASTERS = [
    4, 5, 4, 1, 0, 4, 3, 4, 0, 6, 3, 3, 4, 0, 2, 6, 3, 3, 5, 4, 5, 3, 1, 4, 4, 1, 5, 5, 3, 4, 2, 5, 2,
    2, 3, 4, 2, 1, 3, 2, 2, 1, 1, 1, 1, 3, 0, 0, 1, 0, 1, 1, 0, 0, 3, 1, 0, 3, 2, 2, 0, 1, 1, 1, 0, 1,
    0, 1, 0, 0, 0, 2, 1, 0, 0, 0, 1, 1, 0, 2, 3, 3, 1, 1, 2, 1, 1, 1, 1, 2, 3, 3, 0, 0, 0, 1, 4, 0, 0,
    0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1,
]  # fmt: skip
counts = st.integers(0, 9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def log_likelihood(k, n):
    return sum(count * math.log(count / n) for count in (k, n - k) if count)


def information(k, n, borders):
    """BIC of the segments between `borders`, from the definition."""
    parts = [(sum(k[a:b]), sum(n[a:b])) for a, b in itertools.pairwise(borders)]
    parameters = 2 * len(parts) - 1
    return -2 * sum(log_likelihood(*part) for part in parts) + parameters * math.log(sum(n))


def test_coal_mining_disasters():
    """With many trials a year counts are as good as Poisson: one change, after 41 years.

    Carlin, Gelfand and Smith (1992), Applied Statistics 41, 389–405: most likely after the 41st year, from
    about 3.1 to 0.9 a year. Raftery and Akman (1986), Biometrika 73, 85–89: 95 % interval 1887 to 1895.
    """
    trials = 1000
    found = binomial_changepoints(DISASTERS, [trials] * len(DISASTERS))
    (change,) = found.changes
    assert change.at == 41
    before, after = found.segments
    assert before.rate * trials == pytest.approx(3.1, abs=0.1)
    assert after.rate * trials == pytest.approx(0.9, abs=0.05)
    assert abs(FIRST + change.candidates[0] - 1887) <= 2
    assert abs(FIRST + change.candidates[-1] - 1895) <= 2


@given(st.lists(counts, min_size=1, max_size=9), st.integers(1, 4))
@settings(deadline=None)
def test_no_segmentation_has_less(rows, minimum):
    k, n = map(list, zip(*rows, strict=True))
    found = binomial_changepoints(k, n, minimum=minimum)
    known = [i for i in range(len(n)) if n[i]]
    if not known:
        assert found == ((), (), 0.0)
        return
    cut = [(k[i], n[i]) for i in known]
    k, n = map(list, zip(*cut, strict=True))
    choices = [
        (0, *places, len(n))
        for count in range(len(n))
        for places in itertools.combinations(range(1, len(n)), count)
    ]
    allowed = [
        each
        for each in choices
        if len(each) == 2 or all(b - a >= minimum for a, b in itertools.pairwise(each))
    ]
    assert found.bic == pytest.approx(min(information(k, n, each) for each in allowed), abs=1e-9)
    own = [0, *(known.index(change.at) for change in found.changes), len(n)]
    assert information(k, n, own) == pytest.approx(found.bic, abs=1e-9)
    assert tuple(own) in allowed


@given(st.lists(counts, min_size=1, max_size=30), st.integers(1, 4))
@settings(deadline=None)
def test_segments_are_the_whole_row(rows, minimum):
    k, n = np.array(rows).T
    found = binomial_changepoints(k, n, minimum=minimum)
    if not found.segments:
        assert n.sum() == 0
        return
    borders = [found.segments[0].start, *(segment.stop for segment in found.segments)]
    assert (borders[0], borders[-1]) == (0, len(rows))
    assert borders[1:-1] == [change.at for change in found.changes]
    for segment in found.segments:
        assert (segment.k, segment.n) == (
            k[segment.start : segment.stop].sum(),
            n[segment.start : segment.stop].sum(),
        )
    for change, before, after in zip(found.changes, borders, borders[2:], strict=False):
        assert change.at in change.candidates
        assert before < change.candidates[0] <= change.candidates[-1] < after
    # Read backwards the same cuts are found as good.
    assert binomial_changepoints(k[::-1], n[::-1], minimum=minimum).bic == pytest.approx(found.bic, abs=1e-9)


def test_several_changes_are_found_where_they_are():
    k, n = [1, 0, 1, 0, 1, 9, 8, 9, 9, 3, 4, 3, 3], [20] * 13
    found = binomial_changepoints(k, n)
    assert [change.at for change in found.changes] == [5, 9]
    assert [segment.k for segment in found.segments] == [3, 35, 13]


def test_positions_without_trials_neither_count_nor_cut():
    with_gap = binomial_changepoints([0, 0, 0, 0, 0, 9, 9, 9], [20, 20, 20, 0, 0, 20, 20, 20])
    assert [change.at for change in with_gap.changes] == [5]
    assert with_gap.segments[0].n == 60
    # Two positions are fewer than a segment may have, whatever stands between them.
    assert not binomial_changepoints([0, 0, 0, 9, 9], [20, 0, 20, 20, 20], minimum=3).changes
    assert binomial_changepoints([0, 0], [0, 0]).segments == ()
    assert len(binomial_changepoints([1], [2]).segments) == 1


def test_more_confidence_keeps_more_places():
    generator = np.random.default_rng(3)
    k = generator.binomial(30, np.where(np.arange(40) < 20, 0.1, 0.25))
    sets = [
        set(binomial_changepoints(k, np.full(40, 30), confidence=level).changes[0].candidates)
        for level in (0.5, 0.9, 0.999)
    ]
    assert sets[0] < sets[2]
    assert sets[0] <= sets[1] <= sets[2]


def cut(positions, trials, rate, repetitions):
    """Share of rows at one rate in which a change is found."""
    generator = np.random.default_rng(7)
    rows = generator.binomial(trials, rate, (repetitions, positions))
    return np.mean([len(binomial_changepoints(row, np.full(positions, trials)).changes) > 0 for row in rows])


def covered(positions, at, rates, trials, repetitions):
    """Share of confidence sets that hold the one change, and share of rows with one."""
    generator = np.random.default_rng(8)
    by_position = np.where(np.arange(positions) < at, *rates)
    found = [
        binomial_changepoints(row, np.full(positions, trials)).changes
        for row in generator.binomial(trials, by_position, (repetitions, positions))
    ]
    single = [changes[0] for changes in found if len(changes) == 1]
    return np.mean([at in change.candidates for change in single]), len(single) / repetitions


def least_coverage(repetitions):
    return 0.95 - 3 * math.sqrt(0.95 * 0.05 / repetitions)


@pytest.mark.parametrize(("positions", "trials"), [(20, 8), (60, 64)])
@pytest.mark.parametrize("rate", [0.02, 0.3])
def test_steady_rates_are_seldom_cut(positions, trials, rate):
    repetitions = 300
    assert cut(positions, trials, rate, repetitions) <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / repetitions)


@pytest.mark.slow
@pytest.mark.parametrize(("positions", "trials"), [(20, 8), (60, 8), (60, 64), (200, 8), (200, 64)])
@pytest.mark.parametrize("rate", [0.02, 0.1, 0.3, 0.5])
def test_steady_rates_are_seldom_cut_at_length(positions, trials, rate):
    repetitions = 2000
    assert cut(positions, trials, rate, repetitions) <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / repetitions)


@pytest.mark.parametrize(
    ("positions", "at", "rates"), [(40, 20, (0.1, 0.3)), (40, 12, (0.05, 0.15)), (60, 30, (0.3, 0.4))]
)
def test_sets_cover_the_change(positions, at, rates):
    share, single = covered(positions, at, rates, 48, 250)
    assert share >= least_coverage(250)
    assert single >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize(
    ("positions", "at", "rates"), [(40, 20, (0.1, 0.3)), (40, 12, (0.05, 0.15)), (60, 30, (0.3, 0.4))]
)
@pytest.mark.parametrize("trials", [32, 64, 200])
def test_sets_cover_the_change_at_length(positions, at, rates, trials):
    share, _ = covered(positions, at, rates, trials, 2000)
    assert share >= least_coverage(2000)


@pytest.mark.slow
def test_sets_of_changes_that_are_mostly_missed_cover_a_little_less():
    """Found in under half of the rows, a change is where chance made it look larger: 93 %."""
    share, single = covered(100, 50, (0.3, 0.36), 32, 2000)
    assert single < 0.6
    assert share >= 0.92 - 3 * math.sqrt(0.08 * 0.92 / (2000 * single))


@pytest.mark.parametrize(
    ("k", "n", "options"),
    [
        ([1, 2], [3], {}),
        ([4], [3], {}),
        ([-1], [3], {}),
        ([math.nan], [3], {}),
        ([1], [math.inf], {}),
        ([[1]], [[3]], {}),
        ([1], [3], {"minimum": 0}),
        ([1], [3], {"confidence": 1.0}),
    ],
)
def test_impossible_rows_are_refused(k, n, options):
    with pytest.raises(ValueError, match=r"\w"):
        binomial_changepoints(k, n, **options)
