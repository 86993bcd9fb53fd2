"""Reading a log: every hash and entry is checked against the tree head before it is handed out."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from modelassay.errors import EvidenceError
from modelassay.log import merkle
from modelassay.log.merkle import HASH_BYTES, leaf_hashes
from modelassay.log.note import NoteVerifier, OpenedNote, TreeHead, open_note, parse_note
from modelassay.log.tiles import (
    LARGEST_ENTRY,
    TILE_BYTES,
    TILE_WIDTH,
    Edge,
    Tile,
    levels_of,
    rows_over,
    split_entries,
    tile_for,
)

CHECKPOINT = "checkpoint"
"""The signed tree head; the name is C2SP's."""
UNSIGNED = "head.unsigned"
"""Size and root of a log that holds more than its signed tree head says, or was never signed."""

_MOST_TILES = 512
"""Kept in memory with their inner rows, 16 kB each."""
_LARGEST_BUNDLE = TILE_WIDTH * (LARGEST_ENTRY + 2)


def log_exists(folder: Path) -> bool:
    """Whether there is a log in `folder` that can be read."""
    # In this order: the first signature comes before the unsigned head goes.
    return (folder / UNSIGNED).exists() or (folder / CHECKPOINT).exists()


class LogReader:
    """One state of a log, as of now; what is appended later is not seen.

    Proofs read a few tiles each; nothing is ever read whole. `size` counts all entries in tiles, of which
    `head` may cover fewer when the last ones were written without a key.

    Args:
        folder: the log's, with ``checkpoint`` and ``tile/``.

    Raises:
        EvidenceError: there is no log, or its tiles do not lead to its tree head.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        unsigned = _read_if_there(folder / UNSIGNED)
        self.checkpoint = _read_if_there(folder / CHECKPOINT)
        """The signed tree head as bytes; None when the log was never signed."""
        heads = _heads(self.checkpoint, unsigned, folder)
        self.size, self.root = max(heads, key=lambda each: each[0])
        self._tiles: dict[tuple[int, int], tuple[bytes, ...]] = {}
        self._bundle: tuple[int, list[bytes]] = (-1, [])
        self.edge = Edge(tuple(self._edge_row(level) for level in range(levels_of(self.size))))
        """What the partial tiles hold."""
        if self.edge.root != self.root:
            raise EvidenceError("the tiles do not lead to the tree head", where=str(folder))
        for size, root in heads:
            if self.root_at(size) != root:
                raise EvidenceError(
                    f"the log does not continue its own tree head of size {size}", where=str(folder)
                )

    def head(self) -> TreeHead:
        """The signed tree head; its signatures are not checked, see `open_head`.

        Raises:
            EvidenceError: the tree head is not signed.
        """
        if self.checkpoint is None:
            raise _not_signed(self.folder)
        return _parse_checkpoint(self.checkpoint)

    def open_head(self, verifiers: Sequence[NoteVerifier]) -> OpenedNote:
        """The signed tree head with its verified signatures; see `open_signed_head`."""
        if self.checkpoint is None:
            raise _not_signed(self.folder)
        return _open_checkpoint(self.checkpoint, verifiers)

    def entry(self, index: int) -> bytes:
        """The bytes of entry `index`.

        Raises:
            EvidenceError: there is none, or it was changed.
        """
        self._check_index(index)
        return self.bundle(index // TILE_WIDTH)[index % TILE_WIDTH]

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes of entries from `start` to before `stop` (the end), each checked.

        Raises:
            EvidenceError: one was changed or is missing.
        """
        stop = self.size if stop is None else min(stop, self.size)
        position = start
        while position < stop:
            bundle, offset = divmod(position, TILE_WIDTH)
            part = self.bundle(bundle)[offset : offset + stop - position]
            yield from part
            position += len(part)

    def leaf(self, index: int) -> bytes:
        """The leaf hash of entry `index`."""
        self._check_index(index)
        return self._subtree(0, index)

    def root_at(self, size: int) -> bytes:
        """The root when the log had `size` entries."""
        return merkle.root_at(self._within(size), self._subtree)

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Hashes that lead from entry `index` to the root at `size` (now); see `merkle.inclusion_proof`."""
        return merkle.inclusion_proof(index, self._within(size), self._subtree)

    def consistency_proof(self, old_size: int, size: int | None = None) -> list[bytes]:
        """Hashes showing that nothing changed since `old_size`; see `merkle.consistency_proof`."""
        return merkle.consistency_proof(old_size, self._within(size), self._subtree)

    def tile(self, level: int, index: int) -> bytes:
        """The hashes of a tile, checked against the tree head.

        Raises:
            EvidenceError: missing, of the wrong size, or changed; `where` names the file.
        """
        return self._rows(level, index)[0]

    def bundle(self, index: int) -> list[bytes]:
        """The entries of a bundle, each checked against its hash.

        Raises:
            EvidenceError: missing, malformed or changed; `where` names the file, and the entry if one is.
        """
        if self._bundle[0] != index:
            tile = tile_for(-1, index, self.size)
            entries = read_bundle(self.folder, tile)
            leaves = leaf_hashes(entries)
            expected = self.tile(0, index)
            if b"".join(leaves) != expected:
                wrong = first_difference(leaves, expected)
                raise EvidenceError(
                    f"entry {index * TILE_WIDTH + wrong} was changed: its hash is not the one in the tree",
                    where=tile.path,
                )
            self._bundle = (index, entries)
        return self._bundle[1]

    def _subtree(self, level: int, position: int) -> bytes:
        """The hash of a complete subtree; see `merkle.Lookup`."""
        tile_level, height = divmod(level, 8)
        index, first = divmod(position << height, TILE_WIDTH)
        start = (first >> height) * HASH_BYTES
        return self._rows(tile_level, index)[height][start : start + HASH_BYTES]

    def _rows(self, level: int, index: int) -> tuple[bytes, ...]:
        """Every row of a tile, checked; those used last stay in memory."""
        found = self._tiles.pop((level, index), None)
        if found is None:
            found = self._read_rows(level, index)
            if len(self._tiles) >= _MOST_TILES:
                del self._tiles[next(iter(self._tiles))]
        self._tiles[level, index] = found
        return found

    def _read_rows(self, level: int, index: int) -> tuple[bytes, ...]:
        if index == self.size // TILE_WIDTH ** (level + 1):
            return rows_over(self.edge.rows[level])
        tile = Tile(level, index)
        rows = rows_over(read_tile(self.folder, tile))
        start = index % TILE_WIDTH * HASH_BYTES
        if rows[-1] != self.tile(level + 1, index // TILE_WIDTH)[start : start + HASH_BYTES]:
            raise EvidenceError("changed: its hashes do not lead to the tree head", where=tile.path)
        return rows

    def _edge_row(self, level: int) -> bytes:
        hashes = self.size // TILE_WIDTH**level
        index, width = divmod(hashes, TILE_WIDTH)
        return read_tile(self.folder, Tile(level, index, width)) if width else b""

    def _within(self, size: int | None) -> int:
        if size is None:
            return self.size
        if not 0 <= size <= self.size:
            raise EvidenceError(f"a log of {self.size} entries has no state of size {size}")
        return size

    def _check_index(self, index: int) -> None:
        if not 0 <= index < self.size:
            raise EvidenceError(f"a log of {self.size} entries has no entry {index}", where=str(self.folder))


def read_tile(folder: Path, tile: Tile) -> bytes:
    """The bytes of a tile of hashes, of the right size; nothing else is checked.

    Raises:
        EvidenceError: missing or of another size.
    """
    found, data = _read_part(folder, tile, TILE_BYTES)
    if len(data) != found.width * HASH_BYTES:
        raise EvidenceError(
            f"{len(data)} bytes instead of {found.width} hashes of {HASH_BYTES}", where=found.path
        )
    return data[: tile.width * HASH_BYTES]


def read_bundle(folder: Path, tile: Tile) -> list[bytes]:
    """The entries of a bundle, of the right number; nothing else is checked.

    Raises:
        EvidenceError: missing, malformed or of another number.
    """
    found, data = _read_part(folder, tile, _LARGEST_BUNDLE)
    try:
        entries = split_entries(data)
    except EvidenceError as error:
        raise EvidenceError(error.what, where=found.path) from error
    if len(entries) != found.width:
        raise EvidenceError(f"{len(entries)} entries instead of {found.width}", where=found.path)
    return entries[: tile.width]


def read_file(path: Path, limit: int = 2**20) -> bytes:
    """The bytes of a file that is no symbolic link and not larger than `limit`.

    Raises:
        EvidenceError: it is missing, a link, too large or cannot be read.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(file, "rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        what = "missing" if isinstance(error, FileNotFoundError) else f"unreadable: {error.strerror}"
        raise EvidenceError(what, where=str(path)) from error
    if len(data) > limit:
        raise EvidenceError(f"larger than {limit:,} bytes", where=str(path))
    return data


def unsigned_head(size: int, root: bytes) -> bytes:
    """What `UNSIGNED` holds: size and root, a line each."""
    return f"{size}\n{base64.b64encode(root).decode()}\n".encode()


def signed_head(folder: Path) -> TreeHead:
    """The signed tree head of the log in `folder`; neither its signatures nor the tiles are looked at.

    Raises:
        EvidenceError: there is no log, its tree head is not signed, or malformed.
    """
    if not log_exists(folder):
        raise _no_log(folder)
    if not (folder / CHECKPOINT).exists():
        raise _not_signed(folder)
    return _parse_checkpoint(read_file(folder / CHECKPOINT))


def open_signed_head(folder: Path, verifiers: Sequence[NoteVerifier]) -> OpenedNote:
    """The signed tree head of the log in `folder`, signed by the log's own key among `verifiers`.

    Raises:
        EvidenceError: it is not; a signature by a key of `verifiers` is wrong; or malformed.
    """
    signed_head(folder)
    return _open_checkpoint(read_file(folder / CHECKPOINT), verifiers)


def read_heads(folder: Path) -> list[tuple[int, bytes]]:
    """Size and root of the log's tree heads, the signed one and the one that is not, as far as there are.

    Raises:
        EvidenceError: there are none, or one is malformed.
    """
    unsigned = _read_if_there(folder / UNSIGNED)  # first: it goes after the checkpoint has come
    return _heads(_read_if_there(folder / CHECKPOINT), unsigned, folder)


def first_difference(hashes: Sequence[bytes], expected: bytes) -> int:
    """Position of the first of `hashes` that differs from the joined `expected`."""
    for position, each in enumerate(hashes):
        start = position * HASH_BYTES
        if each != expected[start : start + HASH_BYTES]:
            return position
    return len(hashes)


def _no_log(folder: Path) -> EvidenceError:
    return EvidenceError("there is no log here", where=str(folder), mend="name the folder of a log")


def _not_signed(folder: Path) -> EvidenceError:
    return EvidenceError(
        "tree head not signed",
        where=str(folder),
        mend="make a key with `modelassay keys new`; the next entry then signs the whole log",
    )


def _parse_checkpoint(data: bytes) -> TreeHead:
    try:
        return TreeHead.parse(parse_note(data).text)
    except EvidenceError as error:
        raise EvidenceError(error.what, where=CHECKPOINT, mend=error.mend) from error


def _open_checkpoint(data: bytes, verifiers: Sequence[NoteVerifier]) -> OpenedNote:
    try:
        opened = open_note(data, verifiers)
        origin = TreeHead.parse(opened.text).origin
    except EvidenceError as error:
        raise EvidenceError(error.what, where=CHECKPOINT, mend=error.mend) from error
    if all(line.name != origin for line in opened.verified):
        raise EvidenceError(
            f"the tree head of {origin} is signed by {opened.verified[0].name} instead", where=CHECKPOINT
        )
    return opened


def _heads(checkpoint: bytes | None, unsigned: bytes | None, folder: Path) -> list[tuple[int, bytes]]:
    heads = []
    if checkpoint is not None:
        heads.append(_parse_checkpoint(checkpoint))
    if unsigned is not None:
        try:
            heads.append(TreeHead.parse(b"-\n" + unsigned))
        except EvidenceError as error:
            raise EvidenceError(error.what, where=UNSIGNED) from error
    if not heads:
        raise _no_log(folder)
    return [(head.size, head.root) for head in heads]


def _read_if_there(path: Path) -> bytes | None:
    try:
        return read_file(path)
    except EvidenceError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise


def _read_part(folder: Path, tile: Tile, limit: int) -> tuple[Tile, bytes]:
    """The file of `tile`, or the full one that has taken a partial one's place, and which of them it is."""
    full = Tile(tile.level, tile.index)
    for found in dict.fromkeys((tile, full)):
        try:
            return found, read_file(folder / found.path, limit)
        except EvidenceError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise EvidenceError(error.what, where=found.path) from error
    raise EvidenceError("missing", where=tile.path)
