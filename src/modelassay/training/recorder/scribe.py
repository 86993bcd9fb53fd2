"""The scribe: reads the spool of one process behind training, and has files, seals and log made of it.

It runs in a process of its own (``python -m modelassay.training.recorder``), or in a thread where there can
be none. Killed, it is started again and goes on from its last `State`; when training is killed, it writes up
what training said, and leaves the files as those of a process that was stopped.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401  pyarrow uses it, and it cannot be imported while Python ends
import fcntl
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol

import msgspec

from modelassay.errors import ModelassayError
from modelassay.records import RunEvent
from modelassay.training.cut_short import STOPPED
from modelassay.training.recorder.clerk import Clerk, LiveLog, Worker
from modelassay.training.recorder.closing import close_run, state_coverage
from modelassay.training.recorder.files import seal
from modelassay.training.recorder.forks import Forks
from modelassay.training.recorder.items import End, loss_of
from modelassay.training.recorder.place import Place
from modelassay.training.recorder.priority import AT_ONCE, Turns
from modelassay.training.recorder.spool import Places, SpoolReader, spools
from modelassay.training.recorder.times import event_time
from modelassay.training.recorder.troubles import Troubles
from modelassay.training.recorder.writer import Writer, Written

INTERVAL_S = 1.0
"""What comes within this time is written together."""
PATIENCE_S = 30.0
"""How long another writer of the same spool is waited for."""
_AT_ONCE = 16 << 20
_RETRY_S = 2.0


class Training(Protocol):
    """What a scribe knows of the process that it writes for."""

    def wait(self, seconds: float) -> None:
        """Wait for so long, or until somebody waits for the scribe."""
        ...

    def is_gone(self) -> bool:
        """Whether it will write no more, though it may not have said `End`."""
        ...


class Ended:
    """Training that is over."""

    def wait(self, seconds: float) -> None:
        """See `Training`."""

    def is_gone(self) -> bool:
        """See `Training`."""
        return True


class Scribe:
    """Writes up one spool, whose lock the caller holds.

    Args:
        number: the spool's.
        log: makes what the run is bound in; called only where it is bound.
        turns: when it works.

    Raises:
        OSError, StoreError: the files cannot be continued.
        msgspec.DecodeError: the spool is of another version.
    """

    def __init__(
        self,
        place: Place,
        number: int,
        log: Callable[[], LiveLog | None],
        troubles: Troubles,
        turns: Turns = AT_ONCE,
    ) -> None:
        self._place, self._troubles, self._turns = place, troubles, turns
        self._spool = Places(place.folder, number)
        self._state = self._spool.load()
        self._forks = Forks(place.folder, self._state.forks)
        self._said: deque[RunEvent] = deque()
        troubles.record = self._said.append
        self._log = self._bound_in(log) if self._state.binds else None
        self._over = False
        """Whether training has said that it is over, so that it needs no room for telling more."""
        self._careful = False
        """Whether an item is in the way of the others: then they are written one by one."""
        self._writer, self._reader = self._from_state()
        self._clerk = Clerk(self._log, place.folder / "run.json", troubles)
        self._sealer = Worker("sealing", troubles)

    def _bound_in(self, log: Callable[[], LiveLog | None]) -> LiveLog | None:
        """The log that the run is bound in; None where it cannot be, which the record tells.

        Then it is recorded all the same, and can be committed to when the secret is there again.
        """
        made = log()
        try:
            return made if made is not None and made.secret else None
        except ModelassayError as error:
            self._troubles.tell("committing to the run", error)
            return None

    def run(self, training: Training) -> bool:
        """Write until training has ended or is gone; whether all that it said is in the files."""
        if self._state.segment or self._state.offset:
            self._hand_over(self._writer.everything())
        while not self._state.ended:
            gone, refused, some = training.is_gone(), False, False
            try:
                some = self._turns.round(self._round)
            except OSError as error:
                refused = True
                self._troubles.tell("writing", error)
                if gone or self._over:
                    self._place.ballast(self._spool.number).unlink(missing_ok=True)
                self._writer.close()
                self._writer, self._reader = self._from_state()
            if gone and not some:
                return self._turns.last(partial(self._leave, whole=not refused))
            if not some:
                training.wait(_RETRY_S if refused else INTERVAL_S)
        self._turns.last(self._end)
        return True

    def _from_state(self) -> tuple[Writer, SpoolReader]:
        secret = self._log.secret if self._log is not None else None
        reader = SpoolReader(self._spool, self._state.segment, self._state.offset)
        return Writer(self._place, self._state, secret, self._troubles), reader

    def _round(self) -> bool:
        """Write what is there, and keep how far that is; whether anything was."""
        items = self._reader.read(1 if self._careful else _AT_ONCE)
        lost, forks_read = self._forks.read(self._state.forks_read)
        if not items and not lost and not self._said:
            self._careful = False
            return False
        ended = any(isinstance(item, End) for item in items)
        self._over = self._over or ended
        try:
            self._writer.write([*lost, *(item for item in items if not isinstance(item, End))])
            if ended and self._troubles.total:
                body = {"errors_of_the_recorder": self._troubles.summary()}
                self._said.append(RunEvent(time=event_time(), kind="note", body=body))
            while self._said:
                self._writer.said(self._said.popleft())
            if ended:
                self._writer.finish()
        except OSError:
            raise
        except Exception as error:  # a bug of the recorder must not cost what is not concerned
            self._writer.close()
            self._writer, position = self._from_state()[0], (self._reader.segment, self._reader.offset)
            if not self._careful:
                self._careful, self._reader = True, self._from_state()[1]
                return True
            self._troubles.tell("writing", error)
            self._writer.write([*lost, *(loss_of(item, "it could not be written") for item in items)])
            self._reader.segment, self._reader.offset = position
        self._keep(ended, forks_read)
        return True

    def _keep(self, ended: bool, forks_read: int) -> None:
        state = self._writer.state(self._reader.segment, self._reader.offset)
        self._state = msgspec.structs.replace(state, ended=ended, forks_read=forks_read)
        self._spool.save(self._state)
        written, self._writer.written = self._writer.written, Written()
        self._hand_over(written)
        for number in self._spool.segments():
            if number < self._state.segment:
                self._spool.segment(number).unlink(missing_ok=True)

    def _hand_over(self, written: Written) -> None:
        """What is kept may be sealed and logged."""
        for event in written.events:
            self._clerk.event(event, self._place.lines("events", event.rank))
        if self._log is not None:
            for record, files in written.records:
                self._clerk.step(record, *files)
        for path in written.parts:
            self._sealer.do(partial(seal, path))
        for number in written.ended:
            self._sealer.do(partial(self._place.done, number))

    def _leave(self, *, whole: bool) -> bool:
        """Training is gone: what it said is in the files, which end where it was stopped, and say so."""
        if whole:
            try:
                self._writer.stop()
                self._writer.said(RunEvent(time=event_time(), kind="exception", body=STOPPED))
                self._keep(False, self._state.forks_read)
            except OSError as error:
                self._troubles.tell("writing", error)
                whole = False
        self._writer.close()
        self._sealer.close(None)
        self._clerk.close()
        self._place.ballast(self._spool.number).unlink(missing_ok=True)
        if whole:
            self._place.stopped(*self._state.past, self._state.process, self._spool.number)
            with self._troubles.kept("stating the coverage"):
                if all(self._place.processes().values()):
                    self._left_last()
            self._forks.remove()
            self._spool.remove()
        return whole

    def _left_last(self) -> None:
        """All are done, and this one was killed: of the others that ended nobody may have closed the run."""
        first = self._state.first
        closer = self._place.closer(first)
        if closer is None or self._place.is_closed(first):
            state_coverage(self._place.folder)
            return
        with self._place.closing(waits=False) as alone:
            if alone:
                close_run(self._place, first, closer, self._log)

    def _end(self) -> None:
        """Training is over; the first process that is there yet closes the run, or who comes after that.

        Where the first was killed after others had left that to it, the last does.
        """
        self._sealer.close(None)
        self._clerk.close()
        self._place.ballast(self._spool.number).unlink(missing_ok=True)
        first, own = self._state.first, self._spool.number
        with self._troubles.kept("closing the run"):
            self._place.done(self._state.process)
            waits = own == self._place.closer(first) or self._place.is_closed(first)
            if waits or all(done for number, done in self._place.processes().items() if number >= first):
                with self._place.closing(waits=waits) as alone:
                    if alone and not close_run(self._place, first, own, self._log):
                        self._troubles.say("other processes are not done; `modelassay run commit` binds all")
        self._forks.remove()
        self._spool.remove()


def write_up(
    place: Place,
    number: int,
    log: Callable[[], LiveLog | None],
    troubles: Troubles,
    training: Training,
    turns: Turns = AT_ONCE,
) -> bool:
    """Write up a spool as its only writer; whether that could be done."""
    try:
        with _only_writer(Places(place.folder, number)) as alone:
            if not alone:
                troubles.say(f"process {number} of the run is still being recorded")
                return False
            if number not in spools(place.folder):
                Places(place.folder, number).lock.unlink(missing_ok=True)
                return True  # who had the lock before has done it
            return Scribe(place, number, log, troubles, turns).run(training)
    except (OSError, ModelassayError, msgspec.DecodeError) as error:
        troubles.tell("writing", error)
        return False


def take_up(
    place: Place, log: Callable[[], LiveLog | None], troubles: Troubles, below: int | None = None
) -> bool:
    """Write up what killed processes of a run have said; whether that is in the files now.

    Args:
        below: only processes with lower numbers; all when None.
    """
    numbers = [number for number in spools(place.folder) if below is None or number < below]
    whole = [write_up(place, number, log, troubles, Ended()) for number in numbers]
    return all(whole)


@contextmanager
def _only_writer(places: Places) -> Iterator[bool]:
    """Hold the lock of a spool; False when another process does, and keeps it."""
    until = time.monotonic() + PATIENCE_S
    file = os.open(places.lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    yield False
                    return
                time.sleep(0.1)
            else:
                yield True
                return
    finally:
        os.close(file)
