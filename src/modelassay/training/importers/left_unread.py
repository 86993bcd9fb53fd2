"""Files beside those that an importer read: half a run may lie in a form, or a place, that is not read.

Every file at or below the source that can hold rollouts is either read or named. What frameworks leave beside
rollouts is none of these: settings, tokenizers, checkpoints, logs of metrics.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from modelassay.errors import DatasetError
from modelassay.training.importers.checkpoints import parts_of
from modelassay.training.importers.lines import document, first_objects

MOST_OPENED = 2000
"""Files into which is looked; further ones are taken for what their names say."""
LONGEST_SETTINGS = 16 << 20
"""Bytes of a JSON object that may be settings; a longer one is taken for data."""
SHOWN = 5
_LINES = frozenset((".jsonl", ".ndjson"))
_TABLES = frozenset((".parquet", ".arrow", ".feather", ".eval"))
_PICKLES = frozenset((".pkl", ".pickle"))
_PACKED = frozenset((".gz", ".zst", ".bz2", ".xz", ".zip", ".tar", ".tgz", ".7z"))
_SETTINGS = frozenset((".json", ".csv", ".tsv"))
_KINDS = _LINES | _TABLES | _PICKLES | _PACKED | _SETTINGS
LOOKED_AT = 3
"""First objects of a file that tell whether it holds rollouts."""
LONG = 200
WORDS = 20
"""Characters, and spaces among them, from which a text under any key is what somebody said."""
_CHECKPOINT = re.compile(r"(checkpoint|global_step|ckpt)[-_]?\d+|checkpoints?|ckpts?|weights|broadcasts?")
_OTHER_FOLDERS = frozenset(
    ("wandb", "tensorboard", "mlruns", "swanlog", "__pycache__", "huggingface", "tokenizer", "configs")
)
_OTHER_WORDS = frozenset(
    ("config", "configs", "settings", "args", "tokenizer", "vocab", "merges", "metrics", "metadata")
)
"""Last words of the names of files that hold no rollouts, packed or not."""
_CODE = frozenset(("code", "src", "source", "repo"))
"""Names of archives of the code that was run."""
_SAID = frozenset(
    ("prompt", "completion", "response", "responses", "output", "outputs", "messages", "conversation",
     "answer", "text", "content", "input", "question", "query", "trajectory", "transcript", "samples",
     "traces", "nodes", "tokens", "response_tokens")
)  # fmt: skip
"""Keys under which rollouts hold what was said."""


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
        if looked > MOST_OPENED or _holds_rollouts(path):
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
    if (kind in _PACKED and stem in _CODE) or (kind in _PICKLES and parts_of((path.name,))):
        return False
    words = re.findall(r"[a-z]+", stem) if kind in _PACKED | _LINES | _SETTINGS else []
    return kind in _KINDS and not (words and words[-1] in _OTHER_WORDS)


def _holds_rollouts(path: Path) -> bool:
    """Whether a file that can hold rollouts does, where that is easily seen; else it is taken to."""
    kind = path.suffix.lower()
    if kind in _LINES:
        return any(map(_is_said, first_objects(path, LOOKED_AT)))
    if kind in {".csv", ".tsv"}:
        return bool(_header(path) & _SAID)
    if kind != ".json":
        return True
    try:
        if path.stat().st_size > LONGEST_SETTINGS:
            return True
        data = document(path)
    except (OSError, DatasetError):
        return True
    return any(map(_is_said, data[:LOOKED_AT])) if isinstance(data, list) else _is_table(data)


def _is_said(row: Any) -> bool:
    """Whether an object holds what somebody said, rather than numbers, names and settings."""
    if not isinstance(row, dict):
        return False
    texts = {str(key).lower(): value for key, value in row.items() if isinstance(value, str)}
    long = any(len(text) >= LONG and text.count(" ") > WORDS for text in texts.values())
    return long or bool(texts.keys() & _SAID) or _is_table(row)


def _is_table(data: Any) -> bool:
    """Whether an object holds rollouts by row or column; settings may hold a text, such as a prompt."""
    if not isinstance(data, dict):
        return False
    many = {
        str(key).lower(): value for key, value in data.items() if isinstance(value, list | dict) and value
    }
    columns = many.get("columns", ())
    return (
        bool(many.keys() & _SAID)
        or bool(_SAID & {str(each).lower() for each in columns})
        or any(_is_said(value[0]) for value in many.values() if isinstance(value, list))
    )


def _header(path: Path) -> set[str]:
    try:
        with path.open("rb") as file:
            line = file.readline(1 << 16).decode("utf-8", "replace")
    except OSError:
        return set()
    return {each.strip().strip('"').lower() for each in re.split(r"[,;\t]", line)}
