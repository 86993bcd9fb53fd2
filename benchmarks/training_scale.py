"""How fast runs are imported, scanned, committed to and analysed, and in how much memory.

A part of `benchmarks/training.py`; runs in a process of its own, so that its peak is its own.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from modelassay.training.analyses.reinforcement import assess_reinforcement
from modelassay.training.columns import pa
from modelassay.training.frame import read_frame
from modelassay.training.importers import import_run
from modelassay.training.protocol.commitment import StepCommitter, chained
from modelassay.training.run import Run
from modelassay.training.scanners.opening import open_scanners

PER_STEP, GROUP, CHARACTERS = 512, 8, 2000
WORDS = (
    "the", "value", "of", "each", "bound", "is", "read", "once", "more", "and", "then", "we", "add", "it",
    "to", "sum", "for", "i", "in", "range", "n", "return", "x", "if", "y",
)  # fmt: skip


def write_trl(folder: Path, rollouts: int) -> None:
    """A folder as TRL leaves it: a file a step, completions of some 2 kB, two reward functions."""
    import pyarrow.parquet as parquet

    rng = np.random.default_rng(3)
    (folder / "completions").mkdir(parents=True)
    vocabulary = np.array(WORDS)
    texts = [" ".join(vocabulary[rng.integers(0, len(WORDS), 480)])[:CHARACTERS] for _ in range(256)]
    for step in range(1, rollouts // PER_STEP + 1):
        prompts = [f"Task {step}-{group}: add the numbers." for group in range(PER_STEP // GROUP)]
        chosen = rng.integers(0, len(texts), PER_STEP)
        reward = (rng.random(PER_STEP) < 0.4).astype(np.float64)
        columns = {
            "step": np.full(PER_STEP, step),
            "prompt": [prompts[row // GROUP] for row in range(PER_STEP)],
            "completion": [f"{texts[text]} {row}" for row, text in enumerate(chosen.tolist())],
            "correct": reward,
            "shape": rng.random(PER_STEP),
            "advantage": rng.normal(size=PER_STEP),
        }
        parquet.write_table(pa.table(columns), folder / "completions" / f"completions_{step:05d}.parquet")


def measure(rollouts: int) -> dict[str, float]:
    """Rollouts (and leaves) a second of processor time by stage, and the peak in MB."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        write_trl(work / "trl", rollouts)
        rows = rollouts // PER_STEP * PER_STEP
        for stage, seconds in _stages(work):
            found[stage] = rows / seconds
    found["leaves_per_s"] = 4 * found.pop("committed_per_s")
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def _stages(work: Path) -> Iterator[tuple[str, float]]:
    started = time.process_time()
    run = import_run(work / "trl", work / "run", framework="trl")
    yield "imported_per_s", _lap(started)
    started = time.process_time()
    _commit(run)
    yield "committed_per_s", _lap(started)
    started = time.process_time()
    plain = read_frame(run)
    reading = _lap(started)
    del plain
    started = time.process_time()
    frame = read_frame(run, open_scanners())
    yield "scanned_per_s", _lap(started) - reading
    started = time.process_time()
    rng = np.random.default_rng(4)
    flagged = frame.with_flags("made up", rng.random(len(frame)) < 0.3, "made up@1")
    assess_reinforcement(flagged, "made up", population="generated")
    yield "analysed_per_s", _lap(started)


def _commit(run: Run) -> None:
    committer = StepCommitter("run", bytes(32))
    for batch in run.batches():
        committer.add(batch)
    chained(committer)


def _lap(started: float) -> float:
    return time.process_time() - started
