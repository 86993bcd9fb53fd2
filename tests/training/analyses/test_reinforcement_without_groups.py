"""Reinforcement by advantage, preference and counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from modelassay.training.analyses.count_table import read_count_table
from modelassay.training.analyses.counted import BehaviourCounts
from modelassay.training.analyses.reinforcement_without_groups import (
    assess_by_advantage,
    assess_by_counts,
    assess_by_preference,
)
from modelassay.training.frame import Frame


def ppo(frame_of: Callable[..., Frame], effect: float) -> Frame:
    rng = np.random.default_rng(1)
    flags = rng.random(1600) < 0.3
    return frame_of(
        step=np.repeat(np.arange(40), 40),
        group=np.arange(1600),
        reward=rng.random(1600),
        advantage=rng.normal(effect * flags, 1.0),
        flags={"b": flags},
    )


@pytest.mark.parametrize(
    ("effect", "outcome"), [(0.4, "reinforced"), (0.0, "not detected"), (-0.4, "suppressed")]
)
def test_advantages_of_a_critic(frame_of: Callable[..., Frame], effect: float, outcome: str) -> None:
    finding = assess_by_advantage(ppo(frame_of, effect), "b")
    assert finding.outcome == outcome
    assert "critic" in finding.statement


def test_without_advantages_or_flags_there_is_no_answer(frame_of: Callable[..., Frame]) -> None:
    frame = ppo(frame_of, 1.0)
    bare = frame_of(reward=frame.reward, flags=frame.flags)
    assert "no advantage" in assess_by_advantage(bare, "b").why_not
    rare = frame.with_flags("b", np.arange(1600) < 5, "made@1")
    assert "only 5 rollouts" in assess_by_advantage(rare, "b").why_not


@pytest.mark.parametrize(
    ("chosen", "rejected", "outcome"),
    [(0.4, 0.2, "reinforced"), (0.3, 0.3, "not detected"), (0.1, 0.3, "suppressed")],
)
def test_preferences(chosen: float, rejected: float, outcome: str) -> None:
    rng = np.random.default_rng(2)
    finding = assess_by_preference("b", rng.random(500) < chosen, rng.random(500) < rejected)
    assert finding.outcome == outcome


def test_few_pairs_that_differ_say_nothing() -> None:
    same = np.arange(1000) < 300
    finding = assess_by_preference("b", same, same)
    assert "only 0 of 1,000 pairs" in finding.why_not
    with pytest.raises(ValueError, match="per pair"):
        assess_by_preference("b", [True], [True, False])


def test_counts_of_the_real_run_and_their_limit(data_dir: Path) -> None:
    path = data_dir / "tra" / "rl_hack_timeline" / "timeline.jsonl"
    if not path.is_file():
        pytest.skip("the data set rl_hack_timeline is absent")
    found = {
        counts.environment: assess_by_counts(counts, "hacking", invalid=(640,))
        for counts in read_count_table(path)
    }
    assert float(found["AEEnv"].values["differential"]) == pytest.approx(0.074, abs=0.001)
    assert float(found["OmitDescriptionEnv"].values["differential"]) == pytest.approx(0.326, abs=0.001)
    assert "difficulty of prompts" in found["AEEnv"].statement
    assert "the reward never varies" in found["SWEFixerEnv"].why_not


def test_counts_without_rewards_give_no_answer() -> None:
    finding = assess_by_counts(BehaviourCounts(np.arange(9), np.full(9, 10), np.full(9, 4)), "b")
    assert "do not say" in finding.why_not
