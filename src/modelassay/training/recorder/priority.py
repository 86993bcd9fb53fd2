"""When the writing process may use the processor: when nobody else wants it, and a little more when that is
never.

Training of small models keeps every core busy, and even a process of low priority wakes up in the middle of
a step that all threads then wait for. One that the system runs in idle time only (``SCHED_IDLE``, Linux) does
not. On a machine without idle time it would fall behind without end: what was starved once goes on at low
priority until nothing waits.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, Protocol, TypeVar

T = TypeVar("T")

NICE: Final = 10
"""Low priority: training goes first, but not alone."""
_STARVED_S: Final = 1.0
_STARVED: Final = 4.0
"""A round of writing is starved when it takes longer than this, and so many times its processor time."""


class Turns(Protocol):
    """Decides at which priority the rounds of a scribe are run."""

    def round(self, work: Callable[[], bool]) -> bool:
        """Run a round, which says whether there was anything to do."""
        ...

    def last(self, work: Callable[[], T]) -> T:
        """Run what somebody waits for."""
        ...


class AtOnce:
    """At the priority of the caller."""

    def round(self, work: Callable[[], bool]) -> bool:
        """See `Turns`."""
        return work()

    def last(self, work: Callable[[], T]) -> T:
        """See `Turns`."""
        return work()


AT_ONCE: Final = AtOnce()


class WhenIdle:
    """In idle time, and while that is not enough at `NICE`; both for this thread and what it starts.

    No thread can raise its own priority again, so that a second one waits for its turn at the higher one.
    """

    def __init__(self) -> None:
        os.nice(NICE)
        self._ahead = ThreadPoolExecutor(1, "modelassay ahead")
        self._ahead.submit(os.getpid).result()  # starts its thread, before this one steps back
        self._behind = False
        self._stepped_back = False

    def round(self, work: Callable[[], bool]) -> bool:
        """See `Turns`."""
        if self._behind:
            self._behind = self.last(work)
            return self._behind
        self._step_back()
        clock, processor = time.monotonic(), time.thread_time()
        some = work()
        passed, used = time.monotonic() - clock, time.thread_time() - processor
        self._behind = passed > max(_STARVED_S, _STARVED * used)
        return some

    def last(self, work: Callable[[], T]) -> T:
        """See `Turns`."""
        return self._ahead.submit(work).result()

    def _step_back(self) -> None:
        """Only now: threads that log and seal were started by then, and are to go on at `NICE`."""
        if not self._stepped_back and hasattr(os, "SCHED_IDLE"):
            with suppress(OSError):  # a sandbox may forbid it: then `NICE` has to do
                os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        self._stepped_back = True
