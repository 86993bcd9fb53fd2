"""What the subcommands of ``run`` share: where runs are kept, and how one is named."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from modelassay.training.run import Run


def runs_folder(store: Path) -> Path:
    """Where the training runs of a store stand."""
    return store / "runs"


def run_names(store: Path) -> list[str]:
    """Names of the runs of a store, sorted; unfinished ones have no `run.json` and are left out."""
    return sorted(path.parent.name for path in runs_folder(store).glob("[!.]*/run.json"))


def open_run(name: str, store: Path) -> Run:
    """The run called `name` in `store`, or the one in the folder `name`.

    Raises:
        UsageError: there is neither.
    """
    from modelassay.training.run import Run

    known = run_names(store)
    if name in known:
        return Run(runs_folder(store) / name)
    if (Path(name) / "run.json").is_file():
        return Run(Path(name))
    raise UsageError(
        f"no training run {name!r}", where=str(runs_folder(store)), mend=did_you_mean(name, known)
    )


def kept_run(name: str, store: Path) -> Run:
    """The run called `name` in `store`: one that this store may write about.

    Raises:
        UsageError: `store` keeps no such run.
    """
    found = open_run(name, store)
    if found.folder.resolve().parent != runs_folder(store).resolve():
        raise UsageError(
            "the run is not kept in this store", where=str(found.folder), mend="name its --store"
        )
    return found


def counted(noun: str, quiet: bool = False) -> Callable[[int], None]:
    """Shows on stderr how many are done, where a person watches."""
    if quiet or not sys.stderr.isatty():
        return lambda done: None
    return lambda done: click.echo(f"\r{done:,} {noun}", nl=False, err=True)


def read_file(path: Path) -> bytes:
    """The bytes of a file that the user named.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError((error.strerror or "cannot be read").lower(), where=str(path)) from error
