"""What preference data favours: every scanner on the chosen and on the rejected answer of each pair.

Training on pairs (DPO) generates nothing and pays no reward: what it teaches is in the pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from modelassay.records import RunFinding
from modelassay.training.analyses.reinforcement_without_groups import assess_by_preference
from modelassay.training.columns import pa, rollout_schema
from modelassay.training.data.rows import DataRow, Quarantine, read_rows
from modelassay.training.frame import Flags, Scanner
from modelassay.training.importers.rows import Rollout, gathered
from modelassay.training.scanners.opening import open_scanners
from modelassay.training.writing import shaped

_BATCH = 1024


def preference_findings(
    paths: Sequence[Path], scanners: Sequence[str] = (), patterns: Sequence[Path] = ()
) -> tuple[RunFinding, ...]:
    """Whether pairs in the files at `paths` favour each behaviour that any answer shows; none without pairs.

    Intervals hold for all behaviours together at 95 %.

    Args:
        scanners: by name, all installed when none is named; likewise files of one's own `patterns`.

    Raises:
        DatasetError: no row could be read.
        UsageError: a scanner or file cannot be used.
    """
    readers = open_scanners(scanners, patterns), open_scanners(scanners, patterns)
    chosen: dict[str, list[Flags]] = {}
    rejected: dict[str, list[Flags]] = {}
    pairs = (row for row in read_rows(paths, Quarantine()) if row.form == "preference")
    while batch := list(islice(pairs, _BATCH)):
        _scan(readers[0], batch, [row.answer for row in batch], chosen)
        _scan(readers[1], batch, [row.rejected for row in batch], rejected)
    counted = {name: (np.concatenate(chosen[name]), np.concatenate(rejected[name])) for name in chosen}
    shown = sorted(name for name, (one, other) in counted.items() if one.any() or other.any())
    confidence = 1.0 - 0.05 / max(1, len(shown))
    return tuple(assess_by_preference(name, *counted[name], confidence=confidence) for name in shown)


def _scan(
    scanners: Iterable[Scanner],
    rows: Sequence[DataRow],
    answers: Sequence[str],
    found: dict[str, list[Flags]],
) -> None:
    """Append to `found`, by behaviour, which of `answers` are flagged."""
    rollouts = _as_rollouts(rows, answers)
    for scanner in scanners:
        for behaviour, values in scanner.scan(rollouts).items():
            if values.dtype == np.bool_:
                found.setdefault(behaviour, []).append(values)


def _as_rollouts(rows: Sequence[DataRow], answers: Sequence[str]) -> pa.RecordBatch:
    """`answers` as scanners read them: each in a group of its own, of no step."""
    listed = (
        Rollout(
            step=0,
            prompt=[{"role": message.role, "content": message.text} for message in row.prompt],
            completion=[{"role": "assistant", "content": answer}],
            group=str(row.number),
        )
        for row, answer in zip(rows, answers, strict=True)
    )
    schema = rollout_schema(())
    parts = [shaped(each.columns, each.count, schema) for each in gathered(listed)]
    return pa.Table.from_batches(parts, schema).combine_chunks().to_batches()[0]
