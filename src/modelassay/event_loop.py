"""Run a coroutine to its end from plain code, also where an event loop is already running (notebooks).

One loop in a thread of its own serves the whole process, so that what a coroutine leaves open, such as a
connection to a judge model, is still usable in the next call.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_running: tuple[int, asyncio.AbstractEventLoop] | None = None
"""The process that started the loop, and the loop: a forked child has no thread that runs it."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`; whatever it raises is raised here.

    Call it from any thread but the loop's own.

    Raises:
        RuntimeError: called from within work that it runs, which would wait for itself.
    """
    loop = _loop()
    if threading.current_thread().name == _THREAD:
        work.close()
        raise RuntimeError("this code already runs in the loop that it would wait for: await it instead")
    waiting = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        return waiting.result()
    except BaseException:
        waiting.cancel()  # Ctrl-C: nobody waits for it any more
        raise


_THREAD = "modelassay-event-loop"


def _loop() -> asyncio.AbstractEventLoop:
    global _running
    with _lock:
        if _running is None or _running[0] != os.getpid():
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name=_THREAD, daemon=True).start()
            _running = os.getpid(), loop
        return _running[1]
