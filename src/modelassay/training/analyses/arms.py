"""Where arms come from: tables of counts by checkpoint, or audits of every checkpoint by the same plan."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modelassay.errors import EvidenceError, UnknownNameError, UsageError
from modelassay.records import Reading, Score
from modelassay.statistics import Answers, answers_counted, answers_of_tasks
from modelassay.training.analyses.resolution import Arm, ArmKind

UNSCORED_MOST = 0.05
"""Share of tasks without a score at some stage, above which an arm is refused."""
_KINDS: tuple[tuple[str, ArmKind], ...] = (
    ("seen", "seen"),
    ("heldout", "held_out"),
    ("para", "paraphrased"),
    ("format", "paraphrased"),
    ("other", "other_environment"),
    ("env", "other_environment"),
    ("reelicit", "re_elicited"),
    ("prefill", "re_elicited"),
)
_TRAINED_ON = "train"
"""How people also call what training asks."""


def arm_kind(name: str, environments: Collection[str] = ()) -> ArmKind | None:
    """What kind of arm `name` is; None when its name does not say.

    Args:
        environments: of the run.
    """
    if name in environments:
        return "other_environment"
    plain = plain_name(name)
    return next((kind for start, kind in _KINDS if plain.startswith(start)), None)


def plain_name(name: str) -> str:
    """`name` however it is spaced, hyphenated or capitalised."""
    return "".join(c for c in name.lower() if c.isalnum())


def arm_called(name: str, environments: Collection[str] = ()) -> str:
    """One name for whatever calls the same arm: its kind, or an environment's own name.

    Args:
        environments: of the run.
    """
    plain = plain_name(name)
    if plain in map(plain_name, environments):
        return plain
    if plain.startswith(_TRAINED_ON):
        return "seen"
    kind = arm_kind(name)
    return plain if kind in (None, "other_environment") else kind


@dataclass(frozen=True)
class Stages:
    """Checkpoints by name."""

    base: str
    incident: str
    after: str
    between: tuple[str, ...] = ()
    """Between the fix and `after`, in order."""


def read_arms(path: Path, behaviour: str, kinds: Mapping[str, ArmKind], stages: Stages) -> tuple[Arm, ...]:
    """Arms from a file of JSON lines, one per checkpoint; see `arms_of_counts`.

    Raises:
        EvidenceError: a line cannot be read, or a checkpoint stands twice.
        UnknownNameError: a checkpoint, arm or behaviour is not in the table.
    """
    rows: dict[str, Mapping[str, Any]] = {}
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            where = f"{path}:{number}"
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise EvidenceError(f"not JSON: {error}", where=where) from error
            if not isinstance(row, dict) or not isinstance(row.get("checkpoint"), str):
                raise EvidenceError("not an object that names its checkpoint", where=where)
            if row["checkpoint"] in rows:
                raise EvidenceError(f"the checkpoint {row['checkpoint']} stands twice", where=where)
            rows[row["checkpoint"]] = row
    return arms_of_counts(rows, behaviour, kinds, stages, where=str(path))


def arms_of_counts(
    rows: Mapping[str, Mapping[str, Any]],
    behaviour: str,
    kinds: Mapping[str, ArmKind],
    stages: Stages,
    *,
    where: str = "arms",
) -> tuple[Arm, ...]:
    """Arms from ``rows[checkpoint][arm] = {"n": answers, behaviour: answers that show it, …}``.

    Args:
        kinds: what kind each arm is of; arms that are not named are left out.

    Raises:
        UnknownNameError: a checkpoint, arm or behaviour is not in the table.
        EvidenceError: counts contradict each other.
    """

    def answers(checkpoint: str, arm: str) -> Answers:
        place = f"{where}: {checkpoint}, {arm}"
        cell = _named("checkpoint", checkpoint, rows, where).get(arm)
        if not isinstance(cell, Mapping):
            raise UnknownNameError("arm", arm, sorted(rows[checkpoint]), where=place)
        counts = [_named("behaviour", name, cell, place) for name in (behaviour, "n")]
        if not all(isinstance(each, int) and not isinstance(each, bool) for each in counts):
            raise EvidenceError("counts must be whole numbers", where=place)
        try:
            return answers_counted(*counts)
        except ValueError as error:
            raise EvidenceError(str(error), where=place) from error

    return tuple(
        Arm(
            name,
            kind,
            answers(stages.base, name),
            answers(stages.incident, name),
            answers(stages.after, name),
            tuple(answers(checkpoint, name) for checkpoint in stages.between),
        )
        for name, kind in kinds.items()
    )


def arm_of_scores(
    name: str, kind: ArmKind, measure: str, stages: Sequence[Iterable[Score]]
) -> tuple[Arm, int]:
    """An arm from the scores of audits by one plan: of base, incident and further checkpoints up to the last.

    An answer shows the behaviour where its score of `measure` is below ½, 1 being the wanted end. Tasks
    (samples under one attack) are paired; those without a reading at some stage are left out and counted.

    Args:
        stages: scores of each audit in the order of time; the last one is the model after the fix.

    Returns:
        The arm, and how many tasks were left out.

    Raises:
        UsageError: fewer than three stages, no scores, evaluators that differ, or too many tasks left out.
    """
    if len(stages) < 3:
        raise UsageError("an arm needs scores of base, incident and after", where=name)
    read = [_by_task(scores, measure, name) for scores in stages]
    if len({evaluator for _, found in read for evaluator in found}) > 1:
        raise UsageError(
            "stages were scored by different evaluators",
            where=name,
            mend="judge the stored answers again with one version",
        )
    shared = sorted(set.intersection(*(set(tasks) for tasks, _ in read)))
    every = set.union(*(set(tasks) for tasks, _ in read))
    lost = len(every) - len(shared)
    if not shared or lost > UNSCORED_MOST * len(every):
        raise UsageError(f"{lost} of {len(every)} tasks have no reading at every stage", where=name)
    base, incident, *later = (
        answers_of_tasks(*np.array([tasks[task] for task in shared], np.float64).T) for tasks, _ in read
    )
    return Arm(name, kind, base, incident, later[-1], tuple(later[:-1])), lost


def _by_task(
    scores: Iterable[Score], measure: str, where: str
) -> tuple[dict[tuple[str, str], list[int]], set[str]]:
    """Answers that show it, and answers, by sample and attack; and who scored them."""
    tasks: dict[tuple[str, str], list[int]] = {}
    evaluators: set[str] = set()
    for score in scores:
        if score.measure != measure or not isinstance(score.outcome, Reading):
            continue
        evaluators.add(score.evaluator)
        cell = tasks.setdefault((score.key.sample, score.key.attack), [0, 0])
        cell[0] += score.outcome.value < 0.5
        cell[1] += 1
    if not tasks:
        raise UsageError(f"no answer was scored on {measure!r}", where=where)
    return tasks, evaluators


def _named(kind: str, name: str, table: Mapping[str, Any], where: str) -> Any:
    if name not in table:
        raise UnknownNameError(kind, name, sorted(table), where=where)
    return table[name]
