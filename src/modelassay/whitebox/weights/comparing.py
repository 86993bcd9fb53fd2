"""Two models' tensors compared in one pass: digests, norms of what changed, what is not a number.

Memory stays bounded whatever the size of the tensors: pieces of both are read into buffers that are used
again, hashed, and compared while they are in the processor's cache.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import local
from typing import Any, Final

import msgspec
import numpy as np
from msgspec.structs import replace

from modelassay.artifacts.safetensors import TensorPlace
from modelassay.artifacts.tensors import TensorDigest, TensorTable, tensor_hash
from modelassay.canonical import Digest
from modelassay.errors import UsageError
from modelassay.whitebox.weights.decoding import Decoder, element_bytes
from modelassay.whitebox.weights.naming import Renaming, differs_in_rows, is_embedding, quantised_beside
from modelassay.whitebox.weights.opening import Weights
from modelassay.whitebox.weights.tallying import PIECE, Scratch, TensorDelta, Total, unread_delta

_MOST_THREADS: Final = 8
_VALUES: Final = ("F16", "BF16", "F32", "F64")
"""Dtypes whose numbers are the values themselves also in a quantised model: others are scaled there."""


class WeightComparison(msgspec.Struct, frozen=True, kw_only=True):
    """All tensors of a base and a candidate, by name and not by file."""

    base: TensorTable
    candidate: TensorTable
    deltas: dict[str, TensorDelta]
    """By name, sorted: every tensor that both have in one shape, and embeddings and output layers that differ
    in the number of rows, by those that both have."""
    missing: tuple[str, ...]
    """In the base alone."""
    unexpected: tuple[str, ...]
    """In the candidate alone."""
    tied: dict[str, str]
    """Embeddings or output layers that only one side stores, and the one of the same bytes that both store:
    no difference."""
    reshaped: tuple[str, ...]
    quantisation: tuple[str, str]
    """Of base and candidate; empty when not quantised."""
    adapters: bool
    """Whether both are adapters and not whole models."""
    left_out: tuple[tuple[str, ...], tuple[str, ...]]
    """Safetensors files of base and candidate that are not loaded as weights."""
    packed: tuple[str, ...] = ()
    """Tensors of one side alone, or of another shape, that are there for quantisation: packed numbers,
    scales, and the plain weights in whose place they stand. None of them is among missing, unexpected or
    reshaped."""
    renaming: Renaming | None = None
    """Where the candidate calls tensors otherwise: every name here is the base's, save in `candidate`."""

    @property
    def outside(self) -> tuple[str, ...]:
        """What is missing, where the candidate by its names is one part of the base and all of that: tensors
        of other parts. Empty where anything else is missing or was added."""
        own = [ours for _, ours in self.renaming.prefixes if ours] if self.renaming else []
        if self.unexpected or not own or any(name.startswith(tuple(own)) for name in self.missing):
            return ()
        return self.missing

    def shape_in_candidate(self, name: str) -> tuple[int, ...]:
        """That of the candidate's tensor that the base calls `name`."""
        called = {ours: own for own, ours in self.renaming.names.items()} if self.renaming else {}
        return self.candidate[called.get(name, name)].shape

    @property
    def grown(self) -> tuple[TensorDelta, ...]:
        """Embeddings and output layers with another number of rows, sorted by name."""
        return tuple(delta for delta in self.deltas.values() if delta.rows is not None)

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
        """Norm of all differences over that of the base, over the tensors that are read as numbers; None
        where a side is quantised, of which the stored numbers are no measure."""
        if any(self.quantisation):
            return None
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
            mend="compare two adapters, merge it into its base first, or have its weights read by "
            "`modelassay inspect adapters BASE ADAPTER --community`",
        )
    candidate = candidate if candidate.renaming else candidate.called_as_in(base)
    ours, theirs = base.tensors, candidate.tensors
    both = {name for name in ours if name in theirs and _comparable(ours[name], theirs[name])}
    first, second, deltas = _passed(base, candidate, both, threads or _cores(), advance)
    named = {name: second[place.name] for name, place in theirs.items()}
    missing, unexpected = ([name for name in a if name not in b] for a, b in ((ours, theirs), (theirs, ours)))
    tied = _tied(missing, first, named, said=candidate.tied)
    tied |= _tied(unexpected, named, first, said=base.tied)
    reshaped = [name for name in ours if name in theirs and name not in both]
    quantisation = (base.quantisation, candidate.quantisation)
    packed: set[str] = set()
    if any(quantisation):
        packed = {*quantised_beside(missing, ours, theirs), *quantised_beside(unexpected, theirs, ours)}
        packed |= {name for name in reshaped if not _plain(ours[name], theirs[name])}
    apart = tied.keys() | packed
    return WeightComparison(
        base=first,
        candidate=second,
        deltas=deltas,
        missing=tuple(name for name in missing if name not in apart),
        unexpected=tuple(name for name in unexpected if name not in apart),
        tied=tied,
        reshaped=tuple(name for name in reshaped if name not in packed),
        quantisation=quantisation,
        adapters=base.is_adapter,
        left_out=(base.left_out, candidate.left_out),
        packed=tuple(sorted(packed)),
        renaming=candidate.renaming,
    )


def _comparable(ours: TensorPlace, theirs: TensorPlace) -> bool:
    """Whether two tensors of a name can be held against each other, in whole or by the rows of both."""
    if ours.shape == theirs.shape:
        return True
    read = None not in (element_bytes(ours.dtype), element_bytes(theirs.dtype))
    return read and differs_in_rows(ours.name, ours.shape, theirs.shape)


