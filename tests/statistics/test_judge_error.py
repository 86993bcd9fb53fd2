"""A judge's error: measured, corrected by people's labels, and what happens without that."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from modelassay.statistics import (
    cohen_kappa,
    cohen_kappa_interval,
    corrected_moments,
    corrected_pairs,
    graded_absolute_drop_bounds,
    graded_relative_drop_bounds,
    judge_agreement,
    krippendorff_alpha,
    krippendorff_alpha_interval,
    ppi_mean,
    rogan_gladen,
)

GOOD, FAIR, WORSE = (0.98, 0.95), (0.95, 0.80), (0.95, 0.60)
"""Sensitivity for wanted answers, specificity for the others."""


def judged(generator, truth, judge):
    """What a judge with this sensitivity and specificity reads."""
    right = np.where(
        truth, generator.random(truth.shape) < judge[0], generator.random(truth.shape) < judge[1]
    )
    return np.where(truth, right, ~right)


def audit(generator, rates, judges, pairs=1000):
    """Wanted answers of two models on the same prompts, and what the judge reads in them."""
    shared = generator.normal(size=pairs)
    truth, read = [], []
    for rate, judge in zip(rates, judges, strict=True):
        own = math.sqrt(0.8) * shared + math.sqrt(0.2) * generator.normal(size=pairs)
        truth.append(own < NormalDist().inv_cdf(rate))
        read.append(judged(generator, truth[-1], judge))
    return truth, [each.astype(float) for each in read]


def labelled(generator, truth, read, *, labels=150, by_flips):
    """People's labels on a sample: plain, or with three times the chance where the judge sees a flip."""
    strata = (read[0] != read[1]).astype(int) if by_flips else np.zeros(read[0].size, int)
    sizes = np.bincount(strata)
    wanted = sizes * np.array([1.0, 3.0])[: sizes.size]
    counts = np.minimum(np.rint(labels * wanted / wanted.sum()).astype(int), sizes)
    chosen = np.zeros(strata.size, bool)
    for stratum, count in enumerate(counts):
        chosen[generator.permutation(np.flatnonzero(strata == stratum))[:count]] = True
    return strata, [np.where(chosen, each, np.nan) for each in truth]


def studied(rates, judges, *, by_flips, repeats=400, seed=5):
    """Naive drops, corrected drops, and how often each bound (one-sided, 95 %) holds."""
    generator = np.random.default_rng(seed)
    naive, corrected, low_holds, high_holds = [], [], 0, 0
    truth_drop = rates[0] - rates[1]
    for _ in range(repeats):
        truth, read = audit(generator, rates, judges)
        strata, people = labelled(generator, truth, read, by_flips=by_flips)
        clusters = np.arange(strata.size)
        moments = corrected_moments(corrected_pairs(read, people, strata, clusters), clusters)
        bounds = graded_absolute_drop_bounds(moments, 0.95)
        low_holds += bounds.low <= truth_drop
        high_holds += truth_drop <= bounds.high
        naive.append(read[0].mean() - read[1].mean())
        corrected.append(moments.baseline_mean - moments.candidate_mean)
    return np.mean(naive), np.mean(corrected), low_holds / repeats, high_holds / repeats


@pytest.mark.parametrize("by_flips", [False, True])
def test_a_judge_that_errs_more_on_the_candidate_hides_most_of_a_drop_and_labels_bring_it_back(by_flips):
    naive, corrected, low, high = studied((0.9, 0.8), (FAIR, WORSE), by_flips=by_flips)
    assert naive == pytest.approx(0.035, abs=0.005)  # of a true drop of 10 points
    assert corrected == pytest.approx(0.10, abs=0.005)
    assert min(low, high) >= 0.93


@pytest.mark.parametrize(
    ("rates", "judges"),
    [
        ((0.9, 0.8), (GOOD, GOOD)),
        ((0.9, 0.8), (FAIR, FAIR)),
        ((0.9, 0.9), (FAIR, WORSE)),
        ((0.9, 0.9), (WORSE, FAIR)),
        ((0.98, 0.98), (GOOD, GOOD)),
    ],
)
def test_corrected_bounds_hold_whatever_the_judge(rates, judges):
    _, corrected, low, high = studied(rates, judges, by_flips=True, seed=6)
    assert corrected == pytest.approx(rates[0] - rates[1], abs=0.005)
    assert min(low, high) >= 0.93


def test_a_difference_that_only_the_judge_sees_disappears():
    naive, corrected, *_ = studied((0.9, 0.9), (WORSE, FAIR), by_flips=True)
    assert naive > 0.015
    assert abs(corrected) < 0.004


def test_labels_on_everything_are_the_truth_whatever_the_judge_says():
    generator = np.random.default_rng(1)
    truth, read = audit(generator, (0.9, 0.7), (FAIR, WORSE), pairs=300)
    strata, people = labelled(generator, truth, read, labels=10_000, by_flips=False)
    clusters = np.arange(300)
    moments = corrected_moments(corrected_pairs(read, people, strata, clusters), clusters)
    assert moments.baseline_mean == pytest.approx(truth[0].mean())
    assert moments.candidate_mean == pytest.approx(truth[1].mean())


