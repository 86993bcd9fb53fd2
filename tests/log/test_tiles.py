"""Paths and contents of tiles, as C2SP tlog-tiles has them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelassay.errors import EvidenceError, UsageError
from modelassay.log.merkle import Tree, leaf_hash
from modelassay.log.reader import LogReader
from modelassay.log.tiles import (
    Edge,
    Tile,
    join_entries,
    levels_of,
    parse_path,
    split_entries,
    tile_for,
    tiles_of,
)
from modelassay.log.verify import verify_log


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 999, 17), "tile/0/999.p/17"),
        (Tile(1, 1000), "tile/1/x001/000"),
        (Tile(-1, 1234067), "tile/entries/x001/x234/067"),
        (Tile(63, 1234067, 255), "tile/63/x001/x234/067.p/255"),
    ],
)
def test_paths_are_those_of_the_specification(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert parse_path(path) == tile


@given(st.integers(-1, 63), st.integers(0, 10**12), st.integers(1, 256))
def test_paths_read_back(level: int, index: int, width: int) -> None:
    tile = Tile(level, index, width)
    assert parse_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/07",
        "tile/0/000.p",
        "tile/-1/000",
        "tile/entries/000 ",
        "tile/0/٠٠٠",
        "checkpoint",
        "../tile/0/000",
    ],
)
def test_other_spellings_are_no_tiles(path: str) -> None:
    assert parse_path(path) is None


def test_the_example_of_the_specification() -> None:
    """A log of 70,000 entries: 273 full tiles and one of 112, one full and one of 17, one of 1."""
    tiles = list(tiles_of(70_000))
    for level, full, rest in ((-1, 273, [112]), (0, 273, [112]), (1, 1, [17]), (2, 0, [1])):
        widths = [tile.width for tile in tiles if tile.level == level]
        assert widths == [256] * full + rest
    assert levels_of(70_000) == 3
    assert list(tiles_of(0)) == []
    assert [tile.path for tile in tiles_of(256)] == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]


@given(st.lists(st.binary(max_size=300), max_size=50))
def test_bundles_read_back_and_never_end_within_an_entry(entries: list[bytes]) -> None:
    bundle = join_entries(entries)
    assert split_entries(bundle) == entries
    if entries:
        with pytest.raises(EvidenceError, match=f"within entry {len(entries) - 1}"):
            split_entries(bundle[:-1])
        with pytest.raises(EvidenceError, match=f"within entry {len(entries)}"):
            split_entries(bundle + b"\0")


def test_the_longest_entry_fits_and_one_byte_more_does_not() -> None:
    assert split_entries(join_entries([b"x" * 65_535]))[0] == b"x" * 65_535
    with pytest.raises(UsageError, match="65,536 bytes"):
        join_entries([b"x" * 65_536])


@given(st.lists(st.integers(0, 700), max_size=6))
def test_an_edge_grows_the_same_however_it_is_fed(steps: list[int]) -> None:
    edge, written = Edge(), {}
    for step in steps:
        leaves = [leaf_hash(b"%d" % n) for n in range(edge.size, edge.size + step)]
        edge, tiles = edge.grown(b"".join(leaves))
        written |= tiles
    size = sum(steps)
    whole = [leaf_hash(b"%d" % n) for n in range(size)]
    assert edge.size == size
    assert edge.root == Tree(whole).root()
    for tile in tiles_of(size):
        if tile.level >= 0:
            assert written[tile] == expected_tile(whole, tile)


def expected_tile(leaves: list[bytes], tile: Tile) -> bytes:
    """The definition: MTH of each run of ``256**level`` leaves."""

    def subtree(part: list[bytes]) -> bytes:
        if len(part) == 1:
            return part[0]
        half = len(part) // 2
        return hashlib.sha256(b"\1" + subtree(part[:half]) + subtree(part[half:])).digest()

    starts = range(tile.index * 256 * tile.span, (tile.index * 256 + tile.width) * tile.span, tile.span)
    return b"".join(subtree(leaves[start : start + tile.span]) for start in starts)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 65_793])
def test_files_on_disk_are_those_of_the_definition(
    size: int, log_of: Callable[..., Path], verifiers: list, entry_at: Callable[[int], bytes]
) -> None:
    folder = log_of(size)
    leaves = [leaf_hash(entry_at(index)) for index in range(size)]
    needed = {tile.path for tile in tiles_of(size)}
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == needed | {"checkpoint", ".lock"}
    for level in range(levels_of(size)):
        last = (size // 256**level - 1) // 256
        for index in {0, last}:
            tile = tile_for(level, index, size)
            assert (folder / tile.path).read_bytes() == expected_tile(leaves, tile)
    assert verify_log(folder, verifiers).size == size
    log, tree = LogReader(folder), Tree(leaves)
    assert log.root == tree.root()
    for index in {0, size // 2, size - 1}:
        assert log.entry(index) == entry_at(index)
        assert log.inclusion_proof(index) == tree.inclusion_proof(index)
        assert log.consistency_proof(index + 1) == tree.consistency_proof(index + 1)
        assert log.root_at(index) == tree.root(index)
