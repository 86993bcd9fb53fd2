"""Rollouts in languages whose wording the scanners do not know: what is told by words there is not known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modelassay.records import RolloutReference
from modelassay.training.columns import pa
from modelassay.training.data.languages import tongue
from modelassay.training.scanners.texts import COLUMNS, texts_of

EXAMPLES: Final = 3
MOST_OF_BATCH: Final = 1024
"""Rollouts of a batch whose language is looked at, evenly spread."""
TOLD_BY_WORDS: Final = frozenset(
    (
        *("sycophancy", "flattery", "opinion_echoed", "gave_way", "deception_marker"),
        *("evaluation_awareness", "judge_manipulation", "shutdown_evasion"),
    )
)
"""Behaviours that are told by what is said in English."""


class ForeignTexts:
    """Counts them; it raises no flag."""

    name: str = "foreign_texts"
    version: str = "1"
    columns: tuple[str, ...] = ("seq", "step", *COLUMNS)
    behaviours: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.looked_at = 0
        """Rollouts in which a policy says something."""
        self.foreign = 0
        """Those of them that are not in English, or have hardly an English word."""
        self.examples: list[RolloutReference] = []

    def scan(self, batch: pa.RecordBatch) -> Mapping[str, NDArray[Any]]:
        """Count the rollouts of a batch."""
        texts = texts_of(batch)
        rows = np.linspace(0, len(texts) - 1, min(len(texts), MOST_OF_BATCH)).astype(np.int64)
        for row in rows.tolist():
            written = texts.written[row]
            self.looked_at += bool(written.strip())
            if tongue(written) == "known":
                continue
            self.foreign += 1
            if len(self.examples) < EXAMPLES:
                seq, step = (batch.column(name)[row].as_py() for name in ("seq", "step"))
                self.examples.append(RolloutReference(seq=seq, step=step, note="not in English"))
        return {}