def _plain(ours: TensorPlace, theirs: TensorPlace) -> bool:
    """Whether the stored numbers of both are values, in a quantised model too."""
    return ours.dtype in _VALUES and theirs.dtype in _VALUES


def _passed(
    base: Weights,
    candidate: Weights,
    both: Set[str],
    threads: int,
    advance: Callable[[int], None] | None,
) -> tuple[TensorTable, TensorTable, dict[str, TensorDelta]]:
    """Digests of all tensors and the differences of `both`, several tensors at once, the largest first."""
    memory = local()

    def own() -> _Pass:
        if not hasattr(memory, "own"):
            memory.own = _Pass(advance)
        found: _Pass = memory.own
        return found

    def size(name: str) -> int:
        return base.tensors[name].end - base.tensors[name].start

    with ThreadPoolExecutor(threads) as pool:
        pairs = pool.map(lambda n: own().compare(base, candidate, n), sorted(both, key=size, reverse=True))
        alone = [
            pool.map(
                partial(lambda model, name: own().digest(model, name), model), model.tensors.keys() - both
            )
            for model in (base, candidate)
        ]
        first, second, deltas = TensorTable(), TensorTable(), {}
        for left, right, delta in pairs:
            first[left.name], second[right.name], deltas[delta.name] = left, right, delta
        for table, digests in zip((first, second), alone, strict=True):
            table.update({digest.name: digest for digest in digests})
    return first, second, {name: deltas[name] for name in sorted(deltas)}


class _Pass:
    """Buffers of one thread, and what is done with them."""

    def __init__(self, advance: Callable[[int], None] | None) -> None:
        self._advance = advance or (lambda size: None)
        self._decoders = Decoder(PIECE), Decoder(PIECE)
        self._scratch = Scratch()
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
            return *digests, unread_delta(ours, theirs, same=digests[0].sha256 == digests[1].sha256)
        first, second = tensor_hash(ours.dtype, ours.shape), tensor_hash(theirs.dtype, theirs.shape)
        total = Total(ours.dtype, theirs.dtype, self._scratch)
        counts = math.prod(ours.shape), math.prod(theirs.shape)
        alone = ours.shape != theirs.shape  # in rows: then neither hash serves for both
        same = alike
        for start, count in _pieces(min(counts), PIECE):
            left = self._read(base, name, start * widths[0], count * widths[0], 0)
            right = self._read(candidate, name, start * widths[1], count * widths[1], 1)
            equal = alike and left == right
            if same and not alone and not equal:  # as far as all was equal, one hash served for both
                second = first.copy()
            same = same and equal
            first.update(left)
            if not same or alone:
                second.update(right)
            x = self._decoders[0](left, ours.dtype)
            if equal:
                total.take_equal(x, left)
            else:
                total.take(x, self._decoders[1](right, theirs.dtype), left, right)
        delta = total.delta(ours, theirs, same=same)
        if alone:
            self._rest(base, name, (min(counts), counts[0]), first)
            added = self._rest(candidate, name, (min(counts), counts[1]), second)
            delta = replace(delta, rows=(ours.shape[0], theirs.shape[0]), added_not_finite=added)
        if any((base.quantisation, candidate.quantisation)) and not _plain(ours, theirs):
            delta = replace(delta, norm=None, largest=None, beyond_rounding=None)
        return _digested(ours, first), _digested(theirs, first if same and not alone else second), delta

    def _rest(self, weights: Weights, name: str, span: tuple[int, int], hasher: Any) -> int:
        """Hash the numbers of a tensor from one on to before another; how many are NaN or infinite."""
        place, found = weights.tensors[name], 0
        width = element_bytes(place.dtype) or 0
        for start, count in _pieces(span[1] - span[0], PIECE):
            raw = self._read(weights, name, (span[0] + start) * width, count * width, 0)
            hasher.update(raw)
            found += int(np.count_nonzero(~np.isfinite(self._decoders[0](raw, place.dtype))))
        return found

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


def _pieces(count: int, most: int) -> Iterable[tuple[int, int]]:
    """Start and length of each piece."""
    return ((start, min(most, count - start)) for start in range(0, count, most))


def _digested(place: TensorPlace, hasher: Any) -> TensorDigest:
    return TensorDigest(name=place.name, dtype=place.dtype, shape=place.shape, sha256=hasher.hexdigest())


def _tied(
    alone: list[str], having: Mapping[str, TensorDigest], other: Mapping[str, TensorDigest], *, said: bool
) -> dict[str, str]:
    """Embeddings that `having` stores a second time, and the name under which `other` stores them once.

    A loader shares only these: any other tensor that is stored a second time, such as a layer that was
    copied, is a part of the model that the other does not have.

    Args:
        alone: what `other` lacks.
        having: the tensors of the model that stores them.
        other: those of the other model.
        said: whether the other's configuration says that its embeddings are shared.
    """
    both = [name for name in having.keys() & other.keys() if _may_be_shared(having[name], said=said)]
    first = {having[name].sha256: name for name in sorted(both, reverse=True)}
    return {
        name: first[having[name].sha256]
        for name in alone
        if having[name].sha256 in first and _may_be_shared(having[name], said=said)
    }


def _may_be_shared(tensor: TensorDigest, *, said: bool) -> bool:
    """Whether it can be an embedding or an output layer: a matrix outside the layers, by its name where no
    configuration says that there are shared ones."""
    parts = tensor.name.split(".")
    if len(tensor.shape) != 2 or any(part.isdigit() for part in parts):
        return False
    return said or (parts[-1] == "weight" and is_embedding(tensor.name))


def _cores() -> int:
    """Cores that this process may use, at most eight."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(available, _MOST_THREADS)
