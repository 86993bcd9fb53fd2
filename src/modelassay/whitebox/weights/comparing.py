"""Two models' tensors compared in one pass: digests, norms of what changed, what is not a number.

Memory stays bounded whatever the size of the tensors: pieces of both are read into buffers that are used
again, hashed, and compared while they are in the processor's cache.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import local
from typing import Any, Final

import msgspec
import numpy as np

from modelassay.artifacts.safetensors import TensorPlace
from modelassay.artifacts.tensors import TensorDigest, TensorTable, tensor_hash
from modelassay.canonical import Digest
from modelassay.errors import UsageError
from modelassay.whitebox.weights.decoding import PRECISION, Decoder, Floats, element_bytes
from modelassay.whitebox.weights.opening import Weights

PIECE: Final = 1 << 17
"""Numbers compared at once."""
NEAR_ZERO: Final = 2.0**-24
"""Below this half precision (IEEE 754 binary16) knows no number."""
_NEAR_ZERO_BITS: Final = {"BF16": 103 << 7, "F16": 1, "F32": 103 << 23}
"""The number 2^-24 in these dtypes."""
_MOST_THREADS: Final = 8
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

    @property
    def relative(self) -> float | None:
        """Norm of the difference over the base's norm; None where that is zero or unknown."""
        if self.norm is None or self.base is None or not self.base.norm:
            return None
        return self.norm / self.base.norm


class WeightComparison(msgspec.Struct, frozen=True, kw_only=True):
    """All tensors of a base and a candidate, by name and not by file."""

    base: TensorTable
    candidate: TensorTable
    deltas: dict[str, TensorDelta]
    """By name, sorted: every tensor that both have in one shape."""
    missing: tuple[str, ...]
    """In the base alone."""
    unexpected: tuple[str, ...]
    """In the candidate alone."""
    tied: dict[str, str]
    """Tensors that only one side stores, and the tensor of the same bytes that both store: no difference."""
    reshaped: tuple[str, ...]
    quantisation: tuple[str, str]
    """Of base and candidate; empty when not quantised."""
    left_out: tuple[tuple[str, ...], tuple[str, ...]]
    """Safetensors files of base and candidate that are not loaded as weights."""

    @property
    def changed(self) -> tuple[TensorDelta, ...]:
        """Tensors with other bytes, sorted by name."""
        return tuple(delta for delta in self.deltas.values() if not delta.same)

    @property
    def retyped(self) -> tuple[TensorDelta, ...]:
        """Tensors of another dtype, sorted by name."""
        return tuple(delta for delta in self.deltas.values() if delta.dtype != delta.base_dtype)

    @property
    def relative(self) -> float | None:
        """Norm of all differences over that of the base, over the tensors that are read as numbers."""
        read = [d for d in self.deltas.values() if d.norm is not None and d.base is not None]
        base = math.sqrt(sum(d.base.norm**2 for d in read if d.base))
        return math.sqrt(sum(d.norm**2 for d in read if d.norm)) / base if base else None

    @property
    def identities(self) -> tuple[Digest, Digest]:
        """Digests of base and candidate, the same however the tensors are spread over files."""
        return self.base.identity, self.candidate.identity


def compare_weights(
    base: Weights,
    candidate: Weights,
    *,
    threads: int | None = None,
    advance: Callable[[int], None] | None = None,
) -> WeightComparison:
    """Hash and compare every tensor.

    Args:
        base: the model that the candidate is said to come from.
        candidate: the model to look into.
        threads: how many tensors at once; by default as many as there are cores, at most eight.
        advance: told of the bytes just read.

    Raises:
        UsageError: one is an adapter and the other a whole model.
        EvidenceError: a file ended early or cannot be read.
    """
    if base.is_adapter != candidate.is_adapter:
        adapter = base if base.is_adapter else candidate
        raise UsageError(
            "is an adapter, and what it is compared with is a whole model",
            where=str(adapter.path),
            mend="compare two adapters, or merge it into its base first",
        )
    ours, theirs = base.tensors, candidate.tensors
    both = [name for name in ours if name in theirs and ours[name].shape == theirs[name].shape]
    digests: tuple[TensorTable, TensorTable] = TensorTable(), TensorTable()
    deltas = {}
    alone = [(0, name) for name in ours if name not in both] + [
        (1, name) for name in theirs if name not in both
    ]
    memory = local()

    def passed() -> _Pass:
        if not hasattr(memory, "passed"):
            memory.passed = _Pass(advance)
        found: _Pass = memory.passed
        return found

    with ThreadPoolExecutor(threads or _cores()) as pool:
        by_size = sorted(both, key=lambda name: ours[name].start - ours[name].end)
        for pair in pool.map(lambda name: passed().compare(base, candidate, name), by_size):
            deltas[pair[2].name] = pair[2]
            digests[0][pair[0].name], digests[1][pair[1].name] = pair[0], pair[1]
        for (side, name), one in zip(
            alone,
            pool.map(lambda each: passed().digest((base, candidate)[each[0]], each[1]), alone),
            strict=True,
        ):
            digests[side][name] = one
    missing, unexpected = ([name for name in a if name not in b] for a, b in ((ours, theirs), (theirs, ours)))
    tied = _tied(missing, *digests) | _tied(unexpected, digests[1], digests[0])
    return WeightComparison(
        base=digests[0],
        candidate=digests[1],
        deltas={name: deltas[name] for name in sorted(deltas)},
        missing=tuple(name for name in missing if name not in tied),
        unexpected=tuple(name for name in unexpected if name not in tied),
        tied=tied,
        reshaped=tuple(name for name in ours if name in theirs and name not in deltas),
        quantisation=(base.quantisation, candidate.quantisation),
        left_out=(base.left_out, candidate.left_out),
    )


