"""Processes that were forked off from training: what they say is not kept, but counted as lost.

A fork has a copy of the recorder whose spool belongs to its parent. Beside the spool stands one file into
which all forks of a recorder write how much they had to say, so that its scribe can tell it as a gap::

    .forked-TOKEN     16 bytes a loss, big-endian: step (-1 where it is not known), rollouts, records
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from modelassay.training.recorder.items import Loss

REASON = "said in a process that was forked off from the one that records"
_ENTRY = struct.Struct(">qII")


class Forks:
    """What was lost in forks.

    Args:
        folder: of the run.
        token: names the file; empty where a spool is of a version that had none.
    """

    def __init__(self, folder: Path, token: str) -> None:
        self._path = folder / f".forked-{token}" if token else None

    def lose(self, loss: Loss) -> None:
        """Count `loss`, in a fork; forks need not know of each other, since short entries are appended whole.

        Raises:
            OSError: the disk is full.
        """
        if self._path is None or not loss:
            return
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(file, _ENTRY.pack(loss.last_step, loss.rollouts, loss.records))
        finally:
            os.close(file)

    def read(self, offset: int) -> tuple[list[Loss], int]:
        """What was counted from `offset` on, and where the next begins.

        Raises:
            OSError: the disk is gone.
        """
        try:
            if self._path is None or self._path.stat().st_size < offset + _ENTRY.size:
                return [], offset
            with self._path.open("rb") as file:
                file.seek(offset)
                data = file.read()
        except FileNotFoundError:
            return [], offset
        whole = data[: len(data) // _ENTRY.size * _ENTRY.size]
        losses = [
            Loss(rollouts=rollouts, records=records, first_step=step, last_step=step, reason=REASON)
            for step, rollouts, records in _ENTRY.iter_unpack(whole)
        ]
        return losses, offset + len(whole)

    def remove(self) -> None:
        """Take it off the disk: all of it is told."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
