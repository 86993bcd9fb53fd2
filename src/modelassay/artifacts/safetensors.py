"""The header of a safetensors file, read strictly and without running or mapping anything.

The format (safetensors, "Format"): 8 bytes little-endian length N, N bytes of JSON object padded with
spaces, then the bytes of the tensors. Each key but ``__metadata__`` names a tensor with its ``dtype``,
``shape`` and ``data_offsets`` [begin, end) within those bytes, which the tensors must cover without gap or
overlap. What is looser than that is refused: two readers of a loose file may see two different models.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import msgspec

from modelassay.errors import UsageError

LONGEST_HEADER: Final = 100_000_000
"""Bytes; the limit of the reference implementation."""
_LARGEST_SIZE: Final = 2**63 - 1
_DTYPE_BITS: Final[Mapping[str, int]] = {
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0"), 8),
    **dict.fromkeys(("F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}


class TensorPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where one tensor lies in a file."""

    name: str
    dtype: str
    """As the format writes it, such as ``BF16``."""
    shape: tuple[int, ...]
    start: int
    """First byte, counted from the beginning of the file."""
    end: int
    """First byte after it."""


def header_length(prefix: bytes, *, file_size: int, where: str) -> int:
    """The length in bytes of the JSON header, from the first eight bytes of a file.

    Raises:
        UsageError: shorter than eight bytes, or a length beyond the file or the limit.
    """
    if len(prefix) < 8:
        raise _unsound("it is shorter than 8 bytes", where)
    length = int.from_bytes(prefix[:8], "little")
    if length > LONGEST_HEADER:
        raise _unsound(f"its header of {length} bytes is longer than {LONGEST_HEADER}", where)
    if length > file_size - 8:
        raise _unsound(f"its header of {length} bytes is longer than the file", where)
    return length


def parse_header(header: bytes, *, file_size: int, where: str) -> tuple[TensorPlace, ...]:
    """The tensors of a file in the order of their bytes.

    Args:
        header: the JSON text, of `header_length` bytes.
        file_size: bytes of the whole file.
        where: the file, for errors.

    Raises:
        UsageError: anything that the format does not allow.
    """
    first = 8 + len(header)
    places = [
        _place(name, entry, first=first, where=where)
        for name, entry in _object(header, where=where).items()
        if name != "__metadata__" or _check_metadata(entry, where=where)
    ]
    places.sort(key=lambda place: (place.start, place.end, place.name))
    end = first
    for place in places:
        if place.start != end:
            gap = "overlaps the one before it" if place.start < end else "leaves a gap before it"
            raise _unsound(f"the tensor {place.name!r} {gap}", where)
        end = place.end
    if end != file_size:
        raise _unsound(f"its tensors end at byte {end} of {file_size}", where)
    return tuple(places)


def _object(header: bytes, *, where: str) -> dict[str, Any]:
    if not header.startswith(b"{"):
        raise _unsound("its header does not begin with {", where)

    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            double = Counter(name for name, _ in pairs).most_common(1)[0][0]
            raise _unsound(f"its header names {double!r} twice", where)
        return found

    def no_constant(text: str) -> NoReturn:
        raise _unsound(f"its header holds {text}", where)

    try:
        found: dict[str, Any] = json.loads(
            header.decode(), object_pairs_hook=no_duplicates, parse_constant=no_constant
        )
    except (ValueError, RecursionError) as error:  # malformed JSON or UTF-8, or nested without end
        raise _unsound(f"its header is no JSON: {str(error)[:200]}", where) from error
    return found


def _check_metadata(entry: Any, *, where: str) -> bool:
    """Metadata maps strings to strings; it is no tensor, so always False."""
    if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
        raise _unsound("its metadata are not strings by name", where)
    return False


def _place(name: str, entry: Any, *, first: int, where: str) -> TensorPlace:
    what = f"the tensor {name[:200]!r}"
    if not name or not name.isprintable():
        raise _unsound(f"{what} has an empty name or one with control characters", where)
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _unsound(f"{what} does not have exactly dtype, shape and data_offsets", where)
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _DTYPE_BITS:
        raise _unsound(f"{what} has the unknown dtype {str(dtype)[:40]!r}", where)
    if not _are_sizes(shape) or not _are_sizes(offsets) or len(offsets) != 2:
        raise _unsound(f"{what} has a shape or offsets that are no lists of sizes", where)
    begin, end = offsets
    bits = _DTYPE_BITS[dtype]
    for size in shape:
        bits *= size
        if bits > _LARGEST_SIZE:
            break
    if begin > end or bits > _LARGEST_SIZE or bits != 8 * (end - begin):
        raise _unsound(f"{what} of shape {shape[:8]} does not have the bytes that its offsets say", where)
    return TensorPlace(name=name, dtype=dtype, shape=tuple(shape), start=first + begin, end=first + end)


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(each) is int and 0 <= each <= _LARGEST_SIZE for each in value)


def _unsound(what: str, where: str) -> UsageError:
    return UsageError(f"no sound safetensors file: {what}", where=where, mend="copy or download it again")
