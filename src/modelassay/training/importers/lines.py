"""Lines of JSON, read within bounds: what cannot be read goes to quarantine, and nothing is skipped."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

import msgspec

from modelassay.errors import DatasetError
from modelassay.records import RunMetrics
from modelassay.training.columns import pa
from modelassay.training.importers.opened import Notes
from modelassay.training.importers.rows import clean, json_text, number, whole

MOST_LINE = 256 << 20
"""Bytes of one line; a group with all its tokens and messages is some megabytes."""
MOST_DOCUMENT = 1 << 30
_decode = msgspec.json.Decoder().decode


def json_rows(path: Path, notes: Notes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Place and object of every line of `path`; a file that cannot be opened or decoded is quarantined."""
    notes.read(path)
    try:
        with opened_lines(path) as file:
            number = 0
            while line := file.readline(MOST_LINE + 1):
                number += 1
                where = f"{path.name}:{number}"
                if len(line) > MOST_LINE:
                    notes.quarantine(where, f"a line of more than {MOST_LINE:,} bytes", line[:4096])
                    while line and not line.endswith(b"\n"):
                        line = file.readline(1 << 20)
                    continue
                if not line.strip():
                    continue
                row, reason = parsed(line)
                if row is not None:
                    yield where, row
                else:
                    notes.quarantine(where, reason, line)
    except OSError as error:
        notes.quarantine(path.name, f"cannot be read: {error.strerror or error}", "")


def opened_lines(path: Path) -> IO[bytes]:
    """A file of lines, unpacked while it is read where it ends in ``.zst``.

    Raises:
        OSError: it cannot be opened; likewise later, where what was packed is damaged.
    """
    if path.suffix != ".zst":
        return path.open("rb")
    unpacked: IO[bytes] = io.BufferedReader(pa.input_stream(str(path), compression="zstd"))
    return unpacked


def parsed(line: bytes) -> tuple[dict[str, Any] | None, str]:
    """The object that `line` holds, or None and the reason why not.

    Python's writers emit NaN and Infinity, which JSON has not; they are read, and become null later.
    """
    try:
        row = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            row = _cleaned(json.loads(line))
        except (ValueError, RecursionError) as error:
            torn = "" if line.endswith(b"\n") else "the file ends in the middle of this line: "
            return None, f"{torn}not JSON: {error}"
    return (row, "") if isinstance(row, dict) else (None, "not an object")


def _cleaned(value: Any) -> Any:
    """`value` without lone surrogates, which JSON can spell and UTF-8 cannot."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(each) for each in value]
    if isinstance(value, dict):
        return {clean(key): _cleaned(each) for key, each in value.items()}
    return value


def first_object(path: Path) -> dict[str, Any]:
    """The first object of a file of lines; empty when it has none."""
    return next(first_objects(path, 20), {})


def first_objects(path: Path, most: int) -> Iterator[dict[str, Any]]:
    """Objects among the first `most` lines of a file; what cannot be read is passed over."""
    try:
        with opened_lines(path) as file:
            for line in islice(iter(lambda: file.readline(MOST_LINE), b""), most):
                row, _reason = parsed(line) if line.strip() else (None, "")
                if row is not None:
                    yield row
    except OSError:
        pass


def document(path: Path) -> Any:
    """A whole JSON file.

    Raises:
        DatasetError: it cannot be read, or is too large.
    """
    try:
        if path.stat().st_size > MOST_DOCUMENT:
            raise DatasetError(f"more than {MOST_DOCUMENT:,} bytes", where=str(path))
        data = path.read_bytes()
        try:
            return _decode(data)
        except (msgspec.DecodeError, RecursionError):
            return _cleaned(json.loads(data))
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"cannot be read as JSON: {error}", where=str(path)) from error


def numbered(paths: Iterable[Path], pattern: str) -> list[tuple[int, Path]]:
    """Paths whose name matches `pattern` wholly, with the number of its first group, by number."""
    form = re.compile(pattern)
    found = [(int(match.group(1)), path) for path in paths if (match := form.fullmatch(path.name))]
    return sorted(found, key=lambda each: (each[0], str(each[1])))


def metric_lines(
    path: Path, step_key: str, notes: Notes, inner: str = "", shift: int = 0, timed: bool = False
) -> Iterator[RunMetrics]:
    """Lines that each hold what was logged at a step: numbers beside the step, or in the object `inner`.

    Args:
        step_key: where the step stands.
        shift: added to it, for frameworks that count from 0.
        timed: lines whose step is null are of a time instead, and are passed over.
    """
    for where, row in json_rows(path, notes):
        if timed and step_key in row and row[step_key] is None:
            continue
        step = whole(row.get(step_key))
        values = row.get(inner) if inner else row
        if step is None or not isinstance(values, dict):
            notes.quarantine(where, f"a line of metrics without {inner or step_key}", json_text(row))
            continue
        numbers = {
            name: found
            for name, value in values.items()
            if name != step_key and not isinstance(value, str) and (found := number(value)) is not None
        }
        yield RunMetrics(
            step=step + shift, values=numbers, time=utc(row.get("time") or row.get("_timestamp"))
        )


def utc(value: Any) -> str:
    """A time as ``YYYY-MM-DDTHH:MM:SSZ``, from seconds since 1970 or ISO 8601; empty when it is neither."""
    try:
        if isinstance(value, int | float) and 1e8 < value < 1e11:
            found = datetime.fromtimestamp(value, UTC)
        elif isinstance(value, str) and value:
            found = datetime.fromisoformat(value).astimezone(UTC)
        else:
            return ""
    except (ValueError, OverflowError, OSError):
        return ""
    return found.strftime("%Y-%m-%dT%H:%M:%SZ")


def flattened(value: Any, prefix: str = "") -> dict[str, str]:
    """Settings as text by dotted name; at most 2,000 of them, each of at most 1,000 characters."""
    found: dict[str, str] = {}
    pending = [(prefix, value)]
    while pending and len(found) < 2000:
        name, each = pending.pop(0)
        if isinstance(each, dict):
            pending = [(f"{name}.{key}" if name else str(key), v) for key, v in each.items()] + pending
        elif name:
            found[name] = (each if isinstance(each, str) else json_text(each))[:1000]
    return found
