"""Folders in which runs are written until they are whole: ``.<run>.<process>@<host>`` beside the run.

Who writes holds a lock on the folder. A process that was killed leaves its folder, of up to gigabytes, and no
lock; the next that writes a run into the same store removes it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import socket
from pathlib import Path

from modelassay.errors import UsageError

_NAME = re.compile(r"\.[^@]+\.(\d+)(?:@(.*))?")
"""Earlier versions did not name the host."""


class Unfinished:
    """The folder in which a run is written; made, and held until `finish` or `discard`.

    Args:
        folder: of the run; the folder lies beside it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder.with_name(f".{folder.name}.{os.getpid()}@{_host()}")
        self._whole = folder
        (self.path / "rollouts").mkdir(parents=True)
        self._lock = _lock(self.path)

    def finish(self) -> None:
        """Let the run appear under its name.

        Raises:
            UsageError: another process has written a run of this name meanwhile; this one is removed.
        """
        try:
            self.path.rename(self._whole)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            self.discard()
            raise already_kept(self._whole) from error
        self._release()

    def discard(self) -> None:
        """Remove what was written."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def already_kept(folder: Path) -> UsageError:
    """That a run of this name is there."""
    return UsageError("a run of this name is already kept", where=str(folder), mend="choose another name")


def remove_abandoned(runs: Path) -> tuple[Path, ...]:
    """Remove what killed processes of this host left unfinished among `runs`; the folders that were removed.

    One that cannot be locked is being written or lies where there are no locks, and stays; so does one whose
    process lives, or is of another host.
    """
    removed = []
    for path in sorted(runs.glob(".*.*/")):
        match = _NAME.fullmatch(path.name)
        if (
            match
            and (path / "rollouts").is_dir()
            and match[2] in (None, _host())
            and not _lives(int(match[1]))
        ):
            lock = _lock(path)
            if lock is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)
                removed.append(path)
    return tuple(removed)


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]+", "-", socket.gethostname())[:64]


def _lock(folder: Path) -> int | None:
    """A descriptor that locks `folder` as long as this process lives; None where that cannot be had."""
    descriptor = -1
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held by its writer, gone, or on a file system without locks
        if descriptor >= 0:
            os.close(descriptor)
        return None
    return descriptor


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (
        PermissionError,
        OverflowError,
    ):  # another user's; or no number of a process, so nobody's to judge
        return True
    return True
