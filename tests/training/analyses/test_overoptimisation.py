"""Proxy against held-out: every outcome by made runs, false alarms by simulation, a real run."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from modelassay.training.analyses.overoptimisation import (
    ProxyCourse,
    assess_overoptimisation,
    proxy_course,
    proxy_points,
    rank_agreement,
)
from modelassay.training.frame import Frame

FrameOf = Callable[..., Frame]
STEPS = 60


def run(
    frame_of: FrameOf,
    proxy: Callable[[Any], Any],
    held: Callable[[Any], Any],
    seed: int = 1,
    tasks: int = 8,
) -> tuple[Frame, np.ndarray[Any, Any]]:
    """8 rollouts each of `tasks` a step, of unequal difficulty; rates are functions of progress in [0, 1]."""
    rng = np.random.default_rng(seed)
    step = np.repeat(np.arange(STEPS), 8 * tasks)
    task = rng.integers(0, 100, STEPS * tasks).repeat(8)
    hard = rng.random(100)[task] * 0.2 - 0.1
    done = step / (STEPS - 1)
    reward = (rng.random(len(step)) < proxy(done) - hard).astype(float)
    kept = (rng.random(len(step)) < held(done) - hard).astype(float)
    return frame_of(step=step, task=task, reward=reward, flags={}), kept


def up(x: Any) -> Any:
    return 0.3 + 0.5 * x


def flat(x: Any) -> Any:
    return 0.4 + 0.0 * x


def humped(x: Any) -> Any:
    return 0.3 + 1.2 * x * (1.0 - x)


@pytest.mark.parametrize(
    ("proxy", "held", "outcome"),
    [
        (up, up, "in step"),
        (up, flat, "decoupled"),
        (up, humped, "over-optimised"),
        (flat, flat, "not detected"),
        (up, lambda x: 0.7 - 0.4 * x, "over-optimised"),
        (flat, lambda x: 0.7 - 0.4 * x, "not detected"),
    ],
)
def test_outcomes(frame_of: FrameOf, proxy: Any, held: Any, outcome: str) -> None:
    frame, kept = run(frame_of, proxy, held, tasks=32 if outcome == "decoupled" else 8)
    assert assess_overoptimisation(proxy_course(frame, kept)).outcome == outcome


def drifting(
    rng: np.random.Generator, points: int, rho: float, sd: float, level: Callable[[Any], Any]
) -> ProxyCourse:
    """A proxy that rises from .2 to .7, and a held-out measure that drifts about `level` of progress."""
    step = np.arange(points, dtype=float)
    drift = np.empty(points)
    drift[0] = rng.normal() * sd
    for at in range(1, points):
        drift[at] = rho * drift[at - 1] + math.sqrt(1.0 - rho * rho) * sd * rng.normal()
    proxy = 0.2 + 0.5 * step / points + 0.02 * rng.normal(size=points)
    return proxy_points(step, proxy, level(step / points) + drift)


@pytest.mark.parametrize(("points", "rho"), [(20, 0.95), (60, 0.0), (60, 0.8), (200, 0.8), (200, 0.95)])
def test_a_measure_that_drifts_is_not_accused(points: int, rho: float) -> None:
    """Its level stays, or rises by more than half of what the proxy gains."""
    rng, repetitions = np.random.default_rng(points), 120
    fallen = behind = 0
    for _ in range(repetitions):
        stays = drifting(rng, points, rho, 0.03, lambda u: 0.5 + 0.0 * u)
        fallen += assess_overoptimisation(stays).outcome == "over-optimised"
        rises = drifting(rng, points, rho, 0.05, lambda u: 0.3 + 0.3 * u)
        behind += assess_overoptimisation(rises).state == "shown_harmful"
    tolerance = 3.0 * math.sqrt(0.05 * 0.95 / repetitions)
    assert fallen / repetitions <= 0.05 + tolerance
    assert behind / repetitions <= 0.05


@pytest.mark.parametrize("rho", [0.8, 0.95])
def test_a_loss_since_the_peak_that_is_drift_is_not_accused(frame_of: FrameOf, rho: float) -> None:
    """The policy did score more at its peak, on all tasks; it comes and goes so all the time."""
    rng, repetitions, steps, level = np.random.default_rng(7), 40, 120, 0.5
    step = np.repeat(np.arange(steps), 64)
    called = 0
    for _ in range(repetitions):
        task = rng.integers(0, 100, len(step) // 8).repeat(8)
        drift = drifting(rng, steps, rho, 0.03, lambda u: level + 0.0 * u).held[step]
        reward = (rng.random(len(step)) < 0.3 + 0.5 * step / steps).astype(float)
        kept = (rng.random(len(step)) < drift).astype(float)
        course = proxy_course(frame_of(step=step, task=task, reward=reward, flags={}), kept)
        called += assess_overoptimisation(course).outcome == "over-optimised"
    assert called / repetitions <= 0.05 + 3.0 * math.sqrt(0.05 * 0.95 / repetitions)


def test_a_clear_rise_and_fall_is_still_seen() -> None:
    rng = np.random.default_rng(3)
    for points, rho, least in ((40, 0.0, 34), (60, 0.5, 30), (200, 0.8, 30)):
        seen = [
            assess_overoptimisation(drifting(rng, points, rho, 0.02, humped)).outcome == "over-optimised"
            for _ in range(40)
        ]
        assert sum(seen) >= least


def test_a_run_that_ends_below_its_peak_is_not_in_step() -> None:
    """Its held-out measure rises over the run as a whole, to .8, and falls to .6 in the last fifth."""
    rng, repetitions = np.random.default_rng(12), 20
    for points, errors in ((20, 0.02), (40, 0.02), (40, None), (80, None)):
        step = np.arange(points, dtype=float)
        level = np.interp(step, [0.0, 0.8 * points, points], [0.3, 0.8, 0.6])
        for _ in range(repetitions):
            proxy = 0.2 + 0.5 * step / points + 0.02 * rng.normal(size=points)
            held = level + 0.02 * rng.normal(size=points)
            told = None if errors is None else np.full(points, errors)
            finding = assess_overoptimisation(proxy_points(step, proxy, held, told))
            assert finding.state != "shown_fine", (points, errors, finding.statement)


@pytest.mark.parametrize("rho", [0.0, 0.8])
def test_a_rise_that_drifts_stays_in_step(rho: float) -> None:
    rng = np.random.default_rng(13)
    courses = (drifting(rng, 40, rho, 0.03, lambda u: 0.3 + 0.3 * u) for _ in range(40))
    assert sum(assess_overoptimisation(course).outcome == "in step" for course in courses) >= 34


def test_a_measure_that_never_moves_has_not_fallen() -> None:
    step = np.arange(30.0)
    finding = assess_overoptimisation(proxy_points(step, step / 30, np.full(30, 0.3)))
    assert finding.outcome == "decoupled"


def test_false_alarms_are_rare(frame_of: FrameOf) -> None:
    outcomes = []
    for seed in range(60):
        frame, kept = run(frame_of, up, up, seed)
        outcomes.append(assess_overoptimisation(proxy_course(frame, kept)).outcome)
    assert outcomes.count("in step") >= 57


def test_a_peak_is_not_read_into_noise(frame_of: FrameOf) -> None:
    """On tasks that chose it the peak of a flat measure lies above the end; on others it does not."""
    missed = 0
    for seed in range(60):
        frame, kept = run(frame_of, up, flat, seed)
        missed += float(assess_overoptimisation(proxy_course(frame, kept)).values["loss_low"]) > 0.0
    assert missed / 60 <= 0.025 + 3.0 * math.sqrt(0.025 * 0.975 / 60)


def test_failures_and_evaluations_take_no_part(frame_of: FrameOf) -> None:
    frame, kept = run(frame_of, up, humped)
    none = np.zeros(len(frame), np.bool_)
    gone = frame_of(step=frame.step, task=frame.task, reward=frame.reward, failed=~none)
    assert assess_overoptimisation(proxy_course(gone, kept)).outcome == "not assessable"
    evaluations = frame_of(step=frame.step, task=frame.task, reward=frame.reward, is_train=none)
    assert assess_overoptimisation(proxy_course(evaluations, kept)).outcome == "not assessable"
    chosen = proxy_course(evaluations, kept, chosen=~none)
    assert assess_overoptimisation(chosen).outcome == "over-optimised"


def test_checkpoints_with_errors(frame_of: FrameOf) -> None:
    step, rise = np.arange(10), np.linspace(0.2, 0.9, 10)
    held = np.array([0.3, 0.4, 0.5, 0.55, 0.6, 0.55, 0.5, 0.45, 0.4, 0.3])
    sure = proxy_points(step, rise, held, np.full(10, 0.02))
    assert assess_overoptimisation(sure).outcome == "over-optimised"
    unsure = proxy_points(step, rise, held, np.full(10, 0.2))
    assert assess_overoptimisation(unsure).outcome != "over-optimised"
    few = proxy_points(step[:5], rise[:5], held[:5])
    assert "only 5" in assess_overoptimisation(few).why_not
    with pytest.raises(ValueError, match="rising"):
        proxy_points(step[::-1], rise, held)


def test_the_law_of_reinforcement_learning_is_fitted() -> None:
    d = np.linspace(0.0, 5.0, 12)
    gain = np.where(d > 0.0, d * (1.0 - 0.6 * np.log(np.maximum(d, 1e-9))), 0.0)
    finding = assess_overoptimisation(ProxyCourse(np.arange(12.0), d, 0.2 + gain), kl=d**2)
    assert float(finding.values["law_peak"]) == pytest.approx(math.exp(1.0 / 0.6 - 1.0), rel=1e-4)


def test_ranks_part_when_the_proxy_is_gamed(frame_of: FrameOf) -> None:
    rng = np.random.default_rng(5)
    n, skill = 300 * 8, rng.random(300 * 8)
    step = np.arange(n) // 80
    frame = frame_of(step=step, reward=np.where(step < 10, skill, rng.random(n)))
    found = rank_agreement(frame, skill + 0.1 * rng.random(n))
    assert found is not None
    early, late = found
    assert early.low > 0.8
    assert late.low < 0.0 < late.high
    assert rank_agreement(frame, np.ones(n)) is None


def test_the_real_hack_is_over_optimised_and_the_fix_is_not(shotgun_run: Callable[[str], Frame]) -> None:
    found = {}
    for name in ("hack", "control", "fix"):
        frame = shotgun_run(name)
        found[name] = assess_overoptimisation(proxy_course(frame, frame.scores["exact"]))
    assert found["hack"].outcome == "over-optimised"
    assert found["hack"].values["diverging_from"] < 60
    assert found["control"].outcome in ("in step", "not detected")
    assert found["fix"].outcome == "in step"
