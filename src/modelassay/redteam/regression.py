"""Attacks that succeeded, kept as regression items: rows of a dataset that a later plan asks again.

Each row holds the attacked question as it was put, what it really asked for, and where it comes from: the
attack's id and date, the day on which it succeeded and the digest of the audit, or session, that shows it.
Adding the same success twice adds nothing; one that succeeds again is of the later day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from modelassay.errors import StoreError, UsageError
from modelassay.records import Reading, Sample, Score
from modelassay.records.dated import last_day
from modelassay.records.red_team import FOUND_IN, FOUND_ON, OF_KNOWN
from modelassay.suites.columns import map_rows
from modelassay.suites.files import read_rows

DATASET = "dataset"
"""Tag that names the dataset of a sample; the file of regression items is one of its own."""
_HALF = 0.5
_UTF8_MARK = b"\xef\xbb\xbf"


def successes(samples: Iterable[Sample], scores: Iterable[Score], measures: Sequence[str]) -> list[Sample]:
    """The attacked samples with which an attack had its way, in order.

    Args:
        samples: of an audit.
        scores: of its candidate.
        measures: which say so, each also of attacks that were found before; the first that was scored counts.
    """
    attacked = {sample.id: sample for sample in samples if sample.attacked is not None}
    read = [score for score in scores if score.key.sample in attacked]
    scored = {score.measure.removesuffix(OF_KNOWN) for score in read}
    measure = next((name for name in measures if name in scored), "")
    fell = {
        score.key.sample
        for score in read
        if score.measure.removesuffix(OF_KNOWN) == measure
        and isinstance(score.outcome, Reading)
        and score.outcome.value < _HALF
    }
    return [sample for name, sample in attacked.items() if name in fell]


def row_of(sample: Sample, *, found_on: str, found_in: str) -> dict[str, Any]:
    """A row that reads back as the same attacked sample.

    Args:
        sample: attacked.
        found_on: day on which it succeeded, ISO 8601.
        found_in: digest of what shows it; see `keep`.
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


class Kept(NamedTuple):
    """What became of successes that were to be kept."""

    added: int
    """They were not there yet."""
    renewed: int
    """Rows that were there, of an earlier day."""


def keep(samples: Sequence[Sample], path: Path, *, found_on: str, found_in: str) -> Kept:
    """Add `samples` to the JSONL file at `path`, made if absent; what is there already and had its way again
    is given the new day, for it is a danger of that day. Other lines stay as they are.

    Args:
        samples: attacked.
        path: of the file.
        found_on: day on which they succeeded, ISO 8601.
        found_in: digest of what shows it: the ``SHA256SUMS`` of an audit, the events of a session.

    Raises:
        UsageError: the file's name does not end in ``.jsonl``.
        DatasetError: the file is there and is no dataset.
        StoreError: it cannot be written.
    """
    if path.suffix != ".jsonl":
        raise UsageError(f"{path.name} is no JSONL file", where="--into", mend="name a file ending in .jsonl")
    before = path.read_bytes() if path.is_file() else b""
    there = map_rows(read_rows(path), columns={}, kind="", origin=str(path)) if before.strip() else []
    known = {each.sample.id for each in there}
    wanted = {each.id for each in samples}
    lines = BytesIO(before).readlines()
    older = [
        each
        for each in there
        if each.sample.id in wanted and _is_older(each.sample.tags.get(FOUND_ON, ""), found_on)
    ]
    for each in older:
        at = int(each.place.rpartition(":")[2]) - 1
        lines[at] = _renewed(lines[at], found_on=found_on, found_in=found_in)
    if lines and not lines[-1].endswith(b"\n"):
        lines[-1] += b"\n"
    new = [row_of(each, found_on=found_on, found_in=found_in) for each in samples if each.id not in known]
    _write(path, b"".join((*lines, *(msgspec.json.encode(row) + b"\n" for row in new))))
    return Kept(len(new), len(older))


def _is_older(day: str, than: str) -> bool:
    """Whether `day` lies before `than`; a day that is not known does."""
    known, new = last_day(day), last_day(than)
    return new is not None and (known is None or known < new)


def _renewed(line: bytes, *, found_on: str, found_in: str) -> bytes:
    """The row in `line` with another day, where the row has it: among its tags, or as a column."""
    row: dict[str, Any] = msgspec.json.decode(line.removeprefix(_UTF8_MARK))
    tags = row.get("tags", {})
    new = {FOUND_ON: found_on, FOUND_IN: found_in}
    if isinstance(tags, dict) and not new.keys() & row.keys():
        row["tags"] = {**tags, **new}
    else:
        row |= new
    return msgspec.json.encode(row) + b"\n"


def _write(path: Path, data: bytes) -> None:
    beside = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(path)) from error
