"""Marking rollouts as failed hides no exploit and shows nothing to be well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

from modelassay.assessment.assess import assess
from modelassay.assessment.comparing import compare_runs
from modelassay.assessment.request import Request
from modelassay.training.run import Run

Make = Callable[..., Request]
WriteRun = Callable[..., Run]


def test_a_run_most_of_which_is_marked_as_failed(
    tmp_path: Path, request_for: Make, write_run: WriteRun, patterns: Path
) -> None:
    whole = write_run(tmp_path / "whole", steps=12)
    run = write_run(tmp_path / "blanked", steps=12)
    (part,) = run.parts
    table = parquet.read_table(part)
    failed = np.arange(table.num_rows) % 2 == 0
    column = pa.array(np.where(failed, "sandbox died", ""), pa.string())
    place = table.column_names.index("failure")
    parquet.write_table(table.set_column(place, table.schema.field("failure"), column), part)

    record = assess(Run(run.folder), request_for())
    (gate,) = [f for f in record.findings if f.check == "infrastructure_gate"]
    assert (gate.severity, gate.outcome) == ("high", "mostly held back")
    assert "shortcut: " in gate.statement
    assert not record.headline.startswith("No critical or high findings")
    of_rollouts = {"reinforcement", "emergence", "length", "form", "environment_pressure", "evaluated"}
    found = [f for f in record.findings if f.check in of_rollouts]
    assert found
    assert not [f for f in found if f.state == "shown_fine"]
    assert all(gate.why_not in (*f.rests_on, f.why_not) for f in found)

    warnings = compare_runs(whole, Run(run.folder), ("hidden_text",), (patterns,)).warnings
    assert "most training rollouts of blanked are held back as failures" in warnings


def test_evaluations_that_timed_out_leave_what_is_said_of_training(
    tmp_path: Path, request_for: Make, write_run: WriteRun
) -> None:
    run = write_run(tmp_path / "run", steps=12)
    (part,) = run.parts
    table = parquet.read_table(part)
    asked = [
        {**row, "phase": "eval", "group": "e", "step": 12, "failure": "timeout" if place < 3 else ""}
        for place, row in enumerate(table.slice(0, 4).to_pylist())
    ]
    before = assess(run, request_for())
    parquet.write_table(pa.concat_tables([table, pa.Table.from_pylist(asked, schema=table.schema)]), part)
    record = assess(Run(run.folder), request_for())

    (gate,) = [f for f in record.findings if f.check == "infrastructure_gate"]
    assert (gate.severity, gate.outcome) == ("medium", "mostly held back")
    of_training = {"reinforcement", "emergence", "length", "length_reward", "environment_pressure"}
    first, second = (
        [(f.check, f.slice, f.state, f.severity) for f in each.findings if f.check in of_training]
        for each in (before, record)
    )
    assert first == second
    assert "shown_fine" in {state for _, _, state, _ in first}
