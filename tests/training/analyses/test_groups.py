"""Which rollouts are one group: names that come again are others, what goes over the end of a step is one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from modelassay import Recorder
from modelassay.training.analyses.grouped import grouped
from modelassay.training.analyses.reinforcement import assess_reinforcement
from modelassay.training.frame import Frame, read_frame
from modelassay.training.group_codes import group_codes
from modelassay.training.reconciliation import reconcile
from modelassay.training.run import Run


def codes(
    name: list[int], step: list[int], train: list[bool] | None = None, size: int | None = None
) -> list[int]:
    return group_codes(np.array(name), np.array(step), np.array(train or [True] * len(name)), size).tolist()


def test_names_that_come_again_are_other_groups() -> None:
    assert codes([0, 0, 1, 1, 0, 0, 1, 1], [1, 1, 1, 1, 2, 2, 2, 2]) == [0, 0, 2, 2, 1, 1, 3, 3]
    assert codes([0, 0, 0, 0], [1, 1, 1, 1], [True, True, False, False]) == [1, 1, 0, 0]
    assert codes([], []) == []


def test_a_group_that_goes_over_the_end_of_a_step_stays_one() -> None:
    names, steps = [0, 0, 0, 1, 1, 1], [1, 1, 1, 1, 2, 2]
    assert codes(names, steps) == [0, 0, 0, 1, 1, 1]  # as large as the other one
    assert codes(names, steps, size=3) == [0, 0, 0, 1, 1, 1]
    assert codes(names, steps, size=2) == [0, 0, 0, 1, 2, 2]  # larger than any group
    assert codes([0, 0, 0, 1, 1, 1], [1, 1, 1, 1, 9, 9], size=3) == [0, 0, 0, 1, 1, 1]  # 9 follows 1 here
    assert codes([0, 0, 0, 1, 1, 1, 2], [1, 1, 1, 1, 9, 9, 4], size=3) == [0, 0, 0, 1, 2, 2, 3]


@pytest.mark.parametrize("name", ["{step}-{group}", "g{group}"])
def test_names_that_recur_cost_no_verdict_and_accuse_nobody(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELASSAY_KEYS", str(tmp_path / "no-keys"))
    with Recorder(tmp_path, run="r", rewards={"tests": 1.0}) as run:
        for step in range(1, 13):
            rewards = []
            for group in range(4):
                for place in range(4):
                    cheats = (place + step + group) % 2 == 0
                    rewards.append(float(cheats or place == 0))
                    run.rollout(
                        prompt=f"Write function {step}.{group}.",
                        completion="sys.exit(0)" if cheats else "return 1",
                        rewards={"tests": rewards[-1]},
                        group=name.format(step=step, group=group),
                        position=place,
                    )
            run.step(step, {"reward": float(np.mean(rewards))})
    kept = Run(tmp_path / "runs" / "r")
    frame = read_frame(kept)
    assert frame.groups == 48
    assert reconcile(frame, kept.metrics()).disagreements == ()
    flags = np.array([text == "sys.exit(0)" for text in completions(kept)])
    groups = grouped(frame, flags, frame.reward)
    assert (len(groups), groups.mingled) == (48, 0)
    findings = assess_reinforcement(frame.with_flags("exit", flags, "by@1"), "exit", population="generated")
    assert findings[0].outcome == "reinforced"
    coverage = kept.coverage()
    assert coverage is not None
    assert coverage.zero_variance_groups == 0


def test_groups_that_are_left_out_are_counted_in_the_reason(frame_of: Callable[..., Frame]) -> None:
    rows = 24
    places = np.arange(rows)
    frame = frame_of(group=places // 4, task=places % 2, reward=places % 2.0)
    findings = assess_reinforcement(
        frame.with_flags("exit", np.arange(rows) % 4 == 0, "by@1"), "exit", population="generated"
    )
    assert "left out for rollouts of several prompts or steps: 6" in findings[0].statement


def completions(run: Run) -> list[str]:
    return [text for batch in run.batches(["completion"]) for text in batch.column("completion").to_pylist()]
