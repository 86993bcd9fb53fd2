"""The texts of a suite that training data is held against, from its file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelassay.errors import DatasetError
from modelassay.training.data.rows import Quarantine, read_objects

_NO_TEXT = frozenset({"id", "kind", "tags", "cluster", "source", "licence", "license", "digest", "category"})


def suite_texts(path: Path) -> list[str]:
    """One text for each row of the file: all that it says, names and tags left out.

    Raises:
        DatasetError: the file cannot be read, or has no text.
    """
    quarantine = Quarantine()
    found = ["\n".join(_texts(raw)) for _, raw in read_objects(path, quarantine)]
    if quarantine.count or not any(map(str.strip, found)):
        why = quarantine.kept[0].reason if quarantine.count else "no row has text"
        raise DatasetError(f"not a suite that can be read: {why}", where=str(path))
    return found


def _texts(raw: Any) -> Iterator[str]:
    if isinstance(raw, str):
        yield raw
    elif isinstance(raw, dict):
        for name, value in raw.items():
            if name not in _NO_TEXT:
                yield from _texts(value)
    elif isinstance(raw, list):
        for value in raw:
            yield from _texts(value)
