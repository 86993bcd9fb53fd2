"""NeMo-RL: ``train_data_step{N}.jsonl`` and ``val_data_step{N}.jsonl``, one sample a line, N from 1.

``content`` holds the texts of the messages. With dynamic sampling ``rewards`` are those of all generated
samples and ``filtered_rewards`` those of the kept ones (NeMo-RL 7ea279a, `grpo_train`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from modelassay.errors import DatasetError
from modelassay.records import RewardFunction, RunManifest, RunPhase
from modelassay.training.importers.checkpoints import checkpoints_in
from modelassay.training.importers.lines import json_rows, numbered
from modelassay.training.importers.opened import ImportOptions, Notes, OpenedRun, Rows
from modelassay.training.importers.rows import Rollout, gathered, json_text, leftover, number, task_of, whole
from modelassay.training.importers.settings import yaml_settings
from modelassay.training.importers.tally import Tally

NAME = "nemo-rl"
_KNOWN = frozenset(
    (
        "content", "rewards", "filtered_rewards", "input_lengths", "token_ids", "token_loss_mask",
        "sample_loss_mask", "advantages", "generation_logprobs", "prev_logprobs", "idx",
    )
)  # fmt: skip


def recognises(source: Path) -> bool:
    """Files named train_data_step{N}.jsonl."""
    return source.is_dir() and any(source.rglob("train_data_step*.jsonl"))


def open_run(source: Path, options: ImportOptions) -> OpenedRun:
    """See `Framework.open_run`."""
    files: dict[RunPhase, list[tuple[int, Path]]] = {
        "train": numbered(source.rglob("train_data_step*.jsonl"), r"train_data_step(\d+)\.jsonl"),
        "eval": numbered(source.rglob("val_data_step*.jsonl"), r"val_data_step(\d+)\.jsonl"),
    }
    if not files["train"]:
        raise DatasetError("no train_data_step{N}.jsonl", where=str(source))
    settings = yaml_settings(source.rglob("config.yaml"))
    size = options.group_size or whole(settings.get("grpo.num_generations_per_prompt"))
    manifest = RunManifest(
        id="",
        name="",
        origin="imported",
        framework=NAME,
        algorithm="grpo" if any(key.startswith("grpo.") for key in settings) else "",
        rewards=(RewardFunction(name="reward"),),
        group_size=size,
        population="generated",
        base=settings.get("policy.model_name", ""),
        configuration=settings,
        source=source.name,
    )

    def rollouts(notes: Notes) -> Iterator[Rows]:
        return gathered(
            (
                rollout
                for phase, each in files.items()
                for step, path in each
                for rollout in _read(path, step, phase, size, notes)
            ),
            ("reward",),
        )

    def coverage(tally: Tally, notes: Notes) -> dict[str, Any]:
        return _coverage(tally, notes, [step for step, _ in files["train"]], size)

    return OpenedRun(manifest, rollouts, lambda notes: checkpoints_in(source, r"step_(\d+)", notes), coverage)


def _read(path: Path, step: int, phase: RunPhase, size: int | None, notes: Notes) -> Iterator[Rollout]:
    mark = "e" if phase == "eval" else ""
    for place, (where, row) in enumerate(json_rows(path, notes)):
        if "content" not in row and "token_ids" not in row:
            notes.quarantine(where, "neither content nor token_ids", json_text(row))
            continue
        index = whole(row.get("idx"))
        prompt, completion = _texts(row.get("content"))
        if prompt is None and completion is not None:
            notes.say("Prompt and answer stand in one text; the whole is kept as the completion.", grave=True)
        reward, kept = number(row.get("rewards")), _kept(row)
        number_ = index if index is not None else place
        group = f"{step}{mark}.{number_ // size if size else task_of(prompt or '')}"
        yield Rollout(
            step=step,
            phase=phase,
            prompt=prompt,
            completion=completion,
            group=group if size or prompt is not None else "",
            position=number_ % size if size else None,
            reward=reward,
            rewards={"reward": reward},
            advantage=_first(row.get("advantages"), row.get("token_loss_mask")),
            trained_on=kept if phase == "train" else None,
            completion_tokens=_ones(row.get("token_loss_mask")),
            extra=leftover(row, _KNOWN),
        )


def _texts(content: Any) -> tuple[Any, Any]:
    """Prompt and completion: the first message is the prompt when there are several."""
    if isinstance(content, list) and len(content) > 1 and all(isinstance(each, str) for each in content):
        return content[0], content[1] if len(content) == 2 else content[1:]
    if isinstance(content, list) and len(content) == 1:
        return None, content[0]
    return None, content


def _kept(row: dict[str, Any]) -> bool | None:
    mask = number(row.get("sample_loss_mask"))
    if mask is not None:
        return mask > 0
    return None if "filtered_rewards" in row else True


def _first(values: Any, mask: Any) -> float | None:
    """The advantage of a sample: that of its first trained token, or the number itself."""
    if isinstance(values, list):
        chosen = zip(values, mask, strict=False) if isinstance(mask, list) else ((v, 1) for v in values)
        return next((number(value) for value, counts in chosen if counts), None)
    return number(values)


def _ones(mask: Any) -> int | None:
    return sum(1 for each in mask if each) if isinstance(mask, list) else None


def _coverage(tally: Tally, notes: Notes, steps: list[int], size: int | None) -> dict[str, Any]:
    gaps = {step for a, b in pairwise(steps) for step in range(a + 1, b)} | set(range(1, steps[0]))
    batch = max(tally.train_steps.values(), default=0)
    notes.say("Dynamic sampling, where it was on, drops groups of equal rewards before training.")
    if size is None:
        notes.say("The number of generations per prompt is not known: equal prompts of a step are a group.")
    return {
        "expected_train": steps[-1] * batch,
        "basis": f"{steps[-1]:,} steps up to the last, times {batch:,} rollouts in the largest",
        "batches_expected": steps[-1],
        "missing_steps": tuple(sorted(gaps | notes.missing)),
        "statements": (*notes.statements, *tally.statements()),
    }
