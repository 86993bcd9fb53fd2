"""Files that a user brings to an attack: templates, tables, suffixes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from modelassay.errors import UsageError

LARGEST_FILE = 16 * 2**20
"""Bytes of the largest file that is read."""


def read_file(path: str | Path, attack: str, setting: str) -> str:
    """The text of a file, its line breaks as ``\\n`` and without a byte order mark.

    Raises:
        UsageError: it cannot be read, is too large or is not UTF-8.
    """
    where = f"attack {attack}: {setting}: {path}"
    if not isinstance(path, str | Path):
        raise UsageError(f"{path!r} is no path", where=f"attack {attack}: {setting}", mend="name a file")
    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise UsageError(
            f"cannot be read: {error.strerror}", where=where, mend="name a file that is there"
        ) from error
    if len(data) > LARGEST_FILE:
        raise UsageError("is larger than 16 MiB", where=where, mend="split it")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"is not UTF-8: byte {error.start}", where=where, mend="save it as UTF-8") from error


def read_rows(path: str | Path, attack: str, setting: str, kind: type[Any]) -> tuple[Any, ...]:
    """The rows of a JSONL file as records of `kind`; blank lines are passed over.

    Raises:
        UsageError: it cannot be read, has no row, or a row of another shape, which is named.
    """
    where = f"attack {attack}: {setting}: {path}"
    rows = []
    for number, line in enumerate(read_file(path, attack, setting).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            rows.append(msgspec.json.decode(line, type=kind))
        except msgspec.MsgspecError as error:
            fields = ", ".join(kind.__struct_fields__)
            raise UsageError(
                f"line {number}: {error}", where=where, mend=f"each line is a JSON object with {fields}"
            ) from error
    if not rows:
        raise UsageError("has no row", where=where, mend="give it at least one")
    return tuple(rows)
