"""What is summed up of one tensor while its pieces pass by, and what becomes of it."""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec
import numpy as np

from modelassay.artifacts.safetensors import TensorPlace
from modelassay.whitebox.weights.decoding import PRECISION, Floats

PIECE: Final = 1 << 19
"""Numbers compared at once: fewer than these, and threads wait for each other more than they compute."""
NEAR_ZERO: Final = 2.0**-24
"""Below this half precision (IEEE 754 binary16) knows no number."""
_NEAR_ZERO_BITS: Final = {"BF16": 103 << 7, "F16": 1, "F32": 103 << 23}
"""The number 2^-24 in these dtypes."""
_ROW: Final = 4096
"""Numbers summed up in 32 bits; sums of these are kept in 64."""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One model's tensor."""

    norm: float
    """Euclidean, over the numbers that are finite."""
    not_a_number: int
    infinite: int
    near_zero: int
    """Numbers of magnitude below 2^-24."""

    @property
    def not_finite(self) -> int:
        """NaN and infinite ones."""
        return self.not_a_number + self.infinite


class TensorDelta(msgspec.Struct, frozen=True, kw_only=True):
    """A tensor that both models have in the same shape, candidate minus base."""

    name: str
    base_dtype: str
    dtype: str
    shape: tuple[int, ...]
    elements: int
    same: bool
    """Whether dtype and every byte are the same."""
    changed: int | None
    """Elements that differ; in value where the dtype differs too, else in bits; None when not read as
    numbers."""
    beyond_rounding: int | None = None
    """Where the dtype differs: elements that differ by more than rounding to the coarser dtype explains."""
    norm: float | None = None
    """Euclidean norm of the difference; None when the dtype is not read as numbers."""
    largest: float | None = None
    """Greatest magnitude of the difference."""
    base: Side | None = None
    candidate: Side | None = None
    rows: tuple[int, int] | None = None
    """Rows of base and candidate, of an embedding or output layer of which they have different numbers: all
    above is of the rows that both have."""
    added_not_finite: int = 0
    """NaN or infinite numbers in the candidate's further rows."""

    @property
    def only_rounded(self) -> bool:
        """Whether it is stored as another dtype and no value differs by more than rounding explains, or is a
        number no more."""
        if self.dtype == self.base_dtype or self.base is None or self.candidate is None:
            return False
        return self.beyond_rounding == 0 and self.candidate.not_finite <= self.base.not_finite

    @property
    def relative(self) -> float | None:
        """Norm of the difference over the base's norm; None where that is zero or unknown."""
        if self.norm is None or self.base is None or not self.base.norm:
            return None
        return self.norm / self.base.norm


class Scratch:
    """Memory for what is computed of one piece and forgotten."""

    def __init__(self) -> None:
        self.numbers = np.empty(PIECE, dtype=np.float64)
        self.marks = np.empty(PIECE, dtype=np.bool_)


