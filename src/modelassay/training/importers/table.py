"""Any table of rollouts, JSONL or Parquet, with a YAML map of its columns.

::

    step: epoch                     # a column; a.b reaches into objects
    prompt: question                # or messages: conversation, cut before the first answer
    completion: response
    reward: score
    rewards: {public: metrics.public_reward, private: metrics.private_reward}
    env: env_type
    failure: metrics.docker_error   # true, not zero, or text: an infrastructure failure
    truncated: was_cut              # true: the completion was cut off
    phase: {value: eval}            # the same for every row

Without a map, columns of these names are taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from modelassay.errors import ConfigError, DatasetError, did_you_mean
from modelassay.records import RewardFunction, RunManifest
from modelassay.training.columns import pa
from modelassay.training.importers.lines import first_object, json_rows, utc
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
from modelassay.training.importers.tally import Tally

NAME = "table"
PARTS = (
    "step", "phase", "env", "task", "group", "position", "prompt", "completion", "messages", "reward",
    "rewards", "advantage", "trained_on", "policy", "grader_input", "grader_output", "failure", "finish",
    "truncated", "prompt_tokens", "completion_tokens", "time",
)  # fmt: skip
"""What a column can be."""


@dataclass(frozen=True)
class ColumnMap:
    """Which column is what: a dotted path, or a value for every row."""

    paths: Mapping[str, str]
    values: Mapping[str, Any]
    rewards: Mapping[str, str]

    def get(self, row: Mapping[str, Any], part: str) -> Any:
        """What `row` says of `part`; None when nothing."""
        if part in self.values:
            return self.values[part]
        path = self.paths.get(part)
        return None if path is None else reached(row, path)

    @property
    def taken(self) -> frozenset[str]:
        """Columns of the table that are mapped as a whole."""
        return frozenset((*self.paths.values(), *self.rewards.values()))


def recognises(source: Path) -> bool:
    """A table whose columns carry the names of the parts."""
    for path in _files(source)[:1]:
        names = set(first_object(path)) if path.suffix == ".jsonl" else _parquet_names(path)
        return bool(names & {"completion", "messages"}) and "reward" in names
    return False


def open_run(source: Path, options: ImportOptions) -> OpenedRun:
    """See `Framework.open_run`."""
    files = _files(source)
    if not files:
        raise DatasetError("no .jsonl or .parquet files", where=str(source))
    names = set(first_object(files[0])) if files[0].suffix == ".jsonl" else _parquet_names(files[0])
    chosen = read_map(options.mapping) if options.mapping else _plain_map(names)
    if not {"completion", "messages"} & {*chosen.paths}:
        raise DatasetError(
            "no column is the completion",
            where=str(source),
            mend="a map needs completion: COLUMN or messages: COLUMN; columns here: "
            + ", ".join(sorted(names)),
        )
    rewards = tuple(chosen.rewards)
    manifest = RunManifest(
        id="",
        name="",
        origin="imported",
        framework="plain",
        rewards=tuple(RewardFunction(name=name) for name in rewards),
        group_size=options.group_size,
        source=source.name,
    )

    def rollouts(notes: Notes) -> Iterator[Rows]:
        return gathered((each for path in files for each in _read(path, chosen, notes)), rewards)

    def coverage(tally: Tally, notes: Notes) -> dict[str, Any]:
        return {
            "basis": "a table says nothing about what it leaves out",
            "statements": (*notes.statements, *tally.statements()),
        }

    return OpenedRun(manifest, rollouts, coverage=coverage)


def read_map(path: Path) -> ColumnMap:
    """The map in a YAML file.

    Raises:
        ConfigError: it cannot be read, or names a part that there is not.
    """
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"the map cannot be read: {error}", where=str(path)) from error
    if not isinstance(given, dict):
        raise ConfigError(
            "a map of columns is a mapping", where=str(path), mend="such as completion: response"
        )
    paths: dict[str, str] = {}
    values: dict[str, Any] = {}
    rewards: dict[str, str] = {}
    for part, each in given.items():
        if part not in PARTS:
            raise ConfigError(f"no such part {part!r}", where=str(path), mend=did_you_mean(str(part), PARTS))
        if part == "rewards" and isinstance(each, dict):
            rewards = {str(name): str(column) for name, column in each.items()}
        elif isinstance(each, dict) and set(each) == {"value"}:
            values[part] = each["value"]
        elif isinstance(each, str):
            paths[part] = each
        else:
            raise ConfigError(
                f"{part} is neither a column nor {{value: …}}", where=str(path), mend=f"{part}: COLUMN"
            )
    return ColumnMap(paths, values, rewards)


def reached(row: Mapping[str, Any], path: str) -> Any:
    """What stands at a dotted path; a column whose own name has dots comes first."""
    if path in row:
        return row[path]
    found: Any = row
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _plain_map(names: set[str]) -> ColumnMap:
    rewards = {name.removeprefix("reward/"): name for name in sorted(names) if name.startswith("reward/")}
    return ColumnMap({part: part for part in PARTS if part in names and part != "rewards"}, {}, rewards)


def _files(source: Path) -> list[Path]:
    paths = [source] if source.is_file() else sorted(source.glob("*")) if source.is_dir() else []
    return [path for path in paths if path.suffix in {".jsonl", ".parquet"} and path.is_file()]


def _parquet_names(path: Path) -> set[str]:
    import pyarrow.parquet as parquet

    try:
        return set(parquet.read_schema(path).names)
    except (pa.ArrowInvalid, OSError):
        return set()


def _rows(path: Path, notes: Notes) -> Iterator[tuple[str, dict[str, Any]]]:
    import pyarrow.parquet as parquet

    if path.suffix == ".jsonl":
        yield from json_rows(path, notes)
        return
    number_ = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=2048):
                for row in batch.to_pylist():
                    number_ += 1
                    yield f"{path.name}: row {number_}", row
    except (pa.ArrowInvalid, OSError) as error:
        notes.quarantine(f"{path.name}: after row {number_}", f"not a readable Parquet file: {error}", "")


def _read(path: Path, chosen: ColumnMap, notes: Notes) -> Iterator[Rollout]:
    for where, row in _rows(path, notes):
        step = whole(chosen.get(row, "step"))
        if step is None and ("step" in chosen.paths or "step" in chosen.values):
            notes.quarantine(
                where, f"step is no whole number: {chosen.get(row, 'step')!r}"[:200], json_text(row)
            )
            continue
        if step is None:
            notes.say("The table has no column for the step: all rows stand at step 1.")
        prompt, completion = _texts(row, chosen)
        if completion is None:
            notes.quarantine(where, "no completion", json_text(row))
            continue
        yield _rollout(row, chosen, 1 if step is None else step, prompt, completion)


def _texts(row: Mapping[str, Any], chosen: ColumnMap) -> tuple[Any, Any]:
    messages = chosen.get(row, "messages")
    if "messages" not in chosen.paths:
        return chosen.get(row, "prompt"), chosen.get(row, "completion")
    if not isinstance(messages, list):
        return None, None
    roles = [each.get("role") if isinstance(each, dict) else None for each in messages]
    first = roles.index("assistant") if "assistant" in roles else len(messages)
    return messages[:first], messages[first:]


def _rollout(row: Mapping[str, Any], chosen: ColumnMap, step: int, prompt: Any, completion: Any) -> Rollout:
    def get(part: str) -> Any:
        return chosen.get(row, part)

    def text(part: str) -> str | None:
        value = get(part)
        return None if value is None else text_of(value)[0]

    evaluation = str(get("phase") or "train").lower() not in {"train", "training"}
    task = name_of(get("task")) or task_of(text_of(prompt)[0])
    mark = "e" if evaluation else ""
    trained = get("trained_on")
    return Rollout(
        step=step,
        phase="eval" if evaluation else "train",
        prompt=prompt,
        completion=completion,
        env=name_of(get("env")),
        task=task,
        group=name_of(get("group")) or f"{step}{mark}.{name_of(get('env'))}.{task}",
        position=whole(get("position")),
        reward=number(get("reward")),
        rewards={name: number(reached(row, path)) for name, path in chosen.rewards.items()},
        advantage=number(get("advantage")),
        trained_on=trained if isinstance(trained, bool) else None,
        policy=text("policy"),
        grader_input=text("grader_input"),
        grader_output=text("grader_output"),
        failure=_failure(get("failure"), chosen),
        finish="length" if get("truncated") in (True, 1) else name_of(get("finish")),
        prompt_tokens=whole(get("prompt_tokens")),
        completion_tokens=whole(get("completion_tokens")),
        time=utc(get("time")),
        extra=leftover(row, chosen.taken),
    )


def _failure(value: Any, chosen: ColumnMap) -> str:
    if isinstance(value, bool | int | float):
        return chosen.paths.get("failure", "failure") if value else ""
    return name_of(value)
