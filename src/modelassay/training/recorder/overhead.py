"""What recording costs: the time of a trainer's steps with and without it, taken in turns on one machine."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from modelassay.training.recorder.troubles import Troubles

WARM_UP = 20
"""Steps of each repetition that are left out: imports, caches, and the beginning of the writing process."""


@dataclass(frozen=True)
class Side:
    """Steps without the recorder, or with it."""

    step_s: float
    """Median seconds from the beginning of a step to that of the next, logging included."""
    least_s: float
    """Median over repetitions of the shortest step's seconds."""
    processor_s: float
    """Median over repetitions of a step's processor seconds, all threads of the training process together."""
    steps: int


@dataclass(frozen=True)
class Overhead:
    """Both sides, and what recording costs once or elsewhere; medians over repetitions."""

    plain: Side
    recorded: Side
    inside_s: float
    """Processor seconds of a step that training's own threads spend in the recorder: no difference of two."""
    begin_s: float
    """Seconds of the recorder before the first step, once a run."""
    close_s: float
    """Seconds until the run is whole and bound, once a run, after training."""
    beside_s: float
    """Processor seconds of the writing process for each step, its beginning and its end included."""
    share: float
    """Of the median step's time, what recording adds; negative where noise is larger.

    Shares are medians over repetitions, each compared with the one without a recorder beside it in time, so
    that what else the machine does in the meantime weighs less.
    """
    least_share: float
    """Likewise of the shortest step's time: what remains where others use the machine, too."""
    processor_share: float
    """Likewise of a step's processor time in the training process."""

    @property
    def inside_share(self) -> float:
        """Of a step's processor time without the recorder, what its threads spend in the recorder."""
        return self.inside_s / self.plain.processor_s


@dataclass(frozen=True)
class _Repetition:
    clock: list[float]
    """At the beginning of each step."""
    processor: list[float]
    inside: list[float]
    begin_s: float = 0.0
    close_s: float = 0.0
    beside_s: float = 0.0

    @property
    def steps(self) -> list[float]:
        """Seconds of each step that counts."""
        return [two - one for one, two in pairwise(self.clock[WARM_UP:])]

    def of_a_step(self, taken: list[float]) -> float:
        """Mean of what one step adds to `taken`."""
        return (taken[-1] - taken[WARM_UP]) / (len(taken) - 1 - WARM_UP)


def measure_overhead(make: Callable[[], Any], recorder: Callable[[], Any], repetitions: int = 5) -> Overhead:
    """Train the same trainer in turns without and with a recorder.

    Args:
        make: a new trainer, the same each time, of more than `WARM_UP` + 1 steps.
        recorder: a new recorder of a run of its own each time.
        repetitions: of each side; which side goes first alternates.
    """
    taken: dict[bool, list[_Repetition]] = {False: [], True: []}
    for number in range(repetitions):
        for recorded in (bool(number % 2), not number % 2):
            taken[recorded].append(_train(make(), recorder() if recorded else None))
    of_all = taken[True]
    pairs = list(zip(taken[False], of_all, strict=True))

    def added(figure: Callable[[_Repetition], float]) -> float:
        return statistics.median(figure(recorded) / figure(plain) for plain, recorded in pairs) - 1

    return Overhead(
        _side(taken[False]),
        _side(of_all),
        share=added(lambda each: statistics.median(each.steps)),
        least_share=added(lambda each: min(each.steps)),
        processor_share=added(lambda each: each.of_a_step(each.processor)),
        inside_s=statistics.median(each.of_a_step(each.inside) for each in of_all),
        begin_s=statistics.median(each.begin_s for each in of_all),
        close_s=statistics.median(each.close_s for each in of_all),
        beside_s=statistics.median(each.beside_s / len(each.clock) for each in of_all),
    )


def _side(repetitions: list[_Repetition]) -> Side:
    return Side(
        step_s=statistics.median(step for each in repetitions for step in each.steps),
        least_s=statistics.median(min(each.steps) for each in repetitions),
        processor_s=statistics.median(each.of_a_step(each.processor) for each in repetitions),
        steps=sum(len(each.steps) for each in repetitions),
    )


def _train(trainer: Any, recorder: Any) -> _Repetition:
    from transformers import TrainerCallback

    clock: list[float] = []
    processor: list[float] = []
    inside: list[float] = []
    stopwatch = _Stopwatch()

    class Clock(TrainerCallback):  # type: ignore[misc]
        """Takes the time before each step."""

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            clock.append(time.perf_counter())
            processor.append(time.process_time())
            inside.append(stopwatch.spent_s)

    trainer.add_callback(Clock())
    if recorder is None:
        trainer.train()
        return _Repetition(clock, processor, inside)
    recorder.troubles.kept = stopwatch.around(recorder.troubles)
    recorder.attach(trainer)
    trainer.train()
    before, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    recorder.close()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return _Repetition(
        clock,
        processor,
        inside,
        begin_s=stopwatch.longest_s("on_train_begin") + stopwatch.longest_s("attaching"),
        close_s=time.perf_counter() - ended,
        beside_s=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    )


class _Stopwatch:
    """Takes the time of all that the recorder does in calling threads: it passes through `Troubles.kept`."""

    def __init__(self) -> None:
        self.spent_s = 0.0
        """Processor seconds."""
        self.depth = 0
        self.longest: dict[str, float] = {}

    def longest_s(self, doing: str) -> float:
        """Clock seconds of the longest time that `doing` took."""
        return self.longest.get(doing, 0.0)

    def around(self, troubles: Troubles) -> Callable[..., AbstractContextManager[None]]:
        """`kept` of `troubles`, timed."""
        kept = troubles.kept
        return lambda doing, lost=None: _Timed(self, doing, kept(doing, lost))


class _Timed(AbstractContextManager[None]):
    """A block that is timed, unless it stands in another."""

    def __init__(self, watch: _Stopwatch, doing: str, block: AbstractContextManager[None]) -> None:
        self._watch, self._doing, self._block = watch, doing, block

    def __enter__(self) -> None:
        self._watch.depth += 1
        self._clock, self._processor = time.perf_counter(), time.thread_time()
        self._block.__enter__()

    def __exit__(self, *error: Any) -> bool | None:
        told = self._block.__exit__(*error)
        watch = self._watch
        watch.depth -= 1
        if not watch.depth:
            watch.spent_s += time.thread_time() - self._processor
            passed = time.perf_counter() - self._clock
            watch.longest[self._doing] = max(passed, watch.longest_s(self._doing))
        return told
