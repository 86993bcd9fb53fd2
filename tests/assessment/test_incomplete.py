"""Records that say themselves that rollouts are missing: no accusation, and no hiding behind it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as parquet
import pytest

from modelassay.assessment.assess import assess
from modelassay.assessment.request import Request
from modelassay.records import Assessment, RunEvent, RunFinding
from modelassay.training.importers import import_run
from modelassay.training.run import Run

Make = Callable[..., Request]
WriteRun = Callable[..., Run]


def of(record: Assessment, check: str) -> list[RunFinding]:
    return [f for f in record.findings if f.check == check]


@pytest.mark.parametrize("declared", [True, False])
def test_rollouts_that_a_recorder_lost_are_not_tampered_with(
    tmp_path: Path,
    request_for: Make,
    write_run: WriteRun,
    event: Callable[..., RunEvent],
    declared: bool,
) -> None:
    gap = event("gap", 5, 0, "", rollouts=3, first_step=5, last_step=5, reason="disk full")
    run = write_run(tmp_path / "lossy", steps=12, events=[gap] if declared else [])
    (part,) = run.parts
    table = parquet.read_table(part)
    lost = np.flatnonzero(np.asarray(table.column("step")) == 5)[:3]
    parquet.write_table(table.take(np.delete(np.arange(table.num_rows), lost)), part)
    coverage = run.coverage()
    assert coverage is not None
    here = table.num_rows - 3
    stated = msgspec.structs.replace(coverage, found=here, found_train=here, gaps=3)
    (run.folder / "coverage.json").write_bytes(msgspec.json.encode(stated))
    record = assess(Run(run.folder), request_for())
    found = of(record, "reconciliation")
    if declared:
        assert [(f.outcome, record.tier) for f in found] == [("agrees", "T2")]
        assert "1 of 12 steps (5) are left out" in found[0].statement
    else:
        assert {f.severity for f in found} == {"critical"}
    assert "lost: 3" in of(record, "coverage_gate")[0].statement


def test_a_file_that_is_cut_off_is_not_tampered_with(tmp_path: Path, request_for: Make) -> None:
    random = np.random.default_rng(3)
    source = tmp_path / "verl"
    (source / "rollouts").mkdir(parents=True)
    logged = []
    for step in range(1, 13):
        rows = [
            {
                "input": f"q{step}-{number // 4}",
                "output": f"answer {number}",
                "gts": "1",
                "score": float(random.random() < 0.5),
                "step": step,
            }
            for number in range(32)
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (source / "rollouts" / f"{step}.jsonl").write_text(text if step < 12 else text[: len(text) // 2])
        mean = sum(row["score"] for row in rows) / len(rows)  # type: ignore[misc]
        logged.append({"step": step, "data": {"critic/score/mean": mean, "actor/lr": 1e-6}})
    (source / "exp.jsonl").write_text("".join(json.dumps(row) + "\n" for row in logged))
    record = assess(import_run(source, tmp_path / "run"), request_for())
    assert [f.outcome for f in of(record, "reconciliation")] == ["agrees"]
    assert "(12)" in of(record, "reconciliation")[0].statement
    assert (record.tier, record.critical) == ("T2", ())
    assert "quarantined: 1" in of(record, "coverage_gate")[0].statement
