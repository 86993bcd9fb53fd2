"""Attacks that succeeded, kept as regression items: rows of a dataset that a later plan asks again.

Each row holds the attacked question as it was put, what it really asked for, and where it comes from: the
attack's id and date, the day on which it succeeded and the digest of the audit that shows it. Adding the same
success twice adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from modelassay.errors import StoreError, UsageError
from modelassay.records import Reading, Sample, Score
from modelassay.records.red_team import FOUND_ON
from modelassay.suites.columns import map_rows
from modelassay.suites.files import read_rows

DATASET = "dataset"
"""Tag that names the dataset of a sample; the file of regression items is one of its own."""
FOUND_IN = "found_in"
_HALF = 0.5


def successes(samples: Iterable[Sample], scores: Iterable[Score], measures: Sequence[str]) -> list[Sample]:
    """The attacked samples with which an attack had its way, in order.

    Args:
        samples: of an audit.
        scores: of its candidate.
        measures: which say so; the first that was scored counts.
    """
    attacked = {sample.id: sample for sample in samples if sample.attacked is not None}
    read = [score for score in scores if score.key.sample in attacked]
    measure = next((name for name in measures if any(score.measure == name for score in read)), "")
    fell = {
        score.key.sample
        for score in read
        if score.measure == measure and isinstance(score.outcome, Reading) and score.outcome.value < _HALF
    }
    return [sample for name, sample in attacked.items() if name in fell]


def row_of(sample: Sample, *, found_on: str, found_in: str) -> dict[str, Any]:
    """A row that reads back as the same attacked sample.

    Args:
        sample: attacked.
        found_on: day on which it succeeded, ISO 8601.
        found_in: digest of the ``SHA256SUMS`` of the audit.
    """
    tags = {name: value for name, value in sample.tags.items() if name != DATASET}
    row: dict[str, Any] = {
        "messages": sample.messages,
        "follow_ups": sample.follow_ups,
        "kind": sample.kind,
        "attacked": sample.attacked,
        "tools": sample.tools,
        "reference": sample.reference,
        "context": sample.context,
        "choices": sample.choices,
        "cluster": sample.cluster,
        "tags": {**tags, FOUND_ON: found_on, FOUND_IN: found_in},
    }
    return {name: value for name, value in row.items() if value}


def keep(samples: Sequence[Sample], path: Path, *, found_on: str, found_in: str) -> int:
    """Add `samples` to the JSONL file at `path`, made if absent; how many were not there yet.

    Args:
        samples: attacked.
        path: of the file.
        found_on: day on which they succeeded, ISO 8601.
        found_in: digest of the ``SHA256SUMS`` of the audit.

    Raises:
        UsageError: the file's name does not end in ``.jsonl``.
        DatasetError: the file is there and is no dataset.
        StoreError: it cannot be written.
    """
    if path.suffix != ".jsonl":
        raise UsageError(f"{path.name} is no JSONL file", where="--into", mend="name a file ending in .jsonl")
    before = path.read_bytes() if path.is_file() else b""
    known = set()
    if before.strip():
        placed = map_rows(read_rows(path), columns={}, kind="", origin=str(path))
        known = {each.sample.id for each in placed}
    new = [row_of(each, found_on=found_on, found_in=found_in) for each in samples if each.id not in known]
    joint = b"" if not before or before.endswith(b"\n") else b"\n"
    data = before + joint + b"".join(msgspec.json.encode(row) + b"\n" for row in new)
    beside = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(path)) from error
    return len(new)
