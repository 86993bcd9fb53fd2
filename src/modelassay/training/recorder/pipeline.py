"""From the training thread to the disk: the queue, the threads behind it, and their beginning and end."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from modelassay.canonical import Digest
from modelassay.records import RunManifest
from modelassay.training.recorder.backlog import Backlog
from modelassay.training.recorder.clerk import Clerk, LiveLog, Worker
from modelassay.training.recorder.closing import close_run
from modelassay.training.recorder.items import Item
from modelassay.training.recorder.place import Place
from modelassay.training.recorder.troubles import Troubles
from modelassay.training.recorder.writer import Writer


class Pipeline:
    """Everything behind the recorder's calls; nothing is started before it is needed.

    Args:
        backlog: what waits for the writer.
        log: binds the run as it goes; None when nothing is bound.
        manifest: the run's manifest as it is known when the first step is written.
    """

    def __init__(
        self,
        place: Place,
        backlog: Backlog,
        log: LiveLog | None,
        troubles: Troubles,
        manifest: Callable[[], RunManifest],
    ) -> None:
        self.place = place
        self.rank, self.world = 0, 1
        self.last_checkpoint: Digest | None = None
        """Digest of the newest checkpoint; every step record names it."""
        self._backlog, self._log, self._troubles, self._manifest = backlog, log, troubles, manifest
        self._owner = os.getpid()
        self._lock = threading.RLock()
        self._writer: Writer | None = None
        self.closing = False
        """Whether the end has begun; what the writer itself has to say is still taken."""
        self._ended = False

    @property
    def process(self) -> int:
        """The number under which this process records."""
        return self._writer.process if self._writer is not None else self.rank

    @property
    def is_foreign(self) -> bool:
        """Whether this is a process forked off from the one that records: in it nothing is recorded."""
        return os.getpid() != self._owner

    def put(self, item: Item) -> None:
        """Hand `item` to the writer, once begun."""
        if self._writer is not None and not self._ended and not self.is_foreign:
            self._backlog.put(item)

    def begin(self) -> tuple[bool, bool]:
        """Start the threads; whether that was done now, and whether the run is resumed.

        Raises:
            OSError: the disk is full.
        """
        with self._lock:
            if self._writer is not None or self.closing or self.is_foreign:
                return False, False

            def claim() -> int:
                return self.place.claim(self.rank, self.world)

            process = claim()
            self._first = process // self.world * self.world
            resumed = process != self.rank
            self._clerk = Clerk(self._log, self.place.folder / "run.json", self._troubles)
            self._hasher = Worker("hashing checkpoints", self._troubles)
            self._writer = Writer(
                self.place,
                process,
                claim,
                self._manifest,
                self._backlog,
                self._clerk,
                self._troubles,
                lambda: self.last_checkpoint,
            )
            return True, resumed

    def later(self, job: Callable[[], None]) -> None:
        """Run `job` in the background, after those before it."""
        if self._writer is not None:
            self._hasher.do(job)

    def settle(self, timeout_s: float) -> None:
        """Wait for jobs that run in the background."""
        if not self._hasher.close(timeout_s):
            self._troubles.say("a checkpoint was not hashed in time")

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything so far is on disk; whether that was done in time."""
        return self._writer.flush(timeout_s) if self._writer is not None else True

    def close(self, timeout_s: float) -> None:
        """Write what is left, seal the files, and let process 0 state the coverage and bind the whole run.

        Raises:
            OSError: the disk is full.
            EvidenceError: the run is not what was bound.
        """
        self.closing = True
        if self._writer is None:
            return
        done = self._writer.close(timeout_s)
        self._ended = True
        done = self._clerk.close(timeout_s) and done
        if done:
            self.place.done(self._writer.process)
        if done and self.rank == 0:
            done = close_run(self.place, self._first, self.world, self._log)
        if not done:
            self._troubles.say("not all was written in time; `modelassay run commit` binds what is there")
