"""Reading a file once: every digest of it from the same descriptor and the same buffers.

A file that changes while it is read, is replaced under its name, or is no regular file is refused, so
that a digest always belongs to bytes that stood there together.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from modelassay.artifacts.tensors import TensorDigest, TensorHasher
from modelassay.errors import UsageError

_BLOCK: Final = 1 << 18
"""Bytes read at once: they stay in the processor's cache while each hash passes over them."""
_SETTLED_NS: Final = 2_000_000_000
"""A file touched more recently than this may still change within the resolution of its time stamps."""

Advance = Callable[[int], None]
"""Told of the bytes just read."""


class Stamp(NamedTuple):
    """What the file system says of one state of a file; any write or replacement changes it.

    The time of the last change of status (``ctime``) cannot be set back by ordinary means, as that of
    the contents can.
    """

    device: int
    inode: int
    size: int
    written_ns: int
    changed_ns: int


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What one pass over a file found."""

    stamp: Stamp
    sha256: str
    """Lower-case hexadecimal."""
    blake3: str | None = None
    """Lower-case hexadecimal; None when not asked for."""
    tensors: tuple[TensorDigest, ...] | None = None
    """Of a safetensors file, in the order of their bytes; None when not asked for."""

    @property
    def size(self) -> int:
        """Bytes."""
        return self.stamp.size


class _Hash(Protocol):
    def update(self, data: memoryview, /) -> object: ...


_known: dict[tuple[str, Stamp], Reading] = {}


def stamp_of(status: os.stat_result) -> Stamp:
    """The stamp in a result of `os.stat`."""
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def read_once(
    path: Path, *, blake3: bool = False, tensors: bool = False, advance: Advance | None = None
) -> Reading:
    """Like `read_file`, with what is known already while the file's stamp stays the same.

    Raises:
        UsageError: see `read_file`.
    """
    try:
        key = (str(path.resolve()), stamp_of(os.stat(path)))
    except OSError as error:
        raise _unreadable(path, error) from error
    known = _known.get(key)
    if known and (known.blake3 is not None or not blake3) and (known.tensors is not None or not tensors):
        if advance is not None:
            advance(known.size)
        return known
    reading = read_file(path, blake3=blake3, tensors=tensors, advance=advance)
    if _is_settled(reading.stamp):
        _known[key[0], reading.stamp] = reading
    return reading


def read_file(
    path: Path, *, blake3: bool = False, tensors: bool = False, advance: Advance | None = None
) -> Reading:
    """Hash the file in one pass.

    Args:
        path: a regular file, or a link to one.
        blake3: also by BLAKE3 (extra ``blake3``).
        tensors: also each tensor of this safetensors file.
        advance: told of the bytes just read.

    Raises:
        UsageError: no regular file, unreadable, changed meanwhile, no sound safetensors file where
            `tensors` are wanted, or BLAKE3 is not installed.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb", buffering=0) as file:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                raise UsageError("is not a regular file", where=str(path))
            sha256 = hashlib.sha256()
            second = _blake3(path) if blake3 else None
            third = TensorHasher(before.st_size, where=str(path)) if tensors else None
            hashes: list[_Hash] = [each for each in (sha256, second, third) if each is not None]
            length = _feed(file, hashes, advance)
            after, standing = os.fstat(descriptor), os.stat(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    stamp = stamp_of(before)
    if not (stamp == stamp_of(after) == stamp_of(standing) and length == stamp.size):
        raise changed_while_read(path)
    return Reading(
        stamp=stamp,
        sha256=sha256.hexdigest(),
        blake3=second.hexdigest() if second is not None else None,
        tensors=third.finish() if third is not None else None,
    )


def changed_while_read(path: Path) -> UsageError:
    """The error of a file or folder that did not stand still."""
    return UsageError(
        "changed while it was being read",
        where=str(path),
        mend="wait until whatever writes it has finished",
    )


def _feed(file: Any, hashes: list[_Hash], advance: Advance | None) -> int:
    """Give every block to every hash; the number of bytes."""
    block = bytearray(_BLOCK)
    view = memoryview(block)
    length = 0
    while size := file.readinto(block):
        part = view[:size]
        for each in hashes:
            each.update(part)
        length += size
        if advance is not None:
            advance(size)
    return length


def _is_settled(stamp: Stamp) -> bool:
    return time.time_ns() - max(stamp.written_ns, stamp.changed_ns) > _SETTLED_NS


def _blake3(path: Path) -> Any:
    try:
        from blake3 import blake3
    except ImportError as error:
        raise UsageError(
            "BLAKE3 needs a further package", where=str(path), mend="pip install 'modelassay[blake3]'"
        ) from error
    return blake3()


def _unreadable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot be read: {error.strerror}", where=str(path))
