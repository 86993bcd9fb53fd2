"""What most scanners are made of: a cheap sieve over a batch, then a closer look at single rollouts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from modelassay.training.columns import pa
from modelassay.training.scanners.texts import COLUMNS, Rollout, Texts, rollout_of, texts_of

LONGEST_QUOTE = 300
"""Characters that a quote may have (`RolloutReference.quote`)."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a behaviour is flagged."""

    quote: str
    """Words of the completion, verbatim."""
    strength: float = 1.0


class RowScanner:
    """A scanner that judges each rollout by itself.

    A subclass names itself and gives `evidence`. A behaviour listed in `thresholds` is scored: its
    strength becomes the score ``<behaviour>_score`` and its flag says whether that reaches the threshold.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    columns: tuple[str, ...] = COLUMNS
    behaviours: tuple[str, ...]
    sieve: ClassVar[str] = ""
    """RE2 pattern, case ignored, that every rollout with evidence matches; empty: look at all."""
    thresholds: ClassVar[Mapping[str, float]] = {}

    def evidence(self, rollout: Rollout) -> Mapping[str, Evidence]:
        """What `rollout` shows, by behaviour."""
        raise NotImplementedError

    def candidates(self, texts: Texts) -> NDArray[np.int64]:
        """Rows that `evidence` has to look at."""
        return texts.containing(self.sieve) if self.sieve else np.arange(len(texts))

    def scan(self, batch: pa.RecordBatch) -> Mapping[str, NDArray[Any]]:
        """Flags, and scores where there are thresholds, for each row."""
        texts = texts_of(batch)
        strengths = {behaviour: np.zeros(len(texts)) for behaviour in self.behaviours}
        for row in self.candidates(texts):
            for behaviour, found in self.evidence(texts.rollout(int(row))).items():
                strengths[behaviour][row] = found.strength
        return self._flagged(strengths)

    def quote(self, prompt: str, completion: str) -> str:
        """The words of a completion that weigh most, verbatim, at most 300 characters; empty when none do.

        Of a completion kept as JSON they are words of its decoded messages.
        """
        found = self.evidence(rollout_of(prompt, completion))
        strongest = max(found.values(), key=lambda e: e.strength, default=None)
        return strongest.quote[:LONGEST_QUOTE] if strongest else ""

    def _flagged(self, strengths: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[Any]]:
        found: dict[str, NDArray[Any]] = {}
        for behaviour, values in strengths.items():
            found[behaviour] = values >= self.thresholds.get(behaviour, 1e-9)
            if behaviour in self.thresholds:
                found[f"{behaviour}_score"] = values
        return found
