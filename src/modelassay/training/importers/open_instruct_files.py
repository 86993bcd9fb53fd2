"""Files of open-instruct: shards of each start of a run, told apart by its name, and what is known of it.

Every start of a job has a name of its own, which ends with its time, and names its shards by it; the option
``save_filtered_rollouts`` adds shards of the groups that were dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelassay.errors import DatasetError
from modelassay.training.importers.lines import first_object
from modelassay.training.importers.rows import name_of, whole
from modelassay.training.importers.starts import MOST_NAMED

_SHARD = re.compile(r"(.+?)(_filtered)?_rollouts_(\d{6})\.jsonl")
_ABOUT = re.compile(r"(.+)_metadata\.jsonl")
_TIME = re.compile(r"_*\d{9,}$")
"""Seconds since 1970, with which open-instruct ends the names of runs."""


@dataclass(frozen=True)
class Start:
    """What one start of the run left."""

    name: str
    """Of the run, as open-instruct has it."""
    about: dict[str, Any]
    """Its line of metadata; empty where there is none."""
    trained: list[tuple[int, Path]] = field(default_factory=list)
    """Shards of rollouts that were trained on, by number."""
    dropped: list[tuple[int, Path]] = field(default_factory=list)
    """Shards of groups that were filtered out, by number; of one step there may be lines in several."""

    def told(self, key: str) -> str:
        """What the metadata say under `key`; empty where they say nothing."""
        return name_of(self.about.get(key))

    @property
    def first_step(self) -> int:
        """The step with which it begins."""
        steps = (whole(first_object(path).get("step")) for _, path in (*self.trained, *self.dropped))
        return next((step for step in steps if step is not None), 0)

    @property
    def stem(self) -> str:
        """The name of the run without the time of the start."""
        return _TIME.sub("", self.name) or self.name

    def continues(self, other: Start) -> bool:
        """Whether this is another start of the run that `other` is of."""
        return self.stem == other.stem and self.name != other.name


def starts_in(source: Path) -> list[Start]:
    """The starts whose shards lie in a folder, by step; of one file of a start that start alone."""
    wanted = _run_of(source.name) if source.is_file() else ""
    if source.is_file() and not wanted:
        return []
    folder = source.parent if source.is_file() else source
    found: dict[str, Start] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        match = _SHARD.fullmatch(path.name)
        if match is None:
            continue
        dropped = bool(match[2]) and _may_be_dropped(path)
        name = match[1] if dropped else match[1] + (match[2] or "")
        if wanted in ("", name):
            about = first_object(folder / f"{name}_metadata.jsonl")
            start = found.setdefault(name, Start(name, about))
            (start.dropped if dropped else start.trained).append((int(match[3]), path))
    return sorted(found.values(), key=lambda start: (start.first_step, start.name))


def one_run(source: Path, starts: list[Start]) -> None:
    """Make sure that the starts are of one run, resumed: named alike but for the time, of the same model.

    Raises:
        DatasetError: they are of several runs, or nothing that was trained on is here.
    """
    if not any(start.trained for start in starts):
        raise DatasetError(
            "only rollouts that were filtered out are here",
            where=str(source),
            mend="set --save_traces as well: it keeps those that were trained on",
        )
    models = {start.told("model_name") for start in starts} - {""}
    if len({start.stem for start in starts}) > 1 or len(models) > 1:
        names = sorted(start.name for start in starts)
        more = ", …" if len(names) > MOST_NAMED else ""
        raise DatasetError(
            f"several runs: {', '.join(names[:MOST_NAMED])}{more}",
            where=str(source),
            mend=f"import one of them by one of its files: {_file_of(starts)}; or lay the files of one run "
            f"into a folder of their own",
        )


def commits(starts: Iterable[Start]) -> dict[str, str]:
    """The git commit of each start, by name where they differ."""
    known = {start.name: start.told("git_commit") for start in starts if start.told("git_commit")}
    if len(set(known.values())) < 2:
        return {"git commit": next(iter(known.values()))} if known else {}
    return {f"git commit of {name}": commit for name, commit in known.items()}


def _run_of(file: str) -> str:
    if match := _ABOUT.fullmatch(file):
        return match[1]
    return match[1] if (match := _SHARD.fullmatch(file)) else ""


def _may_be_dropped(path: Path) -> bool:
    """Whether shards named so hold filtered rollouts: a run may itself be called ``…_filtered``."""
    first = first_object(path)
    return not first or "filter_reason" in first


def _file_of(starts: list[Start]) -> Path:
    start = min(starts, key=lambda each: each.name)
    return (start.trained or start.dropped)[0][1]
