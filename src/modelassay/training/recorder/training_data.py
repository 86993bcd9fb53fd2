"""The data that a trainer is given, by digest of its rows and the seed of their order."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from modelassay.canonical import Digest
from modelassay.training.importers.rows import json_text

if TYPE_CHECKING:
    from modelassay.training.recorder.recorder import RunRecorder

MOST_ROWS = 200_000
"""Rows that are digested, in the background; larger data is named by its fingerprint."""


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
    about = {
        "role": role,
        "rows": rows,
        "order": f"seed {seed}" + (f"; fingerprint {fingerprint}" if fingerprint else ""),
        "licence": str(getattr(getattr(data, "info", None), "license", "") or ""),
    }

    def note() -> None:
        digest = rows_digest(data) if rows is not None and rows <= MOST_ROWS else None
        recorder.dataset(name, digest=digest, **about)

    recorder.later(note)


def rows_digest(data: Any) -> Digest | None:
    """SHA-256 over the rows as JSON lines, keys sorted; None of what is no Hugging Face dataset.

    Rows are read as they are stored, so that no transform of the data runs and draws random numbers.
    """
    if not hasattr(data, "with_format") or not hasattr(data, "_fingerprint"):
        return None
    digest = hashlib.sha256()
    for batch in data.with_format("arrow").iter(batch_size=1000):
        for row in batch.to_pylist():
            digest.update(json_text(row).encode() + b"\n")
    return Digest("sha256:" + digest.hexdigest())
