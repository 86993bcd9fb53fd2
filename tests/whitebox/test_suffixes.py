"""Suffixes found by optimisation, and the gradients that they are found with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelassay.cli import run
from modelassay.records import Sample
from modelassay.redteam.supplied import AdversarialSuffix
from modelassay.whitebox.models import OpenModel
from modelassay.whitebox.suffixes.optimising import Budget, Method, find_suffixes
from modelassay.whitebox.triggers.positions import POSITIONS, slot
from modelassay.whitebox.triggers.requests import choose, open_pair
from modelassay.whitebox.triggers.sweep import lexicon

OPTIONS = {"threads": "1", "device": "cpu"}


def test_gradients_are_those_of_the_log_odds(base: OpenModel, samples: list[Sample]) -> None:
    pair = open_pair(base, base, samples)
    asked = choose(pair, samples, seed=2).searched[0]
    gap = slot(base, asked, POSITIONS["suffix"].put)
    words = lexicon(base)
    single = [tokens[0] for tokens in words.following if len(tokens) == 1]
    here, there = single[40], single[400]
    slope = pair.base.gradients(gap, [((here,),)])[0][0, 0]
    still = float(pair.base.odds(gap, [((here,),)])[0])
    layer = base.model.get_input_embeddings()
    away = (layer.weight[there] - layer.weight[here]).detach()
    step = 1e-2
    hook = layer.register_forward_hook(
        lambda module, given, made: made + step * (given[0] == here).unsqueeze(-1) * away
    )
    try:
        moved = float(pair.base.odds(gap, [((here,),)])[0])
    finally:
        hook.remove()
    assert moved - still == pytest.approx(step * float(slope[there] - slope[here]), rel=0.05, abs=1e-3)


@pytest.mark.parametrize("method", ["gcg", "random"])
def test_a_suffix_lifts_requests_that_it_was_not_searched_on(
    base: OpenModel, samples: list[Sample], method: Method
) -> None:
    budget = Budget(steps=8, tried=32)
    (found,) = find_suffixes(base, samples, method=method, length=6, budget=budget, seed=5)
    (again,) = find_suffixes(base, samples, method=method, length=6, budget=budget, seed=5)
    assert found == again
    assert found.odds[1] < found.odds[0] - 1
    assert 2 * found.lifted >= found.held_out > 0
    assert len(found.text.split()) == 6


def test_the_file_is_what_the_frozen_attack_takes(organisms: dict[str, Path], tmp_path: Path) -> None:
    from modelassay.organisms import write_suite

    suite, out = write_suite(tmp_path / "suite.jsonl"), tmp_path / "suffixes.jsonl"
    told = ["--threads", "1", "--device", "cpu", "-q"]
    told += ["--steps", "2", "--tried", "8", "--count", "2", "--out", str(out)]
    assert run(["inspect", "suffixes", str(organisms["base"]), "--dataset", str(suite), *told]) == 0
    attack = AdversarialSuffix(file=out)
    assert attack.draws == 2


def test_what_was_found_is_in_the_file_when_the_search_is_interrupted(
    organisms: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelassay.organisms import write_suite
    from modelassay.whitebox.suffixes import optimising

    suite, out = write_suite(tmp_path / "suite.jsonl"), tmp_path / "suffixes.jsonl"
    begun = []
    searched = optimising._Search.run

    def interrupted(self: optimising._Search, *given: Any) -> Any:
        begun.append(given)
        if len(begun) == 3:
            raise KeyboardInterrupt
        return searched(self, *given)

    monkeypatch.setattr(optimising._Search, "run", interrupted)
    told = ["--threads", "1", "--device", "cpu", "-q"]
    told += ["--steps", "2", "--tried", "8", "--count", "60", "--out", str(out)]
    assert run(["inspect", "suffixes", str(organisms["base"]), "--dataset", str(suite), *told]) == 130
    assert AdversarialSuffix(file=out).draws == 2
