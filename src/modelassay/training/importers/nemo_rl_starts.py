"""The starts of a NeMo-RL run: each has a folder ``exp_{NNN}`` below its log_dir."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from modelassay.errors import DatasetError
from modelassay.training.importers.lines import numbered
from modelassay.training.importers.opened import ImportOptions, Notes
from modelassay.training.importers.rows import whole
from modelassay.training.importers.settings import yaml_settings
from modelassay.training.importers.starts import MOST_NAMED, starts_in_order

_START = r"exp_(\d+)"


@dataclass(frozen=True)
class Start:
    """What one start of the run left."""

    name: str
    """Of its folder, where the run was started several times; else empty."""
    train: list[tuple[int, Path]]
    evaluations: list[tuple[int, Path]]
    size: int | None
    """Generations per prompt, where it is known."""
    settings: dict[str, str]
    """Of this start alone; empty where it has none."""


def starts_of(source: Path, options: ImportOptions) -> list[Start]:
    """The starts of the run, in order: NeMo-RL makes ``exp_{NNN}`` below its log_dir at each of them.

    Raises:
        DatasetError: nothing was trained here, or the folders are of several runs.
    """
    train = _by_folder(source, r"train_data_step(\d+)\.jsonl")
    evaluations = _by_folder(source, r"val_data_step(\d+)\.jsonl")
    if not train:
        raise DatasetError("no train_data_step{N}.jsonl", where=str(source))
    steps = {folder: [step for step, _ in files] for folder, files in train.items()}
    folders = starts_in_order(source, steps, [each for each in evaluations if each not in train], _START)
    named = len(folders) > 1 and bool(re.fullmatch(_START, folders[0].name))
    whole_run = yaml_settings(source.rglob("config.yaml"))
    found = []
    for folder in folders:
        own = yaml_settings(folder.rglob("config.yaml")) if named else {}
        size = options.group_size or whole((own or whole_run).get("grpo.num_generations_per_prompt"))
        name = folder.name if named else ""
        found.append(Start(name, train.get(folder, []), evaluations.get(folder, []), size, own))
    return found


def _by_folder(source: Path, pattern: str) -> dict[Path, list[tuple[int, Path]]]:
    found: dict[Path, list[tuple[int, Path]]] = {}
    for step, path in numbered(source.rglob("*_data_step*.jsonl"), pattern):
        found.setdefault(path.parent, []).append((step, path))
    return found


def tell_starts(notes: Notes, starts: list[Start]) -> None:
    """Say how often the run was started, and which settings it did not go on with."""
    resumed = [(start.name, start.train[0][0]) for start in starts[1:] if start.name and start.train]
    if resumed:
        told = ", ".join(f"{name} from step {step:,}" for name, step in resumed)
        notes.say(f"The run was resumed: {told}. Steps that it took again have groups of their own.")
    known = [start.settings for start in starts if start.settings]
    changed = sorted(
        key
        for key in {key for each in known for key in each}
        if not key.startswith("logger.") and len({each.get(key) for each in known}) > 1
    )
    if changed:
        more = ", …" if len(changed) > MOST_NAMED else ""
        notes.say(
            f"Settings differ between the starts of the run; those of the last are kept: "
            f"{', '.join(changed[:MOST_NAMED])}{more}.",
            grave=True,
        )
