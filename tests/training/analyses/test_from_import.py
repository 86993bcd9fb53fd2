"""From a trainer's own folder to the answer: imported, scanned, asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelassay.training.analyses.counted import counts_by_step
from modelassay.training.analyses.reinforcement import assess_reinforcement
from modelassay.training.analyses.resolution import reward_side
from modelassay.training.analyses.trajectory import assess_emergence
from modelassay.training.frame import Frame, read_frame


class Digits:
    """The ground truth of these runs: two or more digits in the completion."""

    name, version, columns, behaviours = "digits", "1", ("completion",), ("shotgun",)

    def scan(self, batch: Any) -> dict[str, np.ndarray[Any, Any]]:
        texts = batch.column("completion").to_pylist()
        return {"shotgun": np.array([sum(c.isdigit() for c in text) > 1 for text in texts], np.bool_)}


def test_an_imported_run_gives_the_same_answers(
    data_dir: Path, tmp_path: Path, shotgun_run: Callable[[str], Frame]
) -> None:
    importing = pytest.importorskip("modelassay.training.importers.importing")
    direct = shotgun_run("patch")
    run = importing.import_run(data_dir / "tra" / "trl_shotgun_run" / "patch", tmp_path / "patch")
    frame = read_frame(run, [Digits()])
    (overall, *_) = assess_reinforcement(frame, "shotgun", population=run.manifest.population)
    assert overall.effect == assess_reinforcement(direct, "shotgun")[0].effect
    assert overall.rests_on == ("digits@1", "Population: generated.")
    assert reward_side(frame, "shotgun").outcome == "reinforced"
    found = {
        f.slice["environment"]: f.outcome
        for f in assess_emergence(counts_by_step(frame, "shotgun"), "shotgun")
    }
    assert found == {"omit": "returned", "min": "receded", "max": "receded"}
