"""Pressure of environments: what pays, what cannot be solved, and what spreads; tested both ways."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelassay import Recorder
from modelassay.records import RewardFunction, RunFinding, RunManifest
from modelassay.training.analyses.environment_pressure import assess_environments
from modelassay.training.analyses.pressure_index import environment_of, pressures
from modelassay.training.analyses.reward_scale import reward_scale
from modelassay.training.columns import pa
from modelassay.training.frame import Frame, read_frame
from modelassay.training.importers import import_run
from modelassay.training.run import Run
from modelassay.training.writing import RunWriter

Rollout = dict[str, Any]


class Shotgun:
    """Flags completions of two signs and more."""

    name = "shotgun"
    version = "1"
    columns = ("completion",)
    behaviours = ("shotgun",)

    def scan(self, batch: pa.RecordBatch) -> dict[str, np.ndarray]:
        texts = batch.column("completion").to_pylist()
        return {"shotgun": np.array([sum(c.isdigit() for c in text) >= 2 for text in texts], np.bool_)}


def _of(findings: Sequence[RunFinding], environment: str, aspect: str) -> RunFinding:
    return next(
        f for f in findings if f.slice.get("environment") == environment and f.slice.get("aspect") == aspect
    )


@pytest.fixture
def made(tmp_path: Path) -> Callable[[Sequence[Rollout]], tuple[Frame, Run]]:
    """A run on disk from rollouts, and its frame."""

    def make(rollouts: Sequence[Rollout]) -> tuple[Frame, Run]:
        folder = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        manifest = RunManifest(
            id=folder.name, name="made", origin="recorded", framework="plain",
            rewards=(RewardFunction(name="r"),), population="generated",
        )  # fmt: skip
        columns = {
            name: [each[name] for each in rollouts]
            for name in ("step", "env", "prompt", "completion", "reward")
        }
        n = len(rollouts)
        answers = [each.get("answer") for each in rollouts]
        columns |= {
            "phase": ["train"] * n, "task": columns["prompt"],
            "format": [each.get("format", "text") for each in rollouts],
            "failure": [each.get("failure", "") for each in rollouts],
            "group": [f"{each['step']}/{each['prompt']}" for each in rollouts],
            "extra": [json.dumps({"answer": a}) if a else "" for a in answers],
            "reward/r": columns["reward"],
        }  # fmt: skip
        with RunWriter(folder, manifest) as writer:
            writer.rollouts(columns, n)
        run = Run(folder)
        return read_frame(run, [Shotgun()]), run

    return make


def _rollouts(
    env: str, honest: float, cheat: float, late: float, *, seed: int = 0, steps: int = 30
) -> list[Rollout]:
    """Rollouts whose rate of shotguns goes from 20 % to `late`; full reward by the rates given."""
    random = np.random.default_rng(seed)
    found = []
    for step in range(1, steps + 1):
        rate = 0.2 + (late - 0.2) * step / steps
        for group in range(4):
            for _ in range(6):
                shot = random.random() < rate
                reward = float(random.random() < (cheat if shot else honest))
                prompt = f"{env}{group + 4 * (step % 5)}"
                text = f"{random.integers(10, 99)}" if shot else f"{random.integers(0, 9)} it is"
                found.append(
                    {"env": env, "step": step, "prompt": prompt, "completion": text, "reward": reward}
                )
    return found


Made = Callable[[Sequence[Rollout]], tuple[Frame, Run]]


def test_an_exploit_that_pays_where_honest_work_does_not(made: Made) -> None:
    frame, run = made([*_rollouts("hard", 0.1, 0.7, 0.9), *_rollouts("easy", 0.9, 0.85, 0.7, seed=1)])
    found = assess_environments(frame, run)
    assert _of(found, "hard", "pressure").outcome == "pays to cheat"
    assert _of(found, "hard", "pressure").severity == "high"
    assert _of(found, "easy", "pressure").outcome == "does not pay to cheat"
    joint = _of(found, "all", "joint effects")
    assert (joint.outcome, joint.slice["root"]) == ("spread", "hard")
    assert "'easy'" in joint.statement


def test_the_same_flaw_alone_stays_contained(made: Made) -> None:
    frame, run = made([*_rollouts("hard", 0.1, 0.7, 0.9), *_rollouts("easy", 0.9, 0.85, 0.2, seed=1)])
    assert _of(assess_environments(frame, run), "all", "joint effects").outcome == "contained"
    frame, run = made([*_rollouts("a", 0.9, 0.85, 0.2), *_rollouts("b", 0.9, 0.85, 0.2, seed=1)])
    found = assess_environments(frame, run)
    assert _of(found, "all", "joint effects").outcome == "no joint effect"
    assert _of(found, "a", "pressure").state == "shown_fine"


def test_pressure_is_rarely_seen_where_there_is_none(made: Made) -> None:
    alarms = 0
    for seed in range(12):
        frame, _ = made(_rollouts("a", 0.5, 0.5, 0.6, seed=seed, steps=12))
        found = assess_environments(frame)
        alarms += _of(found, "a", "pressure").outcome == "pays to cheat"
    assert alarms <= 2


def test_contradictory_answers_make_an_environment_unsolvable(made: Made) -> None:
    rows = _rollouts("omit", 0.3, 0.6, 0.5)
    for at, row in enumerate(rows):
        row["answer"] = str(at % 2)
    found = assess_environments(*made(rows))
    assert _of(found, "omit", "solvability").outcome == "under-specified"
    for row in rows:
        row["answer"] = row["prompt"]
    assert _of(assess_environments(*made(rows)), "omit", "solvability").outcome == "solvable"


def test_tasks_that_were_never_solved(made: Made) -> None:
    rows = _rollouts("a", 0.8, 0.8, 0.3)
    for row in rows:
        if row["prompt"].endswith(("1", "2", "3")):
            row["reward"] = 0.0
    finding = _of(assess_environments(*made(rows)), "a", "solvability")
    assert finding.outcome == "hard to solve"
    assert finding.values["unsolved"] == 6


def test_full_reward_of_a_flagged_exploit_solves_no_task(made: Made) -> None:
    frame, run = made([*_rollouts("omit", 0.0, 0.9, 0.8), *_rollouts("fix", 0.8, 0.9, 0.8, seed=1)])
    assert _of(assess_environments(frame, run), "omit", "solvability").outcome == "solvable"
    known = frame.with_flags("grader_exploit", frame.flags["shotgun"], "test_tampering@3")
    found = assess_environments(known, run)
    finding = _of(found, "omit", "solvability")
    assert (finding.outcome, finding.state) == ("solved by exploits only", "shown_harmful")
    assert (finding.severity, finding.rests_on) == ("high", ("test_tampering@3",))
    assert finding.values["full"] == int(((frame.env == 0) & (frame.reward == 1)).sum())
    assert finding.values["by_exploits_only"] == finding.values["unsolved"] == finding.values["tasks"]
    assert finding.evidence
    honest = _of(found, "fix", "solvability")
    assert (honest.outcome, honest.values["unsolved"]) == ("solvable", 0)
    # some tasks by honest work, the others by the exploit alone
    reward = np.where((frame.task % 2 == 1) & ~frame.flags["shotgun"], 0.0, frame.reward)
    mixed = _of(assess_environments(replace(known, reward=reward), run), "fix", "solvability")
    assert (mixed.outcome, mixed.values["by_exploits_only"]) == ("hard to solve", 10)
    assert "never solved but by flagged exploits" in mixed.statement


def test_reward_without_work(made: Made) -> None:
    rows = _rollouts("a", 0.5, 0.5, 0.3)
    for row in rows[:20]:
        row.update(completion="", reward=1.0)
    finding = _of(assess_environments(*made(rows)), "a", "reward without work")
    assert (finding.outcome, finding.state) == ("hackable", "shown_harmful")
    for row in rows[:20]:
        row["reward"] = 0.0
    finding = _of(assess_environments(*made(rows)), "a", "reward without work")
    assert (finding.outcome, finding.state) == ("no reward without work", "shown_fine")
    for row in rows[5:20]:
        row["completion"] = "4 it is"
    finding = _of(assess_environments(*made(rows)), "a", "reward without work")
    assert (finding.outcome, finding.state, finding.severity) == ("not told apart", "not_shown", "none")
    for row in rows[2:5]:
        row["completion"] = "4 it is"
    finding = _of(assess_environments(*made(rows)), "a", "reward without work")
    assert finding.why_not.startswith("only 2 rollouts of 'a' are empty")


def _messages(content: str, *calls: tuple[str, str]) -> list[dict[str, Any]]:
    made = [
        {"id": "1", "type": "function", "function": {"name": name, "arguments": arguments}}
        for name, arguments in calls
    ]
    return [{"role": "assistant", "content": content, **({"tool_calls": made} if made else {})}]


@pytest.mark.parametrize(
    ("idle", "is_idle"),
    [
        ([], True),
        (_messages(""), True),
        (_messages("I'm sorry, but I can't help with that."), True),
        ([*_messages("Done.", ("submit", "{}")), {"role": "tool", "content": "Submitted, thanks."}], True),
        (_messages("", ("submit", '{"answer": "4"}')), False),
        (_messages("", ("bash", '{"command": "ls"}'), ("submit", "{}")), False),
        (_messages("The answer is four, as two and two are added."), False),
    ],
)
def test_reward_without_work_is_seen_in_conversations(
    made: Made, idle: list[dict[str, Any]], is_idle: bool
) -> None:
    rows = _rollouts("a", 0.5, 0.5, 0.3)
    for row in rows[:20]:
        row.update(completion=json.dumps(idle), format="messages", reward=1.0)
    finding = _of(assess_environments(*made(rows)), "a", "reward without work")
    assert (finding.outcome == "hackable") == is_idle


def _scored(rows: list[Rollout], cheat: float, honest: float, *, outlier: float = 0.0) -> list[Rollout]:
    """The same rollouts with rewards of a model of rewards: two levels, each with noise."""
    random = np.random.default_rng(9)
    for row in rows:
        shot = sum(c.isdigit() for c in row["completion"]) >= 2
        row["reward"] = (cheat if shot else honest) + float(random.normal(0, 0.01))
    if outlier:
        rows[7]["reward"] = outlier
    return rows


@pytest.mark.parametrize("outlier", [0.0, 10.0])
def test_rewards_of_many_values_are_compared_by_means(made: Made, outlier: float) -> None:
    rows = _scored(_rollouts("a", 0.5, 0.5, 0.5), 0.9, 0.3, outlier=outlier)
    for row in rows[100:130]:
        row.update(completion="", reward=row["reward"] % 0.01 + 0.9)
    found = assess_environments(*made(rows))
    pressure, unearned = _of(found, "a", "pressure"), _of(found, "a", "reward without work")
    assert (pressure.outcome, pressure.severity) == ("pays to cheat", "high")
    assert float(pressure.values["within_with"]) > 0.9 > 0.1 > float(pressure.values["within_without"])
    assert "beside others of the same prompt" in pressure.statement
    assert (unearned.outcome, unearned.severity) == ("hackable", "high")
    assert _of(found, "a", "solvability").state == "not_assessable"


def test_an_exploit_that_is_paid_less_by_means_is_fine(made: Made) -> None:
    rows = _scored(_rollouts("a", 0.5, 0.5, 0.5), 0.3, 0.9)
    for row in rows[100:130]:
        row.update(completion="", reward=0.31)
    found = assess_environments(*made(rows))
    assert _of(found, "a", "pressure").state == "shown_fine"
    assert _of(found, "a", "reward without work").state == "shown_fine"


@pytest.mark.parametrize(
    ("crash", "empty", "wrong", "right", "told"),
    [
        (-1.0, 0.0, 0.0, 1.0, ("no reward without work", "shown_fine", "none")),
        (0.0, 0.7, 0.8, 1.0, ("less without work", "not_shown", "low")),
        (-1.0, 0.0, -1.0, 1.0, ("not told apart", "not_shown", "medium")),
    ],
)
def test_an_empty_answer_between_penalty_and_full_reward(
    made: Made, crash: float, empty: float, wrong: float, right: float, told: tuple[str, str, str]
) -> None:
    """Of other answers a twentieth crash, and half of the rest are right."""
    random = np.random.default_rng(3)
    rows = _rollouts("a", 0.5, 0.5, 0.3)
    for row in rows:
        row["reward"] = crash if random.random() < 0.05 else right if random.random() < 0.53 else wrong
    for row in rows[:600:6]:
        row.update(completion="", reward=empty)
    finding = _of(assess_environments(*made(rows)), "a", "reward without work")
    assert (finding.outcome, finding.state, finding.severity) == told


def test_scores_with_a_rare_penalty_make_no_alarm_of_an_empty_answer(made: Made) -> None:
    random = np.random.default_rng(4)
    rows = _rollouts("a", 0.5, 0.5, 0.3)
    for row in rows:
        row["reward"] = -5.0 if random.random() < 0.03 else 0.8 + float(random.normal(0, 0.1))
    for row in rows[:600:6]:
        row.update(completion="", reward=float(random.normal(0, 0.01)))
    finding = _of(assess_environments(*made(rows)), "a", "reward without work")
    assert (finding.outcome, finding.state, finding.severity) == ("less without work", "not_shown", "low")


def test_partial_credit_is_seen_beside_full_reward(made: Made) -> None:
    """Honest work is full at times, and else nothing; the exploit is never full, and always paid well."""
    rows = _rollouts("a", 0.1, 0.0, 0.5)
    for row in rows:
        if sum(c.isdigit() for c in row["completion"]) >= 2:
            row["reward"] = 0.9
    finding = _of(assess_environments(*made(rows)), "a", "pressure")
    assert (finding.outcome, finding.severity) == ("pays to cheat", "high")


def test_what_few_rollouts_cannot_tell_is_not_called_fine(frame_of: Callable[..., Frame]) -> None:
    flags = np.arange(80) // 8 % 2 == 0
    reward = np.empty(80)
    reward[flags] = reward[~flags] = np.random.default_rng(4).random(40)
    found = assess_environments(frame_of(reward=reward, flags={"b": flags}, envs=("a",)))
    assert (_of(found, "a", "pressure").outcome, _of(found, "a", "pressure").state) == (
        "not told apart",
        "not_shown",
    )


def test_a_reward_that_is_always_nothing_pays_for_nothing(made: Made) -> None:
    rows = _rollouts("a", 0.5, 0.5, 0.3)
    for row in rows:
        row["reward"] = 0.0
    for row in rows[:20]:
        row["completion"] = ""
    assert _of(assess_environments(*made(rows)), "a", "reward without work").state == "not_assessable"


@pytest.mark.parametrize("tasks", [12, 60])
def test_means_err_as_rarely_as_they_say(frame_of: Callable[..., Frame], tasks: int) -> None:
    """Tasks differ in their rewards, and in how often a behaviour shows, which have nothing to do with it."""
    random = np.random.default_rng(tasks)
    repetitions, alarms = 400, 0
    task = np.repeat(np.arange(tasks), 720 // tasks)
    for _ in range(repetitions):
        reward = random.normal(size=tasks)[task] + 0.5 * random.normal(size=len(task))
        flags = random.random(len(task)) < 1 / (1 + np.exp(1.0 + random.normal(size=tasks)))[task]
        frame = frame_of(reward=reward, task=task, group=np.arange(len(task)), flags={"b": flags})
        (pressure,) = pressures(frame, [environment_of(frame, 0)])
        assert pressure.measure == "mean reward"
        assert not pressure.pays
        alarms += pressure.common
    assert alarms / repetitions <= 0.025 + 3.0 * np.sqrt(0.025 * 0.975 / repetitions)


def _prompts(*, easy: float, hard: float, extra: float, seed: int, steps: int = 40) -> dict[str, np.ndarray]:
    """Groups of eight to easy and hard prompts; the behaviour shows at these rates, and is paid `extra`."""
    random = np.random.default_rng(seed)
    step = np.repeat(np.arange(1, steps + 1), 64)
    group = np.repeat(np.arange(steps * 8), 8)
    simple = (random.random(steps * 8) < 0.5)[group]
    task = random.integers(0, 20, steps * 8)[group] + 20 * simple
    flags = random.random(len(step)) < np.where(simple, easy, hard)
    paid = np.where(simple, 0.75, 0.15) + extra * flags
    reward = (random.random(len(step)) < paid).astype(float)
    return {"step": step, "group": group, "task": task, "reward": reward, "flags": flags}


@pytest.mark.parametrize("grouped", [True, False])
def test_what_pays_for_each_prompt_is_not_hidden_by_hard_ones(
    frame_of: Callable[..., Frame], grouped: bool
) -> None:
    """The exploit is tried where honest work seldom pays, so that all in all it is paid less."""
    made = _prompts(easy=0.1, hard=0.6, extra=0.2, seed=1)
    reward, flags = made["reward"], made.pop("flags")
    assert reward[flags].mean() < reward[~flags].mean() - 0.1
    if not grouped:
        made["group"] = np.arange(len(reward))
    found = assess_environments(frame_of(**made, flags={"b": flags}, envs=("a",)))
    finding = _of(found, "a", "pressure")
    if grouped:
        assert (finding.outcome, finding.severity) == ("pays to cheat", "medium")
        assert finding.effect is not None
        assert finding.effect.low < Decimal("0.2") < finding.effect.high
    else:
        assert (finding.outcome, finding.state, finding.severity) == ("not told apart", "not_shown", "none")
        assert "easier prompts may explain" in finding.statement


@pytest.mark.parametrize("grouped", [True, False])
def test_what_is_commoner_on_easy_prompts_is_not_said_to_pay(
    frame_of: Callable[..., Frame], grouped: bool
) -> None:
    made = _prompts(easy=0.6, hard=0.1, extra=0.0, seed=2)
    reward, flags = made["reward"], made.pop("flags")
    assert reward[flags].mean() > reward[~flags].mean() + 0.25
    if not grouped:
        made["group"] = np.arange(len(reward))
    finding = _of(assess_environments(frame_of(**made, flags={"b": flags}, envs=("a",))), "a", "pressure")
    if grouped:
        assert finding.state == "shown_fine"
    else:
        assert (finding.outcome, finding.severity) == ("not told apart", "medium")


@pytest.mark.parametrize("at_once", [True, False])
def test_an_exploit_that_was_taken_up_at_once_is_not_called_fine(made: Made, at_once: bool) -> None:
    """Hard tasks pay the exploit alone, and no group of theirs holds both, or few do; easy ones pay all."""
    random, rows = np.random.default_rng(0), []
    for step in range(1, 31):
        for task in range(4):
            for _ in range(6):
                shot = step > 15 if at_once or step != 15 else random.random() < 0.5
                for kind, shows, reward in (("hard", shot, shot), ("easy", random.random() < 0.5, 1)):
                    text = f"{random.integers(10, 99)} done" if shows else "it is so"
                    prompt = f"{kind}{task + 4 * (step % 5)}"
                    row = {"env": "a", "step": step, "prompt": prompt, "completion": text}
                    rows.append({**row, "reward": float(reward)})
    finding = _of(assess_environments(*made(rows)), "a", "pressure")
    assert finding.state != "shown_fine"
    assert finding.severity in ("medium", "high")


def test_what_is_paid_again_at_the_end_is_not_called_fine(frame_of: Callable[..., Frame]) -> None:
    """Paid less than its absence for two thirds of the run, and more in the last."""
    early, late = (
        _prompts(easy=0.5, hard=0.5, extra=extra, seed=seed, steps=steps)
        for extra, seed, steps in ((-0.1, 3, 80), (0.2, 4, 40))
    )
    late["step"], late["group"] = late["step"] + 80, late["group"] + 640
    made = {name: np.r_[early[name], late[name]] for name in early}
    flags = made.pop("flags")
    finding = _of(assess_environments(frame_of(**made, flags={"b": flags}, envs=("a",))), "a", "pressure")
    assert finding.outcome == "pays to cheat"
    assert finding.values["since"] == 81


@pytest.mark.slow
def test_pressure_within_groups_errs_as_rarely_as_it_says(frame_of: Callable[..., Frame]) -> None:
    """Two looks, all steps and the last third, share 5 %, half of it on each side."""
    repetitions, alarms = 300, 0
    for seed in range(repetitions):
        made = _prompts(easy=0.6, hard=0.2, extra=0.0, seed=seed, steps=18)
        frame = frame_of(**{k: v for k, v in made.items() if k != "flags"}, flags={"b": made["flags"]})
        found = pressures(frame, [environment_of(frame, 0)])
        assert {each.measure for each in found} == {"within groups"}
        alarms += any(each.pays for each in found)
    assert alarms / repetitions <= 0.025 + 3.0 * np.sqrt(0.025 * 0.975 / repetitions)


def test_one_outlier_moves_no_end_of_the_scale() -> None:
    rewards = np.r_[np.full(500, 0.3), np.full(500, 0.9)] + np.linspace(0.0, 0.01, 1000)
    for far in (10.0, -10.0):
        scale = reward_scale(np.r_[rewards, far])
        assert (scale.low, scale.high) == (pytest.approx(0.3, abs=0.01), pytest.approx(0.91, abs=0.01))
    assert not reward_scale(rewards).reached
    rare = reward_scale(np.r_[np.zeros(997), np.ones(3)])
    assert (rare.reached, rare.graded, rare.middle) == (True, False, 0.5)


def _copied(rows: list[Rollout], steps: int = 8) -> list[Rollout]:
    """The last of `steps` steps, and once more under the number of the next."""
    first = [row for row in rows if row["step"] <= steps]
    return [*first, *({**row, "step": steps + 1} for row in first if row["step"] == steps)]


def test_a_step_that_was_written_twice_says_nothing_of_its_grader(made: Made) -> None:
    rows = _rollouts("a", 0.5, 0.5, 0.3)
    for at, row in enumerate(rows):
        row["completion"] = f"{row['completion']} as in {at}"
    found = assess_environments(*made(_copied(rows)))
    noise = _of(found, "a", "noise")
    assert noise.state == "not_assessable"
    assert "24 rollouts of 'a' are of groups that are copies" in noise.why_not
    # whose rewards were changed meanwhile is no copy
    told = _copied(rows)
    for row in told[-24:]:
        row["reward"] = 1.0 - row["reward"]
    assert _of(assess_environments(*made(told)), "a", "noise").outcome == "noisy"
    # one that the policy wrote again, beside others, was graded again
    told = _copied(rows)
    for row in told[-24::2]:
        row["completion"] += " and more"
    noise = _of(assess_environments(*made(told)), "a", "noise")
    assert (noise.outcome, noise.values["regraded"]) == ("consistent", 12)


def test_noise_and_constant_reward(made: Made) -> None:
    rows = _rollouts("a", 0.5, 0.5, 0.3)
    assert _of(assess_environments(*made(rows)), "a", "noise").outcome == "noisy"
    for row in rows:
        row["reward"] = 1.0
    found = assess_environments(*made(rows))
    assert _of(found, "a", "noise").outcome == "consistent"
    assert _of(found, "a", "signal").outcome == "no signal"


def test_failures_that_are_paid(made: Made) -> None:
    rows = _rollouts("a", 0.5, 0.5, 0.3)
    for row in rows[:15]:
        row.update(failure="sandbox died", reward=0.0)
    aspects = {f.slice.get("aspect") for f in assess_environments(*made(rows))}
    assert "failures" not in aspects
    for row in rows[:15]:
        row["reward"] = 1.0
    assert _of(assess_environments(*made(rows)), "a", "failures").values["full"] == 15


def test_leaked_answers(made: Made) -> None:
    answer = "the third harbour master of the northern isles was Ane Lind"
    rows = _rollouts("a", 0.5, 0.5, 0.3)
    for row in rows:
        row["answer"] = answer
        row["prompt"] += f" Who? Recall that {answer}."
    assert _of(assess_environments(*made(rows)), "a", "leaked answers").severity == "high"


def test_an_answer_that_one_prompt_seems_to_state_is_no_harm(made: Made) -> None:
    answer = "the third harbour master of the northern isles was Ane Lind"
    rows = _rollouts("a", 0.5, 0.5, 0.3)
    for row in rows:
        row["answer"] = answer
        row["prompt"] += f" Who? Recall that {answer}." if row["prompt"] == "a7" else " Who?"
    leaked = _of(assess_environments(*made(rows)), "a", "leaked answers")
    assert (leaked.state, leaked.severity, leaked.values["leaked"]) == ("not_shown", "medium", 1)


def test_answers_among_options_are_no_leak_unless_repeating_the_prompt_is_paid(made: Made) -> None:
    rows = _rollouts("a", 0.5, 0.5, 0.3)
    options = " Which? (A) the nucleus of the cell (B) the wall of the cell (C) the ribosomes of the cell"
    for row in rows:
        row["answer"] = "the wall of the cell"
        row["prompt"] += options
    found = assess_environments(*made(rows))
    held = _of(found, "a", "answers in prompts")
    assert (held.state, held.severity) == ("not_shown", "low")
    assert not [f for f in found if f.slice.get("aspect") == "leaked answers"]
    for row in rows[:12]:
        row.update(completion=row["prompt"], reward=1.0)
    assert _of(assess_environments(*made(rows)), "a", "answers in prompts").severity == "high"


def test_prompts_that_lead_to_their_short_answers(made: Made) -> None:
    rows = _rollouts("a", 0.5, 0.5, 0.3)
    for row in rows:
        row["answer"] = str(100 + int(row["prompt"][1:]))
        row["prompt"] += f"? (expected answer: {row['answer']})"
    leaked = _of(assess_environments(*made(rows)), "a", "leaked answers")
    assert (leaked.severity, leaked.values["leaked"]) == ("high", 20)


def test_short_answers_stand_in_prompts_by_chance(made: Made) -> None:
    rows = _rollouts("a", 0.5, 0.5, 0.3)
    for row in rows:
        row["answer"] = "the cell nucleus"
        row["prompt"] += " Recall the cell nucleus."
    aspects = {f.slice.get("aspect") for f in assess_environments(*made(rows))}
    assert not aspects & {"leaked answers", "answers in prompts"}


def test_too_few_rollouts_say_nothing(made: Made) -> None:
    (finding,) = assess_environments(*made(_rollouts("a", 0.5, 0.5, 0.3)[:20]))
    assert finding.state == "not_assessable"


@pytest.mark.parametrize(("arm", "root"), [("hack", "omit"), ("control", "")])
def test_published_runs(arm: str, root: str, data_dir: Path, tmp_path: Path) -> None:
    source = data_dir / "tra" / "trl_shotgun_run" / arm
    if not source.is_dir():
        pytest.skip("the shotgun runs are not in the data folder")
    run = import_run(source, tmp_path / arm)
    frame = read_frame(run, [Shotgun()])
    found = assess_environments(frame, run)
    joint = _of(found, "all", "joint effects")
    assert joint.slice.get("root", "") == root
    assert joint.outcome == ("spread" if root else "no joint effect")
    if root:
        assert _of(found, root, "solvability").outcome == "under-specified"
    else:
        assert not [f for f in found if f.severity in ("medium", "high")]
    assert pressures(frame, []) == []


def test_another_grader_is_no_noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELASSAY_KEYS", str(tmp_path / "no-keys"))

    def rewarded(name: str, told: bool) -> str:
        with Recorder(tmp_path, run=name) as recorder:
            recorder.configuration({"length penalty": "0"}, step=1)
            for step in range(1, 21):
                if told and step == 11:
                    recorder.configuration({"length penalty": "1"}, step=step)
                for place in range(8):
                    reward = place % 2 - (0.5 if step > 10 else 0.0)
                    recorder.rollout(
                        prompt="1+1=", completion=f"it is {place}", reward=reward, env="a", group="g"
                    )
                recorder.step(step)
        run = Run(tmp_path / "runs" / name)
        return _of(assess_environments(read_frame(run), run), "a", "noise").outcome

    assert rewarded("told", True) == "consistent"
    assert rewarded("untold", False) == "noisy"


def test_a_phrase_that_was_chosen_for_its_reward_is_not_said_to_be_a_cheat_that_pays(
    frame_of: Callable[..., Frame],
) -> None:
    reward = np.tile([0.0, 1.0], 60)
    flags = {"magic_phrase": reward > 0, "exploit": reward > 0}
    frame = frame_of(reward=reward, flags=flags)
    assert [each.behaviour for each in pressures(frame, [environment_of(frame, 0)])] == ["exploit"]
