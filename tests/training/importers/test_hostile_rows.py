"""Rows mutated at random: every importer reads, quarantines or refuses them with a reason."""

from __future__ import annotations

import importlib.util
import json
import random
from pathlib import Path
from typing import Any

import pytest

from modelassay.errors import ModelassayError
from modelassay.training.importers import import_run

ODD = (None, 1, -1, 1e400, "x", [], {}, [None], [[1]], {"a": 1}, True, "\ud800", 2**70, "é" * 10)
LAYOUTS = {
    "verl": "verl",
    "openrlhf_table": "openrlhf",
    "openrlhf_calls": "openrlhf",
    "nemo_rl": "nemo-rl",
    "open_instruct": "open-instruct",
    "prime_rl": "prime-rl",
    "prime_legacy": "prime-rl",
    "prime_stream": "prime-rl",
    "verifiers": "verifiers",
    "verifiers_traces": "verifiers",
    "tinker": "tinker",
    "atropos": "atropos",
}


def mutated(value: Any, chance: random.Random) -> Any:
    if chance.random() < 0.12:
        return chance.choice(ODD)
    if isinstance(value, dict):
        return {name: mutated(each, chance) for name, each in value.items() if chance.random() > 0.05}
    if isinstance(value, list):
        return [mutated(each, chance) for each in value]
    return value


def spoil(folder: Path, chance: random.Random) -> None:
    for path in sorted(each for each in folder.rglob("*.json*") if each.suffix != ".zst"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps(mutated(row, chance)) + "\n" for row in rows))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_mutated_rows_are_read_or_told(layout: str, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("layouts", Path(__file__).with_name("layouts.py"))
    assert spec is not None
    assert spec.loader is not None
    layouts = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(layouts)
    read = 0
    for seed in range(12):
        source = getattr(layouts, layout)(tmp_path / f"source-{seed}")
        spoil(source, random.Random(seed))
        try:
            run = import_run(source, tmp_path / f"run-{seed}", framework=LAYOUTS[layout])
        except ModelassayError:
            assert not (tmp_path / f"run-{seed}").exists()
            continue
        coverage = run.coverage()
        assert coverage is not None
        assert coverage.found == sum(batch.num_rows for batch in run.batches())
        read += 1
    assert read > 0
