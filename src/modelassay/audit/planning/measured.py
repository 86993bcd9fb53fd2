"""Assumptions taken from an audit before: what was measured there, in place of what is supposed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from modelassay.audit.planning.assumptions import Assumptions
from modelassay.audit.seal import read_audit
from modelassay.engine import AnswerKeys, Journal
from modelassay.evidence.bundle import open_bundle
from modelassay.evidence.contents import Contents
from modelassay.records import Finding, PairedCounts, PairKey

_FEWEST_PAIRS = 20
"""A rate of fewer pairs is no better than a supposition."""


def measured_in(store: Path, audit: str, assumed: Assumptions) -> Assumptions:
    """`assumed` with what the sealed `audit` of `store` measured, each by its name in ``measured``.

    Wanted rates of the baseline and correlations of the two models are those of the first banded measure of
    each kind of prompt; the length of answers is the mean over both models; seconds are the mean from the
    first try of a request to its answer, of answers that the store's journal holds.

    Raises:
        UsageError: no such audit, or several.
        StoreError: its record, or the journal, cannot be read.
        EvidenceError: its bundle is damaged.
    """
    record = read_audit(store, audit)
    contents = Contents(open_bundle(store / "audits" / record.id))
    found: dict[str, Any] = {}
    rates, correlations = _tables(contents)
    if rates:
        found["rates"] = assumed.rates | rates
    if correlations:
        found["correlations"] = assumed.correlations | correlations
    answered = [t for t in contents.transcripts.known if t.failure is None]
    tokens = [t.output_tokens for t in answered if t.output_tokens]
    if tokens:
        found["output_tokens"] = max(1, round(sum(tokens) / len(tokens)))
    keys = [
        AnswerKeys(side.fingerprint, record.decoding).of(key)
        for side in (record.baseline, record.candidate)
        for key in _asked(t.key for t in answered if t.target == side.fingerprint)
    ]
    if (store / "journal.db").is_file():
        with Journal.open(store, read_only=True) as journal:
            latencies = journal.latencies_ms(keys)
        if latencies:
            found["seconds_per_request"] = round(sum(latencies) / len(latencies) / 1000, 4)
    return msgspec.structs.replace(assumed, like=record.id, measured=tuple(found), **found)


def _asked(keys: Iterable[PairKey]) -> list[PairKey]:
    return list(dict.fromkeys(keys))


def _tables(contents: Contents) -> tuple[dict[str, float], dict[str, float]]:
    """Wanted rate of the baseline and phi coefficient by kind of prompt."""
    kinds = {sample.id: sample.kind for sample in contents.samples.known}
    of_measure: dict[str, Counter[str]] = defaultdict(Counter)
    for score in contents.scores:
        if score.key.sample in kinds:
            of_measure[score.measure][kinds[score.key.sample]] += 1
    rates: dict[str, float] = {}
    correlations: dict[str, float] = {}
    for finding in contents.record.findings:
        table = _table(finding)
        if table is None or not of_measure[finding.measure.name]:
            continue
        kind = of_measure[finding.measure.name].most_common(1)[0][0]
        if kind not in rates:
            rates[kind], phi = _figures(table)
            if phi is not None:
                correlations[kind] = phi
    return rates, correlations


def _table(finding: Finding) -> PairedCounts | None:
    """The table of a banded measure over all its prompts, if there is enough of it."""
    table = finding.paired
    overall = finding.check == "comparison" and not finding.slice and finding.measure.role == "banded"
    if not overall or not isinstance(table, PairedCounts):
        return None
    return table if table.n11 + table.n10 + table.n01 + table.n00 >= _FEWEST_PAIRS else None


def _figures(table: PairedCounts) -> tuple[float, float | None]:
    """Rate and phi; the latter is None where one model always did the same."""
    n = table.n11 + table.n10 + table.n01 + table.n00
    before, after = table.n11 + table.n10, table.n11 + table.n01
    margins = before * (n - before) * after * (n - after)
    phi = None
    if margins:
        phi = round((table.n11 * table.n00 - table.n10 * table.n01) / margins**0.5, 4)
    return round(before / n, 4), phi
