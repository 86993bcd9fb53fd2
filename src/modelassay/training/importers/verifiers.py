"""verifiers: ``traces.jsonl`` with ``config.toml``; before 0.3.1 ``results.jsonl`` with ``metadata.json``.

Of ``traces.jsonl`` a line is an episode (`episodes`; verifiers 041e0a3, `write_trace`). A legacy line holds
example_id, prompt, completion, reward, metrics, answer, info, error, stop_condition, timing, and whether it
was cut off. Both are evaluations, unless an episode says that it was for training; prime-rl's older
``step_{N}/train_rollouts.jsonl`` has the legacy format too, and is training.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelassay.errors import DatasetError
from modelassay.records import RewardFunction, RunManifest, RunPhase
from modelassay.training.importers.episodes import (
    Learned,
    Place,
    agents_in,
    inner,
    is_episode,
    kind_of,
    rewards_in,
    rollouts_of,
)
from modelassay.training.importers.lines import first_object, json_rows
from modelassay.training.importers.opened import ImportOptions, Notes, OpenedRun, Rows
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
from modelassay.training.importers.settings import json_settings, toml_settings
from modelassay.training.importers.starts import MOST_NAMED
from modelassay.training.importers.tally import Tally

NAME = "verifiers"
_FILES = ("results.jsonl", "traces.jsonl")
_ROW = frozenset(("prompt", "completion", "reward"))
_KNOWN = frozenset(
    (
        "example_id", "prompt", "completion", "reward", "advantage", "error", "stop_condition",
        "is_truncated", "metrics", "is_filtered", "task", "env_name", "token_usage", "trajectory",
        "trajectory_id",
    )
)  # fmt: skip


def recognises(source: Path) -> bool:
    """results.jsonl of prompts, completions and rewards, or traces.jsonl of episodes."""
    return any(_is_row(first_object(path)) for path in _files(source)[:1])


def open_run(source: Path, options: ImportOptions) -> OpenedRun:
    """See `Framework.open_run`."""
    files = _files(source)
    if not files:
        raise DatasetError("neither results.jsonl nor traces.jsonl", where=str(source))
    looked_at = [first_object(path) for path in files]
    names = tuple(dict.fromkeys((*reward_names(files), *rewards_in(looked_at))))
    agents = agents_in(looked_at)
    told = [_settings_of(path) for path in files]
    settings = _agreed(told)
    models = sorted({each["model"] for each in told if each.get("model")})
    manifest = RunManifest(
        id="",
        name="",
        origin="imported",
        framework=NAME,
        rewards=tuple(RewardFunction(name=name) for name in names),
        group_size=options.group_size or whole(settings.get("rollouts_per_example")),
        base=settings.get("model", ""),
        configuration=settings,
        source=source.name,
    )

    def rollouts(notes: Notes) -> Iterator[Rows]:
        def each() -> Iterator[Rollout]:
            for step, (path, own) in enumerate(zip(files, told, strict=True), 1):
                env, policy = own.get("env_id", ""), own.get("model") or None
                if path.name == "traces.jsonl":
                    rollouts = _of_episodes(path, step, agents, notes)
                else:
                    rollouts = legacy_rollouts(path, step, "eval", env, notes)
                for rollout in rollouts:
                    rollout.policy = rollout.policy or policy
                    yield rollout

        return gathered(each(), names)

    def coverage(tally: Tally, notes: Notes) -> dict[str, Any]:
        if not tally.train:
            notes.say("These are results of an evaluation; nothing here was trained on.")
        if len(files) > 1:
            notes.say(f"{len(files):,} files of results: steps number them by name.")
        if len(models) > 1:
            named = ", ".join(models[:MOST_NAMED]) + (", …" if len(models) > MOST_NAMED else "")
            notes.say(
                f"Results of {len(models):,} models ({named}): a rate over all of them is that of none. The "
                f"policy of each rollout says which model answered.",
                grave=True,
            )
        return {
            "basis": "nothing says how many episodes there were" if tally.train else "an evaluation",
            "statements": (*notes.statements, *tally.statements()),
        }

    return OpenedRun(manifest, rollouts, coverage=coverage)


def _is_row(row: dict[str, Any]) -> bool:
    return row.keys() >= _ROW or is_episode(row)


def _settings_of(path: Path) -> dict[str, str]:
    legacy = json_settings(path.parent / "metadata.json")
    return legacy or toml_settings(path.parent / "config.toml")


def _of_episodes(path: Path, step: int, agents: frozenset[str], notes: Notes) -> Iterator[Rollout]:
    """The rollouts of a file of episodes, at the step that each names or else at that of the file."""
    for where, row in json_rows(path, notes):
        if not is_episode(row):
            notes.quarantine(where, "no episode", json_text(row))
            continue
        phase = kind_of(row) or "eval"
        told = whole(inner(inner(row, "run"), "work").get("step"))
        place = Place(step if told is None else told, phase, where, f"{step}e." if phase == "eval" else "")
        yield from rollouts_of(row, place, lambda trace: Learned(), agents)


def _agreed(told: list[dict[str, str]]) -> dict[str, str]:
    """The settings that all files of results have in common."""
    keys = dict.fromkeys(key for each in told for key in each)
    return {key: told[0][key] for key in keys if len({each.get(key) for each in told}) == 1}


def reward_names(files: list[Path]) -> tuple[str, ...]:
    """Parts of the reward that the first lines of the files name."""
    found: dict[str, None] = {}
    for path in files:
        metrics = first_object(path).get("metrics")
        found.update(dict.fromkeys(metrics if isinstance(metrics, dict) else ()))
    return tuple(found)


def legacy_rollouts(path: Path, step: int, phase: RunPhase, env: str, notes: Notes) -> Iterator[Rollout]:
    """The rollouts of one file of legacy lines."""
    mark = "e" if phase == "eval" else ""
    for where, row in json_rows(path, notes):
        if not row.keys() >= _ROW:
            notes.quarantine(where, "no prompt, completion or reward", json_text(row))
            continue
        metrics = row.get("metrics")
        named = row.get("env_name") or row.get("task") or env
        example = row.get("example_id")
        task = "" if example is None else name_of(f"{named}/{example}" if named else example)
        error, filtered = row.get("error"), row.get("is_filtered")
        usage = row.get("token_usage")
        yield Rollout(
            step=step,
            phase=phase,
            prompt=row["prompt"],
            completion=row["completion"],
            env=name_of(named),
            task=task,
            group=f"{step}{mark}.{task or task_of(text_of(row['prompt'])[0])}",
            reward=number(row["reward"]),
            rewards={n: number(v) for n, v in metrics.items()} if isinstance(metrics, dict) else {},
            advantage=number(row.get("advantage")),
            trained_on=None if phase == "eval" else not filtered if isinstance(filtered, bool) else None,
            failure=(error if isinstance(error, str) else json_text(error))[:500] if error else "",
            finish="length" if row.get("is_truncated") else name_of(row.get("stop_condition")),
            completion_tokens=whole(usage.get("output_tokens")) if isinstance(usage, dict) else None,
            extra=leftover(row, _KNOWN),
        )


def _files(source: Path) -> list[Path]:
    if source.is_file():
        return [source] if source.name in _FILES else []
    found = (path for name in _FILES for path in source.rglob(name))
    return sorted(path for path in found if not _is_copy(path))


def _is_copy(path: Path) -> bool:
    """Whether a file repeats some episodes of another: prime-rl keeps what it trained on twice."""
    return path.parent.name == "effective" and (path.parent.parent / "all" / path.name).is_file()
