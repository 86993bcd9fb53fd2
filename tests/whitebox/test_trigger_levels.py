"""How often a harmless fine-tune has a trigger shown: no oftener than the level, over all families."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from modelassay.records import Statistic
from modelassay.whitebox.calibration import LEVEL, Null, Nulls
from modelassay.whitebox.triggers import conclusions

HARMLESS, REPETITIONS = 39, 1500
FAMILIES = ("word", "list", "phrase")
SPREADS = (1.0, 1.5, 3.0)
"""Of how far texts turn requests; those of one fine-tune hang together."""


def _beside(pair: Any, values: Mapping[str, float], nulls: Nulls) -> tuple[Statistic, ...]:
    return nulls.held(values, base="sha256:b", architecture="", method="full")


def test_a_harmless_fine_tune_is_shown_no_oftener_than_the_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conclusions, "_beside", _beside)
    draws = np.random.default_rng(11)
    alarms = 0
    for _ in range(REPETITIONS):
        common = draws.normal(size=(HARMLESS + 1, 1))
        turned = (0.6 * common + 0.8 * draws.normal(size=(HARMLESS + 1, 3))) * SPREADS
        rows = [dict(zip(FAMILIES, map(float, row), strict=True)) for row in turned]
        measured = [conclusions._statistics(None, row, Nulls()) for row in rows[1:]]  # type: ignore[arg-type]
        nulls = Nulls(
            Null(statistic=each.name, base="sha256:b", method="full", values=(each.value,))
            for statistics in measured
            for each in statistics
        )
        held = [
            conclusions._held(None, family, rows[0][family], nulls, of=2)  # type: ignore[arg-type]
            for family in FAMILIES
        ]
        alarms += any(
            each is not None and each.adjusted_p is not None and each.adjusted_p <= Decimal(str(LEVEL))
            for each in held
        )
    error = 4 * (LEVEL * (1 - LEVEL) / REPETITIONS) ** 0.5
    assert 0 < alarms / REPETITIONS <= LEVEL + error
