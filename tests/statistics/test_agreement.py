import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa

from modelassay.statistics import cohen_kappa, cohen_kappa_interval, gwet_ac1, krippendorff_alpha

NONE = np.nan
# Krippendorff (2011), "Computing Krippendorff's alpha-reliability", section D.
RATINGS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3],
    [NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE],
]
labels = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)


def from_table(table):
    rows = [(i, j) for i, row in enumerate(table) for j, times in enumerate(row) for _ in range(times)]
    return [i for i, _ in rows], [j for _, j in rows]


@pytest.mark.parametrize(
    ("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_krippendorff_gives_the_published_values(level, alpha):
    assert krippendorff_alpha(RATINGS, level) == pytest.approx(alpha, abs=5e-4)


def test_kappa_of_a_textbook_table():
    assert cohen_kappa(*from_table([[20, 5], [10, 15]])) == pytest.approx(0.4)


@given(labels)
def test_kappa_agrees_with_statsmodels(rows):
    a, b = zip(*rows, strict=True)
    table = np.zeros((4, 4))
    np.add.at(table, (a, b), 1)
    chance = table.sum(0) @ table.sum(1) / len(rows) ** 2
    if chance > 1 - 1e-12:
        assert cohen_kappa(a, b) == 0.0
    else:
        assert cohen_kappa(a, b) == pytest.approx(cohens_kappa(table, return_results=False), abs=1e-12)
    words = np.array(["full", "partial", "none", "other"])
    assert cohen_kappa(words[list(a)], words[list(b)]) == pytest.approx(cohen_kappa(a, b))
    assert cohen_kappa(b, a) == pytest.approx(cohen_kappa(a, b))


def test_the_kappa_paradox_and_its_remedy():
    """Nearly all labels alike: kappa below 0 at 94 % agreement, AC1 stays high (Gwet 2008)."""
    a, b = from_table([[118, 5], [2, 0]])
    assert cohen_kappa(a, b) == pytest.approx(-0.0234, abs=1e-4)
    share = (123 + 120) / 250
    chance = 2 * share * (1 - share)
    assert gwet_ac1(a, b) == pytest.approx((118 / 125 - chance) / (1 - chance))
    assert gwet_ac1(a, b) == pytest.approx(0.9408, abs=5e-5)
    assert gwet_ac1([1, 1], [1, 1]) == 1.0
    assert gwet_ac1([], []) == 0.0


def test_two_complete_raters_need_only_a_small_sample_correction():
    """With all ratings there, nominal alpha is Scott's pi moved by (1 − pi)/(2n)."""
    generator = np.random.default_rng(79)
    a = generator.integers(0, 3, 50)
    b = np.where(generator.random(50) < 0.7, a, generator.integers(0, 3, 50))
    share = np.bincount(np.concatenate([a, b])) / 100
    pi = (np.mean(a == b) - share @ share) / (1 - share @ share)
    assert krippendorff_alpha([a, b]) == pytest.approx(pi + (1 - pi) / 100)


@pytest.mark.slow
def test_the_kappa_interval_covers():
    repetitions, size, misses, naive = 300, 5, 0, 0
    generator = np.random.default_rng(83)
    clusters = np.repeat(np.arange(60), size)

    def draw(count, per):
        truth = np.repeat(generator.random(count) < 0.5, per)
        wrong = np.repeat(generator.random(count) < 0.15, per)
        return truth, truth ^ wrong

    kappa = 0.7  # agreement 0.85 at even labels
    for seed in range(repetitions):
        a, b = draw(60, size)
        low, high = cohen_kappa_interval(a, b, clusters, resamples=400, seed=seed)
        misses += not low <= kappa <= high
        low, high = cohen_kappa_interval(a, b, resamples=400, seed=seed)
        naive += not low <= kappa <= high
    assert misses / repetitions <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / repetitions) + 0.02
    assert naive / repetitions > 0.2


def test_the_interval_is_reproducible_and_contains_the_estimate():
    a, b = from_table([[40, 5], [6, 30]])
    assert cohen_kappa_interval(a, b, seed=3) == cohen_kappa_interval(a, b, seed=3)
    low, high = cohen_kappa_interval(a, b)
    assert low < cohen_kappa(a, b) < high
    assert cohen_kappa_interval([1, 0], [1, 0], [4, 4]) == (-1.0, 1.0)
    assert cohen_kappa_interval(["a"] * 10, ["a"] * 10) == (0.0, 0.0)


def test_nothing_to_compare():
    assert cohen_kappa([], []) == 0.0
    assert krippendorff_alpha([[1, NONE], [NONE, 2]]) == 0.0
    assert krippendorff_alpha([[NONE, NONE]]) == 0.0
    assert krippendorff_alpha([[1, 1], [1, 1]]) == 0.0
    assert krippendorff_alpha([[1, 2, 3], [1, 2, 3]]) == 1.0
    assert krippendorff_alpha([[0, 0, 1], [0, 0, 1]], "ratio") == 1.0


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="same items"):
        cohen_kappa([1, 2], [1])
    with pytest.raises(ValueError, match="cluster code"):
        cohen_kappa_interval([1, 2], [1, 2], [0])
    with pytest.raises(ValueError, match="shape"):
        krippendorff_alpha([1, 2, 3])
    with pytest.raises(ValueError, match="level"):
        krippendorff_alpha(RATINGS, "cardinal")
