"""How far two checkpoints' weights lie apart: tensors read from safetensors, piece by piece."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelassay.artifacts.safetensors import TensorPlace, header_length, parse_header
from modelassay.artifacts.shards import weight_files
from modelassay.errors import UsageError

PIECE = 1 << 22
"""Numbers compared at once."""
_KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


@dataclass(frozen=True)
class WeightDeviation:
    """A replayed checkpoint against the one that is claimed."""

    difference: float
    """‖W_replay − W_claimed‖, Euclidean over all tensors."""
    moved: float
    """‖W_claimed − W_start‖: how far the segment is claimed to have moved the weights."""
    differing: tuple[str, ...]
    """Tensors that are not bit-identical, sorted."""

    @property
    def ratio(self) -> float:
        """`difference` in units of `moved`; 0 for weights that are the same to the bit."""
        if not self.differing:
            return 0.0
        return self.difference / self.moved if self.moved else math.inf


def weight_deviation(replayed: Path, claimed: Path, start: Path) -> WeightDeviation:
    """Compare three checkpoint folders of one model (or of one adapter).

    Raises:
        UsageError: a folder has no safetensors, or they hold other tensors, shapes or kinds of numbers.
    """
    folders = [_Weights(folder) for folder in (replayed, claimed, start)]
    mine, theirs, before = folders
    for other in (mine, before):
        if other.shapes != theirs.shapes:
            odd = sorted(set(other.shapes.items()) ^ set(theirs.shapes.items()))
            raise UsageError(f"other tensors than in {claimed.name}: {odd[0][0]}", where=str(other.folder))
    difference = moved = 0.0
    differing = []
    for name in sorted(theirs.shapes):
        same = True
        for one, two, three in zip(*(each.pieces(name) for each in folders), strict=True):
            same = same and np.array_equal(one.view(np.uint8), two.view(np.uint8))
            a, b, c = (_numbers(each, theirs.shapes[name][0]) for each in (one, two, three))
            difference += float(np.square(a - b).sum())
            moved += float(np.square(b - c).sum())
        if not same:
            differing.append(name)
    return WeightDeviation(math.sqrt(difference), math.sqrt(moved), tuple(differing))


class _Weights:
    """The tensors of one folder, by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not folder.is_dir():
            raise UsageError("no checkpoint is here", where=str(folder))
        self._places: dict[str, tuple[Path, TensorPlace]] = {}
        for name in weight_files(folder, sorted(path.name for path in folder.iterdir() if path.is_file())):
            path = folder / name
            for place in _header(path):
                if place.dtype not in _KINDS:
                    raise UsageError(f"tensors of {place.dtype} cannot be compared", where=str(path))
                self._places[place.name] = (path, place)
        self.shapes = {name: (place.dtype, tuple(place.shape)) for name, (_, place) in self._places.items()}

    def pieces(self, name: str) -> Iterator[NDArray[np.generic]]:
        """The numbers of a tensor as they are stored, piece by piece."""
        path, place = self._places[name]
        kind = np.dtype(_KINDS[place.dtype])
        with path.open("rb") as file:
            file.seek(place.start)
            left = (place.end - place.start) // kind.itemsize
            while left:
                count = min(left, PIECE)
                yield np.frombuffer(file.read(count * kind.itemsize), kind)
                left -= count


def _header(path: Path) -> tuple[TensorPlace, ...]:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = header_length(file.read(8), file_size=size, where=str(path))
        return parse_header(file.read(length), file_size=size, where=str(path))


def _numbers(stored: NDArray[np.generic], dtype: str) -> NDArray[np.float64]:
    """As 64-bit floats; bfloat16 is the upper half of a 32-bit float."""
    if dtype == "BF16":
        return (stored.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return stored.astype(np.float64)
