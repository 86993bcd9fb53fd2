"""Files that a recorder appends to: after a failed write they end where the last whole one ended."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

from modelassay.log.durable import DRAFT, sync_path
from modelassay.training.columns import pa

PART_ROWS = 131_072
"""A part is sealed after so many rows, or so many bytes."""
PART_BYTES = 256 << 20
MOST_WAITING = 10_000
"""Lines that wait for room on the disk."""
_END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"


class Appending:
    """A file that grows by whole pieces.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)

    def append(self, data: bytes) -> None:
        """Write all of `data` or none of it.

        Raises:
            OSError: the disk is full, or gone.
        """
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError:
            os.ftruncate(self._file, self.size)
            os.lseek(self._file, self.size, os.SEEK_SET)
            raise
        self.size += len(data)

    def close(self) -> None:
        """Let it go."""
        os.close(self._file)


class Part:
    """Rollouts of one process as an Arrow IPC stream, readable up to its last whole batch at any time.

    The stream is put together from encapsulated messages (Arrow columnar format, "IPC Streaming Format"), so
    that a batch which the disk refused can be cut off again.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self.schema = schema
        self.rows = 0
        self._file = Appending(path)
        self._file.append(schema.serialize().to_pybytes())

    @property
    def full(self) -> bool:
        """Whether it is time for the next part."""
        return self.rows >= PART_ROWS or self._file.size >= PART_BYTES

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch, whole or not at all.

        Raises:
            OSError: see `Appending.append`.
        """
        self._file.append(batch.serialize().to_pybytes())
        self.rows += batch.num_rows

    def finish(self) -> None:
        """End the stream; a disk that is full only leaves out the mark of the end."""
        try:
            self._file.append(_END_OF_STREAM)
        except OSError:
            pass  # readers take a stream that ends after a whole batch
        finally:
            self._file.close()


def seal(path: Path) -> None:
    """Turn the stream at `path` into Parquet; at any instant one of the two is there and whole.

    Both are there for a moment: readers then take the Parquet file.

    Raises:
        OSError: the disk is full.
    """
    import pyarrow.parquet as parquet

    whole = path.with_suffix(".parquet")
    draft = whole.with_name(whole.name + DRAFT)
    try:
        with (
            pa.OSFile(str(path)) as source,
            pa.ipc.open_stream(source) as stream,
            parquet.ParquetWriter(draft, stream.schema, compression="zstd", compression_level=1) as sink,
        ):
            for batch in stream:
                sink.write_batch(batch)
        sync_path(draft)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    draft.replace(whole)
    path.unlink()
    sync_path(path.parent)


class Lines:
    """A file of JSON lines; what the disk refuses waits, in order, until there is room."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Appending | None = None
        self._waiting: deque[bytes] = deque()

    def append(self, data: bytes) -> bool:
        """Add a line; whether it and all before it are written.

        Raises:
            OverflowError: too many lines wait already; this one is lost.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise OverflowError("too many lines wait for room on the disk")
        self._waiting.append(data + b"\n")
        return self.flush()

    def flush(self) -> bool:
        """Try to write what waits; whether nothing waits any more."""
        try:
            while self._waiting:
                self._file = self._file or Appending(self.path)
                self._file.append(self._waiting[0])
                self._waiting.popleft()
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Try once more, and let it go."""
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None


class Ballast:
    """Some room on the disk that is given back when it is full, so that this can still be written down."""

    BYTES = 256 << 10

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.write_bytes(bytes(self.BYTES))
        except OSError:
            path.unlink(missing_ok=True)  # no room already: there is nothing to give back

    def drop(self) -> None:
        """Give it back."""
        self._path.unlink(missing_ok=True)
