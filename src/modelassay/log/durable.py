"""Files that survive a crash: written, flushed to the disk, then renamed; and one writer at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from modelassay.errors import StoreError

DRAFT = ".draft"
"""Suffix of a file that is not whole yet."""


def sync(file: int) -> None:
    """Wait until what was written to `file` is on the disk itself."""
    if hasattr(fcntl, "F_FULLFSYNC"):  # macOS: fsync alone stops at the drive's cache
        fcntl.fcntl(file, fcntl.F_FULLFSYNC)
    else:
        os.fsync(file)


def sync_path(path: Path) -> None:
    """Wait until a file's bytes, or a folder's list of names, are on the disk itself."""
    file = os.open(path, os.O_RDONLY)
    try:
        sync(file)
    finally:
        os.close(file)


def write_atomic(path: Path, data: bytes) -> None:
    """Put `data` at `path`: after a crash at any instant there is the old file or the new one, whole."""
    draft = path.with_name(path.name + DRAFT)
    _write(draft, data)
    sync_path(draft)
    draft.replace(path)
    sync_path(path.parent)


def write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write many `files` (paths relative to `folder`) and return when all of them are on the disk.

    Not atomic: after a crash any of them may be missing or torn. All are written before the first is
    waited for, so that the disk is asked once rather than for each.
    """
    paths = [folder / name for name in files]
    for parent in {path.parent for path in paths}:
        parent.mkdir(parents=True, exist_ok=True)
    for path, data in zip(paths, files.values(), strict=True):
        _write(path, data)
    for path in (*paths, *_folders_down_to(folder, paths)):
        sync_path(path)


class LogInUseError(StoreError):
    """Another process is writing to the log."""


class WriterLock:
    """An exclusive lock on a log, held until `release` or the end of the process.

    Raises:
        LogInUseError: another writer holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._file, 300).decode("utf-8", "replace").strip()
            os.close(self._file)
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            raise LogInUseError(
                f"another process is writing to this log: {holder or 'it has not said which'}",
                where=str(folder),
                mend="wait until it ends; a log has one writer at a time",
            ) from error
        started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"pid {os.getpid()} on {socket.gethostname()}, since {started}\n".encode(), 0)

    def release(self) -> None:
        """Let the next writer in."""
        os.ftruncate(self._file, 0)
        os.close(self._file)


def _write(path: Path, data: bytes) -> None:
    with path.open("wb", buffering=0) as file:
        left = memoryview(data)
        while left:
            left = left[file.write(left) :]


def _folders_down_to(folder: Path, paths: Iterable[Path]) -> list[Path]:
    """Every folder between `folder` and `paths`, the deepest first."""
    found = {parent for path in paths for parent in path.parents if parent.is_relative_to(folder)}
    return sorted(found, key=lambda path: len(path.parts), reverse=True)
