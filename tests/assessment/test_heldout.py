"""What was logged as held out, against the reward of whatever framework logged it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from modelassay.assessment.heldout import heldout_findings
from modelassay.records import RunMetrics
from modelassay.training.frame import read_frame
from modelassay.training.run import Run


@pytest.mark.parametrize(
    ("names", "assessed"),
    [
        (("reward",), True),
        (("train/agg/all/agent/reward/mean",), True),
        (("train/agg/effective/agent/reward/mean",), True),
        (("reward/all/mean",), True),
        (("train/agg/all/solver/reward/mean", "train/agg/all/judge/reward/mean"), False),
        (("loss",), False),
    ],
)
def test_the_reward_is_known_by_the_names_of_each_framework(
    tmp_path: Path, write_run: Callable[..., Run], names: tuple[str, ...], assessed: bool
) -> None:
    run = write_run(tmp_path / "run", steps=5)
    noise = np.random.default_rng(2).normal(0, 0.01, (60, 2))
    metrics = [
        RunMetrics(
            step=step,
            values={
                **dict.fromkeys(names, 0.2 + step / 100 + float(noise[step, 0])),
                "held_out/truth": min(0.8, 1.4 - step / 50) + float(noise[step, 1]),
            },
        )
        for step in range(60)
    ]
    (finding,) = heldout_findings(read_frame(run), metrics, run.manifest, ())
    assert (finding.outcome == "over-optimised") == assessed
    assert (finding.state == "not_assessable") == (not assessed)
