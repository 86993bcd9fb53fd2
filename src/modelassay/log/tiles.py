"""Where a log's hashes and entries lie on disk, and how: C2SP tlog-tiles.

A tile holds up to 256 hashes of one tree level; tile level L covers tree levels from 8L. An entry bundle
holds the up to 256 entries of a tile at level 0, each after its length (two bytes, the high one first).
Files that are full never change; a partial one (``.p/W``) is a prefix of the full one to come.
Source: https://c2sp.org/tlog-tiles
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from modelassay.errors import EvidenceError, UsageError
from modelassay.log.merkle import HASH_BYTES, bag_peaks, pair_up

TILE_WIDTH = 256
TILE_BYTES = TILE_WIDTH * HASH_BYTES
LARGEST_ENTRY = 65_535
"""Bytes that an entry may have: its length is written in two."""

ENTRIES = "entries"

_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-5]?[0-9]|6[0-3])/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Tile:
    """One file of a log: a tile, or a bundle of entries."""

    level: int
    """Tile level, -1 for a bundle of entries."""
    index: int
    width: int = TILE_WIDTH
    """How many hashes or entries it holds."""

    @property
    def path(self) -> str:
        """Where it lies in the log's folder, such as ``tile/0/x001/234.p/17``."""
        digits = f"{self.index:03d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
        name = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{ENTRIES if self.level < 0 else self.level}/{name}{partial}"

    @property
    def span(self) -> int:
        """How many entries of the log lie under each of its hashes."""
        return int(TILE_WIDTH ** max(self.level, 0))


def parse_path(path: str) -> Tile | None:
    """The tile that lies at `path`, None when no tile does; only the one spelling of each is known."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    level = -1 if match["level"] == ENTRIES else int(match["level"])
    index = int(match["index"].replace("x", "").replace("/", ""))
    tile = Tile(level, index, int(match["width"] or TILE_WIDTH))
    return tile if tile.path == path else None


def tile_for(level: int, index: int, size: int) -> Tile:
    """The tile at `level` and `index` in a log of `size` entries, full or partial.

    Raises:
        EvidenceError: such a log has none there.
    """
    hashes = size // TILE_WIDTH ** max(level, 0)
    width = min(hashes - index * TILE_WIDTH, TILE_WIDTH)
    if width <= 0:
        raise EvidenceError(f"a log of {size} entries has no {Tile(level, index).path}")
    return Tile(level, index, width)


def tiles_of(size: int) -> Iterator[Tile]:
    """Every file of a log of `size` entries, bundles first, then level by level."""
    for level in (-1, *range(levels_of(size))):
        hashes = size // TILE_WIDTH ** max(level, 0)
        for index in range(-(-hashes // TILE_WIDTH)):
            yield tile_for(level, index, size)


def levels_of(size: int) -> int:
    """How many levels of tiles a log of `size` entries has."""
    levels = 0
    while size:
        levels += 1
        size //= TILE_WIDTH
    return levels


def join_entries(entries: Iterable[bytes]) -> bytes:
    """The bytes of a bundle with `entries`.

    Raises:
        UsageError: an entry is too long.
    """
    parts = []
    for entry in entries:
        if len(entry) > LARGEST_ENTRY:
            raise UsageError(
                f"a log entry of {len(entry):,} bytes; at most {LARGEST_ENTRY:,} fit",
                mend="log the digest of what is large, and keep the thing itself beside the log",
            )
        parts.append(len(entry).to_bytes(2, "big"))
        parts.append(entry)
    return b"".join(parts)


def split_entries(bundle: bytes) -> list[bytes]:
    """The entries of a bundle.

    Raises:
        EvidenceError: it ends within an entry.
    """
    entries = []
    position, end = 0, len(bundle)
    while position + 1 < end:
        start = position + 2
        position = start + (bundle[position] << 8 | bundle[position + 1])
        entries.append(bundle[start:position])
    if position != end:
        raise EvidenceError(f"the bundle ends within entry {max(len(entries) - (position > end), 0)}")
    return entries


def rows_over(hashes: bytes) -> tuple[bytes, ...]:
    """The nine rows of hashes that a tile stands for, its own first, the root of a full one last."""
    rows = [hashes]
    for _ in range(8):
        rows.append(pair_up(rows[-1]))
    return tuple(rows)


@dataclass(frozen=True)
class Edge:
    """The right edge of a tree, from which it grows: what its partial tiles hold, lowest level first."""

    rows: tuple[bytes, ...] = ()

    @property
    def size(self) -> int:
        """Number of entries in the tree."""
        return sum(len(row) // HASH_BYTES * TILE_WIDTH**level for level, row in enumerate(self.rows))

    @property
    def root(self) -> bytes:
        """The root of the tree."""
        peaks = []
        for hashes in self.rows:
            peaks += [row[-HASH_BYTES:] for row in rows_over(hashes)[:8] if len(row) // HASH_BYTES % 2]
        return bag_peaks(peaks)

    def grown(self, leaves: bytes) -> tuple[Edge, dict[Tile, bytes]]:
        """The edge after joined `leaves` (hashes), and every tile that is new: full ones and the partial."""
        rows: list[bytes] = []
        tiles: dict[Tile, bytes] = {}
        size, coming, level = self.size, leaves, 0
        while coming or level < len(self.rows):
            row = (self.rows[level] if level < len(self.rows) else b"") + coming
            index = size // TILE_WIDTH ** (level + 1)
            whole = len(row) // TILE_BYTES * TILE_BYTES
            roots = []
            for start in range(0, whole, TILE_BYTES):
                hashes = row[start : start + TILE_BYTES]
                tiles[Tile(level, index)] = hashes
                roots.append(rows_over(hashes)[-1])
                index += 1
            if coming and len(row) > whole:
                tiles[Tile(level, index, (len(row) - whole) // HASH_BYTES)] = row[whole:]
            rows.append(row[whole:])
            coming = b"".join(roots)
            level += 1
        return Edge(tuple(rows)), tiles
