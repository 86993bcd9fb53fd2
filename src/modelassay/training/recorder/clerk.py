"""What takes time and may wait: digests of checkpoints, sealing of parts, and the log with its witnesses.

Jobs run one after another in a thread of their own; nothing here holds rollouts.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from modelassay.canonical import Digest, digest_bytes
from modelassay.log.durable import sync_path
from modelassay.records import RunEvent, StepRecord
from modelassay.training.recorder.troubles import Troubles

INTERVAL_S = 5.0
"""Step records and events wait so long for others that are logged with them."""


class LiveLog(Protocol):
    """Where a run is committed to as it goes, and finally when it is closed."""

    @property
    def secret(self) -> bytes:
        """What the run's salts are made from; see `training.protocol.commitment.salts_of`.

        Raises:
            ModelassayError: it is not there; then nothing can be bound.
        """
        ...

    @property
    def elsewhere(self) -> str:
        """``module:function`` that makes the same of store and run in another process; empty if none can."""
        ...

    def append(self, manifest: Digest, events: Sequence[RunEvent], records: Sequence[StepRecord]) -> None:
        """Log what is not logged yet; on return it can no longer be changed unseen.

        Args:
            manifest: digest of ``run.json``.

        Raises:
            Exception: it could not be logged; the same will be given again.
        """
        ...

    def close(self, folder: Path) -> None:
        """Bind the whole run in `folder`, which will not change any more."""
        ...


class Worker:
    """A daemon thread that runs jobs in their order; `idle` runs now and then in between.

    Args:
        doing: what jobs do, for messages.
    """

    def __init__(
        self, doing: str, troubles: Troubles, idle: Callable[[], None] | None = None, every_s: float = 1.0
    ) -> None:
        self._doing, self._troubles, self._idle, self._every = doing, troubles, idle, every_s
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"modelassay {doing}", daemon=True)
        self._thread.start()

    def do(self, job: Callable[[], None]) -> None:
        """Run `job` when its turn comes."""
        self._jobs.put(job)

    def close(self, timeout_s: float | None) -> bool:
        """Finish all jobs; whether that was done in time."""
        self._jobs.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            ended = False
            try:
                job = self._jobs.get(timeout=self._every if self._idle else None)
                ended = job is None
            except queue.Empty:
                job = None
            if (due := job or self._idle) is not None:
                with self._troubles.kept(self._doing):
                    due()
            if ended:
                return


class Clerk:
    """Logs events and step records in batches, after what they are about is on the disk itself.

    Args:
        log: None when nothing is committed to as it goes.
        manifest: path of ``run.json``.
    """

    def __init__(self, log: LiveLog | None, manifest: Path, troubles: Troubles) -> None:
        self.log = log
        self._manifest = manifest
        self._lock = threading.Lock()
        self._events: list[RunEvent] = []
        self._records: list[StepRecord] = []
        self._files: set[Path] = set()
        self._rest = 0.0
        self._worker = Worker("logging", troubles, self._bind, INTERVAL_S) if log is not None else None

    def event(self, event: RunEvent, file: Path) -> None:
        """Have an event logged that is written, once `file` is on the disk."""
        if self.log is not None:
            with self._lock:
                self._events.append(event)
                self._files.add(file)

    def step(self, record: StepRecord, *files: Path) -> None:
        """Have a step record logged, once `files` are on the disk."""
        with self._lock:
            self._records.append(record)
            self._files.update(files)

    def close(self) -> None:
        """Log what waits."""
        self._rest = 0.0
        if self._worker is not None:
            self._worker.close(None)

    def _bind(self) -> None:
        assert self.log is not None
        if time.monotonic() < self._rest or not self._manifest.is_file():
            return
        with self._lock:
            events, records, files = self._events, self._records, self._files
            self._events, self._records, self._files = [], [], set()
        if not (events or records):
            return
        try:
            for file in files:
                if file.exists():  # a sealed part was flushed when it was sealed
                    sync_path(file)
            self.log.append(digest_bytes(self._manifest.read_bytes()), events, records)
        except BaseException:
            with self._lock:
                self._events, self._records = events + self._events, records + self._records
                self._files |= files
            self._rest = time.monotonic() + 2 * INTERVAL_S
            raise
