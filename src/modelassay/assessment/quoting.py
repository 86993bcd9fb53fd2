"""Verbatim words behind each finding: what the rollouts that it names say, read in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, cast

import msgspec
import numpy as np

from modelassay.records import RolloutReference, RunFinding
from modelassay.training.frame import Scanner
from modelassay.training.run import Run

LONGEST = 300
"""Characters of a quote."""


class Quoting(Protocol):
    """A scanner that can say which words a flag rests on."""

    def quote(self, prompt: str, completion: str) -> str:
        """Words of `completion`, verbatim; empty when there are none."""
        ...


def quoted(run: Run, findings: Sequence[RunFinding], scanners: Sequence[Scanner]) -> tuple[RunFinding, ...]:
    """`findings` with the group and a verbatim quote of each rollout that they rest on.

    The quote is what the scanner of the behaviour points to, else the beginning of the completion.
    """
    wanted = {ref.seq for each in findings for ref in each.evidence if ref.seq >= 0}
    if not wanted:
        return tuple(findings)
    rows = _read(run, wanted)
    by_behaviour = {behaviour: scanner for scanner in scanners for behaviour in scanner.behaviours}
    found = []
    for each in findings:
        scanner = by_behaviour.get(each.slice.get("behaviour", ""))
        evidence = tuple(_filled(ref, rows.get(ref.seq), scanner) for ref in each.evidence)
        found.append(msgspec.structs.replace(each, evidence=evidence))
    return tuple(found)


def _read(run: Run, wanted: set[int]) -> Mapping[int, Mapping[str, str]]:
    chosen = np.array(sorted(wanted), np.int64)
    rows: dict[int, Mapping[str, str]] = {}
    first = 0
    for batch in run.batches(["prompt", "completion", "group"]):
        here = chosen[(chosen >= first) & (chosen < first + batch.num_rows)] - first
        rows |= {first + int(at): row for at, row in zip(here, batch.take(here).to_pylist(), strict=True)}
        first += batch.num_rows
    return rows


def _filled(
    ref: RolloutReference, row: Mapping[str, str] | None, scanner: Scanner | None
) -> RolloutReference:
    if row is None:
        return ref
    completion, quote = row["completion"], ref.quote
    if not quote and hasattr(scanner, "quote"):
        quote = cast(Quoting, scanner).quote(row["prompt"], completion)
    return msgspec.structs.replace(ref, group=row["group"], quote=(quote or completion)[:LONGEST])
