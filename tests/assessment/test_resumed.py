"""A run that was resumed from a checkpoint takes some steps again, and is assessed as any other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from modelassay import Recorder
from modelassay.assessment.assess import assess
from modelassay.assessment.request import Request
from modelassay.records import RunFinding
from modelassay.training.run import Run
from modelassay.training.stretches import processes_of, stretches_of


def _train(store: Path, steps: range, luck: int) -> None:
    """Record some steps of a made training, with rewards that go with `luck`."""
    with Recorder(store, run="resumed", rewards={"grader": 1.0}) as run:
        for step in steps:
            rewards = []
            for group in range(2):
                for place in range(4):
                    reward = float((step * 7 + group * 3 + place * 5 + luck) % 3 == 0)
                    rewards.append(reward)
                    run.rollout(
                        prompt=f"task {step} {group}",
                        completion=f"try {place} {luck}",
                        rewards={"grader": reward},
                        reward=reward,
                        step=step,
                        group=f"{step}.{group}",
                        position=place,
                    )
            run.step(step, {"reward": sum(rewards) / len(rewards)})


@pytest.fixture
def resumed(tmp_path: Path) -> Run:
    """Steps 1 to 6, then, resumed from the checkpoint of step 3, 4 to 10 with other rollouts."""
    _train(tmp_path, range(1, 7), 0)
    _train(tmp_path, range(4, 11), 1)
    return Run(tmp_path / "runs" / "resumed")


def _reconciled(run: Run, request_for: Callable[..., Request]) -> tuple[str, RunFinding]:
    record = assess(run, request_for())
    (found,) = [f for f in record.findings if f.check == "reconciliation"]
    return record.tier, found


def test_an_honest_resumption_follows_from_its_rollouts(
    resumed: Run, request_for: Callable[..., Request]
) -> None:
    coverage = resumed.coverage()
    assert coverage is not None
    assert coverage.repeated_steps == (4, 5, 6)
    assert set(stretches_of(resumed).tolist()) == {0, 1}
    tier, found = _reconciled(resumed, request_for)
    assert (tier, found.outcome, found.values["steps"]) == ("T2", "agrees", 10)


def test_what_is_logged_of_a_step_that_was_taken_again_is_still_held_against_it(
    resumed: Run, request_for: Callable[..., Request]
) -> None:
    path = resumed.folder / "metrics-00001.jsonl"
    lines = path.read_text().splitlines()
    assert '"step":5' in lines[1]
    lines[1] = lines[1].replace('"reward":0.', '"reward":1.')
    path.write_text("\n".join(lines) + "\n")
    tier, found = _reconciled(Run(resumed.folder), request_for)
    assert (tier, found.outcome, found.severity) == ("T1", "disagrees", "critical")
    assert "(5)" in found.statement


def test_processes_that_do_not_record_are_counted_among_those_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    for steps, luck in ((range(1, 5), 0), (range(3, 7), 1)):
        for rank in ("0", "3"):
            monkeypatch.setenv("RANK", rank)
            _train(tmp_path, steps, luck)
    run = Run(tmp_path / "runs" / "resumed")
    assert processes_of(run) == 4
    assert sorted({event.rank for event in run.events() if event.kind == "resumed"}) == [4, 7]
    assert set(stretches_of(run).tolist()) == {0, 1}