def test_a_useless_judge_is_not_trusted_and_a_perfect_one_is():
    generator = np.random.default_rng(2)
    truth, _ = audit(generator, (0.9, 0.7), (FAIR, FAIR), pairs=2000)
    for read, trusted in ((generator.random((2, 2000)) < 0.5, False), (np.array(truth), True)):
        strata, people = labelled(generator, truth, read.astype(float), by_flips=False)
        tuning = corrected_pairs(read.astype(float), people, strata, np.arange(2000)).tuning
        assert tuning > 0.95 if trusted else tuning < 0.25


def test_inverse_weights_undo_a_sample_that_favours_flips():
    """Unweighted, the share of flips among the labelled items would be taken for that of all."""
    generator = np.random.default_rng(3)
    biased, weighted = [], []
    for _ in range(200):
        truth, read = audit(generator, (0.9, 0.8), (GOOD, GOOD))
        strata, people = labelled(generator, truth, read, by_flips=True)
        clusters = np.arange(strata.size)
        found = corrected_moments(corrected_pairs(read, people, strata, clusters), clusters)
        weighted.append(found.baseline_mean - found.candidate_mean)
        biased.append(np.nanmean(people[0]) - np.nanmean(people[1]))
    assert np.mean(weighted) == pytest.approx(0.1, abs=0.005)
    assert np.mean(biased) > 0.13


def test_a_slice_is_corrected_by_its_own_labels():
    """The judge errs in one half only; the other half must not pay for it."""
    generator = np.random.default_rng(4)
    found = {0: [], 1: []}
    for _ in range(150):
        truth, read = audit(generator, (0.9, 0.8), (GOOD, GOOD), pairs=2000)
        half = np.arange(2000) % 2
        worse = judged(generator, truth[1], WORSE)
        read[1] = np.where(half == 1, worse, read[1]).astype(float)
        strata, people = labelled(generator, truth, read, labels=400, by_flips=False)
        pairs = corrected_pairs(read, people, strata, np.arange(2000))
        for part in found:
            moments = corrected_moments(pairs, np.arange(2000), np.flatnonzero(half == part))
            found[part].append(moments.baseline_mean - moments.candidate_mean)
    for drops in found.values():
        assert np.mean(drops) == pytest.approx(0.1, abs=0.006)


def test_labels_of_one_cluster_count_as_one():
    generator = np.random.default_rng(7)
    truth, read = audit(generator, (0.9, 0.8), (GOOD, GOOD), pairs=200)
    truth, read = [np.repeat(t, 5) for t in truth], [np.repeat(r, 5) for r in read]
    clusters = np.repeat(np.arange(200), 5)
    chosen = np.isin(clusters, generator.permutation(200)[:40])
    people = [np.where(chosen, each, np.nan) for each in truth]
    strata = np.zeros(1000, int)
    together = corrected_moments(corrected_pairs(read, people, strata, clusters), clusters)
    apart = corrected_moments(corrected_pairs(read, people, strata, np.arange(1000)), np.arange(1000))
    assert (together.clusters, apart.clusters) == (40, 200)
    assert together.candidate_variance > 2 * apart.candidate_variance


def test_corrected_relative_drops_come_from_the_same_moments():
    generator = np.random.default_rng(8)
    truth, read = audit(generator, (0.9, 0.6), (FAIR, WORSE), pairs=4000)
    strata, people = labelled(generator, truth, read, labels=800, by_flips=True)
    moments = corrected_moments(corrected_pairs(read, people, strata, np.arange(4000)), np.arange(4000))
    bounds = graded_relative_drop_bounds(moments, 0.95)
    assert bounds.low < 1 / 3 < bounds.high


def test_without_labels_the_clusters_are_none_and_nothing_is_claimed():
    read = (np.ones(10), np.zeros(10))
    people = (np.full(10, np.nan),) * 2
    pairs = corrected_pairs(read, people, np.zeros(10, int), np.arange(10))
    moments = corrected_moments(pairs, np.arange(10))
    assert moments.clusters == 0
    assert graded_absolute_drop_bounds(moments, 0.95) == (-1.0, 1.0)


def test_ppi_mean_by_hand():
    """n = 4, N = 8: λ = Cov(Y, F) / ((1 + n/N)·Var(F)), both over the four labelled items."""
    people, read = [1, 0, 1, 1], [1, 0, 0, 1]
    rest = [1, 1, 1, 0, 1, 0, 1, 1]
    spread = np.var(read)
    together = np.mean((np.array(people) - 0.75) * (np.array(read) - 0.5))
    tuning = together / (1.5 * spread)
    residual = np.array(people) - tuning * np.array(read)
    found = ppi_mean(people, read, rest)
    assert found.tuning == pytest.approx(tuning)
    assert found.mean == pytest.approx(tuning * 0.75 + residual.mean())
    assert found.variance == pytest.approx(tuning**2 * np.var(rest) / 8 + residual.var(ddof=1) / 4)


