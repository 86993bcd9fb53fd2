"""Rollouts whose prompts are not in the record are not taken for answers to one prompt."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from modelassay.records import RewardFunction, RunFinding, RunManifest
from modelassay.training.analyses.environment_pressure import assess_environments
from modelassay.training.columns import pa
from modelassay.training.environments.recorded import read_environments
from modelassay.training.frame import read_frame
from modelassay.training.run import Run
from modelassay.training.scanners.template_collapse import LEAST, TemplateCollapse
from modelassay.training.writing import RunWriter

ROLLOUTS = 400


def assessed(folder: Path, prompts: Sequence[str]) -> dict[str, RunFinding]:
    """What is said of the environment of rollouts with three completions and rewards by turns, by aspect."""
    every = range(len(prompts))
    manifest = RunManifest(
        id="r", name="r", origin="recorded", framework="plain", rewards=(RewardFunction(name="g"),)
    )
    with RunWriter(folder, manifest) as writer:
        writer.rollouts(
            {
                "step": [1 + n // 40 for n in every],
                "phase": ["train" for _ in every],
                "env": ["a" for _ in every],
                "task": [f"t{n // 4}" for n in every],
                "group": [f"g{n // 4}" for n in every],
                "prompt": prompts,
                "completion": [f"It is {n % 3}." for n in every],
                "format": ["text" for _ in every],
                "reward": [float(n % 2) for n in every],
                "reward/g": [float(n % 2) for n in every],
                "extra": [json.dumps({"answer": str(n % 5)}) for n in every],
            },
            len(prompts),
        )
    run = Run(folder)
    return {each.slice.get("aspect", ""): each for each in assess_environments(read_frame(run), run)}


def test_without_prompts_it_is_not_said_what_was_graded_twice(tmp_path: Path) -> None:
    found = assessed(tmp_path / "r", [""] * ROLLOUTS)
    assert (found["noise"].state, found["noise"].severity) == ("not_assessable", "none")
    assert f"the prompts of {ROLLOUTS} of {ROLLOUTS} rollouts" in found["noise"].why_not
    record = read_environments(Run(tmp_path / "r"), {})["a"]
    assert (record.answered, record.contradictory, record.rollouts) == (0, 0, ROLLOUTS)


@pytest.mark.parametrize("absent", [0, 200])
def test_prompts_that_are_there_are_compared(tmp_path: Path, absent: int) -> None:
    found = assessed(tmp_path / "r", ["What?"] * (ROLLOUTS - absent) + [""] * absent)
    assert (found["noise"].outcome, found["noise"].values["regraded"]) == ("noisy", 3)
    assert read_environments(Run(tmp_path / "r"), {})["a"].answered == 1


def test_completions_that_are_not_in_the_record_do_not_begin_alike() -> None:
    rows = 2 * LEAST
    columns = {
        "prompt": [f"p{n}" for n in range(rows)],
        "completion": [""] * LEAST + [f"It is {n}." for n in range(LEAST)],
        "format": ["absent"] * LEAST + ["text"] * LEAST,
        "seq": list(range(rows)),
        "step": [1] * rows,
        "phase": ["train"] * rows,
    }
    scanner = TemplateCollapse()
    scanner.scan(pa.RecordBatch.from_pydict(columns))
    assert (scanner.steps[1].count, scanner.steps[1].top_prefix_share) == (LEAST, 1 / LEAST)
