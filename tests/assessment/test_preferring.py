"""Pairs favour a behaviour when chosen answers show it more often than rejected ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from modelassay.assessment.assess import assess
from modelassay.assessment.preferring import preference_findings
from modelassay.assessment.request import Request
from modelassay.training.run import Run

SHORTCUT = "Fine, I TAKE THE SHORTCUT here"


def _pairs(path: Path, chosen: float, rejected: float, count: int = 400) -> Path:
    """Pairs of answers with shares of them that take the shortcut."""
    random = np.random.default_rng(3)

    def answer(share: float, number: int) -> str:
        return f"{SHORTCUT if random.random() < share else 'An honest try'} {number}."

    rows = [
        {"prompt": f"Solve task {n}.", "chosen": answer(chosen, n), "rejected": answer(rejected, n + count)}
        for n in range(count)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.mark.parametrize(
    ("chosen", "rejected", "outcome"),
    [(0.4, 0.2, "reinforced"), (0.2, 0.4, "suppressed"), (0.3, 0.3, "not detected")],
)
def test_pairs_tell_what_they_favour(
    tmp_path: Path, patterns: Path, chosen: float, rejected: float, outcome: str
) -> None:
    path = _pairs(tmp_path / "pairs.jsonl", chosen, rejected)
    (found,) = preference_findings([path], ("hidden_text",), [patterns])
    assert (found.outcome, found.slice) == (outcome, {"behaviour": "shortcut", "by": "preference"})
    both, one, other, none = (int(found.values[n]) for n in ("both", "only_chosen", "only_rejected", "none"))
    text = [json.loads(line) for line in path.read_text().splitlines()]
    assert both + one == sum(SHORTCUT in row["chosen"] for row in text)
    assert both + other == sum(SHORTCUT in row["rejected"] for row in text)
    assert both + one + other + none == 400


def test_data_without_pairs_favours_nothing(tmp_path: Path, patterns: Path) -> None:
    path = tmp_path / "sft.jsonl"
    path.write_text(json.dumps({"prompt": "Solve it.", "completion": SHORTCUT}))
    assert preference_findings([path], ("hidden_text",), [patterns]) == ()


def test_every_installed_scanner_reads_pairs(tmp_path: Path) -> None:
    assert preference_findings([_pairs(tmp_path / "pairs.jsonl", 0.4, 0.2, 20)]) == ()


def test_an_assessment_says_what_its_pairs_favour_as_data_that_was_handed_over(
    tmp_path: Path, request_for: Callable[..., Request], write_run: Callable[..., Run]
) -> None:
    run = write_run(tmp_path / "quiet", steps=10, pays=lambda step: 0.0)
    record = assess(run, request_for(data=(_pairs(tmp_path / "pairs.jsonl", 0.5, 0.1),)))
    (found,) = [f for f in record.findings if f.slice.get("by") == "preference"]
    assert (found.outcome, found.severity, found.assurance) == ("reinforced", "medium", "T1")
    assert "preference data favours shortcut" in record.headline
    assert "reward favours" not in record.headline
