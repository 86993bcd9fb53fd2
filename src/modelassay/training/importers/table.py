"""Any table of rollouts, JSONL or Parquet, with a YAML map of its columns.

::

    step: epoch                     # a column; a.b reaches into objects
    prompt: question                # or messages: conversation, cut before the first answer
    completion: response            # beside a conversation that no answer ends, that is the prompt
    reward: score
    rewards: {public: metrics.public_reward, private: metrics.private_reward}  # or a column of objects
    env: env_type
    failure: metrics.docker_error   # true, not zero, or text: an infrastructure failure
    truncated: was_cut              # true: the completion was cut off
    phase: {value: eval}            # the same for every row; words for evaluations, else it is training

A row is of an evaluation when its phase has one of the words val, valid, validate, validation, eval,
evaluate, evaluation, test, held, hold, heldout, holdout, dev, benchmark (or a form of one, such as evals,
evaluating or testset), in any case and beside any others: ``held_out``, ``train_eval``.

Without a map, columns of these names are taken. Text such as ``none``, ``false``, ``0`` or ``ok`` is no
failure. Of a column of objects with a number for each reward function, the functions are those of the first
rows.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelassay.errors import ConfigError, DatasetError, did_you_mean
from modelassay.records import RewardFunction, RunManifest
from modelassay.training.columns import pa
from modelassay.training.importers.left_unread import what_is_here
from modelassay.training.importers.lines import first_object, first_objects, json_rows, utc
from modelassay.training.importers.opened import ImportOptions, Notes, OpenedRun, Rows
from modelassay.training.importers.phases import phase_in_row
from modelassay.training.importers.rows import (
    Rollout,
    gathered,
    json_text,
    leftover,
    name_of,
    number,
    task_of,
    text_of,
    twice_named,
    whole,
)
from modelassay.training.importers.table_cells import Unclear, absent, conversation, failure_of, parted, truth
from modelassay.training.importers.table_map import ColumnMap, plain_map, reached, read_map, there
from modelassay.training.importers.tally import Tally

NAME = "table"
LOOKED_AT = 64
"""First rows of a file that tell its columns, and the reward functions of a column of objects."""
MOST_REWARDS = 100
"""Keys of objects that can be reward functions; more of them are something else."""


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
        raise DatasetError("no .jsonl or .parquet files", where=str(source), mend=what_is_here(source))
    names = {name for path in files for name in _names(path)}
    chosen = read_map(options.mapping) if options.mapping else plain_map(names)
    if options.mapping:
        _refuse_absent(chosen, files, names, options.mapping)
    if not {"completion", "messages"} & set(chosen.paths):
        raise DatasetError(
            "no column is the completion",
            where=str(source),
            mend="a map needs completion: COLUMN or messages: COLUMN; columns here: "
            + ", ".join(sorted(names)),
        )
    chosen = _with_rewards(chosen, files)
    unclear = Unclear()
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
        return gathered((each for path in files for each in _read(path, chosen, notes, unclear)), rewards)

    def coverage(tally: Tally, notes: Notes) -> dict[str, Any]:
        for statement in unclear.statements():
            notes.say(statement, grave=True)
        if "rewards" in chosen.paths and not rewards:
            notes.say(f"{chosen.paths['rewards']} names no reward functions; it is kept as it stands.")
        return {
            "basis": "a table says nothing about what it leaves out",
            "statements": (*notes.statements, *tally.statements()),
        }

    return OpenedRun(manifest, rollouts, coverage=coverage)


def _refuse_absent(chosen: ColumnMap, files: list[Path], names: set[str], mapping: Path) -> None:
    """Make sure that each mapped column is in some row of some file.

    Raises:
        ConfigError: some are in none.
    """
    wanted = {column: part for part, column in chosen.paths.items()}
    wanted |= {column: f"rewards.{name}" for name, column in chosen.rewards.items()}
    absent = set(wanted) - names
    found = set(names)
    for rows in (*map(_first_rows, files), *(first_objects(path, sys.maxsize) for path in _lines(files))):
        for row in rows if absent else ():
            absent -= {column for column in absent if there(row, column)}
            found |= {
                f"{name}.{key}" for name, inner in row.items() if isinstance(inner, dict) for key in inner
            }
            if not absent:
                break
    if absent:
        told = ", ".join(f"{column!r} (for {wanted[column]})" for column in sorted(absent))
        guesses = dict.fromkeys(did_you_mean(column, sorted(found)) for column in sorted(absent))
        raise ConfigError(
            f"the table has no such columns: {told}",
            where=str(mapping),
            mend="; ".join(filter(None, guesses)),
        )


def _lines(files: list[Path]) -> list[Path]:
    return [path for path in files if path.suffix == ".jsonl"]


def _with_rewards(chosen: ColumnMap, files: list[Path]) -> ColumnMap:
    """`chosen` with the reward functions of a column that holds an object of numbers by function."""
    column = chosen.paths.get("rewards")
    if column is None:
        return chosen
    found: dict[str, str] = {}
    for path in files:
        for row in _first_rows(path):
            scores = reached(row, column)
            scored = scores.items() if isinstance(scores, dict) else ()
            found |= {
                name: f"{column}.{name}" for name, score in scored if name and number(score) is not None
            }
    if len(found) > MOST_REWARDS:
        return chosen
    return replace(chosen, rewards={**dict(sorted(found.items())), **chosen.rewards})


def _first_rows(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as parquet

    if path.suffix == ".jsonl":
        yield from first_objects(path, LOOKED_AT)
        return
    try:
        with parquet.ParquetFile(path) as file:
            yield from next(file.iter_batches(batch_size=LOOKED_AT)).to_pylist()
    except (pa.ArrowException, OSError, StopIteration):
        return


def _files(source: Path) -> list[Path]:
    paths = [source] if source.is_file() else sorted(source.glob("*")) if source.is_dir() else []
    return [path for path in paths if path.suffix in {".jsonl", ".parquet"} and path.is_file()]


def _names(path: Path) -> set[str]:
    if path.suffix == ".jsonl":
        return {name for row in first_objects(path, LOOKED_AT) for name in row}
    return _parquet_names(path)


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
    notes.read(path)
    number_ = 0
    try:
        with parquet.ParquetFile(path) as file:
            twice = twice_named(file.schema_arrow.names)
            if twice:
                notes.quarantine(path.name, f"several columns are named {', '.join(twice)}", "")
                return
            for batch in file.iter_batches(batch_size=2048):
                for row in batch.to_pylist():
                    number_ += 1
                    yield f"{path.name}: row {number_}", row
    except (pa.ArrowException, OSError) as error:
        notes.quarantine(f"{path.name}: after row {number_}", f"not a readable Parquet file: {error}", "")


def _read(path: Path, chosen: ColumnMap, notes: Notes, unclear: Unclear) -> Iterator[Rollout]:
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
        yield _rollout(row, chosen, unclear, 1 if step is None else step, prompt, completion)


def _texts(row: Mapping[str, Any], chosen: ColumnMap) -> tuple[Any, Any]:
    prompt, completion, messages = (
        conversation(chosen.get(row, part)) for part in ("prompt", "completion", "messages")
    )
    if "messages" not in chosen.paths:
        return prompt, completion
    asked, answered = parted(messages, completion)
    return asked or prompt, answered


def _rollout(
    row: Mapping[str, Any], chosen: ColumnMap, unclear: Unclear, step: int, prompt: Any, completion: Any
) -> Rollout:
    def get(part: str) -> Any:
        return chosen.get(row, part)

    def text(part: str) -> str | None:
        value = get(part)
        return None if value is None else text_of(value)[0]

    def figure(part: str) -> float | None:
        return unclear.number(part, get(part), chosen.paths.get(part, ""))

    def score(path: str) -> float | None:
        return unclear.number(path, reached(row, path))

    def said(part: str) -> bool | None:
        value = get(part)
        found = truth(value)
        if found is None and not absent(value):
            unclear.add(part, value)
        return found

    evaluation = _is_evaluation(get("phase"), unclear)
    task = name_of(get("task")) or task_of(text_of(prompt)[0])
    mark = "e" if evaluation else ""
    return Rollout(
        step=step,
        phase="eval" if evaluation else "train",
        prompt=prompt,
        completion=completion,
        env=name_of(get("env")),
        task=task,
        group=name_of(get("group")) or f"{step}{mark}.{name_of(get('env'))}.{task}",
        position=whole(get("position")),
        reward=figure("reward"),
        rewards={name: score(path) for name, path in chosen.rewards.items()},
        advantage=figure("advantage"),
        trained_on=said("trained_on"),
        policy=text("policy"),
        grader_input=text("grader_input"),
        grader_output=text("grader_output"),
        failure=failure_of(get("failure"), chosen.paths.get("failure", "failure")),
        finish="length" if said("truncated") else name_of(get("finish")),
        prompt_tokens=whole(get("prompt_tokens")),
        completion_tokens=whole(get("completion_tokens")),
        time=utc(get("time")),
        extra={**leftover(row, chosen.taken), **_not_numbers(row, chosen)},
    )


def _not_numbers(row: Mapping[str, Any], chosen: ColumnMap) -> dict[str, Any]:
    """Rewards and advantages that are objects or lists: kept as they stand, since no column holds them."""
    paths = (*(chosen.paths.get(part, "") for part in ("reward", "advantage")), *chosen.rewards.values())
    return {path: cell for path in paths if isinstance(cell := reached(row, path), dict | list)}


def _is_evaluation(value: Any, unclear: Unclear) -> bool:
    if absent(value):
        return False
    phase = phase_in_row(name_of(value))
    if phase is None:
        unclear.add("phase", value)
    return phase == "eval"
