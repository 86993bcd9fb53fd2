"""Digests of tensors: an identity of weights that survives moving them between files.

The digest of a tensor is the SHA-256 of one line ``DTYPE [SIZE,SIZE,…]`` with its newline, followed by
the tensor's bytes as they lie in the file (little-endian, row by row). For a tensor of two by three
32-bit floats from byte 136 on::

    { printf 'F32 [2,3]\\n'; tail -c +137 model.safetensors | head -c 24; } | sha256sum

The identity of a set of weights is the SHA-256 of one line ``DIGEST  NAME`` for each tensor, sorted by the
bytes of the name: the same for the same tensors in one file or in many.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from modelassay.artifacts.safetensors import TensorPlace, header_length, parse_header
from modelassay.canonical import Digest, digest_bytes
from modelassay.errors import UsageError


class TensorDigest(msgspec.Struct, frozen=True, kw_only=True):
    """One tensor by its content."""

    name: str
    dtype: str
    """As safetensors writes it, such as ``BF16``."""
    shape: tuple[int, ...]
    sha256: str
    """Lower-case hexadecimal; see the module for what is hashed."""


class TensorHasher:
    """Takes a safetensors file block by block and digests each tensor as it passes.

    Args:
        size: bytes of the whole file.
        where: the file, for errors.
    """

    def __init__(self, size: int, *, where: str) -> None:
        self._size = size
        self._where = where
        self._head = bytearray()
        self._head_size = 8
        self._places: tuple[TensorPlace, ...] | None = None
        self._position = 0
        self._done: list[TensorDigest] = []
        self._open: Any = None

    def update(self, data: memoryview) -> None:
        """Take the next bytes of the file.

        Raises:
            UsageError: the header is not sound.
        """
        while len(data) and self._places is None:
            taken = data[: self._head_size - len(self._head)]
            self._head += taken
            data = data[len(taken) :]
            self._read_head()
        if self._places is not None:
            self._pass(data)

    def finish(self) -> tuple[TensorDigest, ...]:
        """The tensors in the order of their bytes.

        Raises:
            UsageError: the file ended within its header or its tensors.
        """
        if self._places is None:
            header_length(bytes(self._head), file_size=self._size, where=self._where)
            self._read_head()
        if self._places is None or len(self._done) != len(self._places):
            raise UsageError("no sound safetensors file: it ends too early", where=self._where)
        return tuple(self._done)

    def _read_head(self) -> None:
        """Take the step that the bytes so far allow: learn the header's length, then its content."""
        if self._head_size == 8 and len(self._head) == 8:
            self._head_size += header_length(bytes(self._head), file_size=self._size, where=self._where)
        if len(self._head) == self._head_size:
            self._places = parse_header(bytes(self._head[8:]), file_size=self._size, where=self._where)
            self._position = self._head_size
            self._close_finished()

    def _pass(self, data: memoryview) -> None:
        while len(data) and self._places is not None and len(self._done) < len(self._places):
            part = data[: self._places[len(self._done)].end - self._position]
            self._open.update(part)
            self._position += len(part)
            data = data[len(part) :]
            self._close_finished()

    def _close_finished(self) -> None:
        """Finish every tensor that ends here (empty ones at once) and begin the next."""
        assert self._places is not None
        while len(self._done) < len(self._places):
            place = self._places[len(self._done)]
            if self._open is None:
                self._open = tensor_hash(place.dtype, place.shape)
            if place.end > self._position:
                return
            self._done.append(
                TensorDigest(
                    name=place.name, dtype=place.dtype, shape=place.shape, sha256=self._open.hexdigest()
                )
            )
            self._open = None


def tensor_hash(dtype: str, shape: Iterable[int]) -> Any:
    """A SHA-256 that has taken a tensor's first line and waits for its bytes."""
    return hashlib.sha256(f"{dtype} [{','.join(map(str, shape))}]\n".encode())


class TensorTable(dict[str, TensorDigest]):
    """The tensors of a set of weights by name, whatever files they lie in."""

    @classmethod
    def of(cls, files: Mapping[str, Iterable[TensorDigest]]) -> TensorTable:
        """All tensors of `files`, by file name.

        Raises:
            UsageError: two files hold a tensor of the same name.
        """
        table = cls()
        for file in sorted(files):
            for tensor in files[file]:
                if tensor.name in table:
                    raise UsageError(f"the tensor {tensor.name!r} is in two files", where=file)
                table[tensor.name] = tensor
        return table

    @property
    def identity(self) -> Digest:
        """One digest of them all; see the module."""
        lines = sorted((name.encode(), tensor.sha256) for name, tensor in self.items())
        return digest_bytes(b"".join(digest.encode() + b"  " + name + b"\n" for name, digest in lines))


class TensorChanges(msgspec.Struct, frozen=True, kw_only=True):
    """How a candidate's tensors differ from its base's, by name, each sorted."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    """Same dtype and shape, other bytes."""
    drifted: tuple[str, ...]
    """Another dtype or another shape; whether the values are the same cannot be told."""
    same: tuple[str, ...]


def tensor_changes(base: TensorTable, candidate: TensorTable) -> TensorChanges:
    """Which tensors of `candidate` are not those of `base`."""
    both = sorted(base.keys() & candidate.keys())
    drifted = [n for n in both if (base[n].dtype, base[n].shape) != (candidate[n].dtype, candidate[n].shape)]
    apart = frozenset(drifted)
    alike = [name for name in both if name not in apart]
    return TensorChanges(
        added=tuple(sorted(candidate.keys() - base.keys())),
        removed=tuple(sorted(base.keys() - candidate.keys())),
        changed=tuple(name for name in alike if base[name].sha256 != candidate[name].sha256),
        drifted=tuple(drifted),
        same=tuple(name for name in alike if base[name].sha256 == candidate[name].sha256),
    )
