"""Files beside those that an importer read: half a run may lie in a form, or a place, that is not read.

Every file at or below the source that can hold rollouts is either read or named. What frameworks leave beside
rollouts is none of these: settings, tokenizers, checkpoints, logs of metrics.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from modelassay.training.importers.checkpoints import parts_of
from modelassay.training.importers.rollout_files import holds_rollouts

MOST_OPENED = 2000
"""Files into which is looked; further ones are taken for what their names say."""
SHOWN = 5
_LINES = frozenset((".jsonl", ".ndjson"))
_TABLES = frozenset((".parquet", ".arrow", ".feather", ".eval"))
_PICKLES = frozenset((".pkl", ".pickle"))
_PACKED = frozenset((".gz", ".zst", ".bz2", ".xz", ".zip", ".tar", ".tgz", ".7z"))
_SETTINGS = frozenset((".json", ".csv", ".tsv"))
_KINDS = _LINES | _TABLES | _PICKLES | _PACKED | _SETTINGS
_CHECKPOINT = re.compile(r"(checkpoint|global_step|ckpt)[-_]?\d+|checkpoints?|ckpts?|weights|broadcasts?")
_OTHER_FOLDERS = frozenset(
    ("wandb", "tensorboard", "mlruns", "swanlog", "__pycache__", "huggingface", "tokenizer", "configs")
)
_OTHER_WORDS = frozenset(
    ("config", "configs", "settings", "args", "tokenizer", "vocab", "merges", "metrics", "metadata")
)
"""Last words of the names of files that hold no rollouts, packed or not."""
_OTHER_FILES = frozenset(("special_tokens_map", "added_tokens"))
"""Names of files of tokenizers, which hold texts of tokens."""
_CODE = frozenset(("code", "src", "source", "repo"))
"""Names of archives of the code that was run."""
_ARCHIVES = frozenset((".tar", ".tgz", ".zip", ".7z"))
_INSTALLED = frozenset(("model", "venv", "env"))
"""Names of archives of what was trained and what it was run with."""
_LOGS = frozenset((".log", ".out", ".err", ".qdrep", ".nsys-rep"))
"""Endings, within those of packing, of what programs print and profilers write."""
_MEMORY = frozenset(
    ("memory", "mem", "cuda", "gpu", "oom", "allocator", "snapshot", "rank", "step", "device", "torch")
)
"""Words of the names of pickles that are snapshots of memory."""


def left_unread(source: Path, opened: Collection[Path]) -> list[Path]:
    """Files at or below `source` that can hold rollouts and are not among `opened`, in order of their names.

    A source that is a file itself leaves nothing unread.
    """
    known = {os.path.realpath(path) for path in opened}
    found = []
    looked = 0
    for path in _files_below(source):
        if not _may_hold_rollouts(path) or os.path.realpath(path) in known:
            continue
        looked += 1
        if looked > MOST_OPENED or holds_rollouts(path):
            found.append(path)
    return sorted(found)


def named(source: Path, paths: Sequence[Path]) -> str:
    """The first of some files below `source`, each with why it is not read where its kind says so."""
    told = [
        (path.name if path == source else path.relative_to(source).as_posix()) + _why(path)
        for path in paths[:SHOWN]
    ]
    return ", ".join(told) + (f" and {len(paths) - SHOWN:,} more" if len(paths) > SHOWN else "")


def what_is_here(source: Path) -> str:
    """What a source that cannot be read holds, as a sentence; empty where nothing can hold rollouts."""
    paths = [source] if source.is_file() else left_unread(source, ())
    return f"what is here: {named(source, paths)}" if paths and any(map(_may_hold_rollouts, paths)) else ""


def _why(path: Path) -> str:
    kind = path.suffix.lower()
    if kind in _PICKLES:
        return " (a pickle, which is never loaded)"
    return " (packed: unpack it)" if kind in _PACKED else ""


def _files_below(source: Path) -> Iterator[Path]:
    """Files below `source` but for those in folders of other things."""
    for folder, inner, names in os.walk(source) if source.is_dir() else ():
        inner[:] = [name for name in inner if _looked_into(name)]
        yield from (Path(folder) / name for name in names if not name.startswith("."))


def _looked_into(folder: str) -> bool:
    return not (folder.startswith(".") or _CHECKPOINT.fullmatch(folder) or folder in _OTHER_FOLDERS)


def _may_hold_rollouts(path: Path) -> bool:
    """Whether a file can hold rollouts by its name alone."""
    kind, stem = path.suffix.lower(), path.name.partition(".")[0].lower()
    if kind not in _KINDS or stem in _OTHER_FILES:
        return False
    words = re.findall(r"[a-z]+", stem)
    if kind in _PICKLES:
        return not (parts_of((path.name,)) or ("snapshot" in words and _MEMORY.issuperset(words)))
    if kind in _PACKED and _is_packed_otherwise(stem, path):
        return False
    return kind in _TABLES or not (words and words[-1] in _OTHER_WORDS)


def _is_packed_otherwise(stem: str, path: Path) -> bool:
    """Whether what is packed is code, a model, an environment, a log or a profile."""
    kind, inner = path.suffix.lower(), path.with_suffix("").suffix.lower()
    archive = not _ARCHIVES.isdisjoint((kind, inner))
    return stem in _CODE or inner in _LOGS or (stem in _INSTALLED and archive)