class _Pass:
    """Buffers of one thread, and what is done with them."""

    def __init__(self, advance: Callable[[int], None] | None) -> None:
        self._advance = advance or (lambda size: None)
        self._decoders = Decoder(PIECE), Decoder(PIECE)
        self._scratch = _Scratch()
        self._raw: dict[tuple[int, int], bytearray] = {}

    def digest(self, weights: Weights, name: str) -> TensorDigest:
        """The digest of a tensor that the other model does not have."""
        place = weights.tensors[name]
        hasher = tensor_hash(place.dtype, place.shape)
        for offset, size in _pieces(place.end - place.start, PIECE):
            hasher.update(self._read(weights, name, offset, size, 0))
        return _digested(place, hasher)

    def compare(
        self, base: Weights, candidate: Weights, name: str
    ) -> tuple[TensorDigest, TensorDigest, TensorDelta]:
        """Digests of both and the difference."""
        ours, theirs = base.tensors[name], candidate.tensors[name]
        widths = element_bytes(ours.dtype), element_bytes(theirs.dtype)
        alike = ours.dtype == theirs.dtype
        if widths[0] is None or widths[1] is None:
            digests = self.digest(base, name), self.digest(candidate, name)
            return *digests, _unread(ours, theirs, same=digests[0].sha256 == digests[1].sha256)
        first, second = tensor_hash(ours.dtype, ours.shape), tensor_hash(theirs.dtype, theirs.shape)
        total = _Total(ours.dtype, theirs.dtype, self._scratch)
        same = alike
        for start, count in _pieces((ours.end - ours.start) // widths[0], PIECE):
            left = self._read(base, name, start * widths[0], count * widths[0], 0)
            right = self._read(candidate, name, start * widths[1], count * widths[1], 1)
            equal = alike and left == right
            if same and not equal:  # as far as all was equal, one hash served for both
                second, same = first.copy(), False
            first.update(left)
            if not same:
                second.update(right)
            x = self._decoders[0](left, ours.dtype)
            if equal:
                total.take_equal(x, left)
            else:
                total.take(x, self._decoders[1](right, theirs.dtype), left, right)
        digests = _digested(ours, first), _digested(theirs, first if same else second)
        return *digests, total.delta(ours, theirs, same=same)

    def _read(self, weights: Weights, name: str, offset: int, size: int, side: int) -> bytearray:
        """Whole buffers, so that two can be held against each other without copies."""
        key = (side, size)
        if key not in self._raw:
            if len(self._raw) > 8:
                self._raw.clear()
            self._raw[key] = bytearray(size)
        weights.read(name, offset, self._raw[key])
        self._advance(size)
        return self._raw[key]


class _Scratch:
    """Memory for what is computed of one piece and forgotten."""

    def __init__(self) -> None:
        self.numbers = np.empty(PIECE, dtype=np.float64)
        self.marks = np.empty(PIECE, dtype=np.bool_)


class _Total:
    """Sums over the pieces of one tensor."""

    def __init__(self, base_dtype: str, dtype: str, scratch: _Scratch) -> None:
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
            shape=ours.shape,
            elements=math.prod(ours.shape),
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


def _pieces(count: int, most: int) -> Iterable[tuple[int, int]]:
    """Start and length of each piece."""
    return ((start, min(most, count - start)) for start in range(0, count, most))


def _digested(place: TensorPlace, hasher: Any) -> TensorDigest:
    return TensorDigest(name=place.name, dtype=place.dtype, shape=place.shape, sha256=hasher.hexdigest())


def _unread(ours: TensorPlace, theirs: TensorPlace, *, same: bool) -> TensorDelta:
    return TensorDelta(
        name=ours.name,
        base_dtype=ours.dtype,
        dtype=theirs.dtype,
        shape=ours.shape,
        elements=math.prod(ours.shape),
        same=same,
        changed=0 if same else None,
    )


def _tied(alone: list[str], having: TensorTable, other: TensorTable) -> dict[str, str]:
    """Tensors that `having` stores a second time, and the name under which `other` stores them once."""
    first = {having[name].sha256: name for name in sorted(having.keys() & other.keys(), reverse=True)}
    return {name: first[having[name].sha256] for name in alone if having[name].sha256 in first}


def _cores() -> int:
    """Cores that this process may use, at most eight."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(available, _MOST_THREADS)
