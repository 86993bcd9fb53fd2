"""Entries that are safe on the disk and not yet in tiles: one append-only file, one flush for a batch.

The file begins with a line that names the form and 16 random bytes; then come frames, one for each batch:

    mark (8) | index of the first entry (8) | number of entries (4) | length (8) | SHA-256 (32) | body

Integers have the high byte first; the body is laid out like a bundle (`tiles.join_entries`); the digest
covers the random bytes, the four fields before it and the body. Each batch is on the disk before the next
is begun, so after a crash at most the last frame is torn, and that one was never acknowledged. A torn frame
*before* a whole one is no crash but damage, and refused; the random bytes keep an entry from posing as a
frame.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modelassay.errors import EvidenceError, StoreError
from modelassay.log.durable import sync, sync_path
from modelassay.log.tiles import join_entries, split_entries

NAME = ".pending"

_FORM = b"modelassay pending log entries 1\n"
_START = len(_FORM) + 16
_MARK = b"\xf5batch1\n"
_FIELDS = struct.Struct(">8sQIQ")
_HEAD = _FIELDS.size + 32


@dataclass(frozen=True)
class Found:
    """What a file of pending entries holds."""

    first: int
    """Index of the first entry in the log; 0 when there is none."""
    entries: tuple[bytes, ...]
    whole: int
    """Bytes up to the end of the last whole frame."""
    torn: int
    """Bytes after it: a batch that was being written when the writer was cut off."""
    nonce: bytes

    @property
    def end(self) -> int:
        """Index after the last entry."""
        return self.first + len(self.entries)


def read_pending(path: Path) -> Found | None:
    """What is in the file at `path`; None when there is none, or none that an append was ever told of.

    Raises:
        EvidenceError: it is damaged: an acknowledged batch cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(data) <= _START:
        return None
    if not data.startswith(_FORM):
        raise EvidenceError("not a file of pending entries", where=str(path), mend="restore it from a copy")
    nonce = data[len(_FORM) : _START]
    entries: list[bytes] = []
    first, position = 0, _START
    while (frame := _frame(data, position, nonce)) is not None:
        index, batch, end = frame
        first = first if entries else index
        if index != first + len(entries):
            raise EvidenceError(
                f"entry {first + len(entries)} is missing before entry {index}",
                where=str(path),
                mend="restore the file from a copy",
            )
        entries += batch
        position = end
    _refuse_damage(data, position, nonce, path)
    return Found(first, tuple(entries), position, len(data) - position, nonce)


class PendingFile:
    """The file, open for appending by the one writer of a log.

    Args:
        path: where it lies or will lie; a torn last frame is cut off.

    Raises:
        EvidenceError: it is damaged.
        OSError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        found = read_pending(path)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self._broken = False
        if found is not None:
            self._nonce, self._end = found.nonce, found.whole
            os.ftruncate(self._file, found.whole)
        else:
            self._nonce, self._end = os.urandom(16), _START
            os.ftruncate(self._file, 0)
            _write_at(self._file, _FORM + self._nonce, 0)
        sync(self._file)
        sync_path(path.parent)

    def append(self, first: int, entries: Sequence[bytes]) -> None:
        """Add a batch whose first entry has index `first`; on return it is on the disk.

        Raises:
            UsageError: an entry is too long; nothing was written.
            StoreError: the disk is full or failing; the batch was not taken.
        """
        if self._broken:
            raise StoreError(
                "an earlier write to the log failed and may not be on the disk",
                where=str(self._path),
                mend="open the log anew: it recovers to its last safe state",
            )
        body = join_entries(entries)
        fields = _FIELDS.pack(_MARK, first, len(entries), len(body))
        frame = fields + _digest(self._nonce, fields, body) + body
        try:
            _write_at(self._file, frame, self._end)
        except OSError as error:
            self._cut(self._end)
            raise StoreError(
                f"the log cannot be written: {(error.strerror or str(error)).lower()}",
                where=str(self._path),
                mend="make room and append again; every acknowledged entry is kept",
            ) from error
        try:
            sync(self._file)
        except OSError:
            self._broken = True  # what the disk holds is unknown from here on; a second try could lie
            raise
        self._end += len(frame)

    def clear(self) -> None:
        """Forget all entries: they are in tiles now."""
        self._cut(_START)
        sync(self._file)  # else old frames could turn up behind a new one that a crash tears
        self._end = _START

    def close(self) -> None:
        """Let go of the file, and remove it when it holds nothing."""
        os.close(self._file)
        if self._end == _START:
            self._path.unlink(missing_ok=True)

    def _cut(self, end: int) -> None:
        try:
            os.ftruncate(self._file, end)
        except OSError:
            self._broken = True
            raise


def _frame(data: bytes, position: int, nonce: bytes) -> tuple[int, list[bytes], int] | None:
    """First index, entries and end of the frame at `position`; None when no whole one is there."""
    fields = data[position : position + _FIELDS.size]
    if len(fields) < _FIELDS.size:
        return None
    mark, first, count, length = _FIELDS.unpack(fields)
    end = position + _HEAD + length
    if mark != _MARK or end > len(data):
        return None
    body = data[position + _HEAD : end]
    if data[position + _FIELDS.size : position + _HEAD] != _digest(nonce, fields, body):
        return None
    entries = split_entries(body)
    return (first, entries, end) if len(entries) == count else None


def _refuse_damage(data: bytes, position: int, nonce: bytes, path: Path) -> None:
    """Raise when a whole frame follows `position`, where none could be read."""
    later = data.find(_MARK, position)
    while later >= 0:
        frame = _frame(data, later, nonce)
        if frame is not None:
            raise EvidenceError(
                f"entries before {frame[0]} were acknowledged and cannot be read any more",
                where=str(path),
                mend="restore the file from a copy",
            )
        later = data.find(_MARK, later + 1)


def _digest(nonce: bytes, fields: bytes, body: bytes) -> bytes:
    return hashlib.sha256(nonce + fields + body).digest()


def _write_at(file: int, data: bytes, position: int) -> None:
    left = memoryview(data)
    while left:
        written = os.pwrite(file, left, position)
        left, position = left[written:], position + written
