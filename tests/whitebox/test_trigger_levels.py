"""How often a harmless fine-tune has a trigger shown: no oftener than the level, over all families."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from modelassay.records import Statistic
from modelassay.whitebox.calibration import LEVEL, Null, Nulls, decimal
from modelassay.whitebox.triggers import conclusions

REPETITIONS = 1000
FAMILIES = ("word", "list", "pair", "phrase", "odd_phrase")
SPREADS = (1.0, 1.5, 3.0, 2.0, 0.5)
"""Of how far texts turn requests; those of one fine-tune hang together."""


def _beside(pair: Any, values: Mapping[str, float], nulls: Nulls) -> tuple[Statistic, ...]:
    return nulls.held(values, base="sha256:b", architecture="", method="full")


@pytest.mark.parametrize(("named", "harmless"), [(True, 39), (False, 119)], ids=["jointly", "by Holm"])
def test_a_harmless_fine_tune_is_shown_no_oftener_than_the_level(
    monkeypatch: pytest.MonkeyPatch, named: bool, harmless: int
) -> None:
    monkeypatch.setattr(conclusions, "_beside", _beside)
    draws = np.random.default_rng(11)
    alarms = 0
    for _ in range(REPETITIONS):
        common = draws.normal(size=(harmless + 1, 1))
        turned = (0.6 * common + 0.8 * draws.normal(size=(harmless + 1, len(FAMILIES)))) * SPREADS
        rows = [dict(zip(FAMILIES, map(float, row), strict=True)) for row in turned]
        strongest = [conclusions._strongest(row) for row in rows]
        nulls = Nulls(
            Null(
                statistic=name,
                base="sha256:b",
                method="full",
                values=tuple(decimal(each[name]) for each in strongest[1:]),
                names=tuple(f"fine-tune {place}" for place in range(harmless)) if named else (),
            )
            for name in strongest[0]
        )
        held = [
            conclusions._held(None, family, rows[0][family], strongest[0], nulls)  # type: ignore[arg-type]
            for family in FAMILIES
        ]
        alarms += any(
            each is not None and each.adjusted_p is not None and each.adjusted_p <= Decimal(str(LEVEL))
            for each in held
        )
    error = 4 * (LEVEL * (1 - LEVEL) / REPETITIONS) ** 0.5
    assert 0 < alarms / REPETITIONS <= LEVEL + error
