"""The queue between training and writer: it never waits, spills to disk when it is long, and counts losses.

In memory it holds so many bytes, then so many more in a file of the local temporary folder; what comes beyond
is lost, and is known to be lost. Order is kept: once something was spilled, all that follows is, until the
writer has caught up.
"""

from __future__ import annotations

import tempfile
import threading
from collections import deque
from dataclasses import dataclass
from typing import IO

import msgspec

from modelassay.training.recorder.items import Item, Rollouts

MEMORY_BYTES = 64 << 20
SPILL_BYTES = 1 << 30
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Item)


@dataclass
class Loss:
    """Rollouts and records that could not be kept."""

    rollouts: int = 0
    records: int = 0
    first_step: int = -1
    last_step: int = -1
    reason: str = ""

    def add(self, item: Item, reason: str) -> None:
        """Count `item` as lost."""
        if isinstance(item, Rollouts):
            self.rollouts += item.count
            steps = item.columns.get("step") or [-1]
            self.first_step = min(steps) if self.first_step < 0 else min(self.first_step, *steps)
            self.last_step = max(self.last_step, *steps)
        else:
            self.records += 1
        self.reason = self.reason or reason

    def __bool__(self) -> bool:
        return bool(self.rollouts or self.records)


class Backlog:
    """First in, first out, for one writer.

    Args:
        memory: bytes kept in memory.
        spill: bytes kept on disk beyond them.
        folder: where to spill; the system's temporary folder when None.
    """

    def __init__(
        self, memory: int = MEMORY_BYTES, spill: int = SPILL_BYTES, folder: str | None = None
    ) -> None:
        self._memory, self._spill, self._folder = memory, spill, folder
        self._items: deque[Item] = deque()
        self._bytes = 0
        self._file: IO[bytes] | None = None
        self._read = self._written = 0
        self._lost = Loss()
        self._lock = threading.Lock()
        self._some = threading.Event()

    def put(self, item: Item) -> None:
        """Take `item`, or count it as lost; never waits for the writer."""
        size = item.size
        with self._lock:
            if self._file is None and self._bytes + size <= self._memory:
                self._items.append(item)
                self._bytes += size
            else:
                self._put_on_disk(item)
        self._some.set()

    def take(self, wait_s: float) -> list[Item]:
        """Everything that fits into memory, the oldest first; empty when nothing came in time."""
        self._some.wait(wait_s)
        with self._lock:
            taken = list(self._items)
            self._items.clear()
            self._bytes = 0
            if not taken and self._file is not None:
                taken = self._from_disk()
            if not self._items and self._file is None:
                self._some.clear()
        return taken

    def wake(self) -> None:
        """Let `take` return now, though there may be nothing to take."""
        self._some.set()

    def lost(self) -> Loss:
        """What was lost since this was last asked."""
        with self._lock:
            lost, self._lost = self._lost, Loss()
        return lost

    @property
    def spilled(self) -> bool:
        """Whether some of it is on disk now."""
        return self._file is not None

    def _put_on_disk(self, item: Item) -> None:
        try:
            data = _encoder.encode(item)
            if self._written + len(data) > self._spill:
                self._lost.add(item, "the writer cannot keep up, and the room for spilling is used up")
                return
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="modelassay-", dir=self._folder)  # noqa: SIM115
            self._file.seek(self._written)
            self._file.write(len(data).to_bytes(8, "big") + data)
            self._file.flush()
            self._written += 8 + len(data)
        except OSError as error:
            self._lost.add(item, f"the writer cannot keep up, and nothing can be spilled: {error.strerror}")

    def _from_disk(self) -> list[Item]:
        """The next items of the spill, as many as memory holds; the file goes when all are read."""
        assert self._file is not None
        taken: list[Item] = []
        size = 0
        self._file.seek(self._read)
        while self._read < self._written and size < self._memory:
            length = int.from_bytes(self._file.read(8), "big")
            taken.append(_decoder.decode(self._file.read(length)))
            self._read += 8 + length
            size += length
        if self._read >= self._written:
            self._file.close()
            self._file, self._read, self._written = None, 0, 0
        return taken
