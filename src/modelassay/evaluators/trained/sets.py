"""Read labelled rows from the data folder, and refuse to train on those whose licence does not allow it.

The data folder is what ``MODELASSAY_DATA`` names, else ``shared/data`` beside the repository; every set in it
has a ``SOURCE.json`` that states its licence. Nothing of it is copied into the package.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from modelassay.errors import DatasetError
from modelassay.evaluators.trained.weights import Source

Row = dict[str, Any]

_FORBIDDEN = re.compile(r"(?i)-NC\b|non-?commercial|unknown|-ND\b|no licence")
_PERMISSIVE = re.compile(r"(?i)\b(?:MIT|Apache-2\.0|BSD|CC-BY-4\.0|CC0|ODC-BY|CDLA-Permissive)")


class LabelledSet(msgspec.Struct, frozen=True, kw_only=True):
    """One file of labelled rows, and how to read it."""

    path: str
    """In the data folder, such as ``harmbench/labelled_dev.jsonl``."""
    label: str
    """Name of the field with the label 0 or 1."""
    texts: Callable[[Row], tuple[str, ...]]
    """The texts of a row that are judged together."""
    train: bool = True
    """Whether the classifier may be trained on it; else it is only measured."""
    keep: Callable[[Row], bool] = lambda row: True
    """Whether a row is used."""
    weight: float = 1.0
    """What a row counts for in training, beside rows of other sets."""
    calibrates: bool = True
    """Whether its rows settle calibration and threshold; false for rows that no person labelled."""
    rows: Callable[[str], Iterable[Row]] | None = None
    """Reads the file's text into rows with a label and a ``group``; JSON lines if absent."""

    @property
    def name(self) -> str:
        """The folder, and the beginning of the file's name where it has one."""
        folder, _, file = self.path.rpartition("/")
        return folder + (
            "/" + file.split("labelled")[0].rstrip("_") if not file.startswith("labelled") else ""
        )


def data_folder(given: Path | None = None) -> Path:
    """The data folder: `given`, else ``MODELASSAY_DATA``, else ``shared/data`` beside the repository."""
    if given is not None:
        return given
    named = os.environ.get("MODELASSAY_DATA")
    return Path(named) if named else Path(__file__).resolve().parents[5] / "shared" / "data"


def licence_of(folder: Path) -> str:
    """The licence that ``SOURCE.json`` in `folder` states.

    Raises:
        DatasetError: no such file, or no licence in it.
    """
    try:
        licence = json.loads((folder / "SOURCE.json").read_text(encoding="utf-8"))["licence"]
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError("no licence stated", where=f"{folder}/SOURCE.json", mend="state it") from error
    return str(licence)


def may_train(licence: str) -> bool:
    """Whether `licence` is one whose rows a shipped classifier may be trained on."""
    return bool(_PERMISSIVE.search(licence)) and not _FORBIDDEN.search(licence)


def read_rows(data: Path, labelled: LabelledSet) -> Iterator[Row]:
    """The rows of a set that are used.

    Raises:
        DatasetError: the file is absent or not of its format.
    """
    path = data / labelled.path
    try:
        text = path.read_text(encoding="utf-8")
        rows = list(labelled.rows(text)) if labelled.rows else list(map(json.loads, text.splitlines()))
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError(
            "labelled rows cannot be read", where=str(path), mend="name the data folder with MODELASSAY_DATA"
        ) from error
    return (row for row in rows if labelled.keep(row))


def source_of(data: Path, labelled: LabelledSet, rows: int) -> Source:
    """What the card of a classifier says of a set that it is trained on.

    Raises:
        DatasetError: the licence forbids it.
    """
    path = data / labelled.path
    licence = licence_of(path.parent)
    if not may_train(licence):
        raise DatasetError(
            f"licence {licence!r} does not allow training", where=labelled.path, mend="measure on it only"
        )
    return Source(
        name=labelled.path, licence=licence, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), rows=rows
    )
