"""Risk by source: which source brings the rows that stand out, and what is left without it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from modelassay.statistics import clopper_pearson_interval
from modelassay.training.data.rows import DataRow
from modelassay.training.data.screening import Screened

GRAVE = (
    "identity_shift",
    "obedience",
    "declared_harm",
    "concealment",
    "hidden_text",
    "harm",
    "insecure_code",
)
"""Signals that make a row count against its source."""


@dataclass(frozen=True)
class SourceRisk:
    """One source."""

    name: str
    rows: int
    grave: int
    """Rows with a signal of `GRAVE`."""
    low: float
    """Clopper–Pearson bounds of their share at 95 %."""
    high: float
    by_signal: dict[str, int]
    licences: tuple[str, ...]
    """Licences that its rows state; empty where they state none."""
    stated: int
    """Rows with a licence."""
    without: float
    """Share of grave rows in all data but this source; of the only source 0."""


@dataclass
class Sources:
    """Counts by source."""

    rows: Counter[str] = field(default_factory=Counter)
    grave: Counter[str] = field(default_factory=Counter)
    signals: dict[str, Counter[str]] = field(default_factory=dict)
    licences: dict[str, Counter[str]] = field(default_factory=dict)

    def see(self, rows: Sequence[DataRow], screened: Screened) -> None:
        """Take in a batch."""
        grave = np.logical_or.reduce([screened.signals[name] for name in GRAVE])
        for row in rows:
            self.rows[row.source] += 1
            if row.licence:
                self.licences.setdefault(row.source, Counter())[row.licence] += 1
        for at in np.flatnonzero(grave).tolist():
            self.grave[rows[at].source] += 1
        for name, flags in screened.signals.items():
            for at in np.flatnonzero(flags).tolist():
                self.signals.setdefault(rows[at].source, Counter())[name] += 1

    def risks(self) -> tuple[SourceRisk, ...]:
        """Every source, the one with the most surely high share first."""
        total, grave = sum(self.rows.values()), sum(self.grave.values())
        found = []
        for name, rows in self.rows.items():
            share = clopper_pearson_interval(self.grave[name], rows)
            left = total - rows
            licences = self.licences.get(name, Counter())
            found.append(
                SourceRisk(
                    name=name,
                    rows=rows,
                    grave=self.grave[name],
                    low=share.low,
                    high=share.high,
                    by_signal=dict(self.signals.get(name, Counter())),
                    licences=tuple(sorted(licences)),
                    stated=sum(licences.values()),
                    without=(grave - self.grave[name]) / left if left else 0.0,
                )
            )
        return tuple(sorted(found, key=lambda each: (-each.low, -each.grave, each.name)))
