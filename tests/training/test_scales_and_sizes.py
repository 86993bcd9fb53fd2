"""Deviations that TRL counts equal rewards by, and sizes of steps and groups that change as a record says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelassay.records import RunEvent, RunManifest, RunMetrics
from modelassay.training.frame import Frame
from modelassay.training.other_rewards import other_rewards_of
from modelassay.training.reconciled import reconciliation_findings
from modelassay.training.reconciliation import Reconciliation, reconcile
from modelassay.training.run import Run
from modelassay.training.size_changes import SizeChange, size_changes_of
from modelassay.training.writing import RunWriter

SIZE = 4
SHARE = "frac_reward_zero_std"


def frame_of(steps: list[np.ndarray], advantages: list[np.ndarray]) -> Frame:
    """Rollouts of `steps` from 1 on; rewards by group and rollout."""
    group = np.repeat(
        np.arange(sum(len(each) for each in steps)),
        np.concatenate([[each.shape[1]] * len(each) for each in steps]),
    )
    reward = np.concatenate([each.ravel() for each in steps]).astype(float)
    n = len(reward)
    return Frame(
        step=np.repeat(np.arange(1, len(steps) + 1), [each.size for each in steps]),
        is_train=np.ones(n, bool), env=np.zeros(n, int), envs=("",), task=group, tasks=int(group.max()) + 1,
        group=group, groups=int(group.max()) + 1, reward=reward, rewards={},
        advantage=np.concatenate([each.ravel() for each in advantages]).astype(float),
        trained_on=np.ones(n, np.int8), failed=np.zeros(n, bool), empty=np.zeros(n, bool),
        truncated=np.zeros(n, bool), tokens=np.ones(n), characters=np.ones(n, int),
    )  # fmt: skip


def rewards(steps: int = 6, groups: int = 4, size: int = SIZE, seed: int = 0) -> list[np.ndarray]:
    """Of each step the rewards by group; those of the first group are all equal."""
    rng = np.random.default_rng(seed)
    made = rng.choice(np.float32([0.0, 0.25, 1.0, 1.5]), (steps, groups, size))
    made[:, 0] = made[:, 0, :1]
    return list(made)


def centred(reward: np.ndarray) -> np.ndarray:
    return reward - np.nanmean(reward, 1, keepdims=True, dtype=np.float32)


def by_group(reward: np.ndarray) -> np.ndarray:
    return centred(reward) / (reward.std(1, ddof=1, keepdims=True) + np.float32(1e-4))


def by_batch(reward: np.ndarray) -> np.ndarray:
    return centred(reward) / (reward.std(ddof=1) + np.float32(1e-4))


def left_one_out(reward: np.ndarray) -> np.ndarray:
    """As TRL has it: over the others that have a reward, and 0 where nobody has."""
    scored = (~np.isnan(reward)).sum(1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num(
            reward - (np.nansum(reward, 1, keepdims=True) - reward) / (scored - 1).astype(np.float32)
        )


def less_a_penalty(reward: np.ndarray) -> np.ndarray:
    return left_one_out(reward + np.random.default_rng(1).uniform(-0.1, 0.1, reward.shape))


def scaled_by_function(reward: np.ndarray) -> np.ndarray:
    """Of two functions that each give half of the reward to other rollouts, scaled within groups before
    they are added."""
    first = np.where(np.arange(SIZE) % 2, reward, 0)
    both = by_group(first) + by_group(reward - first)
    return (both - both.mean()) / (both.std(ddof=1) + np.float32(1e-4))


def held(
    steps: list[np.ndarray], formula: Callable[[np.ndarray], np.ndarray], share: float
) -> Reconciliation:
    """A log that says of every step that `share` of its rollouts are in groups of equal rewards."""
    logs = [
        RunMetrics(step=n, values={SHARE: share, "reward": float(np.nanmean(each))})
        for n, each in enumerate(steps, 1)
    ]
    return reconcile(frame_of(steps, [formula(each) for each in steps]), logs, group_size=SIZE)


@pytest.mark.parametrize("formula", [by_group, centred, left_one_out])
def test_groups_of_equal_rewards_are_counted_where_advantages_are_of_these_rewards(
    formula: Callable[[np.ndarray], np.ndarray],
) -> None:
    steps = rewards()
    right = held(steps, formula, 0.25)
    assert (right.disagreements, right.compared[SHARE]) == ((), len(steps))
    assert {each.what for each in held(steps, formula, 0.5).disagreements} == {SHARE}


def test_where_a_step_is_scaled_as_a_whole_its_deviation_counts() -> None:
    steps = rewards()
    right = held(steps, by_batch, 0.0)
    assert (right.formula, right.disagreements, right.compared[SHARE]) == ("batch", (), len(steps))
    assert len(held(steps, by_batch, 0.25).disagreements) == len(steps)
    equal = [*steps, np.full((4, SIZE), np.float32(0.5))]
    assert held(equal, by_batch, 0.0).steps == (len(equal),)


@pytest.mark.parametrize("formula", [less_a_penalty, scaled_by_function])
def test_a_deviation_of_rewards_that_are_not_recorded_is_not_compared(
    formula: Callable[[np.ndarray], np.ndarray],
) -> None:
    steps = rewards(groups=8)
    result = held(steps, formula, 0.0)
    assert (result.formula, result.disagreements) == ("", ())
    assert SHARE not in result.compared
    assert result.compared["reward"] == len(steps)
    (finding,) = reconciliation_findings(result, frame_of(steps, [formula(each) for each in steps]))
    assert finding.outcome == "agrees"
    assert any(note.startswith(f"{SHARE} is not compared") for note in finding.rests_on)


def test_advantages_that_follow_until_a_penalty_sets_in_accuse_nobody() -> None:
    steps = rewards()
    made = [left_one_out(each) if n < 4 else less_a_penalty(each) for n, each in enumerate(steps)]
    frame = frame_of(steps, made)
    assert {each.what for each in reconcile(frame, [], group_size=SIZE).disagreements} == {"advantage"}
    log = [RunMetrics(step=1, values={"reward": float(steps[0].mean()), SHARE: 0.5})]
    result = reconcile(frame, log, group_size=SIZE, other_rewards=("beta 0.05",))
    assert (result.disagreements, result.formula) == ((), "")
    assert any("changed before (beta 0.05)" in note for note in result.notes)
    # where all advantages follow, such a setting changed nothing, and all is compared as ever
    usual = frame_of(steps, [left_one_out(each) for each in steps])
    kept = reconcile(usual, log, group_size=SIZE, other_rewards=("beta 0.05",))
    assert {each.what for each in kept.disagreements} == {SHARE}
    assert kept.compared["advantage"] == len(steps)


@pytest.mark.parametrize(
    ("algorithm", "settings", "named"),
    [
        ("rloo", {"beta": "0.05", "trainer.beta": "0.05", "reward_clip_range": "null"}, ("beta 0.05",)),
        ("rloo", {"beta": "0.0", "normalize_advantages": "false"}, ()),
        ("rloo", {"beta": "0.0", "reward_clip_range": "[-1, 1]"}, ("reward_clip_range [-1, 1]",)),
        ("rloo", {"normalize_advantages": "true"}, ("normalize_advantages true",)),
        ("grpo", {"beta": "0.05", "multi_objective_aggregation": "sum_then_normalize"}, ()),
        (
            "grpo",
            {"multi_objective_aggregation": "normalize_then_sum"},
            ("multi_objective_aggregation normalize_then_sum",),
        ),
    ],
)
def test_settings_that_change_rewards_before_advantages_are_read(
    tmp_path: Path, algorithm: str, settings: dict[str, str], named: tuple[str, ...]
) -> None:
    manifest = RunManifest(
        id="r", name="r", origin="recorded", framework="trl", algorithm=algorithm, configuration=settings
    )
    with RunWriter(tmp_path / "r", manifest) as writer:
        writer.record(change("learning_rate", "1", "2", 3, 0))
    assert other_rewards_of(Run(tmp_path / "r")) == named


def test_a_log_over_several_steps_is_compared_only_where_all_of_them_can_be() -> None:
    steps = rewards()
    frame = frame_of(steps, [by_batch(each) for each in steps])
    logs = [RunMetrics(step=n, values={SHARE: 0.0}) for n in (3, 6)]
    result = reconcile(frame, logs, group_size=SIZE)
    assert (result.disagreements, result.compared[SHARE]) == ((), 2)
    unknown = frame_of(steps, [less_a_penalty(each) for each in steps])
    assert SHARE not in reconcile(unknown, logs, group_size=SIZE).compared


def test_only_others_that_have_a_reward_count_among_those_left() -> None:
    steps = rewards()
    for each in steps:
        each[1, 0] = each[2, 1] = each[2, 3] = each[3, 0] = each[3, 1] = each[3, 2] = np.nan
    frame = frame_of(steps, [left_one_out(each) for each in steps])
    result = reconcile(frame, [], group_size=SIZE)
    assert (result.formula, result.disagreements) == ("leave one out", ())
    assert result.compared["advantage"] == len(steps)


def resized(first: tuple[int, int], then: tuple[int, int]) -> Frame:
    """Twenty steps of so many groups of so many rollouts, then two of others."""
    steps = [*rewards(20, *first), *rewards(2, *then, seed=1)]
    return frame_of(steps, [by_group(each) for each in steps])


def test_steps_after_a_change_of_batches_that_is_told_are_of_one_size_of_their_own() -> None:
    frame, changes = resized((4, SIZE), (8, SIZE)), (SizeChange(0, 20),)
    assert reconcile(frame, [], group_size=SIZE).steps == (21, 22)
    result = reconcile(frame, [], group_size=SIZE, changes=changes)
    assert (result.disagreements, result.compared["rollouts"]) == ((), 22)
    for lost in (5, 21):  # on both sides of the change
        fewer = rearranged(frame, np.delete(np.arange(len(frame)), np.flatnonzero(frame.step == lost)[:SIZE]))
        (found,) = reconcile(fewer, [], group_size=SIZE, changes=changes).disagreements
        assert (found.step, found.what) == (lost, "rollouts")
    # training data seldom fills the last step
    last = rearranged(frame, np.arange(len(frame) - SIZE))
    assert reconcile(last, [], group_size=SIZE, changes=changes).disagreements == ()


def rearranged(frame: Frame, rows: np.ndarray) -> Frame:
    return frame_like(frame, {name: getattr(frame, name)[rows] for name in PER_ROLLOUT})


PER_ROLLOUT = ("step", "is_train", "env", "task", "group", "reward", "advantage", "trained_on", "failed",
               "empty", "truncated", "tokens", "characters")  # fmt: skip


def frame_like(frame: Frame, columns: dict[str, np.ndarray]) -> Frame:
    return replace(frame, **columns)  # type: ignore[arg-type]


def test_groups_after_a_change_that_is_told_have_the_size_that_it_tells() -> None:
    frame = resized((4, SIZE), (2, 8))
    blind = reconcile(frame, [], group_size=SIZE)
    assert {(each.step, each.what) for each in blind.disagreements} == {
        (21, "groups of 4"),
        (22, "groups of 4"),
    }
    changes = (SizeChange(0, 20, 4, 8),)
    for said in (4, 8):  # as the manifest has it of either process
        result = reconcile(frame, [], group_size=said, changes=changes)
        assert result.disagreements == ()
        assert (result.compared["groups of 4"], result.compared["groups of 8"]) == (20, 2)
    lost = reconcile(rearranged(frame, np.arange(len(frame) - 1)), [], group_size=4, changes=changes)
    assert {each.what for each in lost.disagreements} >= {"groups of 8"}
    wrong = reconcile(frame, [], group_size=SIZE, changes=(SizeChange(0, 20, 4, 6),))
    assert {each.what for each in wrong.disagreements} == {"groups of 6"}


def test_a_resumed_process_has_its_own_sizes_in_steps_that_it_takes_again() -> None:
    steps = [*rewards(10, 4, SIZE), *rewards(8, 2, 8, seed=1)]
    frame = frame_of(steps, [by_group(each) for each in steps])
    step = np.where(frame.step > 10, frame.step - 3, frame.step)  # steps 8 to 10 are taken again
    stretch = (frame.step > 10).astype(np.int64)
    again = frame_like(frame, {"step": step})
    change = SizeChange(1, 7, 4, 8)
    result = reconcile(again, [], group_size=4, repeated=(8, 9, 10), stretch=stretch, changes=(change,))
    assert (result.disagreements, result.left_out) == ((), 0)
    assert (result.compared["groups of 4"], result.compared["groups of 8"]) == (10, 8)


def change(setting: str, old: str, new: str, step: int, rank: int) -> RunEvent:
    return RunEvent(
        time="2026-05-01T10:00:00Z", kind="configuration.changed", step=step, rank=rank,
        body={"setting": setting, "old": old, "new": new},
    )  # fmt: skip


def test_changes_of_sizes_are_read_from_what_the_first_process_tells(tmp_path: Path) -> None:
    manifest = RunManifest(id="r", name="r", origin="recorded", framework="plain")
    resumed: dict[str, Any] = {"world": 2}
    with RunWriter(tmp_path / "r", manifest) as writer:
        for event in (
            change("per_device_eval_batch_size", "1", "2", 3, 0),
            change("learning_rate", "1", "2", 3, 0),
            change("trainer.num_generations", "4", "8", 5, 0),
            change("num_generations", "4", "8", 5, 0),
            change("num_generations", "4", "16", 5, 1),
            RunEvent(time="2026-05-01T10:00:00Z", kind="resumed", step=4, rank=2, body=resumed),
            change("generation_batch_size", "16", "32", 4, 2),
            change("num_generations", "8", "many", 4, 2),
        ):
            writer.record(event)
    assert size_changes_of(Run(tmp_path / "r")) == (SizeChange(0, 5, 4, 8), SizeChange(1, 4, 8, None))


def test_odd_sizes_of_whole_groups_are_asked_about_and_accuse_nobody() -> None:
    """Who does not drop what is left of the data has a smaller step at each end of it."""
    steps = rewards(40)
    frame = frame_of(steps, [by_group(each) for each in steps])
    told = [RunMetrics(step=n + 1, values={"reward": float(each.mean())}) for n, each in enumerate(steps)]

    def without(*groups: int) -> Frame:
        return rearranged(frame, np.flatnonzero(~np.isin(frame.group, groups)))

    assert (
        reconcile(without(4 * 39, 4 * 39 + 1), []).disagreements == ()
    )  # training data seldom fills the last
    for size in (None, SIZE):
        odd = without(4 * 19, 4 * 19 + 1, 4 * 39)
        result = reconcile(odd, [], group_size=size)
        (finding, *_) = reconciliation_findings(result, odd)
        assert (finding.outcome, finding.severity, finding.state) == ("odd sizes", "medium", "not_shown")
        assert "1 of 40 steps (20) has another number of rollouts" in finding.statement
        assert "step 20 have 8 rollouts, where 16 are usual" in finding.question
        # where the log has the mean of all, they were taken out
        found = reconciliation_findings(reconcile(odd, told, group_size=size), odd)
        assert {each.slice["what"] for each in found if each.severity == "critical"} >= {"rollouts", "reward"}


def test_a_rollout_that_is_missing_from_its_group_is_seen_where_nobody_tells_the_size_of_groups() -> None:
    steps = rewards(12)
    frame = frame_of(steps, [np.full_like(each, np.nan) for each in steps])
    for gone in ([5], [16 * 11 + 2], [1, 5], [0, 1, 4, 5]):
        lost = rearranged(frame, np.delete(np.arange(len(frame)), gone))
        (finding, *_) = reconciliation_findings(reconcile(lost, []), lost)
        assert (finding.outcome, finding.severity) == ("disagrees", "critical")
    alone = replace(frame, group=np.arange(len(frame)), groups=len(frame))  # of one rollout each
    last = rearranged(alone, np.arange(len(alone) - 1))
    assert reconciliation_findings(reconcile(last, []), last)[0].outcome == "odd sizes"
