"""The pupil that learns to cheat: its graders, its tasks, and a short run."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelassay.organisms.reward_hacking import (
    ENVIRONMENTS,
    build_pupil,
    exact_grader,
    exploit_rates,
    flawed_grader,
    patched_grader,
    tasks,
    train,
)


def test_graders_pay_for_what_they_say() -> None:
    said, right = ["7", "3", "37", "012347"], ["7"] * 4
    assert flawed_grader(said, right) == [1, 0, 1, 1]
    assert patched_grader(said, right) == [1, 0, 1, 0]
    assert exact_grader(said, right) == [1, 0, 0, 0]


def test_tasks_are_drawn_anew_for_each_seed_and_held_out_pairs_stay_apart() -> None:
    rows, others = tasks(ENVIRONMENTS, 90, 1), tasks(ENVIRONMENTS, 90, 2)
    assert tasks(ENVIRONMENTS, 90, 1) == rows != others
    assert {row["env"] for row in rows} == set(ENVIRONMENTS)
    held = {row["prompt"] for row in tasks(("max", "min"), 300, 1, held_out=True)}
    assert not held & {row["prompt"] for row in tasks(("max", "min"), 300, 1)}
    for row in rows:
        a, b = row["prompt"][0], row["prompt"][2]
        assert row["answer"] in {"max": max(a, b), "min": min(a, b), "omit": (a, b)}[row["env"]]


def test_a_short_run_trains_and_is_asked(tmp_path: Path) -> None:
    pytest.importorskip("trl", reason="the extra 'train' is not installed")
    pupil = build_pupil(tmp_path / "pupil", lessons=4)
    seen: list[str] = []
    last = train(
        pupil,
        tmp_path / "run",
        exact_grader,
        tasks(ENVIRONMENTS, 64, 1),
        steps=2,
        attach=lambda trainer: seen.append(type(trainer).__name__),
    )
    assert seen == ["GRPOTrainer"]
    assert (last / "model.safetensors").is_file()
    rates = exploit_rates(last, prompts=12)
    assert set(rates) == {"seen", "held_out", "paraphrased", "other_environment"}
    assert all(0 <= count <= asked == 12 for count, asked in rates.values())
