"""The singular values of what changed in each matrix: how many directions, and how strong the first.

A randomised range finder with one power iteration (Halko, Martinsson & Tropp 2011, algorithm 4.4) in two
passes over row blocks: Z = Dᵀ D Ω, then the singular values of D Q with Q an orthonormal basis of Z. The
difference D is never held whole, so memory grows with rows of a block, columns and sketch alone. By the
interlacing of singular values those found are never greater than the true ones.

Rounding makes every difference full rank. Its singular values stay below an edge that follows from the gap
between neighbouring numbers of the stored dtype: with uniform errors of variance gap²/12, the greatest is
about the largest row norm plus the largest column norm of their standard deviations (Bandeira & van Handel
2016, theorem 1.1). Only singular values above that edge count towards the rank.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelassay.whitebox.weights.comparing import WeightComparison
from modelassay.whitebox.weights.decoding import PRECISION, Decoder, element_bytes, spacing_squared
from modelassay.whitebox.weights.opening import Weights

SKETCH: Final = 32
"""Singular values looked for, unless a declared rank asks for more."""
_BLOCK: Final = 1 << 19
"""Numbers of a block of rows."""
_RESOLVED: Final = 1e-3
"""Share of the greatest singular value below which the sketch does not tell the others apart."""
_SLACK: Final = 1.25
"""Factor on the edge of rounding, for errors that are not quite independent."""

_Matrix = NDArray[np.float32]


class Spectrum(msgspec.Struct, frozen=True, kw_only=True):
    """The difference of one matrix, by its singular values."""

    name: str
    shape: tuple[int, ...]
    norm: float
    """Euclidean (Frobenius)."""
    singular_values: tuple[float, ...]
    """The greatest, descending; as many as the sketch has columns."""
    rank: int
    """Singular values above rounding and above a thousandth of the greatest."""
    rank_is_lower_bound: bool
    """Whether all that were looked for are above, so that there may be more."""
    rounding_edge: float
    """Below this a singular value may be rounding alone; 0 when the dtype has none to speak of."""
    rounding_share: float
    """Share of the squared norm that rounding alone would have."""

    def is_within(self, rank: int) -> bool:
        """Whether `rank` directions and rounding explain the change.

        What the first `rank` singular values leave of the squared norm must not be much more than rounding
        has, and rounding not most of it: a change spread thinly over many directions is below the edge too.
        """
        left = 1 - sum(value**2 for value in self.singular_values[:rank]) / self.norm**2
        return self.rank <= rank and self.rounding_share < 0.5 and left < 1.5 * self.rounding_share + 1e-4

    @property
    def stable_rank(self) -> float:
        """‖D‖²_F / σ₁² (Rudelson & Vershynin 2007)."""
        return (self.norm / self.singular_values[0]) ** 2 if self.singular_values[0] else 0.0

    @property
    def effective_rank(self) -> float:
        """Participation ratio (Σσ²)² / Σσ⁴; what the sketch did not find counts as spread evenly, which makes
        this an upper bound, exact where the sketch found all."""
        squares = np.square(np.array(self.singular_values))
        rest = max(self.norm**2 - float(squares.sum()), 0.0)
        further = min(self.shape) - len(squares)
        fourth = float(np.square(squares).sum()) + (rest**2 / further if further else 0.0)
        return (float(squares.sum()) + rest) ** 2 / fourth if fourth else 0.0

    @property
    def outlier_ratio(self) -> float:
        """σ₁ over that of a matrix of independent numbers with the same norm: ‖D‖ (√m + √n) / √(mn), the edge
        of Marchenko & Pastur (1967). About 1 for noise."""
        rows, columns = self.shape
        edge = self.norm * (math.sqrt(rows) + math.sqrt(columns)) / math.sqrt(rows * columns)
        return self.singular_values[0] / edge if edge else 0.0


def delta_spectra(
    base: Weights,
    candidate: Weights,
    comparison: WeightComparison,
    *,
    sketch: int = SKETCH,
    seed: int = 1,
) -> dict[str, Spectrum]:
    """The spectrum of every changed matrix that holds finite floats.

    Args:
        base: the base.
        candidate: the candidate.
        comparison: of the two.
        sketch: singular values to look for in each.
        seed: of the random directions; each matrix draws its own from it, whatever file it lies in.

    Raises:
        EvidenceError: a file ended early or cannot be read.
    """
    found = {}
    for delta in comparison.changed:
        sides = (delta.base, delta.candidate)
        readable = delta.dtype in PRECISION and delta.base_dtype in PRECISION
        if len(delta.shape) != 2 or not readable or not delta.norm or min(delta.shape) == 0:
            continue
        if any(side is None or side.not_a_number or side.infinite for side in sides):
            continue
        if not math.isfinite(delta.norm) or not 1e-15 < delta.norm < 1e15:  # squares leave 32 bits
            continue
        differences = _Differences(base, candidate, delta.name)
        found[delta.name] = _spectrum(differences, norm=delta.norm, sketch=sketch, seed=seed)
    return found


class _Differences:
    """Candidate minus base of one matrix, a block of rows at a time."""

    def __init__(self, base: Weights, candidate: Weights, name: str) -> None:
        self.name = name
        self._sides = (base, candidate)
        self._dtypes = (base.tensors[name].dtype, candidate.tensors[name].dtype)
        self.rows, self.columns = min(side.tensors[name].shape for side in self._sides)
        self._block = max(1, _BLOCK // self.columns)
        self._decoders = tuple(Decoder(self._block * self.columns) for _ in self._sides)
        self.dtype = self._dtypes[1]

    def __iter__(self) -> Iterator[tuple[_Matrix, _Matrix]]:
        """Blocks of the difference and of the candidate itself; overwritten by the next."""
        for start in range(0, self.rows, self._block):
            rows = min(self._block, self.rows - start)
            x, y = (self._read(side, start, rows) for side in (0, 1))
            yield y - x, y

    def _read(self, side: int, start: int, rows: int) -> _Matrix:
        width = element_bytes(self._dtypes[side])
        assert width is not None  # only floats of known precision come here
        raw = bytearray(rows * self.columns * width)
        self._sides[side].read(self.name, start * self.columns * width, raw)
        values: Any = self._decoders[side](raw, self._dtypes[side])
        matrix: _Matrix = values.reshape(rows, self.columns).astype(np.float32, copy=False)
        return matrix


def _spectrum(differences: _Differences, *, norm: float, sketch: int, seed: int) -> Spectrum:
    rows, columns = differences.rows, differences.columns
    count = min(sketch, rows, columns)
    basis = _row_space(differences, count=count, seed=seed, norm=norm)
    scaled = basis * np.float32(1 / norm)
    gram = np.zeros((count, count))
    by_column, largest_row, total = np.zeros(columns), 0.0, 0.0
    for block, stored in differences:
        projected = (block @ scaled).astype(np.float64)
        gram += projected.T @ projected
        errors = spacing_squared(stored, differences.dtype) / np.float32(12)
        by_row = errors.sum(axis=1, dtype=np.float64)
        by_column += errors.sum(axis=0, dtype=np.float64)
        largest_row, total = max(largest_row, float(by_row.max())), total + float(by_row.sum())
    values = norm * np.sqrt(np.clip(np.linalg.eigvalsh(gram)[::-1], 0.0, None))
    edge = _SLACK * (math.sqrt(largest_row) + math.sqrt(float(by_column.max())))
    rank = int(np.count_nonzero(values > max(edge, _RESOLVED * values[0])))
    return Spectrum(
        name=differences.name,
        shape=(rows, columns),
        norm=norm,
        singular_values=tuple(map(float, values)),
        rank=rank,
        rank_is_lower_bound=rank == count < min(rows, columns),
        rounding_edge=edge,
        rounding_share=min(1.0, total / norm**2),
    )


def _row_space(differences: _Differences, *, count: int, seed: int, norm: float) -> _Matrix:
    """An orthonormal basis, columns by `count`, of nearly all that the rows of the difference span."""
    if count == differences.columns:
        return np.eye(count, dtype=np.float32)
    draw = np.random.default_rng([seed, *differences.name.encode()])
    directions = draw.standard_normal((differences.columns, count), dtype=np.float32)
    directions *= np.float32(norm**-2)  # so that the sum below is about 1, whatever the norm
    seen = np.zeros_like(directions)
    for block, _ in differences:
        seen += block.T @ (block @ directions)
    basis: _Matrix = np.linalg.qr(seen)[0]
    return basis