class Total:
    """Sums over the pieces of one tensor.

    Args:
        base_dtype: of the base.
        dtype: of the candidate.
        scratch: memory to compute in.
    """

    def __init__(self, base_dtype: str, dtype: str, scratch: Scratch) -> None:
        self._dtypes = (base_dtype, dtype)
        self._scratch = scratch
        self._alike = base_dtype == dtype
        precision = min(PRECISION.get(base_dtype, 53), PRECISION.get(dtype, 53))
        self._rounding = 2.0**-precision
        self._sides = [[0.0, 0, 0, 0], [0.0, 0, 0, 0]]
        self._squares = 0.0
        self._largest = 0.0
        self._changed = 0
        self._beyond = 0

    def take_equal(self, x: Floats, raw: bytearray) -> None:
        """Numbers that both have, with their bytes."""
        found = self._looked_at(x, raw, self._dtypes[0])
        for side in self._sides:
            _add(side, found)

    def take(self, x: Floats, y: Floats, left: bytearray, right: bytearray) -> None:
        """Numbers of base and candidate, with their bytes."""
        _add(self._sides[0], self._looked_at(x, left, self._dtypes[0]))
        _add(self._sides[1], self._looked_at(y, right, self._dtypes[1]))
        wide: Any = np.float64 if np.float64 in (x.dtype, y.dtype) else np.float32
        delta: Floats = self._scratch.numbers.view(wide)[: x.size]
        with np.errstate(invalid="ignore", over="ignore"):
            np.subtract(x, y, out=delta)
            squares = _dot(delta)
            if not math.isfinite(squares):
                delta = x.astype(np.float64) - y.astype(np.float64)
                delta[~np.isfinite(delta)] = 0.0
                squares = _dot(delta)
        self._squares += squares
        self._largest = max(self._largest, float(delta.max(initial=0.0)), -float(delta.min(initial=0.0)))
        if self._alike:
            unsigned = f"<u{len(left) // x.size}"
            marks = self._scratch.marks[: x.size]
            np.not_equal(np.frombuffer(left, unsigned), np.frombuffer(right, unsigned), out=marks)
            self._changed += int(np.count_nonzero(marks))
        else:
            self._changed += int(np.count_nonzero(delta))
            allowed = np.maximum(np.abs(x), np.abs(y)) * self._rounding + NEAR_ZERO
            self._beyond += int(np.count_nonzero(np.abs(delta) > allowed))

    def _looked_at(self, values: Floats, raw: bytearray, dtype: str) -> tuple[float, int, int, int]:
        """Sum of squares of the finite numbers; how many are no number, infinite, near zero."""
        near = self._near_zero(values, raw, dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            squares = _dot(values)
        if math.isfinite(squares):
            return squares, 0, 0, near
        missing, infinite = np.isnan(values), np.isinf(values)
        finite = values[~(missing | infinite)].astype(np.float64)
        return _dot(finite), int(np.count_nonzero(missing)), int(np.count_nonzero(infinite)), near

    def _near_zero(self, values: Floats, raw: bytearray, dtype: str) -> int:
        """Of IEEE formats by their bits, which without the sign are in the order of the magnitudes."""
        if dtype not in _NEAR_ZERO_BITS:
            return int(np.count_nonzero(np.abs(values) < NEAR_ZERO))
        unsigned = np.dtype(f"<u{len(raw) // values.size}")
        doubled = self._scratch.numbers.view(unsigned)[: values.size]
        np.left_shift(np.frombuffer(raw, unsigned), 1, out=doubled)
        marks = self._scratch.marks[: values.size]
        np.less(doubled, 2 * _NEAR_ZERO_BITS[dtype], out=marks)
        return int(np.count_nonzero(marks))

    def delta(self, ours: TensorPlace, theirs: TensorPlace, *, same: bool) -> TensorDelta:
        """What was found of the whole tensor."""
        base, candidate = (
            Side(
                norm=math.sqrt(side[0]),
                not_a_number=int(side[1]),
                infinite=int(side[2]),
                near_zero=int(side[3]),
            )
            for side in self._sides
        )
        return TensorDelta(
            name=ours.name,
            base_dtype=ours.dtype,
            dtype=theirs.dtype,
            shape=min(ours.shape, theirs.shape),
            elements=math.prod(min(ours.shape, theirs.shape)),
            same=same,
            changed=self._changed,
            beyond_rounding=None if self._alike else self._beyond,
            norm=math.sqrt(self._squares),
            largest=self._largest,
            base=base,
            candidate=candidate,
        )


def _add(side: list[Any], found: tuple[float, int, int, int]) -> None:
    for place, value in enumerate(found):
        side[place] += value


def _dot(values: Floats) -> float:
    """Sum of squares: rows in the precision of `values`, their sum in 64 bits."""
    whole = values.size - values.size % _ROW
    rows = values[:whole].reshape(-1, _ROW)
    rest = values[whole:]
    return float(np.vecdot(rows, rows).sum(dtype=np.float64)) + float(np.vecdot(rest, rest))


def unread_delta(ours: TensorPlace, theirs: TensorPlace, *, same: bool) -> TensorDelta:
    """The difference of tensors that are compared by their bytes alone."""
    return TensorDelta(
        name=ours.name,
        base_dtype=ours.dtype,
        dtype=theirs.dtype,
        shape=ours.shape,
        elements=math.prod(ours.shape),
        same=same,
        changed=0 if same else None,
    )
