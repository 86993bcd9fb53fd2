"""What recording costs: the time of a trainer's steps with and without it, taken in turns on one machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any


@dataclass(frozen=True)
class Side:
    """Steps without the recorder, or with it; the first of each repetition is left out."""

    step_s: float
    """Median seconds from the beginning of a step to that of the next, logging and saving included."""
    processor_s: float
    """Median over repetitions of a step's processor seconds, all threads together."""
    steps: int


@dataclass(frozen=True)
class Overhead:
    """Both sides."""

    plain: Side
    recorded: Side

    @property
    def share(self) -> float:
        """Of the median step's time, what recording adds; negative where noise is larger."""
        return self.recorded.step_s / self.plain.step_s - 1

    @property
    def processor_share(self) -> float:
        """Likewise of processor time, the background threads' included."""
        return self.recorded.processor_s / self.plain.processor_s - 1


def measure_overhead(make: Callable[[], Any], recorder: Callable[[], Any], repetitions: int = 5) -> Overhead:
    """Train the same trainer in turns without and with a recorder.

    Args:
        make: a new trainer, the same each time.
        recorder: a new recorder of a run of its own each time.
        repetitions: of each side; which side goes first alternates.
    """
    taken: dict[bool, list[list[tuple[float, float]]]] = {False: [], True: []}
    for number in range(repetitions):
        for recorded in (bool(number % 2), not number % 2):
            taken[recorded].append(_steps(make(), recorder() if recorded else None))
    return Overhead(_side(taken[False]), _side(taken[True]))


def _side(repetitions: list[list[tuple[float, float]]]) -> Side:
    steps = [two[0] - one[0] for times in repetitions for one, two in pairwise(times[1:])]
    processor = [(times[-1][1] - times[1][1]) / (len(times) - 2) for times in repetitions]
    return Side(statistics.median(steps), statistics.median(processor), len(steps))


def _steps(trainer: Any, recorder: Any) -> list[tuple[float, float]]:
    """Clock and processor time at the beginning of each step."""
    from transformers import TrainerCallback

    times: list[tuple[float, float]] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        """Takes the time before each step."""

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            times.append((time.perf_counter(), time.process_time()))

    trainer.add_callback(Clock())
    if recorder is not None:
        recorder.attach(trainer)
    trainer.train()
    if recorder is not None:
        recorder.close()
    return times
