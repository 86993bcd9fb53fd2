"""Checking a whole log by its bytes: every entry, every hash, every file, against the tree head.

Reads one bundle at a time. The first thing that is wrong is named, entry or file, and nothing after it is
looked at: a log is whole or it is not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from modelassay.errors import EvidenceError
from modelassay.log.durable import DRAFT
from modelassay.log.merkle import HASH_BYTES, leaf_hashes
from modelassay.log.note import NoteVerifier, OpenedNote, TreeHead
from modelassay.log.pending import NAME as PENDING
from modelassay.log.pending import read_pending
from modelassay.log.reader import (
    CHECKPOINT,
    UNSIGNED,
    LogReader,
    log_exists,
    open_signed_head,
    read_bundle,
    read_heads,
    read_tile,
)
from modelassay.log.tiles import TILE_WIDTH, Edge, Tile, parse_path, tile_for, tiles_of

_OF_THE_WRITER = frozenset({CHECKPOINT, UNSIGNED, PENDING, ".lock", CHECKPOINT + DRAFT, UNSIGNED + DRAFT})
_TRIES = 5

ONE_KEY: Final = "this is another log, begun with the same key (each store needs a log key of its own)"


@dataclass(frozen=True, kw_only=True)
class LogReport:
    """A log that was found whole."""

    size: int
    """Number of entries, all of them read and hashed."""
    root: bytes
    head: TreeHead | None
    """The signed tree head, None when there is none; it may cover fewer entries than `size`."""
    opened: OpenedNote | None
    """The same with the signatures that were verified; None when no key was given."""
    pending: int
    """Entries that are safe on the disk and not in tiles yet; the next writer writes them there."""

    @property
    def unsigned(self) -> int:
        """Entries that no signed tree head covers."""
        return self.size - (self.head.size if self.head else 0)


def verify_log(
    folder: Path, verifiers: Sequence[NoteVerifier] = (), *, remembered: Sequence[TreeHead] = ()
) -> LogReport:
    """Check the whole log in `folder`.

    Args:
        folder: the log's.
        verifiers: keys that may sign its tree head; none: the signature is not checked.
        remembered: tree heads of the log seen earlier, which it must continue.

    Raises:
        EvidenceError: the first entry, file, signature or remembered tree head with which it disagrees.
    """
    for _ in range(_TRIES):
        before = _state(folder)
        try:
            return _verify_once(folder, verifiers, remembered)
        except EvidenceError:
            if _state(folder) == before:
                raise  # else a writer was at work: files came and went under our eyes
    raise EvidenceError(
        "the log grows faster than it can be checked", where=str(folder), mend="check a copy of it"
    )


def check_continues(log: LogReader, remembered: TreeHead) -> None:
    """Check that `log` continues a tree head of it that was seen earlier.

    Raises:
        EvidenceError: another log, a rollback, or a fork.
    """
    where = str(log.folder)
    if log.checkpoint is not None and log.head().origin != remembered.origin:
        raise EvidenceError(
            f"another log: its origin is {log.head().origin!r}, remembered is {remembered.origin!r}",
            where=where,
        )
    if remembered.size > log.size:
        raise EvidenceError(
            f"rollback: it had {remembered.size} entries once and has {log.size} now",
            where=where,
            mend=f"entries were removed, or {ONE_KEY}; ask for the log that the remembered tree head is of",
        )
    if log.root_at(remembered.size) != remembered.root:
        raise EvidenceError(
            f"fork: its first {remembered.size} entries are not those that were remembered",
            where=where,
            mend="history was rewritten, two versions are shown to different people, or "
            f"{ONE_KEY}; keep both tree heads",
        )


def _verify_once(
    folder: Path, verifiers: Sequence[NoteVerifier], remembered: Sequence[TreeHead]
) -> LogReport:
    _refuse_links(folder)
    opened = open_signed_head(folder, verifiers) if verifiers else None
    log = _open(folder)
    for index in range(-(-log.size // TILE_WIDTH)):
        log.bundle(index)
    pending = _count_pending(folder, log.size)
    _check_files(log)
    for head in remembered:
        check_continues(log, head)
    return LogReport(
        size=log.size,
        root=log.root,
        head=log.head() if log.checkpoint is not None else None,
        opened=opened,
        pending=pending,
    )


def _open(folder: Path) -> LogReader:
    """The reader of the log; when its right edge is wrong, the error names the file."""
    try:
        return LogReader(folder)
    except EvidenceError:
        if not log_exists(folder):
            raise
        heads = read_heads(folder)
        _name_the_wrong_file(folder, max(size for size, _ in heads))
        raise EvidenceError(
            "it is not the tree head of the entries, from which all tiles follow",
            where=CHECKPOINT if len(heads) == 1 and (folder / CHECKPOINT).exists() else UNSIGNED,
        ) from None


def _name_the_wrong_file(folder: Path, size: int) -> None:
    """Raise for the first tile that does not follow from the entries; return when all do."""
    edge = Edge()
    for index in range(-(-size // TILE_WIDTH)):
        bundle = tile_for(-1, index, size)
        leaves = leaf_hashes(read_bundle(folder, bundle))
        edge, tiles = edge.grown(b"".join(leaves))
        for tile, expected in tiles.items():
            is_last = tile == tile_for(tile.level, tile.index, size)
            found = read_tile(folder, tile) if is_last else expected
            if found == expected:
                continue
            raise EvidenceError(
                f"changed: it is not what follows from the entries in {bundle.path}", where=tile.path
            )


def _check_files(log: LogReader) -> None:
    """Every file belongs to the log; older partial tiles say what the tiles of now say."""
    needed = set(tiles_of(log.size))
    reach = log.size
    for path in _files(log.folder):
        if path in _OF_THE_WRITER:
            continue
        tile = parse_path(path)
        if tile is None:
            raise EvidenceError("this file is not of the log", where=path, mend="find out who put it there")
        if tile in needed:
            needed.discard(tile)
            continue
        end = (tile.index * TILE_WIDTH + tile.width) * tile.span
        reach = _reach(log.folder) if end > reach else reach
        if end > reach:
            raise EvidenceError("this file lies beyond the tree head", where=path)
        if end <= log.size:
            _check_older(log, tile)
    for tile in sorted(needed, key=lambda tile: (tile.level, tile.index)):
        if not (log.folder / Tile(tile.level, tile.index).path).exists():
            raise EvidenceError("missing", where=tile.path)


def _check_older(log: LogReader, tile: Tile) -> None:
    """A partial file of an earlier tree head is the beginning of the one that took its place."""
    if tile.level >= 0:
        now = log.tile(tile.level, tile.index)[: tile.width * HASH_BYTES]
        same = read_tile(log.folder, tile) == now
    else:
        same = read_bundle(log.folder, tile) == log.bundle(tile.index)[: tile.width]
    if not same:
        raise EvidenceError("changed: it is not the beginning of the later one", where=tile.path)


def _count_pending(folder: Path, size: int) -> int:
    """How many entries wait to be written into tiles."""
    found = read_pending(folder / PENDING)
    if found is None:
        return 0
    if found.torn:
        raise EvidenceError(
            "it ends within a batch: a writer was cut off or is at work, or it was changed",
            where=PENDING,
            mend="let a writer open the log: it recovers every acknowledged entry",
        )
    if found.first > max(size, _reach(folder, pending=False)):
        raise EvidenceError(f"entries {size} to {found.first - 1} are missing before it", where=PENDING)
    return max(found.end - size, 0)


def _reach(folder: Path, *, pending: bool = True) -> int:
    """How far files may reach now: to the tree head, and to the last entry that a writer has pending."""
    found = (
        read_pending(folder / PENDING) if pending else None
    )  # first: it is cleared after the head has come
    return max([size for size, _ in read_heads(folder)] + ([found.end] if found else []))


def _state(folder: Path) -> list[tuple[int, int, int] | None]:
    """What changes whenever a writer appends or publishes."""
    state: list[tuple[int, int, int] | None] = []
    for name in (CHECKPOINT, UNSIGNED, PENDING):
        try:
            found = (folder / name).stat()
            state.append((found.st_ino, found.st_size, found.st_mtime_ns))
        except FileNotFoundError:
            state.append(None)
    return state


def _refuse_links(folder: Path) -> None:
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            if path.is_symlink():
                raise EvidenceError("a symbolic link; a log has none", where=str(path.relative_to(folder)))


def _files(folder: Path) -> Iterator[str]:
    """The path of every file below `folder`."""
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            yield Path(parent, name).relative_to(folder).as_posix()
