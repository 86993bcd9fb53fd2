"""What recording costs, and whether a segment is replayed; parts of `benchmarks/training.py` that train."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from figures import Figure
from training_runs import right

from modelassay import Recorder
from modelassay.organisms.reward_hacking import (
    ENVIRONMENTS,
    build_pupil,
    exact_grader,
    flawed_grader,
    tasks,
    train,
    trainer_of,
)
from modelassay.organisms.training import one_thread
from modelassay.training.importers import import_run
from modelassay.training.protocol.rollout_comparison import compare_rollouts
from modelassay.training.protocol.weight_distance import weight_deviation
from modelassay.training.recorder.overhead import measure_overhead
from modelassay.training.run import Run

STEPS, REPETITIONS = 150, 6


def native_log(work: Path) -> Iterator[Figure]:
    """What TRL itself keeps of 12 steps, logging every 4, evaluating every 6: 2 batches, and it is said."""
    pupil = build_pupil(work / "pupil", lessons=10)
    rows = tasks(ENVIRONMENTS, 96, 1)
    train(
        pupil,
        work / "trl",
        flawed_grader,
        rows,
        steps=12,
        evaluated=rows[:8],
        per_device_train_batch_size=16,
        log_completions=True,
        num_completions_to_print=0,
        logging_steps=4,
        eval_strategy="steps",
        eval_steps=6,
    )
    coverage = import_run(work / "trl", work / "imported").coverage()
    assert coverage is not None
    yield right(
        "training.coverage.native_log_told[2/12]",
        (coverage.batches_found, coverage.batches_expected) == (2, 12),
    )


def recorder(work: Path) -> Iterator[Figure]:
    """What recording adds to a step of a tiny model, which has the shortest steps that there are."""
    pupil = build_pupil(work / "pupil", lessons=10)
    rows = tasks(ENVIRONMENTS, 96, 1)
    number = count()

    def make() -> Any:
        return trainer_of(
            pupil, work / f"out{next(number)}", exact_grader, rows, max_steps=STEPS, save_strategy="no"
        )

    def record() -> Any:
        return Recorder(work / "assay", run=f"run{next(number)}")

    with one_thread(0):
        found = measure_overhead(make, record, REPETITIONS)
    steps = found.recorded.steps
    shares = (
        ("step_overhead", found.share, 0.03),
        ("shortest_step_overhead", found.least_share, 0.03),
        ("training_thread_overhead", found.inside_share, 0.03),
        ("training_process_overhead", found.processor_share, None),
    )
    for name, share, goal in shares:
        yield Figure(
            name=f"training.recorder.{name}",
            value=round(share, 4),
            better="lower",
            goal=goal,
            n=steps,
            limit={"name": "step without, s", "value": round(found.plain.step_s, 4)},
        )
    seconds = (
        ("before_first_step", found.begin_s),
        ("at_the_end", found.close_s),
        ("writing_process_per_step", found.beside_s),
    )
    for name, taken in seconds:
        yield Figure(
            name=f"training.recorder.{name}", value=round(taken, 4), unit="s", better="lower", n=REPETITIONS
        )


def replay(work: Path) -> Iterator[Figure]:
    """A recorded run of 4 steps, and the segment from step 2 trained again."""
    pupil = build_pupil(work / "pupil", lessons=10)
    rows = tasks(ENVIRONMENTS, 96, 1)
    claimed = _recorded(work, "claimed", pupil, rows, None)
    again = _recorded(work, "again", pupil, rows, claimed / "checkpoint-2")
    runs = [Run(work / "assay" / "runs" / name) for name in ("claimed", "again")]
    compared = compare_rollouts(*runs, 3, 4)
    weights = weight_deviation(again / "checkpoint-4", claimed / "checkpoint-4", claimed / "checkpoint-2")
    yield right(
        "training.replay.rollouts_identical",
        compared.recorded == compared.replayed == compared.equal and compared.equal > 0,
    )
    yield Figure(
        name="training.replay.weight_deviation", value=float(weights.ratio), better="lower", goal=0.0
    )


def _recorded(work: Path, name: str, pupil: Path, rows: Any, resume: Path | None) -> Path:
    with Recorder(work / "assay", run=name) as recorded:
        train(
            pupil,
            work / name,
            exact_grader,
            rows,
            steps=4,
            resume=resume,
            attach=recorded.attach,
            save_steps=2,
        )
    return work / name
