"""The page of a run without rollouts shows what its trainer logged."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from modelassay.assessment.assess import assess
from modelassay.assessment.request import Request
from modelassay.assessment.timeline import POSITIONS
from modelassay.records import RunCheckpoint, RunCoverage, RunManifest, RunMetrics
from modelassay.report.timeline import timeline_chart
from modelassay.training.run import Run
from modelassay.training.writing import RunWriter


def test_losses_stand_on_the_page_of_a_run_without_rollouts(
    tmp_path: Path, request_for: Callable[..., Request]
) -> None:
    manifest = RunManifest(id="sft", name="sft", origin="recorded", framework="trl", algorithm="sft")
    steps = 2 * POSITIONS
    with RunWriter(tmp_path / "sft", manifest) as writer:
        for step in range(1, steps + 1):
            writer.record(RunMetrics(step=step, values={"loss": 1 / step, "learning_rate": 0.1}))
        writer.record(RunMetrics(step=steps, phase="eval", values={"eval_loss": 0.25}))
        writer.record(RunCheckpoint(step=steps, name="checkpoint-last"))
        writer.coverage(RunCoverage(found=0, found_train=0, found_eval=0, expected_train=0, basis="as made"))
    timeline = assess(Run(tmp_path / "sft"), request_for()).timeline
    assert timeline.positions == tuple(range(1, steps + 1, 2))
    evaluation, training = timeline.series
    assert (training.name, training.kind, training.values[:2]) == (
        "training",
        "loss",
        (Decimal("0.75"), Decimal("0.2917")),
    )
    assert [value for value in evaluation.values if value is not None] == [Decimal("0.25")]
    assert [mark.label for mark in timeline.marks] == ["checkpoint-last"]
    chart = timeline_chart(timeline)
    assert "loss, as logged" in chart
    assert "checkpoints" in chart
