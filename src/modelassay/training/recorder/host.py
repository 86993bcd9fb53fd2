"""Where the scribe of a training process runs: in a process beside it, or else in a thread."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress

from modelassay.training.recorder.clerk import LiveLog
from modelassay.training.recorder.place import Place
from modelassay.training.recorder.scribe import take_up, write_up
from modelassay.training.recorder.troubles import Troubles

TRIES = 4
"""Times that a process is started for one training process; then a thread does its work."""
_MODULE = "modelassay.training.recorder"
_PAUSE_S = 0.2


def log_of(elsewhere: str, place: Place) -> LiveLog | None:
    """The log that `LiveLog.elsewhere` names; None for an empty name."""
    if not elsewhere:
        return None
    module, _, name = elsewhere.partition(":")
    made: LiveLog = getattr(importlib.import_module(module), name)(place.store, place.run)
    return made


class Host:
    """Keeps one scribe running.

    Args:
        number: of the spool, whose state is there.
        first: see `spool.State`.
        log: what the run is bound in; one that cannot be made elsewhere is used in a thread.
    """

    def __init__(
        self, place: Place, number: int, first: int, log: LiveLog | None, troubles: Troubles
    ) -> None:
        self._place, self._number, self._first = place, number, first
        self._log, self._troubles = log, troubles
        self._child: subprocess.Popen[bytes] | None = None
        self._thread: _Thread | None = None
        self._tries = 0
        self._start()

    @property
    def child(self) -> int | None:
        """Id of the process that writes; None when a thread does."""
        return self._child.pid if self._child is not None else None

    def watch(self) -> None:
        """Start the scribe again, should it have died."""
        if self._child is not None and self._child.poll() is not None:
            self._troubles.say(f"the writing process ended ({self._child.returncode}); another one goes on")
            self._let_go()
            self._start()

    def poke(self) -> None:
        """Have it write what there is now."""
        if self._thread is not None:
            self._thread.poked.set()
        elif self._child is not None and self._child.stdin is not None:
            with suppress(OSError):  # it has enough to read, or died: `watch` sees to that
                os.write(self._child.stdin.fileno(), b"\n")

    def join(self, timeout_s: float) -> bool:
        """Wait until it has written everything; whether that was done in time."""
        until = time.monotonic() + timeout_s
        while (left := until - time.monotonic()) > 0:
            if self._thread is not None:
                return self._thread.join(left)
            assert self._child is not None
            try:
                if self._child.wait(min(left, _PAUSE_S)) == 0:
                    self._let_go()
                    return True
            except subprocess.TimeoutExpired:
                self.poke()
                continue
            self.watch()
        return False

    def leave(self) -> None:
        """Let it end by itself."""
        if self._child is not None:
            self._let_go()

    def _start(self) -> None:
        elsewhere = self._log.elsewhere if self._log is not None else ""
        self._tries += 1
        if sys.executable and self._tries <= TRIES and (elsewhere or self._log is None):
            place = self._place
            words = [str(place.store.absolute()), place.run, str(self._number), str(os.getpid()), elsewhere]
            try:
                self._child = subprocess.Popen(
                    [sys.executable, "-P", "-m", _MODULE, *words],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    env={**os.environ, "OMP_NUM_THREADS": "1"},
                    start_new_session=True,
                )
            except OSError as error:
                self._troubles.say(f"no process can be started beside training: {error.strerror}")
            else:
                assert self._child.stdin is not None
                os.set_blocking(self._child.stdin.fileno(), False)
                return
        self._thread = _Thread(self._place, self._number, self._first, self._log)

    def _let_go(self) -> None:
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.close()
        self._child = None


class _Thread:
    """The scribe in a thread of the training process; see `scribe.Training`."""

    def __init__(self, place: Place, number: int, first: int, log: LiveLog | None) -> None:
        self.poked = threading.Event()
        self._whole = False
        self._place, self._number, self._first, self._log = place, number, first, log
        self._thread = threading.Thread(target=self._run, name="modelassay scribe", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait for so long, or until the scribe is asked to write."""
        self.poked.wait(seconds)
        self.poked.clear()

    def is_gone(self) -> bool:
        """Whether training ended: not while this thread runs."""
        return False

    def join(self, timeout_s: float) -> bool:
        """Wait until all is written; whether that was done in time."""
        self.poked.set()
        self._thread.join(timeout_s)
        return self._whole

    def _run(self) -> None:
        name = self._place.run
        if self._number == self._first:
            take_up(self._place, lambda: self._log, Troubles(name), below=self._first)
        self._whole = write_up(self._place, self._number, lambda: self._log, Troubles(name), self)
