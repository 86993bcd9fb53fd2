"""Gaps between groups, their widening, and groups that fall behind: by hand, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from modelassay.statistics import Group, falling_behind, gap_interval, simultaneous_intervals, widening
from modelassay.statistics.cohorts import as_group, sidak_confidence

CONFIDENCE = 0.9
Rates = tuple[float, ...]


def of(wanted: int, count: int, start: int = 0) -> Group:
    """A group of so many wanted answers, every one a cluster of its own."""
    return as_group([1.0] * wanted + [0.0] * (count - wanted), range(start, start + count))


def drawn(
    rng: np.random.Generator, before: Rates, after: Rates, count: int, alike: float, size: int
) -> tuple[list[Group], list[Group]]:
    """Paired scores, a share `alike` of them decided by the question alone, in clusters of `size`."""
    groups: tuple[list[Group], list[Group]] = ([], [])
    for k, rates in enumerate(zip(before, after, strict=True)):
        clusters = np.repeat(np.arange(count // size) + k * count, size)
        question = np.repeat(rng.random(count // size), size)
        for side, rate in zip(groups, rates, strict=True):
            own = rng.random(len(clusters))
            shared = rng.random(len(clusters)) < alike
            side.append(as_group(np.where(shared, question, own) < rate, clusters))
    return groups


def test_sidaks_level() -> None:
    assert sidak_confidence(0.95, 1) == 0.95
    assert sidak_confidence(0.95, 5) ** 5 == pytest.approx(0.95)


def test_the_gap_names_best_and_worst() -> None:
    gap = gap_interval([of(80, 100), of(95, 100, 100), of(60, 100, 200)])
    assert (gap.best, gap.worst) == (1, 2)
    assert gap.value == pytest.approx(0.35)
    assert gap.interval.low < 0.35 < gap.interval.high


def test_more_groups_widen_every_interval() -> None:
    few, many = ([of(30, 40, 40 * k) for k in range(n)] for n in (2, 8))
    narrow, wide = simultaneous_intervals(few)[0], simultaneous_intervals(many)[0]
    assert wide.low < narrow.low < 0.75 < narrow.high < wide.high


def test_who_fell_behind_is_told_from_who_was_always_behind() -> None:
    before = [of(90, 100), of(50, 100, 100)]
    # The weaker group stays where it was; the stronger loses ten.
    after = [of(80, 100), of(50, 100, 100)]
    first, second = falling_behind(before, after)
    assert (first.change, first.behind) == (pytest.approx(-0.1), pytest.approx(0.1))
    assert (second.change, second.behind) == (0.0, pytest.approx(-0.1))
    assert first.behind_interval.low > 0 > second.behind_interval.low
    assert widening(before, after).value == pytest.approx(-0.1)


def test_unscored_pairs_leave_room_for_anything() -> None:
    before, after = [of(90, 100), of(50, 100, 100)], [of(80, 100), of(50, 100, 100)]
    unread = [group._replace(unscored=50) for group in before], [g._replace(unscored=50) for g in after]
    plain, doubtful = falling_behind(before, after)[0], falling_behind(*unread)[0]
    assert doubtful.behind_interval.low < 0 < plain.behind_interval.low
    assert doubtful.behind_interval.high > plain.behind_interval.high + 0.3


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="fewer than two"):
        falling_behind([of(1, 2)], [of(1, 2)])
    with pytest.raises(ValueError, match="as many after"):
        falling_behind([of(1, 2), of(1, 2, 2)], [of(1, 3), of(1, 2, 2)])
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        falling_behind([as_group([2.0], [0])] * 2, [as_group([1.0], [0])] * 2)


CASES = {
    "alike": ((0.8,) * 5, (0.8,) * 5, 60, 0.6, 1),
    "one falls": ((0.8,) * 5, (0.845,) * 4 + (0.72,), 100, 0.8, 1),
    "two groups": ((0.9, 0.9), (0.9, 0.7), 60, 0.6, 1),
    "near one": ((0.98,) * 4, (0.98,) * 3 + (0.9,), 60, 0.6, 1),
    "clusters": ((0.9, 0.8, 0.7), (0.85, 0.8, 0.75), 80, 0.6, 4),
}


@pytest.mark.parametrize("name", ["one falls", "clusters"])
def test_intervals_cover_together(name: str) -> None:
    assert_covering(name, 100)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_intervals_cover_together_at_length(name: str) -> None:
    assert_covering(name, 400)


def assert_covering(name: str, studies: int) -> None:
    """At 90 %: the share of studies in which every interval holds, less three standard errors."""
    before, after, count, alike, size = CASES[name]
    rng = np.random.default_rng(20261121)
    changes = np.subtract(after, before)
    behind = [np.delete(changes, k).mean() - changes[k] for k in range(len(changes))]
    wider = (max(after) - min(after)) - (max(before) - min(before))
    covered, whole = 0, 0
    for _ in range(studies):
        groups = drawn(rng, before, after, count, alike, size)
        found = widening(*groups, CONFIDENCE)
        covered += found.interval.low - 1e-9 <= wider <= found.interval.high + 1e-9
        whole += all(
            each.change_interval.low <= change <= each.change_interval.high
            and each.behind_interval.low <= lag <= each.behind_interval.high
            for each, change, lag in zip(falling_behind(*groups, CONFIDENCE), changes, behind, strict=True)
        )
    least = CONFIDENCE - 3 * (CONFIDENCE * (1 - CONFIDENCE) / studies) ** 0.5
    assert covered / studies >= least
    assert whole / studies >= least
