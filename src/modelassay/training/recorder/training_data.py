"""The data that a trainer is given, by digest of its rows and the seed of their order."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from modelassay.canonical import Digest
from modelassay.training.importers.rows import json_text

if TYPE_CHECKING:
    from modelassay.training.recorder.recorder import RunRecorder

MOST_ROWS = 200_000
"""Rows that are digested, in the background; larger data is named by its fingerprint."""
_ROWS_AT_ONCE = 50
_REST = 9
"""Times as long as it takes to digest so many rows, training has the interpreter to itself."""


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
        few = rows is not None and rows <= MOST_ROWS
        digest = rows_digest(data, recorder.hurry.wait) if few else None
        recorder.dataset(name, digest=digest, **about)

    recorder.later(note)


def rows_digest(data: Any, rest: Callable[[float], Any] = lambda seconds: None) -> Digest | None:
    """SHA-256 over the rows as JSON lines, keys sorted; None of what is no Hugging Face dataset.

    Rows are read as they are stored, so that no transform of the data runs and draws random numbers.

    Args:
        rest: is asked to wait for so many seconds, after every few rows: a thread that always works holds up
            the interpreter of training.
    """
    if not hasattr(data, "with_format") or not hasattr(data, "_fingerprint"):
        return None
    digest = hashlib.sha256()
    began = time.perf_counter()
    for batch in data.with_format("arrow").iter(batch_size=_ROWS_AT_ONCE):
        for row in batch.to_pylist():
            digest.update(json_text(row).encode() + b"\n")
        rest(_REST * (time.perf_counter() - began))
        began = time.perf_counter()
    return Digest("sha256:" + digest.hexdigest())
