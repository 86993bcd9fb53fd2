"""Completions in which nothing is said, however they are written: no judge can read them."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelassay.training.columns import pa

LONGEST = 120
"""Characters of a list of messages that may be silent; longer ones say something."""
_NAMES = frozenset(("role", "type"))
_decode = msgspec.json.Decoder().decode


def says_nothing(completion: str, form: str) -> bool:
    """Whether a completion has no text: none at all, or messages without words and calls of tools.

    Args:
        form: the column ``format``.
    """
    if not completion.strip():
        return True
    if form != "messages" or len(completion) > LONGEST:
        return False
    try:
        return not _speaks(_decode(completion))
    except (msgspec.DecodeError, RecursionError):
        return False


def silent_rows(batch: pa.RecordBatch) -> NDArray[np.bool_]:
    """The rows of which the column ``completion`` says nothing."""
    import pyarrow.compute as compute

    completions = batch.column("completion")
    length = compute.utf8_length(completions).to_numpy(zero_copy_only=False)
    messages = compute.equal(batch.column("format"), "messages").to_numpy(zero_copy_only=False)
    silent = np.asarray(length == 0, np.bool_)
    rows = np.flatnonzero(messages & (length <= LONGEST) & ~silent)
    silent[rows] = [says_nothing(text, "messages") for text in completions.take(pa.array(rows)).to_pylist()]
    return silent


def _speaks(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_speaks(each) for name, each in value.items() if name not in _NAMES)
    if isinstance(value, list):
        return any(_speaks(each) for each in value)
    return bool(value.strip()) if isinstance(value, str) else value is not None
