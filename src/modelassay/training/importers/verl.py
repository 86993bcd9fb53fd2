"""verl: ``{rollout_data_dir}/{step}.jsonl``, ``{validation_data_dir}/{step}.jsonl``, and FileLogger metrics.

A line holds input, output, gts, score and step, and every key that the reward function returned besides; the
score is the sum of token-level scores *before* the KL penalty. Texts are decoded without special tokens.
Files are opened for writing at each step, so a resumed run writes over its history. Newer versions add
``uid``, the group; before that a group is an equal input within a step (verl b178a3c, `_dump_generations`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelassay.errors import DatasetError
from modelassay.records import RewardFunction, RunManifest, RunPhase
from modelassay.training.coverage_gate import WHOLE
from modelassay.training.importers.checkpoints import checkpoints_in
from modelassay.training.importers.lines import first_object, first_objects, json_rows, metric_lines, numbered
from modelassay.training.importers.opened import ImportOptions, Notes, OpenedRun, Record, Rows
from modelassay.training.importers.phases import phase_of
from modelassay.training.importers.rows import (
    Rollout,
    gathered,
    json_text,
    leftover,
    name_of,
    number,
    task_of,
    text_of,
    whole,
)
from modelassay.training.importers.starts import MOST_NAMED, one_place, one_run
from modelassay.training.importers.tally import Tally
from modelassay.training.importers.trained_steps import Trained

NAME = "verl"
_ROW = frozenset(("input", "output", "score"))
_KNOWN = frozenset(("input", "output", "score", "step", "uid", "data_source"))
_TRAINING = ("critic/", "actor/")
"""How names of metrics begin that are logged where something was trained."""
_STEP = r"(\d+)\.jsonl"


def recognises(source: Path) -> bool:
    """Numbered files of lines with input, output and score."""
    return bool(_folders(source))


def open_run(source: Path, options: ImportOptions) -> OpenedRun:
    """See `Framework.open_run`."""
    folders = _folders(source)
    if not folders:
        raise DatasetError(
            "no {step}.jsonl with input, output and score",
            where=str(source),
            mend="set trainer.rollout_data_dir and trainer.validation_data_dir: both are off by default",
        )
    phases: dict[Path, RunPhase] = {folder: phase_of(folder.name) or "train" for folder in folders}
    _one_run(source, phases)
    evaluations = [folder for folder in folders if phases[folder] == "eval"]
    marks = {folder: f"e.{folder.name}" if len(evaluations) > 1 else "e" for folder in evaluations}
    manifest = RunManifest(
        id="",
        name="",
        origin="imported",
        framework=NAME,
        rewards=(RewardFunction(name="score"),),
        group_size=options.group_size,
        source=source.name,
    )

    def rollouts(notes: Notes) -> Iterator[Rows]:
        return gathered(
            (
                rollout
                for folder in folders
                for step, path in numbered(folder.iterdir(), _STEP)
                for rollout in _read(path, step, marks.get(folder, ""), notes)
            ),
            ("score",),
        )

    trained = Trained(_TRAINING)
    doubtful: set[int] = set()

    def records(notes: Notes) -> Iterator[Record]:
        for path in _metrics_of(source, notes, trained, doubtful):
            yield from trained.noted(metric_lines(path, "step", notes, inner="data"))
        yield from trained.noted(checkpoints_in(source, r"global_step_(\d+)", notes))

    def coverage(tally: Tally, notes: Notes) -> dict[str, Any]:
        return _coverage(tally, notes, trained, max(doubtful, default=0))

    return OpenedRun(manifest, rollouts, records, coverage)


def _folders(source: Path) -> list[Path]:
    """Folders of dumps: the source, or up to two levels below."""
    if not source.is_dir():
        return []
    found = []
    for folder in [source, *sorted(source.glob("*/")), *sorted(source.glob("*/*/"))]:
        files = numbered((path for path in folder.iterdir() if path.is_file()), _STEP)
        if any(first_object(path).keys() >= _ROW for _, path in files[:3]):
            found.append(folder)
    return found


def _metrics_of(source: Path, notes: Notes, trained: Trained, doubtful: set[int]) -> list[Path]:
    """Files of metrics of this run: FileLogger leaves one for each experiment, side by side.

    Where it cannot be told which is of this run, none is; steps that all of them trained are noted in
    `trained` all the same, and those that some did in `doubtful`: a copy of the metrics hides no step.
    """
    files = [
        path
        for path in sorted(source.rglob("*.jsonl"))
        if not re.fullmatch(_STEP, path.name) and _is_metrics(path)
    ]
    own = [path for path in files if path.stem == source.resolve().name] or files
    steps = [_steps_in(path) for path in own] if len(own) > 1 else []
    if sum(map(len, steps)) == len(set().union(*steps)):
        return own
    named = ", ".join(path.name for path in own[:MOST_NAMED]) + (", …" if len(own) > MOST_NAMED else "")
    notes.say(
        f"Several files of metrics hold the same steps ({named}): which is of this run cannot be told, so "
        f"none was read. Give the folder of the run the name of its experiment, and its file is.",
        grave=True,
    )
    of_training = [{step for step, is_training in each.items() if is_training} for each in steps]
    trained.logged |= set.intersection(*of_training)
    doubtful |= set().union(*of_training)
    return []


def _steps_in(path: Path) -> dict[int, bool]:
    """Steps of a file of metrics, and whether something of training was logged at each."""
    found: dict[int, bool] = {}
    for row in first_objects(path, sys.maxsize):
        step, values = whole(row.get("step")), row.get("data")
        if step is not None:
            names = values if isinstance(values, dict) else ()
            found[step] = found.get(step, False) or any(name.startswith(_TRAINING) for name in names)
    return found


def _is_metrics(path: Path) -> bool:
    first = first_object(path)
    return isinstance(first.get("data"), dict) and "step" in first


def _one_run(source: Path, phases: dict[Path, RunPhase]) -> None:
    """Make sure that the folders are of one run: its training in one place, and evaluations near it.

    Raises:
        DatasetError: they are of several runs.
    """
    train = {
        folder: [step for step, _ in numbered(folder.iterdir(), _STEP)]
        for folder, phase in phases.items()
        if phase == "train"
    }
    one_run(source, train, "name folders of evaluations so that it shows, such as validation")
    beside = [folder for folder in phases if folder in train or phase_of(folder.parent.name) != "eval"]
    one_place(source, {folder.parent for folder in beside})


def _read(path: Path, step: int, mark: str, notes: Notes) -> Iterator[Rollout]:
    """The rollouts of a file.

    Args:
        mark: what tells groups of an evaluation from those of training; empty for training.
    """
    phase: RunPhase = "eval" if mark else "train"
    for where, row in json_rows(path, notes):
        if not row.keys() >= _ROW:
            notes.quarantine(where, "no input, output or score", json_text(row))
            continue
        told = whole(row.get("step"))
        if told not in (None, step):
            notes.say("Rows say that they are of another step than their file; its name was believed.")
        score, uid = number(row["score"]), name_of(row.get("uid"))
        yield Rollout(
            step=step,
            phase=phase,
            prompt=row["input"],
            completion=row["output"],
            env=name_of(row.get("data_source")),
            group=f"{step}{mark}.{uid or task_of(text_of(row['input'])[0])}",
            reward=score,
            rewards={"score": score},
            extra=leftover(row, _KNOWN),
        )


def _coverage(tally: Tally, notes: Notes, trained: Trained, perhaps: int) -> dict[str, Any]:
    """See `OpenedRun.coverage`.

    Args:
        perhaps: the last step that metrics name of which it cannot be told whether they are of this run.
    """
    steps = set(tally.train_steps)
    last, known_by = trained.last(steps)
    missing = set(range(1, last + 1)) - steps
    batch = max(tally.train_steps.values(), default=0)
    notes.say("Rewards are sums of token-level scores before the KL penalty; advantages are not in the dump.")
    notes.say(
        "Special tokens were dropped when texts were decoded: turns are told apart by what is left of their "
        "marks, and where marks of thinking and calls are special tokens of the model, these are gone."
    )
    notes.say(
        "A resumed run writes over the dumps of earlier steps; whether that happened cannot be seen here."
    )
    notes.say("Whether filter_groups (DAPO) removed groups before the dump cannot be seen here.")
    basis = f"{last:,} steps up to the last{known_by}, times {batch:,} rollouts in the largest"
    # What lacks rollouts for certain is told as such; else nothing says that the last step here is the last.
    open_end = perhaps > last and tally.train >= WHOLE * last * batch
    if open_end:
        basis = (
            f"rollouts end at step {last:,}, and a file of metrics that may be of this run names step "
            f"{perhaps:,}, so how many rollouts there were cannot be said"
        )
    return {
        "expected_train": last * batch if tally.train and not open_end else None,
        "basis": basis,
        "batches_expected": last if tally.train and not open_end else None,
        "missing_steps": tuple(sorted(missing)) if tally.train else (),
        "statements": (*notes.statements, *tally.statements()),
    }
