"""At which priority the writing process works."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, time
from modelassay.training.recorder import priority
priority._STARVED_S = 60
turns = priority.WhenIdle()
found = []
def work(seconds, some):
    time.sleep(seconds)
    found.append("idle" if os.sched_getscheduler(0) == os.SCHED_IDLE else os.getpriority(os.PRIO_PROCESS, 0))
    return some
turns.round(lambda: work(0, True))
priority._STARVED_S = 0.01
turns.round(lambda: work(0.5, True))
turns.round(lambda: work(0, True))
turns.round(lambda: work(0, False))
priority._STARVED_S = 60
turns.round(lambda: work(0, False))
assert turns.last(lambda: work(0, "done")) == "done"
print(*found)
"""


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="this system has no SCHED_IDLE")
def test_writing_is_done_in_idle_time_and_ahead_of_that_while_it_is_starved() -> None:
    # The second round takes long without the processor, as one that others leave no time; from then on work
    # goes ahead until nothing waits. Of its own process, since no thread can raise its priority again.
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["idle", "idle", "10", "10", "idle", "10"]
