"""Files that a recorder appends to: after a failed write they end where the last whole one ended."""

from __future__ import annotations

import os
from pathlib import Path

from modelassay.errors import StoreError
from modelassay.log.durable import DRAFT, sync_path
from modelassay.training.columns import pa

PART_ROWS = 131_072
"""A part is sealed after so many rows, or so many bytes."""
PART_BYTES = 256 << 20
_END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"


class Appending:
    """A file that grows by whole pieces.

    Args:
        size: bytes that stay of what is there already; what follows them is cut off.

    Raises:
        OSError: it cannot be made.
        StoreError: it has fewer bytes than that.
    """

    def __init__(self, path: Path, size: int = 0) -> None:
        self.path = path
        self.size = size
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        if os.fstat(self._file).st_size < size:
            os.close(self._file)
            raise StoreError("ends before what was written to it: the disk lost its end", where=str(path))
        os.ftruncate(self._file, size)
        os.lseek(self._file, size, os.SEEK_SET)

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
        """Let it go, if that was not done."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class Part:
    """Rollouts of one process as an Arrow IPC stream, readable up to its last whole batch at any time.

    The stream is put together from encapsulated messages (Arrow columnar format, "IPC Streaming Format"), so
    that a batch which the disk refused can be cut off again.

    Args:
        rows, size: of a part that is continued: what it has, in rows and in bytes.
    """

    def __init__(self, path: Path, schema: pa.Schema, rows: int = 0, size: int = 0) -> None:
        self.path = path
        self.schema = schema
        self.rows = rows
        self._file = Appending(path, size)
        if not size:
            self._file.append(schema.serialize().to_pybytes())

    @property
    def size(self) -> int:
        """Bytes."""
        return self._file.size

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
            self.close()

    def close(self) -> None:
        """Let it go as it is: readers see that its end is missing."""
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


class Ballast:
    """Some room on the disk that is given back bit by bit when it is full, so that this can still be told."""

    BYTES = 256 << 10
    _BLOCK = 4096

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.write_bytes(bytes(self.BYTES))
        except OSError:
            path.unlink(missing_ok=True)  # no room already: there is nothing to give back

    def give(self, size: int) -> bool:
        """Give back what `size` bytes may take of the disk; False when there is nothing to give.

        Raises:
            OSError: the disk is gone.
        """
        try:
            left = self._path.stat().st_size
        except FileNotFoundError:
            return False
        os.truncate(self._path, max(0, left - self._BLOCK * (size // self._BLOCK + 2)))
        return left > 0
