"""The journal of a campaign: every reply that was had, by what was asked of whom.

One JSON line a reply, only ever added to. A line is handed to the operating system before its reply counts,
so it outlives the process however that is killed; that it is on the disk itself is waited for every
`SYNC_S` seconds and at the end. A line that a crash left torn at the end is cut off. One that could not be
written whole is taken back, and nothing more is written then: what came after it would be lost with it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import msgspec

from modelassay.canonical import Digest
from modelassay.errors import StoreError, UsageError
from modelassay.log.durable import sync
from modelassay.records import Reply, Request

NAME = "journal.jsonl"
FORM = "modelassay.campaign/1"
SYNC_S = 0.25


class _Head(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    form: str
    campaign: str
    started: str


class _Line(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    key: str
    part: str
    reply: Reply


class _End(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    finished: str


_encoder = msgspec.json.Encoder()
_sorted = msgspec.json.Encoder(order="sorted")


def call_key(fingerprint: Digest, request: Request) -> str:
    """What a reply is kept under: a digest of the model's fingerprint and all of the request."""
    data = _sorted.encode(("modelassay.call/1", fingerprint, request))
    return hashlib.sha256(data).hexdigest()


class Journal:
    """The journal in `folder`, made where there is none; one process at a time.

    Args:
        folder: of the campaign.
        campaign: digest of its settings.
        now: UTC time, ISO 8601, for a new journal.

    Raises:
        UsageError: the folder holds another campaign.
        StoreError: another process writes it, it is damaged, or it cannot be written.
    """

    def __init__(self, folder: Path, campaign: Digest, now: str) -> None:
        self._path = folder / NAME
        self._replies: dict[str, Reply] = {}
        self._unsynced = False
        self._refused: OSError | None = None
        """Why a line could not be written; from then on none is."""
        self.started = now
        self.finished = ""
        """When the campaign came to its end; empty while replies are missing."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise StoreError(
                f"cannot be written: {error.strerror}", where=str(self._path), mend="choose another folder"
            ) from error
        try:
            self._lock()
            self._read(campaign, now)
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._replies)

    def get(self, key: str) -> Reply | None:
        """The reply under `key`, if it was had."""
        return self._replies.get(key)

    def add(self, key: str, part: str, reply: Reply) -> None:
        """Keep a reply; it outlives the process from now on.

        Raises:
            StoreError: the disk is full, or was so when another reply was to be kept.
        """
        self._write(_encoder.encode(_Line(key=key, part=part, reply=reply)))
        self._replies[key] = reply
        self.finished = ""

    def end(self, now: str) -> str:
        """Note that nothing is missing; returns when that was first so, with the replies as they are."""
        if not self.finished:
            self._write(_encoder.encode(_End(finished=now)))
            self.finished = now
        return self.finished

    def sync(self) -> None:
        """Wait until everything is on the disk."""
        if self._unsynced:
            self._unsynced = False
            sync(self._file)

    def close(self) -> None:
        """Give the file back; an answer that comes in later finds no file, and none that has its number."""
        self.sync()
        file, self._file = self._file, -1
        os.close(file)

    def _write(self, line: bytes) -> None:
        if self._refused is not None:
            raise self._unwritten(self._refused)
        data, whole = line + b"\n", os.fstat(self._file).st_size
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            self._refused = error
            with suppress(OSError):  # what stays then is torn at the end, and cut off by whoever opens it
                os.ftruncate(self._file, whole)
            raise self._unwritten(error) from error
        self._unsynced = True

    def _unwritten(self, error: OSError) -> StoreError:
        return StoreError(
            f"cannot be written: {error.strerror}",
            where=str(self._path),
            mend="free some space and run the same command again; what is there is kept",
        )

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreError(
                "another process works on this campaign", where=str(self._path), mend="wait for its end"
            ) from error

    def _read(self, campaign: Digest, now: str) -> None:
        data = self._path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.ftruncate(self._file, whole)
        lines = data[:whole].split(b"\n")[:-1]
        if not lines:
            self._write(_encoder.encode(_Head(form=FORM, campaign=campaign, started=now)))
            return
        head = self._decoded(lines[0], 1, _Head)
        if head.form != FORM or head.campaign != campaign:
            raise UsageError(
                "the folder holds a campaign with other settings",
                where=str(self._path),
                mend="choose another folder, or the settings that it was begun with",
            )
        self.started = head.started
        for number, line in enumerate(lines[1:], start=2):
            if line.startswith(b'{"finished"'):
                self.finished = self._decoded(line, number, _End).finished
                continue
            row = self._decoded(line, number, _Line)
            self._replies[row.key] = row.reply
            self.finished = ""

    def _decoded(self, line: bytes, number: int, kind: type[Any]) -> Any:
        try:
            return msgspec.json.decode(line, type=kind)
        except msgspec.MsgspecError as error:
            raise StoreError(
                f"line {number} cannot be read: {error}",
                where=str(self._path),
                mend="restore the file from a copy, or begin the campaign in another folder",
            ) from error
