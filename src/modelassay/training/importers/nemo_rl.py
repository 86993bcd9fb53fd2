"""NeMo-RL: ``train_data_step{N}.jsonl`` and ``val_data_step{N}.jsonl``, one sample a line, N from 1.

Every value but ``idx`` stands in a batch of one: ``"rewards": [1.0], "content": [["question", "answer"]]``;
lines without it are read too. ``content`` holds the texts of the messages, of validation with their roles;
what the environment says last is among them. With dynamic sampling ``rewards`` are those of all generated
samples, so that they belong to other lines, and ``filtered_rewards`` those of the kept ones, which are all
that is written (NeMo-RL 7ea279a, `grpo_train`, `Logger.log_batched_dict_as_jsonl`). Every start of a job
makes ``exp_{NNN}`` below its log_dir (`get_next_experiment_dir`), also one that resumes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, TypeGuard

from modelassay.records import RewardFunction, RunManifest, RunPhase
from modelassay.training.importers.checkpoints import checkpoints_in
from modelassay.training.importers.conversations import (
    before_answer,
    role_of,
    shared_start,
    split_at_answer,
)
from modelassay.training.importers.lines import first_object, json_rows
from modelassay.training.importers.nemo_rl_starts import Start, starts_of, tell_starts
from modelassay.training.importers.opened import ImportOptions, Notes, OpenedRun, Record, Rows
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
from modelassay.training.importers.settings import yaml_settings
from modelassay.training.importers.tally import Tally
from modelassay.training.importers.trained_steps import Trained

NAME = "nemo-rl"
_KNOWN = frozenset(
    (
        "content", "rewards", "filtered_rewards", "input_lengths", "token_ids", "token_loss_mask",
        "sample_loss_mask", "advantages", "generation_logprobs", "prev_logprobs", "idx", "agent_ref",
    )
)  # fmt: skip
_NUMBERS = ("rewards", "filtered_rewards", "sample_loss_mask", "input_lengths")
"""One number a sample."""


def recognises(source: Path) -> bool:
    """Files named train_data_step{N}.jsonl."""
    return source.is_dir() and any(source.rglob("train_data_step*.jsonl"))


def open_run(source: Path, options: ImportOptions) -> OpenedRun:
    """See `Framework.open_run`."""
    starts = starts_of(source, options)
    settings = yaml_settings(source.rglob("config.yaml"))
    filtered = any("filtered_rewards" in first_object(path) for each in starts for _, path in each.train)
    sizes = {start.size for start in starts}
    manifest = RunManifest(
        id="",
        name="",
        origin="imported",
        framework=NAME,
        algorithm="grpo" if any(key.startswith("grpo.") for key in settings) else "",
        rewards=(RewardFunction(name="reward"),),
        group_size=sizes.pop() if len(sizes) == 1 else None,
        population="trained_on" if filtered else "generated",
        base=settings.get("policy.model_name", ""),
        configuration=settings,
        source=source.name,
    )
    taken: Counter[tuple[str, int]] = Counter()

    def rollouts(notes: Notes) -> Iterator[Rows]:
        return gathered((each for start in starts for each in _of_start(start, taken, notes)), ("reward",))

    trained = Trained()

    def records(notes: Notes) -> Iterator[Record]:
        return trained.noted(checkpoints_in(source, r"step_(\d+)", notes))

    def coverage(tally: Tally, notes: Notes) -> dict[str, Any]:
        return _coverage(tally, notes, starts, max(taken.values(), default=0), filtered, trained)

    return OpenedRun(manifest, rollouts, records, coverage)


def _of_start(start: Start, taken: Counter[tuple[str, int]], notes: Notes) -> Iterator[Rollout]:
    """The rollouts of a start, with groups of its own where there are several.

    Args:
        taken: where training rollouts are counted by start and step.
    """
    files: dict[RunPhase, list[tuple[int, Path]]] = {"train": start.train, "eval": start.evaluations}
    for phase, each in files.items():
        for step, path in each:
            for rollout in _read(path, step, phase, start.size, notes):
                if start.name and rollout.group:
                    rollout.group += f".{start.name}"
                if phase == "train":
                    taken[start.name, step] += 1
                yield rollout


def _read(path: Path, step: int, phase: RunPhase, size: int | None, notes: Notes) -> Iterator[Rollout]:
    # Validation asks every prompt as often as its data hold it: only equal prompts are a group there.
    size = size if phase == "train" else None
    rows = _rows(path, notes)
    groups = (
        (list(group) for _, group in groupby(rows, lambda each: each[0] // size))
        if size
        else ([row] for row in rows)
    )
    for together in groups:
        asked = _asked([row for _, row in together], notes)
        for index, row in together:
            yield _rollout(row, index, step, phase, size, asked, notes)


def _rows(path: Path, notes: Notes) -> Iterator[tuple[int, dict[str, Any]]]:
    for place, (where, line) in enumerate(json_rows(path, notes)):
        row = _unwrapped(line)
        if "content" not in row and "token_ids" not in row:
            notes.quarantine(where, "neither content nor token_ids", json_text(line))
            continue
        index = whole(row.get("idx"))
        yield index if index is not None else place, row


def _unwrapped(line: dict[str, Any]) -> dict[str, Any]:
    """A sample without the batch of one that `Logger.log_batched_dict_as_jsonl` leaves around its values."""
    batch = any(isinstance(line.get(key), list) for key in _NUMBERS) or any(
        isinstance(value := line.get(key), list) and len(value) == 1 and isinstance(value[0], list)
        for key in ("content", "token_ids")
    )
    if not batch:
        return line
    return {
        key: value[0] if isinstance(value, list) and len(value) == 1 else value for key, value in line.items()
    }


def _rollout(
    row: dict[str, Any],
    index: int,
    step: int,
    phase: RunPhase,
    size: int | None,
    asked: int | None,
    notes: Notes,
) -> Rollout:
    mark = "e" if phase == "eval" else ""
    prompt, completion = _texts(row.get("content"), asked)
    if prompt is None and completion is not None:
        notes.say("Prompt and answer stand in one text; the whole is kept as the completion.", grave=True)
    reward = number(row.get("filtered_rewards", row.get("rewards")))
    agent = row.get("agent_ref")
    name = agent.get("name") if isinstance(agent, dict) else agent
    group = f"{step}{mark}.{index // size if size else task_of(text_of(prompt)[0])}"
    return Rollout(
        step=step,
        phase=phase,
        env=name if isinstance(name, str) else "",
        prompt=prompt,
        completion=completion,
        group=group if size or prompt is not None else "",
        position=index % size if size else None,
        reward=reward,
        rewards={"reward": reward},
        advantage=_first(row.get("advantages"), row.get("token_loss_mask")),
        trained_on=_kept(row) if phase == "train" else None,
        completion_tokens=_ones(row.get("token_loss_mask")),
        extra=leftover(row, _KNOWN),
    )


def _asked(rows: list[dict[str, Any]], notes: Notes) -> int | None:
    """How many texts of each of these samples of one prompt are the prompt; None where there are no texts."""
    contents = [each for each in (row.get("content") for row in rows) if _are_texts(each)]
    if not contents or max(map(len, contents)) < 2:
        return None
    told = (
        before_answer(row["content"], listed(row.get("token_loss_mask")), whole(row.get("input_lengths")))
        for row in rows
        if _are_texts(row.get("content"))
    )
    known = [count for count in told if count is not None]
    if known:
        return min(known)
    if min(map(len, contents)) == max(map(len, contents)) == 2:
        return 1
    notes.say(
        "Some samples say neither roles nor sampled tokens: what the samples of a prompt have in common at "
        "the beginning is taken for the prompt, or all before the last message."
    )
    return shared_start(contents) if len(contents) > 1 else len(contents[0]) - 1


def _are_texts(content: Any) -> TypeGuard[list[str]]:
    return isinstance(content, list) and bool(content) and all(isinstance(each, str) for each in content)


def _texts(content: Any, asked: int | None) -> tuple[Any, Any]:
    """Prompt and completion.

    Args:
        asked: how many texts are the prompt, where the messages are texts without a role.
    """
    if isinstance(content, list) and content and all(map(role_of, content)):
        return split_at_answer(content)
    if not _are_texts(content):
        return None, content
    if len(content) == 1 or asked is None:
        return None, content[0] if len(content) == 1 else content
    first = min(max(asked, 1), len(content) - 1)
    rest = content[first:]
    if len(rest) == 1:
        return "\n".join(content[:first]), rest[0]
    return "\n".join(content[:first]), [
        {"role": "environment" if place % 2 else "assistant", "content": text}
        for place, text in enumerate(rest)
    ]


def _kept(row: dict[str, Any]) -> bool:
    mask = number(row.get("sample_loss_mask"))
    return mask is None or mask > 0


def _first(values: Any, mask: Any) -> float | None:
    """The advantage of a sample: that of its first trained token, or the number itself."""
    if isinstance(values, list):
        chosen = zip(values, mask, strict=False) if isinstance(mask, list) else ((v, 1) for v in values)
        return next((number(value) for value, counts in chosen if counts), None)
    return number(values)


def _ones(mask: Any) -> int | None:
    return sum(1 for each in mask if each) if isinstance(mask, list) else None


def _coverage(
    tally: Tally, notes: Notes, starts: list[Start], batch: int, filtered: bool, trained: Trained
) -> dict[str, Any]:
    times = Counter(step for start in starts for step, _ in start.train)
    again = times.total() - len(times)
    notes.repeated.update(step for step, count in times.items() if count > 1)
    last, known_by = trained.last(times)
    missing = set(range(1, last + 1)) - set(times)
    retaken = f", {again:,} of them taken again" if again else ""
    basis = f"{last:,} steps up to the last{known_by}{retaken}, times {batch:,} rollouts in the largest"
    if filtered:
        basis = "with dynamic sampling the source says only what was trained on"
        notes.say(
            "Dynamic sampling dropped groups of equal rewards: what was filtered out is gone.", grave=True
        )
    if any(start.size is None for start in starts):
        notes.say("The number of generations per prompt is not known: equal prompts of a step are a group.")
    tell_starts(notes, starts)
    return {
        "expected_train": None if filtered else (last + again) * batch,
        "basis": basis,
        "batches_expected": last,
        "missing_steps": tuple(sorted(missing | notes.missing)),
        "repeated_steps": tuple(sorted(notes.repeated)),
        "statements": (*notes.statements, *tally.statements()),
    }
