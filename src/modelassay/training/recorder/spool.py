"""The spool: what training says, appended to a file before anything else is done with it.

Training pays for one write to a file, and what was written outlives it. A writer reads behind, in a process
of its own, and says in `State` how far its files go; what it was killed over it takes from here once more.
Beside a run's other files stand, for each process that records::

    .spool-RRRRR-NNNNNN     frames: 4 bytes of length, 4 of CRC-32 (both big-endian), one item as MessagePack
    .spool-RRRRR.state      `State`, replaced whole
    .spool-RRRRR.lock       held by the writer
"""

from __future__ import annotations

import errno
import re
import time
import zlib
from collections import deque
from contextlib import suppress
from pathlib import Path

import msgspec

from modelassay.canonical import Digest
from modelassay.log.durable import DRAFT
from modelassay.training.protocol.commitment import NO_RECORD
from modelassay.training.protocol.parts import Layout
from modelassay.training.recorder.files import Appending, Ballast
from modelassay.training.recorder.items import Item, Loss, Rollouts, decode, encode, loss_of

ROOM_BYTES = 1 << 30
"""What waits for the writer may take so much of the disk."""
SEGMENT_BYTES = 16 << 20
"""A file of the spool; it goes when the writer has read it."""
MOST_WAITING = 10_000
"""Records that wait for room on the disk."""
TOLD_EVERY_S = 10.0
"""What a full disk refuses is told so often, out of the room that is kept for that."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
_HEAD = 8


class OpenStep(msgspec.Struct, array_like=True, frozen=True):
    """Rollouts of a step that may still get more: see `commitment.StepCommitter`."""

    phase: str
    step: int
    rank: int
    hashes: bytes
    trained_on: int | None
    layout: Layout = 1


class State(msgspec.Struct, kw_only=True):
    """How far the files of one writer go; what lies behind is written once more."""

    process: int
    """The number that rollouts are kept under now."""
    first: int
    """Number of the first of the processes that run together with this one."""
    world: int
    binds: bool
    """Whether every step is committed to."""
    past: tuple[int, ...] = ()
    """Numbers that they were kept under before."""
    segment: int = 0
    offset: int = 0
    """Bytes of the segment that are in the files."""
    manifest: bytes = b""
    parts: int = 0
    part: tuple[int, int] | None = None
    """Rows and bytes of the part that grows."""
    lines: dict[str, int] = {}
    """Bytes by file."""
    open: tuple[OpenStep, ...] = ()
    previous: Digest = NO_RECORD
    metrics_from: int = 0
    """Where the metrics of the step that is open begin in their file."""
    lost_in_step: int = 0
    forks: str = ""
    """Names what processes forked off from training could not keep; see `forks`."""
    forks_read: int = 0
    """Bytes of it that are told as gaps."""
    unnamed: tuple[bytes, ...] = ()
    """Rollouts whose step is not known yet; see `unnamed`."""
    named: bool = False
    """Whether a step was named, so that there will be no more of them."""
    ended: bool = False
    """Training is over, and all that it said is in the files."""


class Places:
    """Paths of the spool of one process.

    Args:
        folder: of the run.
        number: the first number that the process claimed.
    """

    def __init__(self, folder: Path, number: int) -> None:
        self.folder, self.number = folder, number
        self.state = folder / f".spool-{number:05d}.state"
        self.lock = folder / f".spool-{number:05d}.lock"

    def segment(self, number: int) -> Path:
        """Path of a segment."""
        return self.folder / f".spool-{self.number:05d}-{number:06d}"

    def segments(self) -> list[int]:
        """Numbers of those that are there."""
        found = self.folder.glob(f".spool-{self.number:05d}-*")
        return sorted(int(path.name.rpartition("-")[2]) for path in found)

    def load(self) -> State:
        """The state.

        Raises:
            OSError: there is none.
            msgspec.DecodeError: it is of another version.
        """
        return msgspec.msgpack.decode(self.state.read_bytes(), type=State)

    def save(self, state: State) -> None:
        """Put `state` in place of the one before: after a killed process it is the old or the new one.

        Raises:
            OSError: the disk is full.
        """
        draft = self.state.with_name(self.state.name + DRAFT)
        draft.write_bytes(msgspec.msgpack.encode(state))
        draft.replace(self.state)  # not flushed to the disk itself: neither are the files that it is about

    def remove(self) -> None:
        """All is written: nothing of the spool stays."""
        self.state.unlink(missing_ok=True)  # first: segments without a state are nothing to take up
        for number in self.segments():
            self.segment(number).unlink(missing_ok=True)
        self.lock.unlink(missing_ok=True)


def spools(folder: Path) -> list[int]:
    """Numbers of processes of a run whose spool was not read to its end."""
    found = (re.fullmatch(r"\.spool-(\d+)\.state", path.name) for path in folder.glob(".spool-*.state"))
    return sorted(int(match[1]) for match in found if match)


class Spool:
    """The side of training. What a disk refuses is counted as lost, or waits where it is not a rollout.

    Args:
        room: bytes of the disk that may be taken.
        ballast: room for all but rollouts when the disk is full; None where none is kept.

    Raises:
        OSError: the first segment cannot be made.
    """

    def __init__(self, places: Places, room: int = ROOM_BYTES, ballast: Ballast | None = None) -> None:
        self._places = places
        self._room = room
        self._size = max(4096, min(SEGMENT_BYTES, room // 8))
        self._number = 0
        self._file = Appending(places.segment(0))
        self._waiting: deque[bytes] = deque()
        self._ballast = ballast
        self._told = -TOLD_EVERY_S
        """When what was lost was told out of the ballast last."""
        self.lost = Loss()
        """What was lost and is not in the spool yet."""

    @property
    def position(self) -> tuple[int, int]:
        """Segment and offset up to which is written."""
        return self._number, self._file.size

    def put(self, item: Item) -> str:
        """Append `item`; why it was lost, empty when it was not."""
        data = framed(encode(item))
        try:
            self.catch_up()
            self._append(data)
            return ""
        except OSError as error:
            reason = f"the disk refuses: {error.strerror}" if error.errno else str(error)
        waits = not isinstance(item, Rollouts) and len(self._waiting) < MOST_WAITING
        if waits:
            self._waiting.append(data)
        else:
            self.lost.add(loss_of(item, reason))
        if waits or time.monotonic() - self._told >= TOLD_EVERY_S:
            with suppress(OSError):  # it waits, and is tried again with the next
                self.catch_up(at_any_cost=True)
        return "" if waits else reason

    def catch_up(self, *, at_any_cost: bool = False) -> None:
        """Append what waits.

        Args:
            at_any_cost: where the disk is full, give back what is kept for that.

        Raises:
            OSError: the disk still refuses.
        """
        if self.lost:
            self._append(framed(_counted(self.lost)), at_any_cost)
            self.lost = Loss()
            self._told = time.monotonic()
        while self._waiting:
            self._append(self._waiting[0], at_any_cost)
            self._waiting.popleft()

    def close(self) -> None:
        """Let it go."""
        self._file.close()

    def _append(self, data: bytes, at_any_cost: bool = False) -> None:
        try:
            if self._file.size + len(data) > self._size and self._file.size:
                self._next()
            self._file.append(data)
        except OSError as error:
            if not at_any_cost or error.errno not in _FULL:
                raise
            if self._ballast is None or not self._ballast.give(len(data)):
                raise
            self._file.append(data)

    def _next(self) -> None:
        if len(self._places.segments()) * self._size >= self._room:
            raise OSError("the writer cannot keep up, and the room for spilling is used up")
        fresh = Appending(self._places.segment(self._number + 1))
        self._file.close()
        self._file, self._number = fresh, self._number + 1


def _counted(loss: Loss) -> bytes:
    """`loss` as MessagePack; the bare counts where the rest of it cannot be spelt: they must not be lost."""
    try:
        return encode(loss)
    except (TypeError, ValueError, OverflowError) as error:
        reason = f"why cannot be written down ({type(error).__name__})"
        return encode(Loss(rollouts=loss.rollouts, records=loss.records, reason=reason))


def framed(data: bytes) -> bytes:
    """`data` with its length and its CRC-32."""
    return len(data).to_bytes(4, "big") + zlib.crc32(data).to_bytes(4, "big") + data


class SpoolReader:
    """The side of the writer: items in their order, from where `State` says."""

    def __init__(self, places: Places, segment: int, offset: int) -> None:
        self._places = places
        self.segment, self.offset = segment, offset
        """Up to where items were given."""
        self._doubtful: tuple[int, int] | None = None

    def read(self, most: int) -> list[Item]:
        """The next items, some `most` bytes of them; none when no more are there now.

        Raises:
            OSError: the disk is gone.
        """
        while True:
            follows = self._places.segment(self.segment + 1).exists()  # looked for before: then this is whole
            items = self._frames(most, follows)
            if items or not follows:
                return items
            self.segment, self.offset = self.segment + 1, 0

    def _frames(self, most: int, whole: bool) -> list[Item]:
        path = self._places.segment(self.segment)
        if not path.exists():
            return []
        with path.open("rb") as file:
            file.seek(self.offset)
            data = file.read(max(most, _HEAD))
            if len(data) >= _HEAD and len(data) < _HEAD + int.from_bytes(data[:4], "big"):
                data += file.read(_HEAD + int.from_bytes(data[:4], "big") - len(data))
        items: list[Item] = []
        at, view = 0, memoryview(data)
        while at + _HEAD <= len(data):
            length = int.from_bytes(view[at : at + 4], "big")
            content = view[at + _HEAD : at + _HEAD + length]
            if len(content) < length:
                break  # still being written, or cut off when training was killed
            if zlib.crc32(content) != int.from_bytes(view[at + 4 : at + _HEAD], "big"):
                if not whole and self._doubtful != (self.segment, self.offset + at):
                    self._doubtful = self.segment, self.offset + at  # it may be written just now: look again
                    break
                items.append(Loss(records=1, reason="the spool is damaged"))
            else:
                items.append(_decoded(content))
            at += _HEAD + length
        if whole and data and not at:
            items.append(Loss(records=1, reason="the spool is damaged"))
            at = len(data)
        self.offset += at
        return items


def _decoded(content: memoryview) -> Item:
    try:
        return decode(content)
    except msgspec.DecodeError as error:
        return Loss(records=1, reason=f"the spool cannot be read: {error}")
