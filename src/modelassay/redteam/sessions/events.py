"""What happens in a session, and the file that it is kept in: one JSON line an event, only ever added to."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Literal, Self

import msgspec

from modelassay.errors import StoreError, UsageError
from modelassay.log.durable import sync
from modelassay.records import Decoding, Failure, Reply, Severity, TargetIdentity

NAME = "session.jsonl"
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
ModelSide = Literal["candidate", "baseline"]
Whose = Literal["candidate", "baseline", "both"]


class _Event(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="event",
):
    at: str
    """UTC, ISO 8601."""


class Opened(_Event, frozen=True, kw_only=True, tag="opened"):
    """The session begins."""

    candidate: TargetIdentity
    baseline: TargetIdentity | None = None
    tester: str = ""
    """Who talks, as they call themselves."""
    decoding: Decoding
    required_minutes: int
    """That the session should last."""


class Resumed(_Event, frozen=True, kw_only=True, tag="resumed"):
    """Somebody sits down again; the time since the event before does not count."""


class Asked(_Event, frozen=True, kw_only=True, tag="asked"):
    """A user turn, sent to every model."""

    text: str


class Answered(_Event, frozen=True, kw_only=True, tag="answered"):
    """A model's answer to the last user turn, or why there is none."""

    side: ModelSide
    reply: Reply | None = None
    failure: Failure | None = None


class Tagged(_Event, frozen=True, kw_only=True, tag="tagged"):
    """The conversation is about this category."""

    category: str


class Found(_Event, frozen=True, kw_only=True, tag="found"):
    """The last answers show something."""

    text: str
    whose: Whose = "candidate"


class Rated(_Event, frozen=True, kw_only=True, tag="rated"):
    """How grave the last finding is."""

    severity: Severity


class Undone(_Event, frozen=True, kw_only=True, tag="undone"):
    """The last user turn is taken back, with its answers; it stays in the file, and findings noted of it stay
    findings."""


class Began(_Event, frozen=True, kw_only=True, tag="began"):
    """A new conversation."""


class Ended(_Event, frozen=True, kw_only=True, tag="ended"):
    """The session is over."""


Event = Opened | Resumed | Asked | Answered | Tagged | Found | Rated | Undone | Began | Ended
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)


class SessionLog:
    """The events in `folder`, one process at a time.

    Args:
        folder: of the session; made where there is none.

    Raises:
        StoreError: another process has the session open, it is damaged, or it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self.events: list[Event] = []
        self._refused: OSError | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise StoreError(
                f"cannot be written: {error.strerror}", where=str(self._path), mend="choose another folder"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._read()
        except BlockingIOError as error:
            os.close(self._file)
            raise StoreError(
                "the session is open elsewhere", where=str(self._path), mend="go on there, or close it"
            ) from error
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, event: Event) -> None:
        """Keep an event; it is on the disk when this returns.

        Raises:
            StoreError: it cannot be written, or one before could not. Half a line is taken back, and nothing
                is written after it, so that whoever opens the session finds all that was kept.
            UsageError: a text that is not valid Unicode.
        """
        if self._refused is not None:
            raise self._unwritten(self._refused)
        try:
            data = _encoder.encode(event) + b"\n"
        except UnicodeEncodeError as error:
            raise UsageError("the text is not valid Unicode", mend="write it anew") from error
        whole = os.fstat(self._file).st_size
        try:
            while data:
                data = data[os.write(self._file, data) :]
            sync(self._file)
        except OSError as error:
            self._refused = error
            with suppress(OSError):  # what stays then is torn at the end, and cut off by whoever opens it
                os.ftruncate(self._file, whole)
            raise self._unwritten(error) from error
        self.events.append(event)

    def _unwritten(self, error: OSError) -> StoreError:
        return StoreError(
            f"cannot be written: {error.strerror}",
            where=str(self._path),
            mend="free some space and open the session again; what is there is kept",
        )

    def close(self) -> None:
        """Give the file back."""
        os.close(self._file)

    def _read(self) -> None:
        data = self._path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):  # torn by a crash
            os.ftruncate(self._file, whole)
        for number, line in enumerate(data[:whole].split(b"\n")[:-1], start=1):
            try:
                self.events.append(_decoder.decode(line))
            except msgspec.MsgspecError as error:
                raise StoreError(
                    f"line {number} cannot be read: {error}",
                    where=str(self._path),
                    mend="restore the file from a copy, or begin a session in another folder",
                ) from error
        if self.events and not isinstance(self.events[0], Opened):
            raise StoreError("does not begin with its opening", where=str(self._path))
