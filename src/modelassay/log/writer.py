"""Writing a log: safe on the disk when `append` returns, readable by everybody when `publish` returns.

Appended entries go to one file first (`pending`), flushed once for a batch. Publishing writes them into
tiles, waits until these are on the disk, and only then replaces the tree head; the pending file is cleared
last. Files of tiles beyond the tree head mean nothing, so a crash at any instant leaves either the old log
or the new one, and the pending file holds what is missing from it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType

from modelassay.errors import EvidenceError, StoreError, UsageError
from modelassay.log.durable import DRAFT, WriterLock, write_all, write_atomic
from modelassay.log.merkle import leaf_hashes
from modelassay.log.note import (
    Note,
    SignatureLine,
    TreeHead,
    is_key_name,
    parse_note,
    signature_line,
    vkey_of,
)
from modelassay.log.pending import NAME as PENDING
from modelassay.log.pending import PendingFile, read_pending
from modelassay.log.reader import CHECKPOINT, UNSIGNED, LogReader, log_exists, unsigned_head
from modelassay.log.signing import PublicKey, Signer
from modelassay.log.tiles import LARGEST_ENTRY, TILE_WIDTH, Edge, Tile, join_entries, parse_path

MOST_PENDING = 2**16
"""Entries after which the next append writes tiles first, so that memory and recovery stay bounded."""
MOST_PENDING_BYTES = 2**25


class LogWriter:
    """The one writer of the log in `folder`, which is made when it is missing; a context manager.

    Opening recovers what an earlier writer left when it was killed or the disk was full. Leaving without
    `publish` loses nothing: the entries wait for the next writer.

    Raises:
        StoreError: another writer holds the log, or the folder cannot be written.
        EvidenceError: the log was changed or is damaged; nothing is written to it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = WriterLock(folder)
        try:
            self._recover()
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> LogWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def size(self) -> int:
        """Number of entries, published or not: the index of the next one."""
        return self._edge.size + len(self._waiting)

    @property
    def published(self) -> int:
        """Number of entries that readers see."""
        return self._edge.size

    @property
    def origin(self) -> str:
        """The log's name: that of its first signed tree head; empty before there is one."""
        return TreeHead.parse(parse_note(self._checkpoint).text).origin if self._checkpoint else ""

    def signed_by_another(self, key: PublicKey) -> bool:
        """Whether the log's newest signed tree head is signed in its name, and not by `key`."""
        if self._checkpoint is None:
            return False
        return not _is_signed(parse_note(self._checkpoint), key, self.origin)

    def append(self, entries: Iterable[bytes]) -> range:
        """Add `entries`, all or none; their indexes. On return they are on the disk.

        Raises:
            UsageError: an entry has more than 65,535 bytes; none was added.
            StoreError: the disk is full or failing; none was added.
        """
        batch = [bytes(entry) for entry in entries]
        _refuse_long(batch, self.size)
        if len(self._waiting) >= MOST_PENDING or self._waiting_bytes >= MOST_PENDING_BYTES:
            self.publish()
        first = self.size
        if batch:
            self._pending.append(first, batch)
            self._wait(batch)
        return range(first, first + len(batch))

    def publish(self, signer: Signer | None = None, *, origin: str = "") -> bytes | None:
        """Show all entries to readers, under a tree head signed by `signer`; the signed note.

        Without a signer the entries are written all the same, and the last signed tree head stays.

        Args:
            signer: an Ed25519 key.
            origin: the log's name, for its first signed tree head; the key's name unless given.

        Returns:
            The signed tree head of the whole log, None without a signer.

        Raises:
            UsageError: `origin` is not the log's, or cannot be one.
            EvidenceError: the key cannot sign tree heads.
            StoreError: the disk is full or failing; the old tree head stands and no entry is lost.
        """
        name = self._origin_for(signer, origin)
        if signer is not None and self._is_signed_by(signer, name):
            return self._checkpoint
        try:
            edge = self._write_tiles()
            checkpoint = None
            if signer is not None:
                text = TreeHead(name, edge.size, edge.root).text
                checkpoint = bytes(Note(text, (signature_line(text, signer, name=name),)))
                self._replace_checkpoint(checkpoint)
            elif self._waiting or not log_exists(self.folder):
                write_atomic(self.folder / UNSIGNED, unsigned_head(edge.size, edge.root))
        except OSError as error:
            raise StoreError(
                f"the log cannot be written: {(error.strerror or str(error)).lower()}",
                where=str(error.filename or self.folder),
                mend="make room and run the same again; every acknowledged entry is kept",
            ) from error
        self._adopt(edge)
        return checkpoint

    def add_signatures(self, lines: Sequence[SignatureLine]) -> bytes:
        """Add cosignatures to the signed tree head; the signed note.

        Raises:
            EvidenceError: the tree head is not signed.
        """
        if self._checkpoint is None:
            raise EvidenceError(
                "tree head not signed", where=str(self.folder), mend="publish with a key first"
            )
        note = parse_note(bytes(parse_note(self._checkpoint).with_signatures(lines)))
        if bytes(note) != self._checkpoint:
            self._replace_checkpoint(bytes(note))
        return bytes(note)

    def close(self) -> None:
        """Let the next writer in; entries that were not published wait for it."""
        self._pending.close()
        self._lock.release()

    def _recover(self) -> None:
        """Set the state from the disk: the tree head, then what is pending beyond it."""
        for draft in self.folder.glob(f"*{DRAFT}"):
            draft.unlink()
        self._edge, self._tail = Edge(), list[bytes]()
        self._checkpoint: bytes | None = None
        if log_exists(self.folder):
            reader = LogReader(self.folder)
            self._edge, self._checkpoint = reader.edge, reader.checkpoint
            self._tail = list(reader.entries(reader.size // TILE_WIDTH * TILE_WIDTH))
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._unfinished = (self.folder / PENDING).exists()
        found = read_pending(self.folder / PENDING)
        begins = found is not None and found.entries and found.first == 0
        if not log_exists(self.folder) and not begins and (self.folder / "tile").exists():
            raise EvidenceError(
                "there are tiles and no tree head",
                where=str(self.folder),
                mend="restore `checkpoint` from a copy",
            )
        if found is not None and found.entries:
            if found.first > self._edge.size:
                raise EvidenceError(
                    f"entries {self._edge.size} to {found.first - 1} are missing: the tree head went back",
                    where=str(self.folder),
                    mend="restore the log's folder whole from a copy",
                )
            self._wait(found.entries[self._edge.size - found.first :])
        self._pending = PendingFile(self.folder / PENDING)

    def _wait(self, entries: Sequence[bytes]) -> None:
        self._waiting.extend(entries)
        self._waiting_bytes += sum(map(len, entries))

    def _write_tiles(self) -> Edge:
        """Write what is waiting into tiles beyond the tree head; the tree's edge after it."""
        if self._unfinished:
            self._drop_beyond(self._edge.size)
        edge, tiles = self._edge.grown(b"".join(leaf_hashes(self._waiting)))
        files = {tile.path: hashes for tile, hashes in tiles.items()}
        entries = self._tail + self._waiting
        first = self._edge.size // TILE_WIDTH
        for start in range(0, len(entries) if self._waiting else 0, TILE_WIDTH):
            part = entries[start : start + TILE_WIDTH]
            files[Tile(-1, first + start // TILE_WIDTH, len(part)).path] = join_entries(part)
        self._unfinished = True
        write_all(self.folder, files)
        return edge

    def _adopt(self, edge: Edge) -> None:
        """The tree head on the disk is that of `edge` now: forget what led to it."""
        full = range(self._edge.size // TILE_WIDTH, edge.size // TILE_WIDTH)
        old, self._edge = self._edge, edge
        kept = (len(self._tail) + len(self._waiting)) % TILE_WIDTH
        self._tail = (self._tail + self._waiting)[-kept:] if kept else []
        self._waiting, self._waiting_bytes = [], 0
        self._unfinished = False
        self._pending.clear()
        if (
            self._checkpoint is not None
            and TreeHead.parse(parse_note(self._checkpoint).text).size == edge.size
        ):
            (self.folder / UNSIGNED).unlink(missing_ok=True)
        if full:
            self._drop_replaced(old.size)

    def _drop_replaced(self, old_size: int) -> None:
        """Remove the partial files of what has become full since `old_size`."""
        for level in range(-1, len(self._edge.rows)):
            index, width = divmod(old_size // TILE_WIDTH ** max(level, 0), TILE_WIDTH)
            if width and (self.folder / Tile(level, index).path).exists():
                shutil.rmtree((self.folder / Tile(level, index, width).path).parent, ignore_errors=True)

    def _drop_beyond(self, size: int) -> None:
        """Remove tile files beyond the tree head of `size`: a writer was cut off while it wrote them."""
        for path in (self.folder / "tile").rglob("*"):
            tile = parse_path(path.relative_to(self.folder).as_posix()) if path.is_file() else None
            if tile is not None and (tile.index * TILE_WIDTH + tile.width) * tile.span > size:
                path.unlink()
        self._unfinished = False

    def _replace_checkpoint(self, checkpoint: bytes) -> None:
        """Put the new tree head in place of the one this writer knows."""
        path = self.folder / CHECKPOINT
        if (path.read_bytes() if path.exists() else None) != self._checkpoint:
            raise StoreError(
                "the tree head was replaced while this log was being written",
                where=str(path),
                mend="find out by whom; then open the log anew",
            )
        write_atomic(path, checkpoint)
        self._checkpoint = checkpoint

    def _origin_for(self, signer: Signer | None, wanted: str) -> str:
        if wanted and self.origin and wanted != self.origin:
            raise UsageError(
                f"this log's origin is {self.origin!r}, not {wanted!r}",
                where=str(self.folder),
                mend="an origin never changes: leave it out, or begin another log",
            )
        name = self.origin or wanted or (signer.public.name if signer else "")
        if signer is not None and not is_key_name(name):
            raise UsageError(f"{name!r} cannot name a log", mend="use a name without spaces and plus signs")
        return name

    def _is_signed_by(self, signer: Signer, name: str) -> bool:
        """Whether the signed tree head covers every entry and carries a signature of this key."""
        if self._checkpoint is None or self._waiting:
            return False
        note = parse_note(self._checkpoint)
        return _is_signed(note, signer.public, name) and TreeHead.parse(note.text).size == self._edge.size


def _is_signed(note: Note, key: PublicKey, name: str) -> bool:
    vkey = vkey_of(key, name=name)
    return any(line.name == name and line.key_id == vkey.key_id for line in note.signatures)


def _refuse_long(entries: Sequence[bytes], first: int) -> None:
    for position, entry in enumerate(entries):
        if len(entry) > LARGEST_ENTRY:
            raise UsageError(
                f"log entry {first + position} has {len(entry):,} bytes; at most {LARGEST_ENTRY:,} fit",
                mend="log the digest of what is large, and keep the thing itself beside the log",
            )
