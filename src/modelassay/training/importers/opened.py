"""What an importer gives: a run that is understood, with its rollouts still to be streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from modelassay.records import RunCheckpoint, RunCoverage, RunDataset, RunEvent, RunManifest, RunMetrics
from modelassay.training.importers.tally import Tally
from modelassay.training.writing import RunWriter

Record = RunMetrics | RunEvent | RunCheckpoint | RunDataset


@dataclass(frozen=True)
class ImportOptions:
    """What the caller knows and the files do not say."""

    mapping: Path | None = None
    """YAML map of columns, for tables."""
    tokenizer: Path | None = None
    """Folder with a ``tokenizer.json``, for sources that keep token ids alone."""
    group_size: int | None = None
    """Rollouts per prompt, where the source neither says nor shows it."""


@dataclass(frozen=True)
class Rows:
    """Some rollouts by column; see `training.columns`. Columns left out are null, or empty text."""

    columns: Mapping[str, Any]
    count: int


@dataclass
class Notes:
    """What comes to light while rollouts are read."""

    writer: RunWriter
    quarantined: int = 0
    duplicated: int = 0
    filtered: int | None = None
    overwritten: set[int] = field(default_factory=set)
    missing: set[int] = field(default_factory=set)
    repeated: set[int] = field(default_factory=set)
    said: dict[str, bool] = field(default_factory=dict)
    """Statements for the reader, and whether each is grave."""
    opened: set[Path] = field(default_factory=set)
    """Files of the source that were read."""

    def read(self, path: Path) -> None:
        """Note that `path` is being read, or that what it says is known otherwise."""
        self.opened.add(path)

    def quarantine(self, where: str, reason: str, row: bytes | str) -> None:
        """Keep a row that cannot be read apart, with its place and the reason."""
        self.quarantined += 1
        self.writer.quarantine(where, reason, row)

    def say(self, statement: str, *, grave: bool = False) -> None:
        """Tell the reader of the coverage statement something, once; what is grave comes first."""
        self.said.setdefault(statement, grave)

    @property
    def statements(self) -> tuple[str, ...]:
        """What was said, the gravest first."""
        return tuple(sorted(self.said, key=lambda statement: not self.said[statement]))


@dataclass(frozen=True)
class OpenedRun:
    """A run of some framework, opened."""

    manifest: RunManifest
    """Its id and name are filled in by `import_run`."""
    rollouts: Callable[[Notes], Iterator[Rows]]
    """Streams every rollout once."""
    records: Callable[[Notes], Iterable[Record]] = lambda notes: ()
    """Metrics, checkpoints, data and events; asked for after the rollouts."""
    coverage: Callable[[Tally, Notes], Mapping[str, Any]] = lambda tally, notes: {}
    """Fields of `RunCoverage` that this framework knows more about than the counts of its rows."""


class Framework(Protocol):
    """A module of this package: one framework."""

    NAME: str
    """Such as ``trl``."""

    def recognises(self, source: Path) -> bool:
        """Whether the folder or file is laid out as this framework leaves it."""
        ...

    def open_run(self, source: Path, options: ImportOptions) -> OpenedRun:
        """Look at `source`, read what is small, and promise the rest.

        Raises:
            DatasetError: nothing of it can be read.
        """
        ...


def coverage_of(tally: Tally, notes: Notes, known: Mapping[str, Any]) -> RunCoverage:
    """The coverage statement from counted rows, notes, and what the framework knows."""
    fields: dict[str, Any] = {
        "found": tally.train + tally.evaluation,
        "found_train": tally.train,
        "found_eval": tally.evaluation,
        "batches_found": len(tally.train_steps),
        "duplicated": notes.duplicated,
        "overwritten_steps": tuple(sorted(notes.overwritten)),
        "missing_steps": tuple(sorted(notes.missing)),
        "repeated_steps": tuple(sorted(notes.repeated)),
        "filtered": notes.filtered,
        "zero_variance_groups": tally.zero_variance_groups(),
        "quarantined": notes.quarantined,
        "statements": (*notes.statements, *tally.statements()),
    }
    return RunCoverage(**{**fields, **known})
