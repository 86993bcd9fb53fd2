"""Rates of small slices beside their raw ones, drawn towards the mean of all: to look at, never to decide by.

A slice of ten prompts swings by tens of points by chance. The empirical-Bayes estimate of each model's rate
(`statistics.shrink_rates`, over all slices of the same tags) comes nearer to the truth on average; the gate
and every interval go by the raw counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from modelassay.drops import scored_pairs
from modelassay.records import Finding, PairedCounts
from modelassay.report.text import percent

SMALL = 100
"""Scored pairs from which a slice's own rate says as much as a shrunk one, by simulation."""


def shrunk_rates(findings: Iterable[Finding]) -> dict[str, str]:
    """By finding: both models' shrunk rates, ``91.2% → 84.0%``, of slices with fewer than `SMALL` pairs.

    Findings are those of one measure. Slices of other tags are no company, nor is a slice that has none.
    """
    families: dict[tuple[str, ...], list[tuple[Finding, PairedCounts]]] = {}
    for finding in findings:
        table = finding.paired
        if finding.slice and isinstance(table, PairedCounts) and scored_pairs(table):
            families.setdefault(tuple(sorted(finding.slice)), []).append((finding, table))
    found: dict[str, str] = {}
    for family in families.values():
        if len(family) > 1 and any(scored_pairs(table) < SMALL for _, table in family):
            found |= _family(family)
    return found


def _family(family: Sequence[tuple[Finding, PairedCounts]]) -> dict[str, str]:
    from modelassay.statistics import shrink_rates

    pairs = [scored_pairs(table) for _, table in family]
    before = shrink_rates([table.n11 + table.n10 for _, table in family], pairs)
    after = shrink_rates([table.n11 + table.n01 for _, table in family], pairs)
    return {
        finding.id: " → ".join(percent(Decimal(repr(float(rate)))) for rate in (first, second))
        for (finding, _), count, first, second in zip(family, pairs, before, after, strict=True)
        if count < SMALL
    }
