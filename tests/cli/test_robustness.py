"""The robustness command before it has anything to analyse: what is wrong, where, and what mends it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelassay.cli import run


def test_an_audit_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["gate", "robustness", "none", "--store", str(tmp_path), "--json"]) == 2
    assert "none" in json.loads(capsys.readouterr().out)["error"]["what"]


@pytest.mark.parametrize("option", ["--halves=-1", "--swaps=-1", "--halves=x"])
def test_numbers_out_of_range(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["gate", "robustness", "none", option]) == 2
    assert option.partition("=")[0] in capsys.readouterr().err


def test_both_doors_to_a_noise_floor_say_what_it_is_good_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "--help"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "--aa Hold the baseline against itself" in words
    assert "Exits 12: such a verdict lets nothing be deployed" in words
    assert run(["gate", "robustness", "--help"]) == 0
    assert "Always exits 0." in " ".join(capsys.readouterr().out.split())
