"""Runs known by tables alone: how many rollouts show a behaviour and succeed, by environment and epoch.

Such logs keep no rollouts and no groups. What can be said of them is when a behaviour emerged, which epochs
were outages, and whether success goes with it, adjusted for epochs alone (`reinforcement_without_groups`).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from modelassay.errors import EvidenceError, UsageError
from modelassay.records import RunFinding
from modelassay.training.analyses.counted import BehaviourCounts
from modelassay.training.analyses.reinforcement_without_groups import assess_by_counts
from modelassay.training.analyses.trajectory import assess_emergence
from modelassay.training.gates import outage_findings, outages

_ROWS_MOST = 1_000_000
_LARGEST = 2**53


@dataclass(frozen=True)
class CountColumns:
    """Names of the columns. Rollouts that a classifier could not tell belong into none of the four."""

    position: str = "epoch"
    environment: str = "env_type"
    """May be absent from rows where there is only one."""
    flagged_rewarded: str = "n_hacking_successful"
    flagged_unrewarded: str = "n_hacking_unsuccessful"
    other_rewarded: str = "n_no_hacking_successful"
    other_unrewarded: str = "n_no_hacking_unsuccessful"

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """The four columns of counts."""
        return self.flagged_rewarded, self.flagged_unrewarded, self.other_rewarded, self.other_unrewarded


def read_count_table(path: Path, columns: CountColumns | None = None) -> tuple[BehaviourCounts, ...]:
    """Counts by environment from a file of JSON lines (``.jsonl``) or with a header (``.csv``).

    Raises:
        UsageError: another kind of file, or a column is missing.
        EvidenceError: a row cannot be read, or an epoch of an environment stands twice.
    """
    if path.suffix not in (".jsonl", ".csv"):
        raise UsageError("tables of counts are .jsonl or .csv files", where=str(path))
    with path.open(encoding="utf-8", newline="") as file:
        rows = _json_lines(file, path) if path.suffix == ".jsonl" else csv.DictReader(file)
        return count_table(rows, columns or CountColumns(), where=str(path))


def count_table(
    rows: Iterable[Mapping[str, Any]], columns: CountColumns, *, where: str = "counts"
) -> tuple[BehaviourCounts, ...]:
    """Counts by environment, in order of appearance; see `read_count_table`."""
    found: dict[str, dict[int, list[int]]] = {}
    for number, row in enumerate(islice(rows, _ROWS_MOST + 1), 1):
        place = f"{where}:{number}"
        if number > _ROWS_MOST:
            raise EvidenceError(f"more than {_ROWS_MOST:,} rows", where=where)
        position, *cells = (_count(row, name, place) for name in (columns.position, *columns.cells))
        epochs = found.setdefault(str(row.get(columns.environment, "")), {})
        if position in epochs:
            raise EvidenceError(f"{columns.position} {position} stands twice", where=place)
        epochs[position] = cells
    return tuple(_counts(name, epochs) for name, epochs in found.items())


def assess_count_table(tables: Sequence[BehaviourCounts], behaviour: str) -> tuple[RunFinding, ...]:
    """Outages, then for each environment when `behaviour` emerged and whether success goes with it."""
    listed = [
        (int(position), table.environment, int(successes), int(n))
        for table in tables
        if table.rewarded is not None
        for position, successes, n in zip(table.position, table.rewarded, table.n, strict=True)
    ]
    found = outages(*(list(column) for column in zip(*listed, strict=True))) if listed else ()
    invalid = [outage.epoch for outage in found]
    return (
        *outage_findings(found),
        *assess_emergence(tables, behaviour, invalid=invalid, invalid_because="success vanished everywhere"),
        *(assess_by_counts(table, behaviour, invalid=invalid) for table in tables),
    )


def _counts(name: str, epochs: Mapping[int, Sequence[int]]) -> BehaviourCounts:
    position = np.array(sorted(epochs), np.int64)
    both, alone, good, bad = np.array([epochs[each] for each in sorted(epochs)], np.int64).T
    return BehaviourCounts(position, both + alone + good + bad, both + alone, both, both + good, name)


def _json_lines(lines: Iterable[str], path: Path) -> Iterable[Mapping[str, Any]]:
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise EvidenceError(f"not JSON: {error}", where=f"{path}:{number}") from error
        if not isinstance(row, dict):
            raise EvidenceError("not a JSON object", where=f"{path}:{number}")
        yield row


def _count(row: Mapping[str, Any], name: str, where: str) -> int:
    value = row.get(name)
    if value is None:
        raise UsageError(f"no column {name!r}", where=where, mend="name the columns of the table")
    if isinstance(value, bool) or not (isinstance(value, int) or str(value).isdecimal()):
        raise EvidenceError(f"{name} is not a count: {str(value)[:40]!r}", where=where)
    number = int(value)
    if not 0 <= number <= _LARGEST:
        raise EvidenceError(f"{name} is not a count: {str(value)[:40]!r}", where=where)
    return number
