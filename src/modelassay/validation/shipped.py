"""Null distributions that come with the package: of organisms, and for organisms.

``nulls/*.json`` holds the numbers, ``nulls/*.provenance.json`` which fine-tunes they were measured on.
They say nothing of other models, even of the same architecture: a real model's margins are not those of an
organism.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from modelassay.errors import ModelassayError
from modelassay.organisms import read_manifest
from modelassay.whitebox.calibration import Nulls, read_nulls

PROVENANCE: Final = ".provenance.json"
_FOLDER: Final = files("modelassay.validation") / "nulls"


def shipped_nulls() -> Nulls:
    """All of them."""
    found = Nulls()
    for entry in sorted(_FOLDER.iterdir(), key=lambda each: each.name):
        if entry.name.endswith(".json") and not entry.name.endswith(PROVENANCE):
            with as_file(entry) as path:
                for null in read_nulls(path):
                    found.add(null)
    return found


def nulls_for(reference: str) -> Nulls:
    """Those that fit the base at `reference`: all of them for an organism, none for any other model."""
    folder = Path(reference.removeprefix("hf:").partition("+")[0])
    try:
        read_manifest(folder)
    except (ModelassayError, OSError):
        return Nulls()
    return shipped_nulls()
