"""Training checkpoints that lie beside a run: their steps, what they hold, and digests of their weights."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from modelassay.artifacts.fingerprint import fingerprint_folder
from modelassay.errors import UsageError
from modelassay.records import RunCheckpoint
from modelassay.training.importers.opened import Notes

_PARTS = {
    "weights": re.compile(
        r".*\.safetensors|pytorch_model.*\.bin|consolidated.*\.pth|model_world_size.*|.*\.distcp"
    ),
    "optimizer": re.compile(r"optim.*"),
    "rng": re.compile(r"rng_state.*|extra_state_world_size.*"),
    "scheduler": re.compile(r"(lr_)?scheduler.*"),
    "data": re.compile(r"data\.pt|dataloader.*|trainer_state\.json|train_dataloader.*"),
}
_PICKLE = re.compile(r".*\.(bin|pt|pth|pkl|pickle)")


def checkpoints_in(root: Path, pattern: str, notes: Notes) -> Iterator[RunCheckpoint]:
    """Every folder below `root` (two levels) whose name matches `pattern`, which captures the step."""
    form = re.compile(pattern)
    for folder in sorted({*root.glob("*/"), *root.glob("*/*/")}):
        match = form.fullmatch(folder.name)
        if match and folder.is_dir():
            yield _checkpoint(folder, int(match.group(1)), notes)


def parts_of(names: Iterable[str]) -> tuple[str, ...]:
    """Parts of the training state that files of these names hold; see `RunCheckpoint.parts`."""
    known = list(names)
    return tuple(part for part, form in _PARTS.items() if any(form.fullmatch(name) for name in known))


def _checkpoint(folder: Path, step: int, notes: Notes) -> RunCheckpoint:
    names = [path.name for path in folder.rglob("*") if path.is_file()]
    parts = parts_of(names)
    if any(_PICKLE.fullmatch(name) for name in names):
        notes.say("Checkpoints hold pickles (such as training_args.bin); they were hashed, and never loaded.")
    digest = None
    if "weights" in parts:
        try:
            digest = fingerprint_folder(folder).digest
        except UsageError as error:
            notes.say(f"No digest of {folder.name}: {error.what}.")
    return RunCheckpoint(step=step, name=folder.name, digest=digest, parts=parts)
