"""open-instruct: ``{run_name}_rollouts_{shard:06d}.jsonl`` and ``{run_name}_metadata.jsonl`` (save_traces).

Lines hold token ids and no text, so a tokenizer is needed to read them; without one only lengths are known.
They are written *after* groups of equal rewards were filtered out (open-instruct e6c3044).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from modelassay.errors import DatasetError
from modelassay.records import RewardFunction, RunManifest
from modelassay.training.importers.lines import first_object, json_rows, numbered
from modelassay.training.importers.opened import ImportOptions, Notes, OpenedRun, Rows
from modelassay.training.importers.rows import (
    Rollout,
    gathered,
    json_text,
    leftover,
    name_of,
    number,
    task_of,
    whole,
)
from modelassay.training.importers.tally import Tally
from modelassay.training.importers.tokens import decoder

NAME = "open-instruct"
_SHARD = r".*_rollouts_(\d{6})\.jsonl"
_KNOWN = frozenset(
    (
        "step", "sample_idx", "prompt_idx", "prompt_tokens", "response_tokens", "reward", "advantage",
        "finish_reason", "dataset", "logprobs",
    )
)  # fmt: skip


def recognises(source: Path) -> bool:
    """Shards of rollouts with token ids."""
    return any("response_tokens" in first_object(path) for _, path in _shards(source)[:1])


def open_run(source: Path, options: ImportOptions) -> OpenedRun:
    """See `Framework.open_run`."""
    shards = _shards(source)
    if not shards:
        raise DatasetError("no {run_name}_rollouts_{shard}.jsonl", where=str(source))
    text = decoder(options.tokenizer) if options.tokenizer else None
    about = next((first_object(path) for path in sorted(source.glob("*_metadata.jsonl"))), {})
    manifest = RunManifest(
        id="",
        name="",
        origin="imported",
        framework=NAME,
        rewards=(RewardFunction(name="reward"),),
        group_size=options.group_size,
        population="trained_on",
        base=name_of(about.get("model_name")),
        code={"git commit": name_of(about["git_commit"])} if about.get("git_commit") else {},
        source=name_of(about.get("run_name")) or source.name,
    )

    def rollouts(notes: Notes) -> Iterator[Rows]:
        each = (rollout for _, path in shards for rollout in _read(path, text, notes))
        return gathered(_told_apart(each, notes), ("reward",))

    def coverage(tally: Tally, notes: Notes) -> dict[str, Any]:
        return _coverage(tally, notes, [shard for shard, _ in shards], text is None)

    return OpenedRun(manifest, rollouts, coverage=coverage)


def _shards(source: Path) -> list[tuple[int, Path]]:
    return numbered(source.iterdir(), _SHARD) if source.is_dir() else []


def _read(path: Path, text: Callable[[list[int]], str] | None, notes: Notes) -> Iterator[Rollout]:
    for where, row in json_rows(path, notes):
        step, prompt, answer = whole(row.get("step")), row.get("prompt_tokens"), row.get("response_tokens")
        if step is None or not isinstance(prompt, list) or not isinstance(answer, list):
            notes.quarantine(where, "no step or token ids", json_text(row))
            continue
        request = row.get("request_info")
        tool_failed = isinstance(request, dict) and any(
            request.get(key)
            for key in ("timeouts", "tool_errors")
            if request.get(key) not in (0, "", [], None)
        )
        reward = number(row.get("reward"))
        task = task_of(json_text(prompt))
        yield Rollout(
            step=step,
            prompt=text(prompt) if text else None,
            completion=text(answer) if text else None,
            env=name_of(row.get("dataset")),
            task=task,
            group=f"{step}.{row.get('prompt_idx', task)}",
            reward=reward,
            rewards={"reward": reward},
            advantage=number(row.get("advantage")),
            trained_on=True,
            finish=name_of(row.get("finish_reason")),
            prompt_tokens=len(prompt),
            completion_tokens=len(answer),
            extra={**leftover(row, _KNOWN), **({"tool_failed": True} if tool_failed else {})},
        )


def _told_apart(rollouts: Iterable[Rollout], notes: Notes) -> Iterator[Rollout]:
    """`rollouts`, with groups of their own for steps that come again: a resumed run appends to its log."""
    latest = resumes = 0
    again: set[int] = set()
    for rollout in rollouts:
        if rollout.step < latest:
            resumes, again = resumes + 1, set(range(rollout.step, latest + 1))
        if rollout.step in again:
            notes.repeated.add(rollout.step)
            rollout.group += f".r{resumes}"
        latest = rollout.step
        yield rollout


def _coverage(tally: Tally, notes: Notes, shards: list[int], without_text: bool) -> dict[str, Any]:
    notes.say(
        "Groups of equal rewards were filtered out before this was written: an exploit that is fully learned "
        "shows here least.",
        grave=True,
    )
    if without_text:
        notes.say("Only token ids are kept; name the tokenizer's folder with --tokenizer to read the text.")
    absent = sorted(set(range(shards[0], shards[-1] + 1)) - set(shards))
    if absent:
        notes.say(f"Shards are missing: {', '.join(map(str, absent[:10]))}.", grave=True)
    steps = sorted(tally.train_steps)
    return {
        "basis": "filtered groups are not counted in the source",
        "missing_steps": tuple(sorted(set(range(steps[0], steps[-1] + 1)) - set(steps))) if steps else (),
        "filtered": None,
        "statements": (*notes.statements, *tally.statements()),
    }
