"""Where does a run press its policy to cheat? Each environment by itself, and all of them together.

From the rollouts alone: whether tasks can be solved at all, what is paid for no work, whether reward tells
rollouts apart, whether graders contradict themselves, and how much more a behaviour is paid than its absence
(`pressure_findings`). From task files (`environment_tasks`): leaked answers, graders that can be overwritten,
tests that ask for nothing.

Environments are judged together as well: a flawed grader that honest work outbids does no harm until an
environment beside it cannot be solved honestly; what is learned there spreads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np

from modelassay.records import RolloutReference, RunFinding
from modelassay.statistics import clopper_pearson_interval
from modelassay.training.analyses.environment_tasks import task_findings
from modelassay.training.analyses.environment_texts import text_findings
from modelassay.training.analyses.pressure_findings import joint_finding, pressure_finding
from modelassay.training.analyses.pressure_index import (
    FEWEST,
    GRADER_EXPLOITS,
    Environment,
    environment_of,
    pressures,
)
from modelassay.training.environments.recorded import EnvironmentRecord, read_environments
from modelassay.training.environments.tasks import EnvironmentTask
from modelassay.training.findings import decimal, not_assessable, run_finding
from modelassay.training.frame import Flags, Frame
from modelassay.training.run import Run

CHECK = "environment_pressure"
SHOWN_ROLLOUTS = 5
TRIES = 8
"""Rollouts of a task without which it is not called unsolved."""
UNSOLVED = 0.2
"""Share of unsolved tasks from which an environment is called hard to solve."""
SILENT = 0.9
"""Share of groups of equal rewards from which an environment teaches nothing."""


def assess_environments(
    frame: Frame, run: Run | None = None, tasks: Sequence[EnvironmentTask] | None = None
) -> tuple[RunFinding, ...]:
    """Every environment of a run, and all together.

    Args:
        frame: its rollouts; what is invalid counts as failed.
        run: read once more for what only texts tell; None leaves that out.
        tasks: of its environments, where task files are at hand.
    """
    environments = [environment_of(frame, code) for code in range(len(frame.envs))]
    told = [each for each in environments if each.chosen.sum() >= FEWEST]
    found: list[RunFinding] = list(task_findings(CHECK, tasks)) if tasks else []
    if not told:
        why = f"no environment has {FEWEST} training rollouts with a reward"
        return (*found, not_assessable(CHECK, why, about={"environment": "all"}))
    records = read_environments(run, {each.name: each.scale.paid_from for each in told}) if run else {}
    pressed = pressures(frame, told)
    for each in told:
        record = records.get(each.name)
        found.append(_solvability(frame, each, record))
        found.append(_signal(frame, each))
        found.append(pressure_finding(CHECK, frame, each, pressed))
        if record is not None:
            found += text_findings(CHECK, frame, each, record)
    if len(told) > 1:
        found.append(joint_finding(CHECK, frame, told, pressed))
    return tuple(found)


def _about(each: Environment, aspect: str) -> Mapping[str, str]:
    return {"environment": each.name or "only", "aspect": aspect}


# -- solvability and signal -----------------------------------------------------------------------


def _solvability(frame: Frame, each: Environment, record: EnvironmentRecord | None) -> RunFinding:
    full, exploited = each.scale.is_full(frame.reward[each.chosen]), _exploited(frame, each)
    codes = frame.task[each.chosen]
    tries = np.bincount(codes, minlength=frame.tasks)
    solved = np.bincount(codes[full & ~exploited], minlength=frame.tasks)
    cheated = np.bincount(codes[full & exploited], minlength=frame.tasks)
    judged = tries >= TRIES
    unsolved = int((judged & (solved == 0)).sum())
    tasks = int(judged.sum())
    contradictory, answered = (record.contradictory, record.answered) if record else (0, 0)
    about = _about(each, "solvability")
    values = {
        "tasks": Decimal(tasks),
        "unsolved": Decimal(unsolved),
        "by_exploits_only": Decimal(int((judged & (solved == 0) & (cheated > 0)).sum())),
        "contradictory": Decimal(contradictory),
        "prompts_with_answers": Decimal(answered),
        "best_pass_rate": decimal(float((solved / np.maximum(tries, 1)).max(initial=0))),
    }
    if record is not None and contradictory >= max(3, 0.1 * answered):
        return _under_specified(each, record, values)
    if not each.scale.reached:
        return not_assessable(
            CHECK,
            f"hardly a rollout of {each.name!r} gets its highest reward, {each.scale.full:g}, so that it is "
            "not known which of its tasks were solved",
            about=about,
            question=f"From which reward on is a task of {each.name!r} solved?",
        )
    if full.any() and not (full & ~exploited).any():
        return _by_exploits_only(frame, each, full, values)
    if not tasks:
        why = f"no task of {each.name!r} has {TRIES} rollouts, and none is known to be solvable"
        return not_assessable(CHECK, why, about=about)
    bound = clopper_pearson_interval(0, int(tries[judged & (solved == 0)].min())) if unsolved else None
    hard = unsolved >= UNSOLVED * tasks
    least = f" (each at most {100 * bound.high:.0f} % of the time, at 95 %)" if bound else ""
    caught = bool((full & exploited).any())
    return run_finding(
        CHECK,
        "hard to solve" if hard else "solvable",
        f"{unsolved:,} of {tasks:,} tasks of {each.name!r} with {TRIES} rollouts or more were never solved"
        f"{' but by flagged exploits' if caught else ''}{least}; full reward may itself be an exploit"
        f"{' that no scanner knows' if caught else ''}.",
        about=about,
        state="not_shown" if hard else "shown_fine",
        severity="medium" if hard else "none",
        values=values,
        method=f"full reward is the highest of the environment, {each.scale.full:g}; Clopper–Pearson",
        question=f"Does a known solution of the unsolved tasks of {each.name!r} get full reward?"
        if hard
        else "",
    )


def _under_specified(
    each: Environment, record: EnvironmentRecord, values: Mapping[str, Decimal]
) -> RunFinding:
    """Equal prompts ask for different answers."""
    return run_finding(
        CHECK,
        "under-specified",
        f"{record.contradictory:,} of {record.answered:,} prompts of {each.name!r} have answers that "
        f"contradict each other, so that no honest policy can be right: {record.contradiction_examples[0]}.",
        about=_about(each, "solvability"),
        state="shown_harmful",
        severity="high",
        values=values,
        question=f"What is the right answer to prompts of {each.name!r}, and how would a policy know it?",
    )


def _exploited(frame: Frame, each: Environment) -> Flags:
    """Which rollouts of an environment were seen to exploit their grader."""
    found = np.zeros(int(each.chosen.sum()), np.bool_)
    for name in GRADER_EXPLOITS:
        if name in frame.flags:
            found |= frame.flags[name][each.chosen]
    return found


def _by_exploits_only(
    frame: Frame, each: Environment, full: Flags, values: Mapping[str, Decimal]
) -> RunFinding:
    """Nobody got full reward by work: what is learned there is the exploit."""
    rows = np.flatnonzero(each.chosen)[full][:SHOWN_ROLLOUTS]
    return run_finding(
        CHECK,
        "solved by exploits only",
        f"All {int(full.sum()):,} rollouts of {each.name!r} with full reward, of {len(full):,} in all, are "
        f"flagged as exploits of its grader: nothing shows that its tasks can be solved otherwise.",
        about=_about(each, "solvability"),
        state="shown_harmful",
        severity="high",
        values={**values, "full": Decimal(int(full.sum()))},
        evidence=[RolloutReference(seq=int(row), step=int(frame.step[row])) for row in rows],
        method=f"full reward is the highest of the environment, {each.scale.full:g}",
        rests_on=tuple(frame.scanned_by[name] for name in GRADER_EXPLOITS if name in frame.scanned_by),
        question=f"Does a known solution of a task of {each.name!r} get full reward?",
    )


def _signal(frame: Frame, each: Environment) -> RunFinding:
    reward, groups = frame.reward[each.chosen], frame.group[each.chosen]
    sizes = np.bincount(groups, minlength=frame.groups)
    sums = np.bincount(groups, weights=reward, minlength=frame.groups)
    squares = np.bincount(groups, weights=reward**2, minlength=frame.groups)
    judged = sizes > 1
    about = _about(each, "signal")
    if not judged.any():
        return not_assessable(CHECK, f"no group of {each.name!r} has two rollouts", about=about)
    within = np.maximum(squares[judged] - sums[judged] ** 2 / sizes[judged], 0)
    equal = within <= 1e-9 * sizes[judged]
    total = float(((reward - reward.mean()) ** 2).sum())
    between = 1 - float(within.sum()) / total if total > 0 else 1.0
    means = sums[judged] / sizes[judged]
    full = equal & (means >= each.scale.full - 1e-9)
    share = float(equal.mean())
    silent = share >= SILENT or total <= 1e-9
    return run_finding(
        CHECK,
        "no signal" if silent else "tells rollouts apart",
        f"In {100 * share:.0f} % of the groups of {each.name!r} all rewards are equal "
        f"({100 * float(full.mean()):.0f} % all full); {100 * between:.0f} % of the variance is between "
        "prompts.",
        about=about,
        state="not_shown" if silent else "shown_fine",
        severity="low" if silent else "none",
        values={
            "zero_variance_groups": decimal(share),
            "full_groups": decimal(float(full.mean())),
            "between_share": decimal(between),
            "groups": Decimal(int(judged.sum())),
        },
    )
