from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from modelassay.training.analyses.length import assess_length, length_reward

GROUPS, SIZE = 120, 8


def run(pays: float, seed: int = 0) -> dict[str, Any]:
    """Harder prompts have longer answers and less reward; within groups, length pays `pays` per 100."""
    generator = np.random.default_rng(seed)
    hard = np.repeat(generator.normal(size=GROUPS), SIZE)
    tokens = np.round(400 + 80 * hard + 60 * generator.normal(size=GROUPS * SIZE))
    step = np.repeat(np.arange(GROUPS) // 4, SIZE)
    tokens += 4 * step
    reward = 0.5 - 0.3 * hard + pays * tokens / 100 + 0.2 * generator.normal(size=GROUPS * SIZE)
    return {"reward": reward, "tokens": tokens, "step": step}


def test_reward_for_length_is_seen_within_groups_though_pooling_says_the_reverse(
    frame_of: Callable[..., Any],
) -> None:
    made = run(0.1)
    assert np.corrcoef(made["tokens"], made["reward"])[0, 1] < 0
    (finding,) = assess_length(frame_of(**made))
    assert finding.outcome == "longer is rewarded"
    assert 0.07 < float(finding.values["slope_per_100_tokens"]) < 0.13
    assert float(finding.values["slope_low"]) < 0.1 < float(finding.values["slope_high"])
    assert "share_of_gain" in finding.values


def test_no_reward_for_length_is_not_found(frame_of: Callable[..., Any]) -> None:
    outcomes = [assess_length(frame_of(**run(0.0, seed)))[0].outcome for seed in range(30)]
    assert outcomes.count("not detected") >= 25


def test_reward_for_brevity_is_told(frame_of: Callable[..., Any]) -> None:
    assert assess_length(frame_of(**run(-0.1)))[0].outcome == "shorter is rewarded"


def test_too_little_is_not_assessed(frame_of: Callable[..., Any]) -> None:
    (finding,) = assess_length(frame_of(reward=np.ones(80), tokens=np.arange(80.0)))
    assert finding.outcome == "not assessable"
    assert "0 groups" in finding.why_not
    (finding,) = assess_length(frame_of(reward=np.full(80, np.nan)))
    assert finding.outcome == "not assessable"


def test_slope_and_share_by_hand() -> None:
    length = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    group = np.array([0, 0, 1, 1, 2, 2])
    found = length_reward(length, 2 * length, group, group, np.array([1, 1, 2, 2, 3, 3]))
    assert found.slope == 2.0
    assert found.correlation == 1.0
    assert found.gain == 8.0
    assert found.share == 1.0


def test_what_length_accounts_for_is_said_by_what_became_of_it(frame_of: Callable[..., Any]) -> None:
    """Shorter answers are paid more and become shorter; the reward rises by that and by more."""
    made = run(-0.1)
    made["tokens"] = made["tokens"] - 8 * made["step"]
    made["reward"] = made["reward"] + 0.8 * made["step"] / 100
    (finding,) = assess_length(frame_of(**made))
    assert "tokens shorter, which" in finding.statement
    assert "growth" not in finding.statement
