"""From the training thread to the spool: what it says is appended to a file, and that is all."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from modelassay.canonical import Digest
from modelassay.records import RunEvent, RunEventKind, RunManifest
from modelassay.training.cut_short import ENDED_IN_STEP
from modelassay.training.recorder.clerk import LiveLog, Worker
from modelassay.training.recorder.course import Again, Course, steps_of
from modelassay.training.recorder.files import Ballast
from modelassay.training.recorder.forks import REASON, Forks
from modelassay.training.recorder.host import Host
from modelassay.training.recorder.items import (
    About,
    End,
    Item,
    Line,
    Loss,
    Rollouts,
    StartOver,
    StepDone,
    loss_of,
)
from modelassay.training.recorder.place import Place
from modelassay.training.recorder.spool import Places, Spool, State
from modelassay.training.recorder.times import event_time
from modelassay.training.recorder.troubles import Troubles
from modelassay.training.stretches import EVALUATED_AGAIN

WATCHED_EVERY_S = 1.0
"""Whether the scribe is still there is looked at so often, when something is said."""
_PAUSE_S = 0.01
_recording: set[tuple[Path, int, int]] = set()
"""Folder, rank and process of what records now."""


class Pipeline:
    """Everything behind the recorder's calls; nothing is started before it is needed.

    Args:
        room: bytes of the disk that may wait for the scribe.
        log: binds the run as it goes; None when nothing is bound.
        manifest: the run's manifest as it is known now.
    """

    def __init__(
        self,
        place: Place,
        room: int,
        log: LiveLog | None,
        troubles: Troubles,
        manifest: Callable[[], RunManifest],
    ) -> None:
        self.place = place
        self.rank, self.world = 0, 1
        self.process = 0
        """The number under which this process records."""
        self.last_checkpoint: Digest | None = None
        """Digest of the newest checkpoint; every step record names it."""
        self._room, self._log, self._troubles, self._manifest = room, log, troubles, manifest
        self._owner = os.getpid()
        self._lock = threading.RLock()
        self._spool: Spool | None = None
        self._host: Host | None = None
        self._hasher: Worker | None = None
        self._course = Course()
        self._early = Loss()
        """What was lost before there was a spool."""
        self._token = os.urandom(6).hex()
        self._forks = Forks(place.folder, self._token)
        self._told = False
        """Whether this process, a fork, has said on stderr that it does not record."""
        self._about: RunManifest | None = None
        self._watched = 0.0
        self.hurry = threading.Event()
        """Set when somebody waits for what runs in the background."""
        self.closing = False
        """Whether the end has begun; what happens on the way is still taken."""
        self._ended = False

    @property
    def host(self) -> Host | None:
        """Where the scribe runs; None before it does."""
        return self._host

    @property
    def is_foreign(self) -> bool:
        """Whether this is a process forked off from the one that records: what it says is counted as lost."""
        return os.getpid() != self._owner

    @property
    def _key(self) -> tuple[Path, int, int]:
        return self.place.folder, self.rank, os.getpid()

    def put(self, item: Item) -> None:
        """Append `item` to the spool, once begun; what is refused is told in the record.

        Raises:
            TypeError, OverflowError: something in it is neither text nor number.
            OSError: steps come again, and no other number can be had for them.
        """
        if self.is_foreign:
            self._lose_here(loss_of(item, REASON))
            return
        if self._spool is None or self._ended:
            if isinstance(item, Rollouts):
                self._troubles.note("recording", f"{item.count:,} rollouts came after the run was closed")
            return
        with self._lock:
            if isinstance(item, Rollouts | StepDone):
                self._tell_manifest()
                if again := self._course.take(item):
                    self._start_over(again, steps_of(item)[0])
            if lost := self._spool.put(item):
                self._troubles.note("writing rollouts", lost)
            if time.monotonic() - self._watched > WATCHED_EVERY_S and self._host is not None:
                self._watched = time.monotonic()
                self._host.watch()

    def reach(self, phase: str, step: int) -> None:
        """Rollouts of `step` come now: where it was closed, they are kept under another number.

        Raises:
            TypeError: `step` is no number.
            OSError: no other number can be had.
        """
        if not self._course.has_closed(phase, step) or self._ended or self.is_foreign:
            return
        with self._lock:
            if again := self._course.begins_anew({(phase, step)}):
                self._start_over(again, step)

    def was_done(self, step: int) -> bool:
        """Whether `step` is done already; see `Course.was_done`."""
        return self._course.was_done(step)

    def lose(self, loss: Loss) -> None:
        """Have a gap written for what could not be kept, once there is a spool.

        Raises:
            OSError: in a fork: the disk is full.
        """
        if self.is_foreign:
            self._lose_here(loss)
            return
        with self._lock:
            if self._spool is None:
                self._early.add(loss)
            elif not self._ended:
                self._spool.lost.add(loss)
                self._caught_up()  # else it waits, and is tried again with the next

    def _lose_here(self, loss: Loss) -> None:
        """Lose something in a fork; no lock is taken, since another thread may have held it at the fork."""
        if not self._told:
            self._told = True
            self._troubles.say("nothing is recorded in processes forked off; what they say becomes a gap")
        self._forks.lose(loss)

    def begin(self) -> tuple[bool, bool]:
        """Begin the spool, and have it read; whether that was done now, and whether the run is resumed.

        Raises:
            OSError: the disk is full.
        """
        if self._spool is not None or self.is_foreign:
            return False, False
        with self._lock:
            if self._spool is not None or self.closing:
                return False, False
            self.process = self._number = self.place.claim(self.rank, self.world)
            if self._key in _recording:
                told = "this process records the run already: close that recorder first, or closing waits"
                self._troubles.say(f"{told} for this one")
            _recording.add(self._key)
            first = self.process // self.world * self.world
            places = Places(self.place.folder, self._number)
            spool = Spool(places, self._room, Ballast(self.place.ballast(self._number)))
            binds = self._log is not None
            places.save(
                State(process=self.process, first=first, world=self.world, binds=binds, forks=self._token)
            )
            spool.lost.add(self._early)
            self._places, self._spool = places, spool
            self._host = Host(self.place, self._number, first, self._log, self._troubles)
            self._watched = time.monotonic()
            return True, self.process != self.rank

    def later(self, job: Callable[[], None]) -> None:
        """Run `job` in the background, after those before it."""
        if self._spool is None or self.is_foreign:
            return
        if self._hasher is None:
            self._hasher = Worker("hashing checkpoints", self._troubles)
        self._hasher.do(job)

    def settle(self, timeout_s: float) -> None:
        """Wait for jobs that run in the background, which do not rest any more."""
        self.hurry.set()
        if self._hasher is not None and not self._hasher.close(timeout_s):
            self._troubles.say("a checkpoint was not hashed in time")

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything so far is in the files; whether that was done in time.

        Raises:
            OSError: how far they go cannot be read.
        """
        if self._spool is None or self._host is None or self._ended or self.is_foreign:
            return True
        until, poked = time.monotonic() + timeout_s, False
        while True:
            with self._lock:
                wanted = self._spool.position if self._caught_up() else None
            if wanted is not None and self._is_written(wanted):
                return True
            if time.monotonic() > until:
                return False
            if not poked or wanted is None:
                self._host.poke()
                poked = True
            self._host.watch()
            time.sleep(_PAUSE_S)

    def close(self, timeout_s: float) -> None:
        """Say that training is over, and wait until the run is whole, stated and bound.

        Raises:
            OSError: the disk is full.
        """
        self.closing = True
        if self._spool is None or self._host is None:
            return
        until = time.monotonic() + timeout_s
        with self._lock:
            self._tell_manifest()
            self._tell_open_step()
            self._spool.put(End())
            self._ended = True
        while not self._caught_up() and time.monotonic() < until:
            time.sleep(_PAUSE_S)
        self._spool.close()
        _recording.discard(self._key)
        self._host.poke()
        if not self._host.join(max(until - time.monotonic(), 1.0)):
            self._troubles.say("not all was written in time; `modelassay run commit` takes up what is there")
            self._host.leave()

    def _caught_up(self) -> bool:
        assert self._spool is not None
        try:
            self._spool.catch_up(at_any_cost=self.closing)
        except OSError:
            return False
        return True

    def _is_written(self, position: tuple[int, int]) -> bool:
        state = self._places.load()
        return (state.segment, state.offset) >= position

    def _tell_manifest(self) -> None:
        assert self._spool is not None
        if (manifest := self._manifest()) is not self._about:
            self._about = manifest
            self._spool.put(About(msgspec.json.encode(manifest)))

    def _tell_open_step(self) -> None:
        """Training ends before a step was done: its rollouts may not all have come."""
        assert self._spool is not None
        if (step := self._course.open_step) is not None:
            body = {ENDED_IN_STEP: step}
            event = RunEvent(time=event_time(), kind="note", step=step, rank=self.process, body=body)
            self._spool.put(Line("events", msgspec.json.encode(event)))

    def _start_over(self, again: Again, step: int) -> None:
        """Go on under another number: of `step`, which was closed, this comes again."""
        assert self._spool is not None
        before, self.process = self.process, self.place.claim(self.rank, self.world)
        self._spool.put(StartOver(self.process))
        body: dict[str, Any] = {"process": self.process, "world": self.world, "continues": before}
        kind: RunEventKind = "resumed" if again == "training" else "note"
        if again == "training":
            body["reason"] = "steps that were closed came again"
        else:
            body[EVALUATED_AGAIN] = step
        after = max(0, step - 1) if again == "training" else 0
        event = RunEvent(time=event_time(), kind=kind, step=after, rank=self.process, body=body)
        self._spool.put(Line("events", msgspec.json.encode(event)))
