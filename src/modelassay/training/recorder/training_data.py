"""The data that a trainer is given, by digest of its rows and the seed of their order."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from modelassay.canonical import Digest
from modelassay.training.importers.rows import json_text

if TYPE_CHECKING:
    from modelassay.training.recorder.recorder import RunRecorder

MOST_ROWS = 200_000
"""Rows that are digested before training begins, in seconds; larger data is named by its fingerprint."""


def describe_dataset(recorder: RunRecorder, name: str, data: Any, role: str, seed: int) -> None:
    """Record `data`, a dataset of a trainer; several by name when it is a mapping of them."""
    if data is None:
        return
    if isinstance(data, dict):
        for each, part in data.items():
            describe_dataset(recorder, f"{name}/{each}", part, role, seed)
        return
    rows = len(data) if hasattr(data, "__len__") else None
    fingerprint = getattr(data, "_fingerprint", "")
    order = f"seed {seed}" + (f"; fingerprint {fingerprint}" if fingerprint else "")
    digest = rows_digest(data) if rows is not None and rows <= MOST_ROWS else None
    licence = str(getattr(getattr(data, "info", None), "license", "") or "")
    recorder.dataset(name, role=role, rows=rows, digest=digest, order=order, licence=licence)


def rows_digest(data: Any) -> Digest:
    """SHA-256 over the rows as JSON lines, keys sorted."""
    digest = hashlib.sha256()
    for row in data:
        digest.update(json_text(row).encode() + b"\n")
    return Digest("sha256:" + digest.hexdigest())
