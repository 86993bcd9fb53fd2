"""OpenRLHF: what can be had, which is little.

It writes no rollouts to disk. Two things can be imported: the Weights & Biases table
``train/generated_samples`` (columns global_step, text, reward; *one* decoded sample a log), exported as
``*.table.json`` or as lines; and captured calls of the reward function or HTTP reward model, each with
query (or queries), prompts, labels, rewards, and scores and extra_logs where returned (OpenRLHF 3c3be62).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelassay.errors import DatasetError
from modelassay.records import RewardFunction, RunManifest
from modelassay.training.importers.checkpoints import checkpoints_in
from modelassay.training.importers.lines import document, first_object, json_rows
from modelassay.training.importers.opened import ImportOptions, Notes, OpenedRun, Rows
from modelassay.training.importers.rows import (
    Rollout,
    gathered,
    json_text,
    leftover,
    listed,
    number,
    task_of,
    text_of,
    whole,
)
from modelassay.training.importers.starts import refuse_several
from modelassay.training.importers.tally import Tally

NAME = "openrlhf"
_SAMPLE = ("global_step", "text", "reward")
_CALL = frozenset(
    ("query", "queries", "prompts", "labels", "rewards", "scores", "extra_logs", "step", "time")
)


def recognises(source: Path) -> bool:
    """An exported table of samples, or captured reward calls."""
    return bool(_tables(source) or _samples(source) or _calls(source))


def open_run(source: Path, options: ImportOptions) -> OpenedRun:
    """See `Framework.open_run`."""
    tables, samples, calls = _tables(source), _samples(source), _calls(source)
    if not (tables or samples or calls):
        raise DatasetError(
            "neither a table of generated samples nor captured reward calls",
            where=str(source),
            mend="OpenRLHF writes no rollouts: export the W&B table, or record reward calls",
        )
    if len(folders := {path.parent for path in calls or samples}) > 1:
        # Calls and logs of another run would meet in the groups of equal prompts and steps.
        refuse_several(source, folders)
    manifest = RunManifest(
        id="",
        name="",
        origin="imported",
        framework=NAME,
        rewards=(RewardFunction(name="reward"),),
        group_size=options.group_size,
        source=source.name,
    )

    def rollouts(notes: Notes) -> Iterator[Rows]:
        def each() -> Iterator[Rollout]:
            # The table is logged anew with every sample, so the longest copy holds all of them.
            for path in tables:
                notes.read(path)
            for path in calls:
                yield from _of_calls(path, notes)
            if not calls:
                for path in tables[:1]:
                    yield from _of_table(path, notes)
                for path in samples:
                    yield from _of_samples(path, notes)

        return gathered(each(), ("reward",))

    def coverage(tally: Tally, notes: Notes) -> dict[str, Any]:
        return _coverage(tally, notes, captured=bool(calls))

    return OpenedRun(
        manifest,
        rollouts,
        lambda notes: checkpoints_in(source, r"global_step_?(\d+)", notes) if source.is_dir() else (),
        coverage,
    )


def _files(source: Path, pattern: str) -> list[Path]:
    return [source] if source.is_file() and source.match(pattern) else sorted(source.rglob(pattern))


def _tables(source: Path) -> list[Path]:
    """Exported tables of samples, the longest first."""
    found = []
    for path in _files(source, "*.table.json"):
        try:
            data = document(path)
        except DatasetError:
            continue
        if isinstance(data, dict) and data.get("columns") == list(_SAMPLE):
            found.append((len(listed(data.get("data"))), path))
    return [path for _, path in sorted(found, reverse=True)]


def _samples(source: Path) -> list[Path]:
    return [p for p in _files(source, "*.jsonl") if first_object(p).keys() >= set(_SAMPLE)]


def _calls(source: Path) -> list[Path]:
    return [
        path
        for path in _files(source, "*.jsonl")
        if (first := first_object(path)).keys() >= {"prompts", "rewards"}
        and first.keys() & {"query", "queries"}
    ]


def _of_table(path: Path, notes: Notes) -> Iterator[Rollout]:
    for number_, row in enumerate(listed(document(path).get("data")), 1):
        where = f"{path.name}: row {number_}"
        if isinstance(row, list) and len(row) == len(_SAMPLE):
            yield from _sample(dict(zip(_SAMPLE, row, strict=True)), where, notes)
        else:
            notes.quarantine(where, "not three columns", json_text(row))


def _of_samples(path: Path, notes: Notes) -> Iterator[Rollout]:
    for where, row in json_rows(path, notes):
        yield from _sample(row, where, notes)


def _sample(row: dict[str, Any], where: str, notes: Notes) -> Iterator[Rollout]:
    step, text = whole(row.get("global_step")), row.get("text")
    if step is None or not isinstance(text, str):
        notes.quarantine(where, "no global_step or text", json_text(row))
        return
    reward = number(row.get("reward"))
    yield Rollout(
        step=step,
        prompt=None,
        completion=text,
        group=f"{step}.{where}",
        task=f"unknown-{where}",
        reward=reward,
        rewards={"reward": reward},
    )


def _of_calls(path: Path, notes: Notes) -> Iterator[Rollout]:
    for number_, (where, row) in enumerate(json_rows(path, notes), 1):
        lists = [row.get("query", row.get("queries")), row.get("prompts"), row.get("rewards")]
        if not all(isinstance(each, list) for each in lists) or len({len(each or ()) for each in lists}) != 1:
            notes.quarantine(where, "query, prompts and rewards are not lists of one length", json_text(row))
            continue
        step = whole(row.get("step"))
        if step is None:
            notes.say("Captured calls carry no training step: calls are numbered instead.", grave=True)
        for place in range(len(lists[0] or ())):
            yield _of_call(
                row, [(each or [])[place] for each in lists], place, number_ if step is None else step
            )


def _of_call(row: dict[str, Any], each: list[Any], place: int, step: int) -> Rollout:
    query, prompt, reward = each
    text = text_of(query)[0]
    start = prompt if isinstance(prompt, str) and text.startswith(prompt) else ""
    total = number(reward[0] if isinstance(reward, list) and reward else reward)
    labels = row.get("labels")
    label = {"label": labels[place]} if isinstance(labels, list) and place < len(labels) else {}
    return Rollout(
        step=step,
        prompt=prompt,
        completion=text[len(start) :],
        grader_input=text,
        group=f"{step}.{task_of(text_of(prompt)[0])}",
        reward=total,
        rewards={"reward": total},
        extra={**leftover(row, _CALL), **label},
    )


def _coverage(tally: Tally, notes: Notes, *, captured: bool) -> dict[str, Any]:
    if captured:
        notes.say("Only what reached the reward model was captured; advantages and filtering are not known.")
    else:
        notes.say(
            "OpenRLHF logs one decoded sample a step: this is no record of what was trained on. Prompts are "
            "not told apart from answers, and there are no groups.",
            grave=True,
        )
    return {
        "basis": "nothing on disk says how many rollouts were generated",
        "statements": (*notes.statements, *tally.statements()),
    }
