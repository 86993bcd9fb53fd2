"""Logged statistics follow from rollouts, and stop doing so when a rollout is touched."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelassay.records import RunEvent, RunManifest, RunMetrics
from modelassay.training.frame import Frame, read_frame
from modelassay.training.importers import import_run
from modelassay.training.lacking import Lack, lacks_of
from modelassay.training.reconciled import reconciliation_findings
from modelassay.training.reconciliation import reconcile
from modelassay.training.run import Run
from modelassay.training.writing import RunWriter

STEPS, GROUPS, SIZE = 10, 6, 4
BATCH = GROUPS * SIZE


def logged_run(seed: int = 0, formula: str = "group") -> tuple[Frame, list[RunMetrics], np.ndarray]:
    """A run and its log, computed in float32 as a trainer does, by code of its own."""
    rng = np.random.default_rng(seed)
    rewards, advantages, metrics = [], [], []
    tokens = rng.integers(1, 9, STEPS * BATCH).astype(float)
    prompts = np.repeat(rng.integers(3, 7, STEPS * GROUPS), SIZE).astype(float)
    for step in range(STEPS):
        reward = rng.choice(np.float32([0.0, 0.1, 0.7, 1.0]), (GROUPS, SIZE))
        reward[0] = reward[0, 0]
        mean = reward.mean(1, keepdims=True, dtype=np.float32)
        std = reward.std(1, ddof=1, keepdims=True, dtype=np.float32)
        scale = {"group": std + np.float32(1e-4), "centred": np.float32(1.0)}[formula]
        advantages.append(((reward - mean) / scale).ravel())
        rewards.append(reward.ravel())
        until = slice(0, (step + 1) * BATCH)
        here = slice(step * BATCH, (step + 1) * BATCH)
        values = {
            "reward": float(reward.mean(dtype=np.float32)),
            "reward_std": float(reward.ravel().std(ddof=1, dtype=np.float32)),
            "frac_reward_zero_std": float((std <= 1e-8).mean(dtype=np.float32)),
            "rewards/grader/mean": float(reward.mean(dtype=np.float32)),
            "completions/mean_length": float(np.float32(tokens[here].mean())),
            "num_tokens": float((tokens + prompts)[until].sum()),
        }
        metrics.append(RunMetrics(step=step + 1, values=values))
    n = STEPS * BATCH
    reward = np.concatenate(rewards).astype(float)
    group = np.repeat(np.arange(STEPS * GROUPS), SIZE)
    frame = Frame(
        step=np.repeat(np.arange(1, STEPS + 1), BATCH),
        is_train=np.ones(n, bool),
        env=np.zeros(n, int),
        envs=("",),
        task=group % 17,
        tasks=17,
        group=group,
        groups=STEPS * GROUPS,
        reward=reward,
        rewards={"grader": reward},
        advantage=np.concatenate(advantages).astype(float),
        trained_on=np.ones(n, np.int8),
        failed=np.zeros(n, bool),
        empty=np.zeros(n, bool),
        truncated=np.zeros(n, bool),
        tokens=tokens,
        characters=np.ones(n, int),
    )
    return frame, metrics, prompts


PER_ROLLOUT = ("step", "is_train", "env", "task", "group", "reward", "advantage", "trained_on", "failed",
               "empty", "truncated", "tokens", "characters")  # fmt: skip


def rearranged(frame: Frame, rows: np.ndarray) -> Frame:
    """The rollouts `rows` of `frame`."""
    changed = {name: getattr(frame, name)[rows] for name in PER_ROLLOUT}
    return replace(frame, **changed, rewards={k: v[rows] for k, v in frame.rewards.items()})


def test_an_untouched_log_agrees_and_says_how_well() -> None:
    for formula in ("group", "centred"):
        frame, metrics, prompts = logged_run(formula=formula)
        result = reconcile(frame, metrics, group_size=SIZE, prompt_tokens=prompts)
        assert result.disagreements == ()
        assert result.formula == formula
        assert (
            result.compared["reward"]
            == result.compared["advantage"]
            == result.compared["num_tokens"]
            == STEPS
        )
        assert max(result.largest.values()) < 1e-3
        (finding,) = reconciliation_findings(result, frame)
        assert (finding.outcome, finding.assurance, finding.state) == ("agrees", "T2", "shown_fine")


FRAME, METRICS, PROMPTS = logged_run(seed=1)


@settings(max_examples=150, deadline=None)
@given(
    row=st.integers(0, STEPS * BATCH - 1),
    change=st.sampled_from([-1.0, -0.3, 0.05, 0.3, 1.0]),
    what=st.sampled_from(["reward", "advantage", "tokens", "task"]),
)
def test_any_edited_rollout_is_caught(row: int, change: float, what: str) -> None:
    column = getattr(FRAME, what).copy()
    column[row] += 100 if what == "task" else round(change * 10) or 1 if what == "tokens" else change
    rewards = {"grader": column} if what == "reward" else FRAME.rewards
    result = reconcile(replace(FRAME, **{what: column}, rewards=rewards), METRICS, group_size=SIZE)
    assert result.steps == (int(FRAME.step[row]),)


@settings(max_examples=60, deadline=None)
@given(row=st.integers(0, STEPS * BATCH - 1))
def test_any_dropped_or_doubled_rollout_is_caught(row: int) -> None:
    everything = np.arange(STEPS * BATCH)
    for rows in (np.delete(everything, row), np.insert(everything, row, row)):
        result = reconcile(rearranged(FRAME, rows), METRICS, group_size=SIZE)
        assert result.steps == (int(FRAME.step[row]),)
        assert {d.what for d in result.disagreements} >= {"rollouts", f"groups of {SIZE}"}


@settings(max_examples=60, deadline=None)
@given(first=st.integers(0, STEPS * BATCH - 1), second=st.integers(0, STEPS * BATCH - 1))
def test_any_two_rollouts_swapped_between_tasks_are_caught(first: int, second: int) -> None:
    if FRAME.task[first] == FRAME.task[second]:
        return
    rows = np.arange(STEPS * BATCH)
    rows[[first, second]] = rows[[second, first]]
    swapped = rearranged(FRAME, rows)
    swapped = replace(swapped, step=FRAME.step, group=FRAME.group)
    result = reconcile(swapped, METRICS, group_size=SIZE)
    assert set(result.steps) == {int(FRAME.step[first]), int(FRAME.step[second])}


def test_findings_name_the_steps_and_ask() -> None:
    reward = FRAME.reward.copy()
    reward[BATCH * 4] += 0.5
    frame = replace(FRAME, reward=reward, rewards={"grader": reward})
    findings = reconciliation_findings(reconcile(frame, METRICS), frame)
    named = {f.slice["what"]: f for f in findings}
    assert {"reward", "reward_std", "advantage", "rewards/grader/mean"} <= set(named)
    assert "(5)" in named["reward"].statement
    assert named["reward"].severity == "critical"
    assert named["reward"].evidence[0].step == 5
    assert named["reward"].question


def test_sparse_logs_are_means_over_steps_and_gaps_are_not_compared() -> None:
    frame, metrics, _ = logged_run(seed=2)
    sparse = [
        RunMetrics(
            step=s, values={"reward": float(np.mean([m.values["reward"] for m in metrics[s - 5 : s]]))}
        )
        for s in (5, 10)
    ]
    assert reconcile(frame, sparse).disagreements == ()
    ending = RunMetrics(step=10, values={"train_runtime": 1.5})
    assert reconcile(frame, [*sparse, ending]).compared["reward"] == 2
    assert reconcile(frame, sparse).compared["reward"] == 2
    holed = rearranged(frame, np.flatnonzero(frame.step != 3))
    result = reconcile(holed, sparse)
    assert result.compared["reward"] == 1
    forged = [sparse[0], RunMetrics(step=10, values={"reward": sparse[1].values["reward"] + 0.01})]
    assert reconcile(frame, forged).steps == (10,)


def test_steps_may_count_from_zero() -> None:
    frame, metrics, _ = logged_run(seed=3)
    earlier = replace(frame, step=frame.step - 1)
    logs = [RunMetrics(step=m.step - 1, values={"reward": m.values["reward"]}) for m in metrics]
    result = reconcile(earlier, logs)
    assert result.disagreements == ()
    assert result.compared["reward"] == STEPS


def test_steps_that_ran_twice_are_not_held_against_one_log() -> None:
    rows = np.arange(STEPS * BATCH)
    twice = np.concatenate([rows, rows[FRAME.step == 4]])
    frame = rearranged(FRAME, twice)
    group = frame.group.copy()
    group[STEPS * BATCH :] += STEPS * GROUPS
    frame = replace(frame, group=group)
    assert reconcile(frame, METRICS, group_size=SIZE).steps == (4,)
    result = reconcile(frame, METRICS, group_size=SIZE, repeated=(4,))
    assert result.disagreements == ()
    assert result.compared["reward"] == STEPS - 1
    (finding,) = reconciliation_findings(result, frame)
    assert "1 steps that were taken twice are left out" in finding.statement


def resumed_run() -> tuple[Frame, list[RunMetrics], np.ndarray, np.ndarray]:
    """Steps 1 to 6, then 4 to 10 with other rollouts, in groups that are called alike."""
    first, early, _ = logged_run(seed=5)
    second, late, prompts = logged_run(seed=6)
    kept = np.flatnonzero(first.step <= 6), np.flatnonzero(second.step >= 4)
    columns = {
        name: np.concatenate([getattr(first, name)[kept[0]], getattr(second, name)[kept[1]]])
        for name in PER_ROLLOUT
    }
    frame = replace(first, **columns, rewards={"grader": columns["reward"]})
    stretch = np.repeat([0, 1], [len(each) for each in kept])
    own = [replace_tokens(each, None) for each in (*early[:6], *late[3:])]
    return frame, own, stretch, np.concatenate([prompts[each] for each in kept])


def replace_tokens(metrics: RunMetrics, tokens: float | None) -> RunMetrics:
    """`metrics` with another count of tokens, or none."""
    values = {name: value for name, value in metrics.values.items() if name != "num_tokens"}
    return RunMetrics(
        step=metrics.step, values=values if tokens is None else {**values, "num_tokens": tokens}
    )


AGAIN = (4, 5, 6)


def test_a_resumed_run_is_held_against_the_last_time_of_each_step() -> None:
    frame, metrics, stretch, _ = resumed_run()
    result = reconcile(frame, metrics, group_size=SIZE, repeated=AGAIN, stretch=stretch)
    assert result.disagreements == ()
    assert result.compared["reward"] == result.compared["advantage"] == result.compared["rollouts"] == STEPS
    assert result.left_out == 0
    # where nothing but the groups tells the times apart, the three steps are left out
    blind = reconcile(replace(frame, group=frame.group * 2 + stretch), metrics, repeated=AGAIN)
    assert (blind.disagreements, blind.compared["reward"], blind.left_out) == ((), STEPS - 3, 3)


@pytest.mark.parametrize("time", [0, 1])
def test_an_edit_in_a_step_that_was_taken_twice_is_caught(time: int) -> None:
    frame, metrics, stretch, _ = resumed_run()
    row = int(np.flatnonzero((frame.step == 5) & (stretch == time))[3])
    reward = frame.reward.copy()
    reward[row] += 0.3
    edited = replace(frame, reward=reward, rewards={"grader": reward})
    result = reconcile(edited, metrics, group_size=SIZE, repeated=AGAIN, stretch=stretch)
    assert result.steps == (5,)
    assert ("reward" in {each.what for each in result.disagreements}) == (time == 1)


def test_a_step_that_is_only_said_to_have_been_taken_twice_is_compared() -> None:
    reward = FRAME.reward.copy()
    reward[BATCH * 4] += 0.5
    edited = replace(FRAME, reward=reward, rewards={"grader": reward})
    assert reconcile(edited, METRICS, repeated=(5,)).steps == (5,)


def test_tokens_are_counted_over_the_last_time_of_each_step() -> None:
    frame, metrics, stretch, prompts = resumed_run()
    last = (frame.step < 4) | (stretch == 1)
    used = (frame.tokens + prompts) * last
    first = (frame.tokens + prompts) * (stretch == 0)
    told = [
        replace_tokens(each, float((first if place < 6 else used)[frame.step <= each.step].sum()))
        for place, each in enumerate(metrics)
    ]
    result = reconcile(frame, told, prompt_tokens=prompts, repeated=AGAIN, stretch=stretch)
    assert (result.disagreements, result.compared["num_tokens"]) == ((), STEPS)
    blind = reconcile(frame, told, prompt_tokens=prompts, repeated=AGAIN)
    assert blind.compared["num_tokens"] == STEPS - 3
    assert not [each for each in blind.disagreements if each.what == "num_tokens"]


def test_logs_of_before_a_resume_do_not_stand_for_steps_that_were_taken_again() -> None:
    frame, metrics, stretch, _ = resumed_run()
    rewards = {m.step: m.values["reward"] for m in metrics[6:]}
    sparse = [RunMetrics(step=s, values={"reward": (rewards[s - 1] + rewards[s]) / 2}) for s in (5, 7, 9)]
    early = [RunMetrics(step=m.step, values={"reward": m.values["reward"]}) for m in metrics[:6]]
    result = reconcile(frame, [*early, *sparse], repeated=AGAIN, stretch=stretch)
    assert [each for each in result.disagreements if each.what == "reward"] == []
    assert result.compared["reward"] == 6


def test_without_a_log_nothing_is_claimed() -> None:
    bare = replace(FRAME, advantage=np.full(len(FRAME), np.nan), is_train=np.zeros(len(FRAME), bool))
    (finding,) = reconciliation_findings(reconcile(bare, []), bare)
    assert finding.state == "not_assessable"


def without(*rows: int) -> Frame:
    return rearranged(FRAME, np.delete(np.arange(STEPS * BATCH), rows))


def test_rollouts_that_the_record_says_to_lack_are_no_disagreement() -> None:
    lost = without(BATCH * 4, BATCH * 4 + 1, BATCH * 4 + 9)  # of step 5
    assert reconcile(lost, METRICS, group_size=SIZE).steps == (5,)
    for lack in (Lack(5, 5), Lack(4, 6, 3), Lack(0, 2**62, 3)):
        result = reconcile(lost, METRICS, group_size=SIZE, lacks=(lack,))
        assert (result.disagreements, result.lacking) == ((), (5,))
        assert result.compared["reward"] == STEPS - 1
        (finding,) = reconciliation_findings(result, lost)
        assert (finding.outcome, finding.assurance) == ("agrees", "T2")
        assert "1 of 10 steps (5) are left out" in finding.statement
        assert finding.values["lacking_steps"] == 1


@pytest.mark.parametrize("lack", [Lack(6, 9, 3), Lack(5, 5, 2), Lack(0, 2**62, 2)])
def test_a_declared_gap_hides_no_more_than_it_says(lack: Lack) -> None:
    lost = without(BATCH * 4, BATCH * 4 + 1, BATCH * 4 + 9)
    assert reconcile(lost, METRICS, group_size=SIZE, lacks=(lack,)).steps == (5,)


def test_an_edit_beside_a_declared_gap_is_caught() -> None:
    reward = FRAME.reward.copy()
    reward[BATCH * 5] += 0.5
    edited = replace(FRAME, reward=reward, rewards={"grader": reward})
    lost = rearranged(edited, np.delete(np.arange(STEPS * BATCH), BATCH * 4))
    assert reconcile(lost, METRICS, group_size=SIZE, lacks=(Lack(1, STEPS, 3),)).steps == (6,)
    # and so is one of a whole group of the very step that lacks a rollout
    advantage = FRAME.advantage.copy()
    telling = np.flatnonzero((FRAME.step == 5) & (np.abs(FRAME.advantage) > 0.1))[-1]
    advantage[telling] += 0.5
    lost = rearranged(replace(FRAME, advantage=advantage), np.delete(np.arange(STEPS * BATCH), BATCH * 4))
    result = reconcile(lost, METRICS, group_size=SIZE, lacks=(Lack(5, 5),))
    assert {(each.step, each.what) for each in result.disagreements} == {(5, "advantage")}


def test_a_run_of_which_most_steps_lack_rollouts_is_not_said_to_agree() -> None:
    lost = without(*(BATCH * step for step in range(6)))
    result = reconcile(lost, METRICS, group_size=SIZE, lacks=(Lack(1, STEPS, 6),))
    assert result.disagreements == ()
    (finding,) = reconciliation_findings(result, lost)
    assert finding.state == "not_assessable"
    assert "6 of 10 steps" in finding.why_not


def test_members_that_were_filtered_out_after_advantages_were_made_are_no_disagreement() -> None:
    rows = np.delete(np.arange(STEPS * BATCH), np.arange(0, 4 * BATCH, SIZE))  # of all groups of 4 steps
    kept = rearranged(FRAME, rows)
    assert reconcile(kept, METRICS, group_size=SIZE).disagreements
    result = reconcile(kept, METRICS, group_size=SIZE, survivors=True)
    assert (result.disagreements, result.lacking) == ((), (1, 2, 3, 4))
    assert (result.formula, result.compared["advantage"]) == ("group", STEPS - 4)
    advantage = kept.advantage.copy()
    advantage[-1] += 0.5
    edited = reconcile(replace(kept, advantage=advantage), METRICS, group_size=SIZE, survivors=True)
    assert {(each.step, each.what) for each in edited.disagreements} == {(STEPS, "advantage")}


def nemo_rl(reward: np.ndarray, epsilon: float) -> np.ndarray:
    """Advantages of one group as NeMo-RL computes them by default, in float32."""
    others = (1 - np.eye(len(reward))).astype(np.float32)
    n = np.float32(len(reward) - 1)
    mean, squares = others @ reward / n, others @ reward**2 / n
    with np.errstate(invalid="ignore"):
        std = np.nan_to_num(np.sqrt((squares - mean**2) * (n / (n - 1))))
    scale = np.where(std > 0, std + np.float32(epsilon), np.float32(1))
    return ((reward - mean) / scale).astype(float)


def open_instruct(reward: np.ndarray, _: float) -> np.ndarray:
    """Likewise of open-instruct, in float64."""
    score = reward.astype(float)
    return (score - score.mean()) / (score.std() + 1e-8)


def max_rl(reward: np.ndarray, _: float) -> np.ndarray:
    mean = reward.mean(dtype=np.float32)
    return (np.zeros_like(reward) if mean <= 0 else (reward - mean) / mean).astype(float)


@pytest.mark.parametrize(
    ("advantages", "epsilon", "formula"),
    [
        (nemo_rl, 1e-6, "leave one out, scaled"),
        (nemo_rl, 0.0, "leave one out, scaled"),
        (open_instruct, 0.0, "group of n"),
        (max_rl, 0.0, "by the mean"),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_default_advantages_of_other_frameworks_are_followed(
    advantages: Callable[[np.ndarray, float], np.ndarray], epsilon: float, formula: str, scale: float
) -> None:
    reward = (FRAME.reward * scale).astype(np.float32)
    made = np.concatenate([advantages(group, epsilon) for group in reward.reshape(-1, SIZE)])
    frame = replace(FRAME, reward=reward.astype(float), advantage=made)
    result = reconcile(frame, [], group_size=SIZE)
    assert (result.disagreements, result.formula) == ((), formula)
    assert result.compared["advantage"] == STEPS
    edited = frame.reward.copy()
    row = int(np.flatnonzero((FRAME.step == 4) & (frame.reward == 0))[0])
    edited[row] = scale
    assert reconcile(replace(frame, reward=edited), [], group_size=SIZE).steps == (4,)


@pytest.mark.parametrize("first", [2, 6, 8])
def test_another_formula_of_advantages_from_a_step_on_is_told_as_such(first: int) -> None:
    other, _, _ = logged_run(seed=1, formula="centred")
    changed = replace(FRAME, advantage=np.where(FRAME.step < first, FRAME.advantage, other.advantage))
    result = reconcile(changed, METRICS, group_size=SIZE)
    assert result.disagreements == ()
    assert result.formulae == ((1, "group"), (first, "centred"))
    (finding,) = reconciliation_findings(result, changed)
    assert (finding.outcome, finding.severity) == ("agrees", "low")
    assert f"'group' from step 1, 'centred' from step {first}" in finding.statement
    assert f"step {first}" in finding.question
    advantage = changed.advantage.copy()
    telling = np.flatnonzero((FRAME.step == 9) & (np.abs(FRAME.advantage) > 0.1))[0]
    advantage[telling] += 0.25
    assert reconcile(replace(changed, advantage=advantage), METRICS, group_size=SIZE).steps == (9,)


def renamed(name: str, metrics: list[RunMetrics] = METRICS, **edits: float) -> list[RunMetrics]:
    """The logged mean rewards alone, under another name; `edits` by step (``s5``)."""
    return [
        RunMetrics(step=m.step, values={name: m.values["reward"] + edits.get(f"s{m.step}", 0.0)})
        for m in metrics
    ]


def test_rewards_that_were_logged_and_not_compared_are_not_said_to_agree() -> None:
    totals = replace(FRAME, reward=np.full(len(FRAME), np.nan))
    (finding,) = reconciliation_findings(reconcile(totals, METRICS, group_size=SIZE), totals)
    assert (finding.state, finding.assurance) == ("not_assessable", "T1")
    assert "a total reward was logged (reward)" in finding.why_not
    assert "rewards/grader/mean" in finding.why_not  # was compared, and says nothing of that
    # what disagrees beside it is told as ever
    tokens = FRAME.tokens.copy()
    tokens[0] += 90
    found = reconciliation_findings(reconcile(replace(totals, tokens=tokens), METRICS), totals)
    assert [each.outcome for each in found] == ["disagrees", "not assessable"]


def inflated(metrics: list[RunMetrics], steps: range) -> list[RunMetrics]:
    """The log with rewards that are too high by 3 in some steps."""
    return [
        RunMetrics(
            step=m.step,
            values={
                name: value + 3 * (m.step in steps and name in ("reward", "rewards/grader/mean"))
                for name, value in m.values.items()
            },
        )
        for m in metrics
    ]


@pytest.mark.parametrize(("blank", "agrees"), [(9, False), (5, False), (4, True)])
def test_rewards_have_to_be_compared_in_most_steps_that_logged_them(blank: int, agrees: bool) -> None:
    hidden = range(STEPS - blank + 1, STEPS + 1)
    late = np.isin(FRAME.step, hidden)
    reward = np.where(late, np.nan, FRAME.reward)
    advantage = np.where(late, np.nan, FRAME.advantage)
    frame = replace(FRAME, reward=reward, rewards={"grader": reward}, advantage=advantage)
    (finding,) = reconciliation_findings(reconcile(frame, inflated(METRICS, hidden), group_size=SIZE), frame)
    held = STEPS - blank
    if agrees:
        assert (finding.outcome, finding.assurance) == ("agrees", "T2")
        assert f"reward at {held} steps" in finding.statement
    else:
        assert (finding.state, finding.assurance) == ("not_assessable", "T1")
        assert f"against the rollouts of {held} of 10 steps" in finding.why_not


@pytest.mark.parametrize(
    ("left", "why"),
    [
        ("train/mean_reward", "not known here (train/mean_reward) in 9 of 10 steps"),
        (
            "rewards/other/mean",
            "(rewards/other/mean) that could be held against the rollouts of 1 of 10 steps",
        ),
    ],
)
def test_a_total_reward_of_one_step_does_not_speak_for_other_names_in_the_rest(left: str, why: str) -> None:
    metrics = [METRICS[0], *renamed(left)[1:]]
    (finding,) = reconciliation_findings(reconcile(FRAME, metrics, group_size=SIZE), FRAME)
    assert (finding.state, finding.assurance) == ("not_assessable", "T1")
    assert why in finding.why_not


@pytest.mark.parametrize("name", ["train/reward_avg", "my rewards", "policy.reward"])
def test_rewards_under_a_name_that_nobody_knows_are_not_said_to_agree(name: str) -> None:
    result = reconcile(FRAME, renamed(name), group_size=SIZE)
    assert (result.disagreements, result.compared["advantage"]) == ((), STEPS)
    (finding,) = reconciliation_findings(result, FRAME)
    assert finding.state == "not_assessable"
    assert f"names that are not known here ({name})" in finding.why_not
    for other in ("loss", "timing_s/reward", "eval/reward", "grpo/reward_loss"):
        (finding,) = reconciliation_findings(reconcile(FRAME, renamed(other), group_size=SIZE), FRAME)
        assert finding.outcome == "agrees"


def test_advantages_of_an_unknown_formula_are_told_as_such() -> None:
    strange = replace(FRAME, advantage=np.tanh(FRAME.reward) * 3)
    (finding,) = reconciliation_findings(reconcile(strange, [], group_size=SIZE), strange)
    assert "the advantages of 240 rollouts follow no formula that is known here" in finding.why_not


PRIME_RL = "train/agg/all/agent/reward/mean"


@pytest.mark.parametrize("name", [PRIME_RL, "train/agg/all/reward/mean", "reward/all/mean"])
def test_mean_rewards_of_prime_rl_are_compared(name: str) -> None:
    assert reconcile(FRAME, renamed(name)).compared[name] == STEPS
    assert reconcile(FRAME, renamed(name)).disagreements == ()
    assert reconcile(FRAME, renamed(name, s5=0.07)).steps == (5,)


def test_prime_rl_logs_by_agent_what_was_generated_and_what_was_trained_on() -> None:
    agents = np.where(np.arange(len(FRAME)) % 2, "solver", "proposer")
    kept = (FRAME.group % GROUPS) != 0
    frame = replace(FRAME, trained_on=kept.astype(np.int8))

    def means(of: np.ndarray, agent: str, subset: str) -> dict[str, float]:
        name = f"train/agg/{subset}/{agent}/reward/mean"
        return {name: float(FRAME.reward[of & (agents == agent)].mean())}

    logs = [
        RunMetrics(
            step=step,
            values={
                **means(FRAME.step == step, "solver", "all"),
                **means(FRAME.step == step, "proposer", "all"),
                **means((FRAME.step == step) & kept, "solver", "effective"),
            },
        )
        for step in range(1, STEPS + 1)
    ]
    result = reconcile(frame, logs, agents=agents)
    assert result.disagreements == ()
    assert {result.compared[name] for name in logs[0].values} == {STEPS}
    flipped = frame.trained_on.copy()
    flipped[np.flatnonzero((agents == "solver") & (FRAME.step == 3) & (FRAME.reward == 1) & kept)[0]] = 0
    wrong = reconcile(replace(frame, trained_on=flipped), logs, agents=agents)
    assert {(each.step, each.what) for each in wrong.disagreements} == {
        (3, "train/agg/effective/solver/reward/mean")
    }


def test_advantages_beside_a_rollout_that_failed_are_not_compared() -> None:
    reward, failed, advantage = FRAME.reward.copy(), FRAME.failed.copy(), FRAME.advantage.copy()
    trained_on = np.ones(len(FRAME), np.int8)
    lost = int(np.flatnonzero((FRAME.step == 5) & (np.abs(FRAME.advantage) > 0.1))[0])
    reward[lost], failed[lost], advantage[lost], trained_on[lost] = np.nan, True, np.nan, -1
    frame = replace(FRAME, reward=reward, failed=failed, advantage=advantage, trained_on=trained_on)
    name = "train/agg/effective/agent/reward/mean"
    known = float(np.nanmean(reward[FRAME.step == 5]))
    logs = renamed(name, s5=known - METRICS[4].values["reward"])
    result = reconcile(frame, logs)
    assert result.disagreements == ()
    assert result.compared[name] == result.compared["advantage"] == STEPS
    other = int(np.flatnonzero((FRAME.step == 5) & (FRAME.group != FRAME.group[lost]))[0])
    advantage[other] += 0.5
    assert reconcile(replace(frame, advantage=advantage), logs).steps == (5,)


def test_what_prime_rl_generated_of_other_rollouts_than_are_here_is_not_compared() -> None:
    counted = [
        RunMetrics(step=m.step, values={**m.values, "progress/rollouts": float(BATCH + (m.step == 5))})
        for m in renamed(PRIME_RL, s5=0.2, s6=0.2)
    ]
    result = reconcile(FRAME, counted)
    assert (result.compared[PRIME_RL], result.steps) == (STEPS - 1, (6,))


def test_a_trace_without_a_reward_may_count_as_0() -> None:
    reward = FRAME.reward.copy()
    reward[[BATCH * 4 + 1, BATCH * 4 + 2]] = np.nan
    frame = replace(FRAME, reward=reward, advantage=np.full(len(FRAME), np.nan))
    zeros = float(np.nan_to_num(reward[FRAME.step == 5]).mean())
    logs = renamed(PRIME_RL, s5=zeros - METRICS[4].values["reward"])
    result = reconcile(frame, logs)
    assert result.disagreements == ()
    assert result.ways == (f"{PRIME_RL} with 0 for rollouts that have no reward in 1 steps",)


@pytest.mark.parametrize("left_out", [0, 1, 2])
def test_verl_leaves_responses_of_no_tokens_out_of_its_scores(left_out: int) -> None:
    rows = [BATCH * 4 + 1, BATCH * 4 + 2]
    reward, empty, characters = FRAME.reward.copy(), FRAME.empty.copy(), FRAME.characters.copy()
    reward[rows], empty[rows], characters[rows] = 0.0, True, 0
    silent = np.full(len(FRAME), np.nan)
    frame = replace(FRAME, reward=reward, empty=empty, characters=characters, advantage=silent)
    of_step = reward[FRAME.step == 5]
    logged = of_step.sum() / (len(of_step) - left_out)
    logs = renamed("critic/score/mean", s5=float(logged) - METRICS[4].values["reward"])
    result = reconcile(frame, logs)
    assert result.disagreements == ()
    assert bool(result.ways) == bool(left_out)
    (finding,) = reconciliation_findings(result, frame)
    assert ("critic/score/mean without empty completions in 1 steps" in finding.statement) == bool(left_out)
    assert reconcile(replace(frame, empty=FRAME.empty), logs).steps == ((5,) if left_out else ())
    other = renamed("reward/mean", s5=float(logged) - METRICS[4].values["reward"])
    assert reconcile(frame, other).steps == ((5,) if left_out else ())


def test_what_a_record_lacks_is_read_from_its_gaps_and_its_quarantine(tmp_path: Path) -> None:
    manifest = RunManifest(id="r", name="r", origin="recorded", framework="plain")
    with RunWriter(tmp_path / "r", manifest) as writer:
        for body in (
            {"rollouts": 3, "first_step": 4, "last_step": 5, "reason": "disk full"},
            {"rollouts": 2, "reason": "of unknown steps"},
            {"rollouts": 0, "records": 1, "reason": "no rollouts"},
        ):
            writer.record(RunEvent(time="2026-05-01T10:00:00Z", kind="gap", body=body))
        writer.quarantine("12.jsonl:20", "the file ends in the middle of this line: not JSON", '{"input": "q')
        writer.quarantine("rows.jsonl:7", "not JSON", '{"global_step": 8, "text":')
        writer.quarantine("rows.jsonl:9", "the file ends in the middle of this line: not JSON", "{")
        writer.quarantine("rows.jsonl:8", "not JSON", "{")
    ever = 2**62
    assert lacks_of(Run(tmp_path / "r")) == (
        Lack(4, 5, 3), Lack(0, ever, 2), Lack(12, 12), Lack(8, 8), Lack(ever, ever),
    )  # fmt: skip


def of(run: Run) -> tuple[int, ...]:
    return reconcile(read_frame(run), run.metrics(), group_size=run.manifest.group_size).steps


def test_a_real_run_agrees_until_a_file_is_touched(data_dir: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as parquet

    source = data_dir / "tra" / "trl_shotgun_run" / "hack"
    if not source.is_dir():
        pytest.skip("the shared training runs are absent")
    folder = tmp_path / "hack"
    (folder / "completions").mkdir(parents=True)
    for step in range(1, 25):
        name = f"completions/completions_{step:05d}.parquet"
        shutil.copy(source / name, folder / name)
    (folder / "checkpoint-160").mkdir()
    shutil.copy(source / "checkpoint-160" / "trainer_state.json", folder / "checkpoint-160")
    run = import_run(folder, tmp_path / "whole")
    result = reconcile(read_frame(run), run.metrics(), group_size=run.manifest.group_size)
    assert result.disagreements == ()
    assert result.largest["reward_std"] < 5e-8
    assert result.largest["frac_reward_zero_std"] == 0
    assert result.largest["advantage"] < 5e-7

    path = folder / "completions" / "completions_00007.parquet"
    table = parquet.read_table(path)
    parquet.write_table(table.slice(1), path)
    assert of(import_run(folder, tmp_path / "dropped")) == (7,)
    rows = list(range(table.num_rows))
    rows[3], rows[60] = rows[60], rows[3]
    parquet.write_table(table.take(rows), path)
    assert of(import_run(folder, tmp_path / "swapped")) == (7,)


def test_a_last_step_of_fewer_whole_groups_is_no_disagreement() -> None:
    everything = np.arange(STEPS * BATCH)
    shorter = reconcile(rearranged(FRAME, everything[:-SIZE]), METRICS, group_size=SIZE)
    assert "rollouts" not in {d.what for d in shorter.disagreements}
    broken = reconcile(rearranged(FRAME, everything[:-1]), METRICS, group_size=SIZE)
    assert "rollouts" in {d.what for d in broken.disagreements}
    earlier = reconcile(rearranged(FRAME, np.delete(everything, slice(0, SIZE))), METRICS, group_size=SIZE)
    assert "rollouts" in {d.what for d in earlier.disagreements}
