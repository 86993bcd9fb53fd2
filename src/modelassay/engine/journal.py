"""The journal: every answer and score, durable before it counts, found again by content.

One SQLite database in WAL mode with ``synchronous=FULL``: what was committed survives a killed
process and a lost power supply. One process writes (`StoreLock`); any number may read meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import msgspec

from modelassay.engine.questions import AnswerKey, ReadingKey
from modelassay.engine.store_lock import Reserve, StoreLock, disk_full, has_no_room, unusable
from modelassay.errors import StoreError
from modelassay.records import Reading, Transcript, Unscored

FORMAT = 1
"""Version of the schema below, kept in ``PRAGMA user_version``."""
_APPLICATION_ID = 0x61737361  # "assa"
_KEYS_PER_QUERY = 500

_SCHEMA = f"""
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {FORMAT};
CREATE TABLE answers (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    failure TEXT,
    asked_ms INTEGER NOT NULL,
    latency_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 1,
    transcript BLOB NOT NULL
);
CREATE TABLE scores (
    answer INTEGER NOT NULL REFERENCES answers (id),
    reading BLOB NOT NULL,
    evaluator TEXT NOT NULL,
    results BLOB NOT NULL,
    PRIMARY KEY (answer, reading)
) WITHOUT ROWID;
CREATE TRIGGER answer_replaced AFTER UPDATE OF transcript ON answers
BEGIN DELETE FROM scores WHERE answer = new.id; END;
"""

# A failed answer gives way to a new attempt; a good one is never overwritten.
_ADD_ANSWER = """
INSERT INTO answers (key, failure, asked_ms, latency_ms, transcript) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET failure = excluded.failure, asked_ms = excluded.asked_ms,
    latency_ms = excluded.latency_ms, attempts = attempts + 1, transcript = excluded.transcript
