"""Gates hold back what says nothing, and let through what does."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from modelassay.records import RunCoverage, RunManifest, RunPhase
from modelassay.training.coverage_gate import coverage_findings
from modelassay.training.findings import run_finding
from modelassay.training.frame import Frame
from modelassay.training.gates import dead_environments, outage_findings, outages, run_gates

MANIFEST = RunManifest(id="r", name="r", origin="imported", framework="trl")
WHOLE = RunCoverage(found=100, found_train=100, found_eval=0, expected_train=100)
ENVS = ("a", "b", "c")


def made(seed: int = 0, steps: int = 12, groups: int = 6, rate: float = 0.5) -> Frame:
    """Groups of 4 rollouts in three environments, rewarded at random."""
    rng = np.random.default_rng(seed)
    per_step = 3 * groups * 4
    n = steps * per_step
    group = np.arange(n) // 4
    return Frame(
        step=np.repeat(np.arange(1, steps + 1), per_step),
        is_train=np.ones(n, bool),
        env=np.tile(np.repeat(np.arange(3), groups * 4), steps),
        envs=ENVS,
        task=group,
        tasks=n // 4,
        group=group,
        groups=n // 4,
        reward=(rng.random(n) < rate).astype(float),
        rewards={},
        advantage=np.zeros(n),
        trained_on=np.ones(n, np.int8),
        failed=np.zeros(n, bool),
        empty=np.zeros(n, bool),
        truncated=np.zeros(n, bool),
        tokens=np.ones(n),
        characters=np.ones(n, int),
    )


def test_a_step_without_success_anywhere_is_invalid_and_named() -> None:
    frame = made()
    assert run_gates(frame, MANIFEST, WHOLE).invalid_steps == frozenset()
    reward = np.where(frame.step == 7, 0.0, frame.reward)
    gates = run_gates(replace(frame, reward=reward), MANIFEST, WHOLE)
    assert gates.invalid_steps == {7}
    assert (gates.invalid == (frame.step == 7)).all()
    (finding,) = [f for f in gates.findings if f.outcome == "invalid"]
    assert finding.slice == {"step": "7"}
    assert "no evidence" in finding.statement


def test_success_gone_in_one_environment_or_a_real_fix_of_one_is_no_outage() -> None:
    frame = made()
    alone = np.where((frame.step == 7) & (frame.env == 1), 0.0, frame.reward)
    assert run_gates(replace(frame, reward=alone), MANIFEST, WHOLE).invalid_steps == frozenset()
    for_good = np.where((frame.step >= 7) & (frame.env == 1), 0.0, frame.reward)
    assert run_gates(replace(frame, reward=for_good), MANIFEST, WHOLE).invalid_steps == frozenset()


def test_an_outage_of_several_steps_is_found_whole() -> None:
    frame = made()
    reward = np.where(np.isin(frame.step, (5, 6, 7)), 0.0, frame.reward)
    assert run_gates(replace(frame, reward=reward), MANIFEST, WHOLE).invalid_steps == {5, 6, 7}


@pytest.mark.parametrize("rate", [0.01, 0.03, 0.1])
def test_rare_successes_make_no_outages(rate: float) -> None:
    """Zero in three environments is common where success is rare; such epochs stay valid."""
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(100):
        counts = rng.binomial(64, rate, (24, 3))
        epochs = np.repeat(np.arange(24), 3).tolist()
        alarms += len(outages(epochs, list(ENVS) * 24, counts.ravel().tolist(), [64] * 72))
    assert alarms <= 100 * 24 * 0.002


def test_failures_of_the_infrastructure_are_apart_from_the_policy() -> None:
    frame = made()
    failed = np.zeros(len(frame), bool)
    failed[:10] = True
    failed |= frame.step == 3
    gates = run_gates(
        replace(frame, failed=failed, reward=np.where(failed, 0.0, frame.reward)), MANIFEST, WHOLE
    )
    assert gates.invalid_steps == {3}
    assert (gates.invalid == failed).all()
    (finding,) = [f for f in gates.findings if f.check == "infrastructure_gate"]
    assert finding.values["failed"] == int(failed.sum())
    assert finding.values["mean_reward"] < finding.values["mean_reward_without"]
    assert (gates.valid == ~failed).all()


def test_a_run_most_of_which_failed_shows_nothing_to_be_well() -> None:
    frame = made()
    behaviour = np.arange(len(frame)) % 3 == 0
    few, half = np.arange(len(frame)) % 4 == 0, np.arange(len(frame)) % 2 == 0
    well = run_finding("length", "steady", "Lengths stay.", state="shown_fine")
    harm = run_finding("reinforcement", "reinforced", "It pays.", state="shown_harmful", severity="high")

    some = run_gates(replace(frame, failed=few).with_flags("early_exit", behaviour, "s@1"), MANIFEST, WHOLE)
    (told,) = [f for f in some.findings if f.check == "infrastructure_gate"]
    assert (told.severity, told.outcome, some.remainder) == ("medium", "held back", {})
    assert f"early_exit: {int((few & behaviour).sum())}" in told.statement
    assert some.on_remainder([well, harm], ["train"]) == (well, harm)

    most = run_gates(replace(frame, failed=half), MANIFEST, WHOLE)
    (told,) = [f for f in most.findings if f.check == "infrastructure_gate"]
    assert (told.severity, told.state) == ("high", "not_assessable")
    assert "432 of 864 training rollouts" in told.why_not
    fine, bad = most.on_remainder([well, harm], ["train"])
    assert (fine.state, fine.outcome, fine.why_not) == ("not_assessable", "not assessable", told.why_not)
    assert (bad.state, bad.severity, bad.rests_on) == ("shown_harmful", "high", (told.why_not,))


def test_evaluations_most_of_which_failed_take_nothing_from_training() -> None:
    frame = made()
    well = run_finding("length", "steady", "Lengths stay.", state="shown_fine")
    evaluations = np.arange(len(frame)) < 4
    failed = np.arange(len(frame)) < 3
    gates = run_gates(replace(frame, is_train=~evaluations, failed=failed), MANIFEST, WHOLE)
    assert gates.remainder == {"eval": "3 of 4 evaluation rollouts"}
    (told,) = [f for f in gates.findings if f.check == "infrastructure_gate"]
    assert (told.severity, told.state) == ("medium", "not_assessable")
    assert gates.on_remainder([well], ["train"]) == (well,)
    of_evaluations: tuple[RunPhase, ...]
    for of_evaluations in (("eval",), ("train", "eval")):
        (fine,) = gates.on_remainder([well], of_evaluations)
        assert (fine.state, fine.why_not) == ("not_assessable", told.why_not)


def test_a_step_whose_evaluations_failed_keeps_its_training() -> None:
    """Evaluations of a step may be many times its training."""
    frame = made()
    evaluations = (frame.step == 5) & (np.arange(len(frame)) % 8 > 0) | (frame.step == 9)
    failed = evaluations & (np.arange(len(frame)) % 8 > 1)
    gates = run_gates(replace(frame, is_train=~evaluations, failed=failed), MANIFEST, WHOLE)
    assert gates.invalid_steps == {9}, "which only evaluates"
    assert (gates.invalid == (failed | (frame.step == 9))).all()


def test_empty_and_truncated_completions_keep_their_reward_but_reach_no_judge() -> None:
    frame = made()
    empty = np.zeros(len(frame), bool)
    empty[3] = True
    truncated = np.zeros(len(frame), bool)
    truncated[40:90] = True
    gates = run_gates(replace(frame, empty=empty, truncated=truncated), MANIFEST, WHOLE)
    assert gates.valid.all()
    assert (~gates.judgeable == (empty | truncated)).all()
    assert {f.slice["what"] for f in gates.findings if f.check == "readability_gate"} == {
        "empty",
        "truncated",
    }


def test_a_constant_reward_is_a_dead_environment() -> None:
    frame = made()
    assert run_gates(frame, MANIFEST, WHOLE).dead == ()
    reward = np.where(frame.env == 2, -1.0, frame.reward)
    gates = run_gates(replace(frame, reward=reward), MANIFEST, WHOLE)
    assert gates.dead == ("c",)
    (finding,) = [f for f in gates.findings if f.check == "dead_environment"]
    assert finding.outcome == "dead"
    assert "-1" in finding.statement
    few = np.array([0] * 10)
    assert dead_environments(few, ("x",), np.zeros(10)) == ()


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({}, "complete"),
        ({"found_train": 60}, "incomplete"),
        ({"found_train": 17}, "remnant"),
        ({"quarantined": 1}, "incomplete"),
        ({"overwritten_steps": (3,)}, "incomplete"),
        ({"expected_train": None}, "not assessable"),
    ],
)
def test_coverage_is_a_finding(change: dict[str, Any], outcome: str) -> None:
    (finding,) = coverage_findings(MANIFEST, msgspec.structs.replace(WHOLE, **change))
    assert finding.outcome == outcome


@pytest.mark.parametrize(
    ("change", "severity", "told"),
    [
        ({"quarantined": 100}, "high", "quarantined: 100. It holds 50.0% of them at most"),
        ({"missing_steps": (3, 4)}, "medium", "missing steps: 2 (3, 4). It holds 83.3% of them at most"),
        ({"missing_steps": tuple(range(11, 23))}, "high", "(11, 12, 13, 14, 15, 16, 17, 18, 19, 20 …)"),
        ({"gaps": 3, "overwritten_steps": (2,)}, "medium", "lost: 3, overwritten steps: 1 (2)"),
        ({"found_train": 50_000, "quarantined": 1}, "low", "quarantined: 1."),
    ],
)
def test_what_is_missing_is_told_where_nobody_says_of_how_much(
    change: dict[str, Any], severity: str, told: str
) -> None:
    unknown = {"expected_train": None, "found_train": 100, "batches_found": 10}
    (finding,) = coverage_findings(MANIFEST, msgspec.structs.replace(WHOLE, **{**unknown, **change}))
    assert (finding.outcome, finding.severity) == ("incomplete", severity)
    assert told in finding.statement
    assert finding.values["found"] == {**unknown, **change}["found_train"]
    assert finding.question
    again = msgspec.structs.replace(WHOLE, **unknown, repeated_steps=(4,))
    (finding,) = coverage_findings(MANIFEST, again)
    assert (finding.outcome, finding.values["repeated_steps"]) == ("not assessable", 1)


def test_scores_whose_weights_nobody_said_are_told() -> None:
    frame = made()
    coverage = msgspec.structs.replace(
        WHOLE, found=len(frame), found_train=len(frame), expected_train=len(frame)
    )
    assert [f.outcome for f in coverage_findings(MANIFEST, coverage, frame)] == ["complete"]
    scored = replace(
        frame, reward=np.full(len(frame), np.nan), rewards={"a": frame.reward, "b": frame.reward}
    )
    _, found = coverage_findings(MANIFEST, coverage, scored)
    assert (found.outcome, found.severity) == ("no total reward", "medium")
    assert "(a, b)" in found.statement


def test_survivors_alone_are_told() -> None:
    survivors = msgspec.structs.replace(MANIFEST, population="trained_on")
    assert [f.outcome for f in coverage_findings(survivors, WHOLE)] == ["complete", "survivors only"]
    assert coverage_findings(MANIFEST, None)[0].state == "not_assessable"


def test_epoch_640_of_a_real_run_is_invalid_and_its_dead_environment_found(data_dir: Path) -> None:
    path = data_dir / "tra" / "rl_hack_timeline" / "timeline.jsonl"
    if not path.is_file():
        pytest.skip("the shared training runs are absent")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    successes = [sum(v for k, v in row.items() if k.endswith("_successful")) for row in rows]
    trials = [sum(v for k, v in row.items() if k.startswith("n_")) for row in rows]
    names = [row["env_type"] for row in rows]
    found = outages([row["epoch"] for row in rows], names, successes, trials)
    assert [outage.epoch for outage in found] == [640]
    assert "640" in outage_findings(found)[0].statement
    envs = sorted(set(names))
    rewards = np.array([row["average_reward"] for row in rows])
    codes = np.array([envs.index(name) for name in names])
    assert dead_environments(codes, envs, rewards, fewest=10) == ("SWEFixerEnv",)