def test_ppi_mean_without_tuning_is_the_first_paper_and_the_plain_mean():
    people, read, rest = [1, 0, 1, 1], [1, 0, 0, 1], [1, 1, 0]
    assert ppi_mean(people, read, rest, tuning=1).mean == pytest.approx(2 / 3 + 0.25)
    assert ppi_mean(people, read, rest, tuning=0).mean == pytest.approx(0.75)


def test_ppi_mean_covers_and_needs_fewer_labels():
    generator = np.random.default_rng(9)
    held, widths, plain = 0, [], []
    for _ in range(800):
        truth = generator.random(1000) < 0.7
        read = judged(generator, truth, FAIR).astype(float)
        people = truth[:150].astype(float)
        found = ppi_mean(people, read[:150], read[150:])
        held += found.interval.low <= 0.7 <= found.interval.high
        widths.append(found.interval.high - found.interval.low)
        alone = ppi_mean(people, read[:150], [], tuning=0)
        plain.append(alone.interval.high - alone.interval.low)
    assert held / 800 >= 0.93
    assert np.mean(widths) < 0.85 * np.mean(plain)


def test_ppi_mean_with_weights_undoes_unequal_chances():
    generator = np.random.default_rng(10)
    means = []
    for _ in range(300):
        truth = generator.random(2000) < 0.5
        read = judged(generator, truth, GOOD).astype(float)
        chance = np.where(read == 1, 0.05, 0.2)
        chosen = generator.random(2000) < chance
        means.append(
            ppi_mean(truth[chosen], read[chosen], read[~chosen], weights=1 / chance[chosen], tuning=0).mean
        )
    assert np.mean(means) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("apparent", "n", "se", "sp", "truth"),
    [
        (270, 1000, 0.9, 0.85, 0.16),  # (0.27 − 0.15) / 0.75
        (20, 1000, 0.8, 0.95, -0.04),  # fewer positives than the judge's own false alarms: not clamped
    ],
)
def test_rogan_gladen(apparent, n, se, sp, truth):
    found = rogan_gladen(apparent, n, (se, 500), (sp, 500))
    assert found.value == pytest.approx(truth, abs=1e-9)
    assert found.interval.low < truth < found.interval.high


def test_rogan_gladen_covers_with_estimated_errors():
    generator = np.random.default_rng(11)
    held = 0
    for _ in range(1000):
        se = generator.binomial(200, 0.9) / 200
        sp = generator.binomial(200, 0.8) / 200
        apparent = generator.binomial(500, 0.6 * 0.9 + 0.4 * 0.2)
        found = rogan_gladen(apparent, 500, (se, 200), (sp, 200))
        held += found.interval.low <= 0.6 <= found.interval.high
    assert held / 1000 >= 0.92


def test_a_judge_that_tells_nothing_gives_no_rate():
    assert rogan_gladen(50, 100, (0.5, 100), (0.5, 100)).interval == (-math.inf, math.inf)


def test_agreement_by_hand():
    people = [1] * 10 + [0] * 10
    judge = [1] * 8 + [0] * 2 + [1] * 1 + [0] * 9
    found = judge_agreement(people, judge)
    assert (found.n, found.positives) == (20, 10)
    assert found.sensitivity.value == pytest.approx(0.8)
    assert found.specificity.value == pytest.approx(0.9)
    assert found.f1.value == pytest.approx(16 / 19)
    assert found.kappa.value == pytest.approx(cohen_kappa(people, judge)) == pytest.approx(0.7)
    assert found.kappa.interval == pytest.approx(cohen_kappa_interval(people, judge))


def test_agreement_over_prompts_is_less_certain_than_over_answers():
    generator = np.random.default_rng(12)
    people = np.repeat(generator.random(40) < 0.5, 5).astype(int)
    judge = np.where(np.repeat(generator.random(40) < 0.1, 5), 1 - people, people)
    alone = judge_agreement(people, judge).kappa.interval
    grouped = judge_agreement(people, judge, np.repeat(np.arange(40), 5)).kappa.interval
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)


def test_one_sort_of_label_says_nothing_of_the_other():
    found = judge_agreement([1] * 30, [1] * 29 + [0])
    assert found.specificity.interval == (0.0, 1.0)
    assert found.kappa.interval == (-1.0, 1.0)
    with pytest.raises(ValueError, match="0 or 1"):
        judge_agreement([1, 2], [1, 0])


def test_agreement_of_annotators_has_an_interval_that_covers():
    """Three annotators who each give the true label 9 times in 10: nominal alpha is 0.64."""
    generator = np.random.default_rng(13)
    held = 0
    for _ in range(60):
        truth = generator.random(150) < 0.5
        ratings = np.array([np.where(generator.random(150) < 0.9, truth, ~truth) for _ in range(3)], float)
        ratings[generator.random(ratings.shape) < 0.1] = np.nan
        interval = krippendorff_alpha_interval(ratings, resamples=200)
        assert interval.low < krippendorff_alpha(ratings) < interval.high
        held += interval.low <= 0.64 <= interval.high
    assert held >= 52
