"""One count against another: the exact chance, against SciPy's."""

from __future__ import annotations

import pytest
from scipy.stats import hypergeom

from modelassay.statistics.two_counts import chance_of_so_many


@pytest.mark.parametrize(
    ("count", "of", "other", "of_other"),
    [
        (2, 64, 0, 64),
        (9, 99, 1, 91),
        (0, 10, 5, 10),
        (10, 10, 0, 10),
        (300, 40_000, 200, 30_000),
        (3, 5, 0, 0),
    ],
)
def test_the_chance_is_the_upper_tail(count: int, of: int, other: int, of_other: int) -> None:
    expected = hypergeom.sf(count - 1, of + of_other, of, count + other)
    assert chance_of_so_many(count, of, other, of_other) == pytest.approx(expected, rel=1e-6)


def test_two_of_64_against_none_is_no_rare_chance() -> None:
    assert chance_of_so_many(2, 64, 0, 64) == pytest.approx(64 * 63 / (128 * 127))
    with pytest.raises(ValueError, match="count <= of"):
        chance_of_so_many(3, 2, 0, 4)
