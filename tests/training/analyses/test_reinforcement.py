"""Was it reinforced: by made runs whose truth is known, and by real ones."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from modelassay.statistics import Detector
from modelassay.training.analyses.course import course
from modelassay.training.analyses.reinforcement import assess_reinforcement
from modelassay.training.frame import Frame

FrameOf = Callable[..., Frame]


def made(frame_of: FrameOf, effect: float, groups: int = 200, seed: int = 1, **columns: Any) -> Frame:
    """Groups of 8 at 10 a step; harder tasks are flagged more, and earn less whatever the rollout does."""
    rng = np.random.default_rng(seed)
    hard = np.repeat(rng.random(groups), 8)
    flags = rng.random(groups * 8) < 0.1 + 0.5 * hard
    reward = (rng.random(groups * 8) < 0.6 - 0.5 * hard + effect * flags).astype(float)
    return frame_of(
        step=np.repeat(1 + np.arange(groups) // 10, 8),
        reward=reward,
        **{"flags": {"b": flags}, "scanned_by": {"b": "made@1"}, **columns},
    )


def test_reward_that_favours_a_behaviour_reinforces_it_though_the_pooled_difference_says_otherwise(
    frame_of: FrameOf,
) -> None:
    (finding,) = assess_reinforcement(made(frame_of, 0.12), "b", population="generated")
    assert finding.outcome == "reinforced"
    assert finding.state == "shown_harmful"
    assert finding.effect is not None
    assert finding.effect.low < Decimal("0.12") < finding.effect.high
    assert finding.values["pooled_difference"] < finding.effect.low
    assert "Population: generated." in finding.statement
    assert finding.rests_on[0] == "made@1"
    assert len(finding.evidence) == 3


def test_evidence_is_flagged_and_rewarded(frame_of: FrameOf) -> None:
    frame = made(frame_of, 0.3)
    (finding,) = assess_reinforcement(frame, "b")
    for each in finding.evidence:
        assert frame.flags["b"][each.seq]
        assert frame.reward[each.seq] == 1.0
        assert frame.step[each.seq] == each.step


def test_difficulty_alone_reinforces_nothing(frame_of: FrameOf) -> None:
    (finding,) = assess_reinforcement(made(frame_of, 0.0), "b")
    assert finding.outcome == "not detected"
    assert "alarm_step" not in finding.values


def test_a_penalty_suppresses(frame_of: FrameOf) -> None:
    (finding,) = assess_reinforcement(made(frame_of, -0.2), "b")
    assert (finding.outcome, finding.state, finding.severity) == ("suppressed", "shown_fine", "none")


def test_the_environment_that_pays_is_ranked_first(frame_of: FrameOf) -> None:
    frame = made(frame_of, 0.0, groups=400)
    env = np.repeat(np.arange(400) % 3, 8)
    reward = np.where((env == 1) & frame.flags["b"], 1.0, frame.reward)
    findings = assess_reinforcement(
        frame_of(step=frame.step, reward=reward, env=env, envs=("a", "c", "d"), flags=frame.flags), "b"
    )
    assert [f.slice.get("environment") for f in findings][:2] == [None, "c"]
    assert [f.outcome for f in findings] == ["reinforced", "reinforced", "not detected", "not detected"]


def test_each_reward_function_is_asked(frame_of: FrameOf) -> None:
    frame = made(frame_of, 0.3)
    other = np.random.default_rng(2).random(len(frame))
    findings = assess_reinforcement(made(frame_of, 0.3, rewards={"x": other, "y": frame.reward}), "b")
    assert {f.slice.get("reward"): f.outcome for f in findings} == {
        None: "reinforced",
        "y": "reinforced",
        "x": "not detected",
    }


@pytest.mark.parametrize(
    ("columns", "population", "why"),
    [
        ({"groups": 20}, "generated", "hold both kinds"),
        ({}, "trained_on", "only rollouts that were trained on"),
        ({"group": np.zeros(1600, np.int64), "task": np.arange(1600) // 8}, "generated", "no groups"),
        ({"group": np.arange(1600)}, "generated", "no groups"),
        ({"flags": {"b": np.ones(1600, np.bool_)}}, "generated", "saturated"),
        ({"is_train": np.zeros(1600, np.bool_)}, "generated", "no training rollouts"),
        ({"failed": np.ones(1600, np.bool_)}, "generated", "no training rollouts"),
    ],
)
def test_what_cannot_be_assessed_says_why(
    frame_of: FrameOf, columns: dict[str, Any], population: Any, why: str
) -> None:
    (finding,) = assess_reinforcement(made(frame_of, 0.3, **columns), "b", population=population)
    assert finding.outcome == "not assessable"
    assert why in finding.why_not
    assert finding.effect is None


def test_a_behaviour_that_never_shows_is_not_observed(frame_of: FrameOf) -> None:
    (finding,) = assess_reinforcement(made(frame_of, 0.0, flags={"b": np.zeros(1600, np.bool_)}), "b")
    assert (finding.outcome, finding.state) == ("not observed", "not_shown")


def test_failures_and_evaluations_take_no_part(frame_of: FrameOf) -> None:
    plain = made(frame_of, 0.2)
    doubled = {
        name: np.concatenate([getattr(plain, name)] * 2) for name in ("step", "group", "task", "reward")
    }
    doubled["reward"][1600:] = 1.0 - doubled["reward"][1600:]
    flags = {"b": np.concatenate([plain.flags["b"]] * 2)}
    late = np.arange(3200) >= 1600
    for hidden in ({"failed": late}, {"is_train": ~late}):
        (whole,) = assess_reinforcement(frame_of(flags=flags, **doubled, **hidden), "b")
        (alone,) = assess_reinforcement(plain, "b")
        assert whole.effect == alone.effect


def test_runs_of_a_few_tasks_are_clustered_by_step(frame_of: FrameOf) -> None:
    frame = made(frame_of, 0.3, groups=400)
    few = frame_of(step=frame.step, task=frame.group % 3, reward=frame.reward, flags=frame.flags)
    (finding,) = assess_reinforcement(few, "b")
    assert (finding.outcome, finding.values["clusters"]) == ("reinforced", 40)
    assert "40 steps" in finding.statement


def test_steps_before_since_take_no_part(frame_of: FrameOf) -> None:
    frame = made(frame_of, 0.3, groups=400)
    early = frame.step <= 20
    turned = frame_of(step=frame.step, reward=np.where(early, 0.0, frame.reward), flags=frame.flags)
    (late,) = assess_reinforcement(turned, "b", since=21)
    (whole,) = assess_reinforcement(turned, "b")
    assert late.values["groups"] == 200
    assert late.values["differential"] > 1.5 * float(whole.values["differential"])


def test_errors_of_the_detector_are_corrected_for(frame_of: FrameOf) -> None:
    frame, rng = made(frame_of, 0.3, groups=1000), np.random.default_rng(3)
    drawn = rng.random(len(frame))
    seen = np.where(frame.flags["b"], drawn < 0.7, drawn < 0.1)
    blurred = frame_of(step=frame.step, reward=frame.reward, flags={"b": seen})
    (finding,) = assess_reinforcement(blurred, "b", detector=Detector(0.7, 0.1))
    assert finding.effect is not None
    assert finding.effect.high < Decimal("0.3")
    assert finding.values["corrected_low"] < Decimal("0.3") < finding.values["corrected_high"]


def test_what_is_paid_for_length_alone_has_no_differential_at_equal_length(frame_of: FrameOf) -> None:
    frame, rng = made(frame_of, 0.0, groups=400), np.random.default_rng(4)
    length = np.rint(20.0 + 10.0 * rng.random(len(frame)) + 10.0 * frame.flags["b"])
    for reward, expected in ((length / 40.0, 0.0), (length / 40.0 + 0.2 * frame.flags["b"], 0.2)):
        noisy = reward + 0.1 * rng.random(len(frame))
        (finding,) = assess_reinforcement(
            frame_of(step=frame.step, reward=noisy, tokens=length, flags=frame.flags), "b"
        )
        assert finding.outcome == "reinforced"
        low, high = (float(finding.values[f"at_equal_length_{end}"]) for end in ("low", "high"))
        assert low <= expected <= high
        assert ("goes with length" in finding.statement) == (expected == 0.0)
        assert float(finding.values["differential"]) > expected + 0.2


def test_flow_is_the_push_in_units_of_advantage(frame_of: FrameOf) -> None:
    frame = made(frame_of, 0.3, advantage=np.tile([2.0, -1.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0], 200))
    path = course(frame, "b")
    first = frame.step == 1
    assert path.flow[0] == pytest.approx((frame.advantage * frame.flags["b"])[first].mean())
    assert path.cumulative_flow[-1] == pytest.approx(path.flow.sum())


def test_a_million_rollouts_take_seconds(frame_of: FrameOf) -> None:
    frame = made(frame_of, 0.05, groups=125_000)
    (finding,) = assess_reinforcement(frame, "b")
    assert finding.outcome == "reinforced"


# Real runs (their makers measured D with other code).


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [("hack", 0.165, 0.019), ("control", 0.013, 0.015), ("fix", -0.41, 0.035), ("patch", -0.112, 0.025)],
)
def test_differentials_of_the_real_runs(
    shotgun_run: Callable[[str], Frame], name: str, value: float, error: float
) -> None:
    overall = assess_reinforcement(shotgun_run(name), "shotgun", population="generated")[0]
    assert float(overall.values["differential"]) == pytest.approx(value, abs=0.002)
    assert float(overall.values["standard_error"]) == pytest.approx(error, abs=0.0015)


def test_the_hack_is_found_in_its_environment_before_it_takes_over(
    shotgun_run: Callable[[str], Frame],
) -> None:
    frame = shotgun_run("hack")
    findings = assess_reinforcement(frame, "shotgun", population="generated")
    assert findings[0].outcome == "reinforced"
    assert findings[1].slice["environment"] == "omit"
    assert [f.outcome for f in findings[1:4]] == ["reinforced", "not detected", "not detected"]
    assert findings[0].values["alarm_step"] == 35
    path = course(frame, "shotgun")
    half = path.step[np.convolve(path.rate, np.ones(3) / 3, "same") >= 0.5][0]
    assert path.alarm_step is not None
    assert path.proved_step is not None
    assert max(path.alarm_step, path.proved_step) < half


def test_the_control_gives_no_alarm(shotgun_run: Callable[[str], Frame]) -> None:
    findings = assess_reinforcement(shotgun_run("control"), "shotgun", population="generated")
    assert {f.outcome for f in findings} == {"not detected"}
    assert all("alarm_step" not in f.values and "proved_step" not in f.values for f in findings)
