"""Tinker cookbook: ``iteration_{N:06d}/{train,eval_X}_rollout_summaries.jsonl``, logtrees, ``metrics.jsonl``.

Summaries hold rewards and *lengths*; only newer ones hold text, as a trace of each step. That of the first
groups of an iteration stands in ``*_logtree.json``; it is joined only where tree and summaries agree
(`tinker_texts`). Iterations count from 0 and become steps from 1 (tinker-cookbook 9dfcc3a).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelassay.errors import DatasetError
from modelassay.records import RewardFunction, RunCheckpoint, RunManifest, RunPhase
from modelassay.training.importers.lines import json_rows, metric_lines, numbered
from modelassay.training.importers.opened import ImportOptions, Notes, OpenedRun, Record, Rows
from modelassay.training.importers.rows import Rollout, gathered, json_text, listed, name_of, number, whole
from modelassay.training.importers.settings import json_settings
from modelassay.training.importers.tally import Tally
from modelassay.training.importers.tinker_texts import Told, texts_of
from modelassay.training.importers.trained_steps import Trained

NAME = "tinker"
_TRAINING = ("env/", "optim/", "train/", "loss")
"""How names of metrics begin that are logged where something was trained; of evaluations with ``test/``."""
_SUMMARIES = re.compile(r"(?:(train|eval_.+?)_)(?:iteration_(\d+)_)?rollout_summaries\.jsonl")


def recognises(source: Path) -> bool:
    """Files of rollout summaries."""
    return source.is_dir() and bool(_files(source))


def open_run(source: Path, options: ImportOptions) -> OpenedRun:
    """See `Framework.open_run`."""
    files = _files(source)
    if not files:
        raise DatasetError("no *_rollout_summaries.jsonl", where=str(source))
    settings = json_settings(source / "config.json")
    filtered = settings.get("remove_constant_reward_groups", "").lower() == "true"
    manifest = RunManifest(
        id="",
        name="",
        origin="imported",
        framework=NAME,
        rewards=(RewardFunction(name="final_reward"),),
        group_size=options.group_size,
        population="trained_on" if filtered else "unknown",
        base=settings.get("model_name", ""),
        configuration=settings,
        source=source.name,
    )

    def rollouts(notes: Notes) -> Iterator[Rows]:
        return gathered((each for path in files for each in _read(path, filtered, notes)), ("final_reward",))

    trained = Trained(_TRAINING)

    def records(notes: Notes) -> Iterator[Record]:
        if (source / "metrics.jsonl").is_file():
            yield from trained.noted(metric_lines(source / "metrics.jsonl", "step", notes, shift=1))
        yield from trained.noted(_checkpoints(source / "checkpoints.jsonl", notes))

    def coverage(tally: Tally, notes: Notes) -> dict[str, Any]:
        if (source / "capture").is_dir():
            notes.say("Captured samples carry no key of their trajectory; they were not joined to rewards.")
        return _coverage(tally, notes, trained, filtered)

    return OpenedRun(manifest, rollouts, records, coverage)


def _files(source: Path) -> list[Path]:
    folders = [folder for _, folder in numbered(source.glob("iteration_*/"), r"iteration_(\d+)")]
    found = [p for folder in folders for p in sorted(folder.glob("*_rollout_summaries.jsonl"))]
    return [
        p for p in [*found, *sorted(source.glob("*_rollout_summaries.jsonl"))] if _SUMMARIES.fullmatch(p.name)
    ]


def _read(path: Path, filtered: bool, notes: Notes) -> Iterator[Rollout]:
    rows = []
    for where, row in json_rows(path, notes):
        if whole(row.get("iteration")) is None or "total_reward" not in row:
            notes.quarantine(where, "no iteration or total_reward", json_text(row))
            continue
        if row.get("schema_version") not in (None, 1):
            notes.say(
                f"Summaries of schema version {row['schema_version']}; version 1 is known here.", grave=True
            )
        rows.append(row)
    tree = path.with_name(path.name.replace("_rollout_summaries.jsonl", "_logtree.json"))
    notes.read(tree)
    known = texts_of(tree, rows, filtered, notes)
    for place, row in enumerate(rows):
        yield _rollout(row, known.get(place), path.name)


def _rollout(row: dict[str, Any], told: Told | None, file: str) -> Rollout:
    phase: RunPhase = "train" if row.get("split", "train") == "train" else "eval"
    step = (whole(row["iteration"]) or 0) + 1
    steps = [each for each in listed(row.get("steps")) if isinstance(each, dict)]
    answers = [whole(each.get("ac_len")) or 0 for each in steps]
    tags = row.get("tags") if isinstance(row.get("tags"), list) else []
    mark = "" if phase == "train" else f"e.{file.split('_rollout')[0]}"
    prompt, completion = told or (None, None)
    metrics = row.get("trajectory_metrics")
    group = f"{step}{mark}.{row.get('group_idx')}"
    return Rollout(
        step=step,
        phase=phase,
        prompt=prompt,
        completion=completion,
        env=name_of("+".join(map(str, tags or []))),
        task="" if prompt is not None else f"group-{group}",
        group=group,
        position=whole(row.get("traj_idx")),
        reward=number(row["total_reward"]),
        rewards={"final_reward": number(row.get("final_reward"))},
        policy=None if row.get("sampling_client_step") is None else name_of(row["sampling_client_step"]),
        prompt_tokens=whole(steps[0].get("ob_len")) if steps else None,
        completion_tokens=sum(answers) if steps else None,
        extra={
            "turns": len(steps),
            **({"metrics": metrics} if metrics else {}),
            **({"step_metrics": kept} if (kept := [s["metrics"] for s in steps if s.get("metrics")]) else {}),
        },
    )


def _checkpoints(path: Path, notes: Notes) -> Iterator[RunCheckpoint]:
    if path.is_file():
        for where, row in json_rows(path, notes):
            step = whole(row.get("batch"))
            if step is None:
                notes.quarantine(where, "a checkpoint without batch", json_text(row))
                continue
            parts = [("weights", "sampler_path"), ("optimizer", "state_path")]
            yield RunCheckpoint(
                step=step, name=name_of(row.get("name")), parts=tuple(p for p, key in parts if row.get(key))
            )


def _coverage(tally: Tally, notes: Notes, trained: Trained, filtered: bool) -> dict[str, Any]:
    steps = set(tally.train_steps)
    last, known_by = trained.last(steps)
    missing = set(range(1, last + 1)) - steps
    batch = max(tally.train_steps.values(), default=0)
    notes.say("Summaries keep lengths; text is known only of groups whose conversations were logged.")
    basis = f"{last:,} iterations up to the last{known_by}, times {batch:,} rollouts in the largest"
    if filtered:
        basis = "with remove_constant_reward_groups the source says only what was trained on"
        notes.say(
            "Groups of equal rewards were left out of the summaries: what was filtered out is gone.",
            grave=True,
        )
    return {
        "expected_train": last * batch if batch and not filtered else None,
        "basis": basis,
        "batches_expected": last or None,
        "missing_steps": tuple(sorted(missing)),
        "statements": (*notes.statements, *tally.statements()),
    }
