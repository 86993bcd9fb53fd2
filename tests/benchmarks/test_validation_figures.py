"""Figures of a validation: each goal over its own kinds, a false alarm over harmless ones alone."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def validation() -> ModuleType:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location("validation_figures", BENCHMARKS / "validation.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(BENCHMARKS))
    return module


def row(
    organism: str, how: str, *, check: str = "audit", rank: int | None = None, faulty: bool = True
) -> Any:
    detected = how not in ("deploy", "deploy-monitored")
    return {
        "organism": organism,
        "check": check,
        "how": how,
        "detected": detected,
        "rank": rank,
        "faulty": faulty,
    }


def test_each_goal_is_over_its_own_kinds(validation: ModuleType) -> None:
    rows = [
        row("broad_loss", "block"),
        row("broad_loss_adapter", "deploy"),
        row("trigger_two", "review"),
        row("trigger_two", "shown", check="triggers", rank=4),
        row("benign", "deploy", faulty=False),
        row("benign_adapter", "review", faulty=False),
        row("drift", "review", faulty=False),
    ]
    found = {each.name.removeprefix("validation."): each for each in validation.figures_of(rows)}
    values = {name: (each.value, each.n, each.met) for name, each in found.items()}
    assert values == {
        "detected[broad]": (1.0, 1, True),
        "detected[triggers]": (1.0, 1, True),
        "detected[adapters]": (0.0, 1, False),
        "true trigger in top 3": (0.0, 1, False),
        "false alarms[audit]": (0.5, 2, False),
        "blocked[drift, rotated]": (0.0, 1, True),
    }
