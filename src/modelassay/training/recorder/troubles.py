"""The recorder's own errors: told on stderr and in the record, and never passed on to training."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType

from modelassay.records import RunEvent
from modelassay.training.importers.rows import clean
from modelassay.training.plain_data import unread_in
from modelassay.training.recorder.items import Loss
from modelassay.training.recorder.times import event_time

SHOWN = 3
"""Times that one kind of error is told on stderr and in the record; later ones are only counted."""


class Troubles:
    """Where the recorder's errors go.

    Args:
        run: named on stderr.
    """

    def __init__(self, run: str) -> None:
        self._run = run
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.record: Callable[[RunEvent], None] = lambda event: None
        """Puts an event into the record."""
        self.lose: Callable[[Loss], None] = lambda loss: None
        """Has a gap written into the record."""

    @property
    def total(self) -> int:
        """Errors so far."""
        return self._counts.total()

    def tell(self, doing: str, error: BaseException) -> None:
        """Say that `doing` failed, on stderr and in the record."""
        if not self._counted(f"{doing}: {type(error).__name__}", f"{type(error).__name__}: {error}"):
            return
        body = {
            "where": "recorder",
            "doing": doing,
            "error": type(error).__name__,
            "message": clean(str(error))[:500],
        }
        try:
            self.record(RunEvent(time=event_time(), kind="exception", body=body))
        except Exception as lost:  # nothing can be recorded just now: stderr has both
            self.say(f"that cannot be put into the record: {type(lost).__name__}: {lost}")

    def look(self, *texts: str) -> None:
        """Say so where JSON among `texts` has an object in it that says nothing of what it holds."""
        if any(map(unread_in, texts)):
            told = "an object in them says nothing of what it holds: give messages as dictionaries"
            self.tell("recording all of some messages", TypeError(told))

    def note(self, doing: str, reason: str) -> None:
        """Say on stderr alone that `doing` failed, which the record tells in another way."""
        self._counted(f"{doing}: lost", reason)

    def _counted(self, kind: str, reason: str) -> bool:
        """Count an error, and say it where it is one of the first of its kind; whether it is."""
        with self._lock:
            self._counts[kind] += 1
            times = self._counts[kind]
        if times <= SHOWN:
            last = "; further ones are only counted" if times == SHOWN else ""
            self.say(f"{kind.rpartition(': ')[0]} failed: {reason}{last}")
        return times <= SHOWN

    def say(self, line: str) -> None:
        """A line on stderr, where there is one."""
        try:
            print(f"modelassay recorder ({self._run}): {line}; training goes on", file=sys.stderr)
        except (OSError, ValueError):  # stderr is closed: nobody is left to tell
            return

    def kept(self, doing: str, lost: Callable[[], Loss] | None = None) -> AbstractContextManager[None]:
        """Errors of the block are told here and go no further.

        Args:
            lost: what is not in the record when the block fails; every time it is told as a gap.
        """
        return _Kept(self, doing, lost)

    def summary(self) -> str:
        """How often which error came, as text."""
        return "; ".join(f"{kind} ({times:,} times)" for kind, times in self._counts.most_common())


class _Kept(AbstractContextManager[None]):
    """The one boundary at which errors end: training must go on. Training passes it many times a step."""

    __slots__ = ("_doing", "_lost", "_troubles")

    def __init__(self, troubles: Troubles, doing: str, lost: Callable[[], Loss] | None) -> None:
        self._troubles, self._doing, self._lost = troubles, doing, lost

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self._troubles.tell(self._doing, error)
        if self._lost is not None:
            with self._troubles.kept("counting what was lost"):
                loss = self._lost()
                loss.reason = loss.reason or f"{type(error).__name__}: {error}"[:200]
                self._troubles.lose(loss)
        return True