WHERE answers.failure IS NOT NULL
"""
_ADD_SCORES = """
INSERT OR REPLACE INTO scores (answer, reading, evaluator, results)
SELECT id, ?, ?, ? FROM answers WHERE key = ?
"""

T = TypeVar("T")


class AnswerRow(NamedTuple):
    """An answer as it is written down."""

    key: AnswerKey
    failure: str | None
    """Kind of the failure; None for an answer."""
    asked_ms: int
    """When it was asked, milliseconds since 1970 UTC."""
    latency_ms: int
    transcript: bytes
    """The `Transcript` as JSON."""


class ScoreRow(NamedTuple):
    """What one evaluator read in one answer, as it is written down."""

    reading: ReadingKey
    evaluator: str
    results: bytes
    """A list of `Result` as JSON; empty when no measure applies to the sample."""
    answer: AnswerKey


class Result(msgspec.Struct, frozen=True, array_like=True):
    """A score without what its row already says."""

    measure: str
    outcome: Reading | Unscored


_transcript_decoder = msgspec.json.Decoder(Transcript)
_results_decoder = msgspec.json.Decoder(list[Result])


class Journal:
    """Answers and scores of one store. Use `Journal.open`, as a context manager."""

    def __init__(self, store: Path, *, read_only: bool) -> None:
        self.store = store
        self.path = store / "journal.db"
        self.turn = asyncio.Lock()
        """To be held from `write` to `commit`: one transaction at a time."""
        self._lock: StoreLock | None = None
        self._reserve: Reserve | None = None
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        try:
            if not read_only:
                self._open_for_writing()
            with self._faults():
                self._reader = self._connect("mode=ro")
                self._check_format(self._reader)
        except StoreError:
            self.close()
            raise

    @classmethod
    def open(cls, store: Path, *, read_only: bool = False) -> Self:
        """The journal of `store`, created when it is not there.

        Args:
            store: the folder.
            read_only: look only; allowed while another process writes.

        Raises:
            StoreError: used by another process, damaged, of a newer version, no room on the disk,
                or absent although it should only be read.
        """
        if read_only and not (store / "journal.db").is_file():
            raise StoreError("there is no journal here", where=str(store), mend="check the store's path")
        return cls(store, read_only=read_only)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database and let the next process in; harmless when repeated."""
        for connection in (self._reader, self._writer):
            if connection is not None:
                connection.close()
        if self._reserve is not None:
            self._reserve.release()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def answered(self, keys: Iterable[AnswerKey]) -> set[AnswerKey]:
        """Which of `keys` have an answer; failed requests have none."""
        query = "SELECT key FROM answers WHERE failure IS NULL AND key IN ({})"
        return {AnswerKey(key) for chunk in _chunks(keys) for (key,) in self._select(query, chunk)}

    def transcripts(self, keys: Iterable[AnswerKey]) -> Iterator[Transcript]:
        """What is kept under `keys`, answers and failures, in the order of `keys`."""
        query = "SELECT key, transcript FROM answers WHERE key IN ({})"
        for chunk in _chunks(keys):
            found = dict(self._select(query, chunk))
            for key in chunk:
                if key in found:
                    yield self._decode(_transcript_decoder, found[key])

    def transcript(self, key: AnswerKey) -> Transcript | None:
        """What is kept under `key`."""
        return next(self.transcripts([key]), None)

    def latencies_ms(self, keys: Iterable[AnswerKey]) -> list[int]:
        """How long each of the answers `keys` took, failed requests left out."""
        query = "SELECT latency_ms FROM answers WHERE failure IS NULL AND key IN ({})"
        return [latency for chunk in _chunks(keys) for (latency,) in self._select(query, chunk)]

    def readings(self, keys: Iterable[AnswerKey]) -> set[tuple[AnswerKey, ReadingKey]]:
        """Which readings of the answers `keys` are kept."""
        query = """SELECT answers.key, scores.reading FROM answers
            JOIN scores ON scores.answer = answers.id WHERE answers.key IN ({})"""
        rows = (row for chunk in _chunks(keys) for row in self._select(query, chunk))
        return {(AnswerKey(key), ReadingKey(reading)) for key, reading in rows}

    def results(
        self, wanted: Iterable[tuple[AnswerKey, ReadingKey]]
    ) -> Iterator[tuple[AnswerKey, ReadingKey, list[Result]]]:
        """The results kept under `wanted`, in the order of `wanted`."""
        query = """SELECT answers.key, scores.reading, scores.results FROM answers
            JOIN scores ON scores.answer = answers.id WHERE answers.key IN ({})"""
        for chunk in _chunks(wanted):
            rows = self._select(query, list({answer for answer, _ in chunk}))
            found = {(key, reading): results for key, reading, results in rows}
            for answer, reading in chunk:
                if (answer, reading) in found:
                    results = self._decode(_results_decoder, found[answer, reading])
                    yield answer, reading, results

    def write(self, answers: Sequence[AnswerRow], scores: Sequence[ScoreRow]) -> None:
        """Add rows to the open transaction; nothing counts before `commit`.

        Raises:
            StoreError: the journal cannot be written; the open transaction is gone, what was
                committed stays.
        """
        writer = self._writing()
        with self._faults(), self._undone():
            if not writer.in_transaction:
                writer.execute("BEGIN IMMEDIATE")
            writer.executemany(_ADD_ANSWER, answers)
            writer.executemany(_ADD_SCORES, scores)

    def commit(self) -> None:
        """Make all that was written durable; safe to call from another thread.

        Raises:
            StoreError: as for `write`.
        """
        with self._faults(), self._undone():
            self._writing().commit()

    def erase(self, keys: Iterable[AnswerKey]) -> int:
        """Remove the answers `keys` and all that was read in them, bytes included; how many there were.

        Freed pages are overwritten, the write-ahead log emptied and the file rewritten without them.

        Raises:
            StoreError: as for `write`; or another process is reading, which keeps old pages alive.
        """
        writer = self._writing()
        erased = 0
        with self._faults(), self._undone():
            writer.execute("PRAGMA secure_delete = ON")
            writer.execute("BEGIN IMMEDIATE")
            for chunk in _chunks(keys):
                marks = ",".join("?" * len(chunk))
                ids = f"SELECT id FROM answers WHERE key IN ({marks})"
                writer.execute(f"DELETE FROM scores WHERE answer IN ({ids})", chunk)
                erased += writer.execute(f"DELETE FROM answers WHERE key IN ({marks})", chunk).rowcount
            writer.commit()
            if self._reader is not None:
                self._reader.close()
                self._reader = None
            writer.execute("VACUUM")
            (busy, _, _) = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._reader = self._connect("mode=ro")
        if busy:
            raise StoreError(
                "erased, but another process still reads the journal and keeps the old pages alive",
                where=str(self.path),
                mend="end it and run the same command again",
            )
        return erased

    def give_up_reserve(self) -> bool:
        """Free the space kept back for a full disk; False when it is gone already."""
        if self._reserve is None or not self._reserve.release():
            return False
        # Answers still to come need the room more than a second copy of those in the WAL.
        self._writing().execute("PRAGMA wal_autocheckpoint = 0")
        return True

    def _open_for_writing(self) -> None:
        try:
            self.store.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unusable(self.store, error) from error
        self._lock = StoreLock(self.store)
        self._reserve = Reserve(self.store)
        with self._faults():
            self._writer = writer = self._connect("mode=rwc")
            writer.execute("PRAGMA journal_mode = WAL")
            writer.execute("PRAGMA synchronous = FULL")
            writer.execute("PRAGMA cache_size = -8000")
            if writer.execute("PRAGMA schema_version").fetchone() == (0,):
                writer.executescript(f"BEGIN; {_SCHEMA} COMMIT;")

    def _connect(self, options: str) -> sqlite3.Connection:
        """A connection; `write` on the loop's thread and `commit` on another take turns on one."""
        if not os.access(self.store, os.W_OK) and not self.path.with_name("journal.db-wal").exists():
            options += "&immutable=1"  # a store on read-only media, closed cleanly
        return sqlite3.connect(
            f"{self.path.resolve().as_uri()}?{options}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=10.0,
        )

    def _check_format(self, connection: sqlite3.Connection) -> None:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application != _APPLICATION_ID:
            raise StoreError("not a journal of modelassay", where=str(self.path), mend="choose another store")
        if version != FORMAT:
            raise StoreError(
                f"the journal has format {version}, this version reads {FORMAT}",
                where=str(self.path),
                mend="use the version of modelassay that wrote it, or a newer one",
            )

    def _writing(self) -> sqlite3.Connection:
        if self._writer is None:
            raise StoreError("the journal was opened to be read only", where=str(self.path))
        return self._writer

    def _select(self, query: str, values: Sequence[bytes]) -> list[Any]:
        if self._reader is None:
            raise StoreError("the journal is closed", where=str(self.path))
        with self._faults():
            return self._reader.execute(query.format(",".join("?" * len(values))), values).fetchall()

    def _decode(self, decoder: msgspec.json.Decoder[T], data: bytes) -> T:
        try:
            return decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _damaged(self.path, f"a row cannot be read: {error}") from error

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Say what SQLite's errors mean for the user."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise _meaning(self.path, error) from error

    @contextmanager
    def _undone(self) -> Iterator[None]:
        """Forget the open transaction when it cannot be written."""
        try:
            yield
        except sqlite3.DatabaseError:
            if self._writing().in_transaction:
                self._writing().rollback()
            raise


def _meaning(path: Path, error: sqlite3.DatabaseError) -> Exception:
    """The `StoreError` behind an error of SQLite; programming errors stay what they are."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and has_no_room(path.parent)):
        return disk_full(path.parent)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return _damaged(path, str(error))
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_BUSY):
        return StoreError(
            f"the journal cannot be used: {error}",
            where=str(path),
            mend="check the disk's free space, its health and the permissions of the store",
        )
    return error


def _damaged(path: Path, detail: str) -> StoreError:
    return StoreError(
        f"the journal is damaged: {detail}",
        where=str(path),
        mend=f"restore a copy of the store, or save what can be read with "
        f"`sqlite3 {path.name} .recover`, and run the same command again",
    )


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, _KEYS_PER_QUERY)):
        yield chunk
